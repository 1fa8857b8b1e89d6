package rest_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const inProto = `,"schemaType":"PROTOBUF"`

// The answers are written from the API's rules; the verdicts from those of
// package protobuf, which has a table of its own.
func TestConformanceOfProtobuf(t *testing.T) {
	t.Parallel()
	const (
		money  = `syntax="proto3"; package shop; message Money { string currency = 1; int64 amount = 2; }`
		order  = `syntax="proto3"; package shop; import "shop/money.proto"; message Order { string id = 1; Money total = 2; }`
		spaced = "syntax = \"proto3\";\n\npackage shop;\nimport \"shop/money.proto\";\n\nmessage Order {\n  string id = 1; Money total = 2;\n}"
		noted  = `syntax="proto3"; package shop; import "shop/money.proto"; message Order { string id = 1; Money total = 2; optional string note = 3; }`
		wrong  = `syntax="proto3"; package shop; import "shop/money.proto"; message Order { int64 id = 1; Money total = 2; }`
		refers = inProto + `,"references":[{"name":"shop/money.proto","subject":"money","version":-1}]`
		stored = "syntax = \\\"proto3\\\";\\npackage shop;\\nimport \\\"shop/money.proto\\\";\\nmessage Order {\\n  string id = 1;\\n  Money total = 2;\\n}\\n"
	)
	serve(t).walk(t, []step{
		{"GET /schemas/types", "", 200, 0, `~"PROTOBUF"`},
		{"POST /subjects/order/versions", submission(order, inProto), 422, 42201, `~references.shop/money.proto: the file imports it, and there is no such reference`},
		{"POST /subjects/money/versions", submission(money, inProto), 200, 0, `~{"id":1,`},
		{"POST /subjects/order/versions", submission(order, refers), 200, 0, `~{"id":2,`},
		{"POST /subjects/order/versions", submission(spaced, refers), 200, 0, `~{"id":2,`},
		{"POST /subjects/order", submission(spaced, refers), 200, 0, `~"version":1,"id":2,"schemaType":"PROTOBUF","references":[{"name":"shop/money.proto","subject":"money","version":1}]`},
		{"GET /schemas/ids/2", "", 200, 0, `~"schema":"` + stored + `"`},
		{"POST /compatibility/subjects/order/versions/latest", submission(noted, refers), 200, 0, `{"is_compatible":true}`},
		{"POST /compatibility/subjects/order/versions/latest?verbose=true", submission(wrong, refers), 200, 0, "~FIELD_SCALAR_KIND_CHANGED"},
		{"POST /subjects/order/versions", submission(wrong, refers), 409, 409, "~#/Order/1"},
		{"POST /subjects/order/versions", submission(noted, refers), 200, 0, `~{"id":3,`},
		{"POST /subjects/order/versions", one, 409, 409, "~SCHEMA_TYPE_CHANGED"},
		{"GET /subjects/money/versions/1/referencedby", "", 200, 0, "[2,3]"},
		{"DELETE /subjects/money", "", 422, 42206, ""},
		{"POST /subjects/broken/versions", submission(`syntax="proto3"; message A { strin x = 1; }`, inProto), 422, 42201, "~line 1, column 30"},
	})
}

// Clients without a parser send a descriptor; it stands for the same schema as
// the text. The descriptor is built here by Google's library.
func TestAProtobufDescriptorIsItsText(t *testing.T) {
	t.Parallel()
	d := &descriptorpb.FileDescriptorProto{
		Name: proto.String("order.proto"), Package: proto.String("shop"), Syntax: proto.String("proto3"),
		Dependency: []string{timestamppb.File_google_protobuf_timestamp_proto.Path()},
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("Order"),
			Field: []*descriptorpb.FieldDescriptorProto{
				{Name: proto.String("placed_at"), JsonName: proto.String("placedAt"), Number: proto.Int32(1),
					Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(),
					TypeName: proto.String(".google.protobuf.Timestamp")},
			},
		}},
	}
	b, err := proto.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	const text = `syntax="proto3"; package shop; import "google/protobuf/timestamp.proto"; message Order { google.protobuf.Timestamp placed_at = 1; }`
	const noted = `syntax="proto3"; package shop; import "google/protobuf/timestamp.proto"; message Order {
// when
google.protobuf.Timestamp placed_at = 1; }`
	serialized := base64.StdEncoding.EncodeToString(b)
	serve(t).walk(t, []step{
		{"POST /subjects/order/versions", submission(serialized, inProto), 200, 0, `~{"id":1,`},
		{"POST /subjects/order", submission(text, inProto), 200, 0, `~"version":1,"id":1`},
		{"GET /schemas/ids/1/schema", "", 200, 0, "~message Order {\n  google.protobuf.Timestamp placed_at = 1;\n}"},
		// With comments it is another schema, which the descriptor still finds.
		{"POST /subjects/order/versions", submission(noted, inProto), 200, 0, `~{"id":2,"version":2,`},
		{"POST /subjects/noted/versions", submission(noted, inProto), 200, 0, `~{"id":2,"version":1,`},
		{"POST /subjects/noted/versions", submission(serialized, inProto), 200, 0, `~{"id":2,"version":1,`},
		{"POST /subjects/noted", submission(text, inProto), 200, 0, `~"version":1,"id":2`},
		{"POST /subjects/noted", submission(strings.Replace(noted, "when", "where", 1), inProto), 404, 40403, ""},
		{"GET /schemas/ids/2/schema?format=serialized", "", 200, 0, kept(t, d)},
		{"POST /subjects/named/versions?normalize=true", submission(text, inProto), 200, 0, "~  .google.protobuf.Timestamp placed_at"},
	})
}

// kept is a descriptor as the registry keeps it: a file without a name of its
// own.
func kept(t *testing.T, d *descriptorpb.FileDescriptorProto) string {
	d = proto.CloneOf(d)
	d.Name = proto.String("default")
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}
