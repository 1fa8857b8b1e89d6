package rest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// What a producer has at hand: files with maps, groups and messages of every
// depth, so that the numbers in front of a record, which count messages, are
// not those that one would guess.
const (
	producerMoney = "syntax = \"proto3\";\npackage shop;\nmessage Money { string currency = 1; int64 amount = 2; }\n"
	producerOrder = `syntax = "proto3";
package shop;
import "shop/money.proto";
enum State { NEW = 0; PAID = 1; }
message Empty {}
message Order {
  message First { string id = 1; }
  map<string, Money> totals = 2;
  message Second {
    map<int32, string> labels = 1;
    message Third { repeated State states = 1; First first = 2; }
    Third third = 3;
  }
  First first = 4;
  oneof how { Second second = 5; string text = 6; }
}
`
)

// compiled is what protoc makes of files, for the programs of either side.
func compiled(t *testing.T, files map[string]string, root string) protoreflect.FileDescriptor {
	t.Helper()
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(files)}}
	out, err := c.Compile(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// franz-go's client as it is published registers, frames records with the
// numbers of their messages, and reads them again; whoever reads has nothing
// but what the registry gives, text or descriptor.
func TestAProtobufClient(t *testing.T) {
	t.Parallel()
	s, ctx := serve(t), t.Context()
	cl := s.client(t, "admin")
	if _, err := cl.CreateSchema(ctx, "money", sr.Schema{Type: sr.TypeProtobuf, Schema: producerMoney}); err != nil {
		t.Fatal(err)
	}
	refers := []sr.SchemaReference{{Name: "shop/money.proto", Subject: "money", Version: 1}}
	registered, err := cl.CreateSchema(ctx, "order-value", sr.Schema{Type: sr.TypeProtobuf, Schema: producerOrder, References: refers})
	if err != nil {
		t.Fatal(err)
	}
	producer := compiled(t, map[string]string{"shop/order.proto": producerOrder, "shop/money.proto": producerMoney}, "shop/order.proto")
	for name, consumer := range map[string]protoreflect.FileDescriptor{
		"its text":       fromText(ctx, t, cl, registered.ID),
		"its descriptor": fromDescriptor(ctx, t, cl, registered.ID),
	} {
		for _, index := range [][]int{{0}, {1}, {1, 0}, {1, 2}, {1, 2, 1}} {
			written := dynamicpb.NewMessage(at(producer, index))
			fillAny(written)
			var serde sr.Serde
			serde.Register(registered.ID, written, sr.Index(index...), sr.EncodeFn(func(v any) ([]byte, error) { return proto.Marshal(v.(proto.Message)) }))
			frame, err := serde.Encode(written)
			if err != nil {
				t.Fatal(err)
			}
			id, rest, err := serde.DecodeID(frame)
			if err != nil || id != registered.ID {
				t.Fatalf("id %d: %v", id, err)
			}
			numbers, payload, err := serde.DecodeIndex(rest, 5)
			if err != nil {
				t.Fatal(err)
			}
			read := dynamicpb.NewMessage(at(consumer, numbers))
			if err := proto.Unmarshal(payload, read); err != nil {
				t.Fatal(err)
			}
			again, err := proto.MarshalOptions{Deterministic: true}.Marshal(read)
			want, _ := proto.MarshalOptions{Deterministic: true}.Marshal(written)
			if err != nil || read.Descriptor().FullName() != written.Descriptor().FullName() || !bytes.Equal(again, want) || len(read.GetUnknown()) > 0 {
				t.Errorf("%s, message %v: %s as %s: %v became %v", name, index, written.Descriptor().FullName(), read.Descriptor().FullName(), written, read)
			}
		}
	}
	_, err = cl.CreateSchema(ctx, "order-value", sr.Schema{Type: sr.TypeProtobuf, Schema: strings.Replace(producerOrder, "string text", "int32 text", 1), References: refers})
	wants(t, err, sr.ErrIncompatibleSchema)
	compatible, err := cl.CheckCompatibility(ctx, "order-value", -1, sr.Schema{Type: sr.TypeProtobuf, Schema: strings.Replace(producerOrder, "string text", "bytes text", 1), References: refers})
	if err != nil || !compatible.Is {
		t.Errorf("got %+v, %v", compatible, err)
	}
}

// at finds a message by its numbers, as serializers do.
func at(f protoreflect.FileDescriptor, index []int) protoreflect.MessageDescriptor {
	m := f.Messages().Get(index[0])
	for _, n := range index[1:] {
		m = m.Messages().Get(n)
	}
	return m
}

// fillAny sets every field of a message to something.
func fillAny(m protoreflect.Message) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		switch {
		case f.IsMap() && f.MapKey().Kind() == protoreflect.StringKind:
			v := m.NewField(f).Map().NewValue()
			fillAny(v.Message())
			m.Mutable(f).Map().Set(protoreflect.ValueOfString("EUR").MapKey(), v)
		case f.IsMap():
			m.Mutable(f).Map().Set(protoreflect.ValueOfInt32(7).MapKey(), protoreflect.ValueOfString("seven"))
		case f.IsList():
			m.Mutable(f).List().Append(protoreflect.ValueOfEnum(1))
		case f.Message() != nil:
			fillAny(m.Mutable(f).Message())
		case f.Kind() == protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString("text"))
		case f.Kind() == protoreflect.Int64Kind:
			m.Set(f, protoreflect.ValueOfInt64(-5))
		}
	}
}

// fromText is a file as a consumer compiles it from the registry.
func fromText(ctx context.Context, t *testing.T, cl *sr.Client, id int) protoreflect.FileDescriptor {
	t.Helper()
	files := map[string]string{}
	schema, err := cl.SchemaByID(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	files["root.proto"] = schema.Schema
	for _, ref := range schema.References {
		of, err := cl.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if err != nil {
			t.Fatal(err)
		}
		files[ref.Name] = of.Schema.Schema
	}
	return compiled(t, files, "root.proto")
}

// fromDescriptor is a file as a consumer without a parser has it.
func fromDescriptor(ctx context.Context, t *testing.T, cl *sr.Client, id int) protoreflect.FileDescriptor {
	t.Helper()
	ctx = sr.WithParams(ctx, sr.Format("serialized"))
	var files protoregistry.Files
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	load := func(text, name string) protoreflect.FileDescriptor {
		b, err := base64.StdEncoding.DecodeString(text)
		check(err)
		d := &descriptorpb.FileDescriptorProto{}
		check(proto.Unmarshal(b, d))
		d.Name = proto.String(name)
		file, err := protodesc.NewFile(d, &files)
		check(err)
		check(files.RegisterFile(file))
		return file
	}
	schema, err := cl.SchemaByID(ctx, id)
	check(err)
	for _, ref := range schema.References {
		of, err := cl.SchemaByVersion(ctx, ref.Subject, ref.Version)
		check(err)
		load(of.Schema.Schema, ref.Name)
	}
	return load(schema.Schema, "root.proto")
}
