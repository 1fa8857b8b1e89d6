package protobuf

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/flowmart/lethe/schemas/format"
)

func mustRead(t testing.TB, text string, given ...format.Reference) *Schema {
	t.Helper()
	s, err := Read(text, given)
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, text)
	}
	return s.(*Schema)
}

// same holds that two descriptors say the same, comments aside. Options that a
// file defines itself are of types of their own, so bytes are compared.
func same(t testing.TB, a, b *descriptorpb.FileDescriptorProto) {
	t.Helper()
	if x, y := bytesOf(t, a), bytesOf(t, b); !bytes.Equal(x, y) {
		t.Fatalf("the file became another:\n%v\n%v", a, b)
	}
}

func bytesOf(t testing.TB, d *descriptorpb.FileDescriptorProto) []byte {
	t.Helper()
	d = proto.CloneOf(d)
	d.SourceCodeInfo = nil
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The canonical text says what the file said, is its own canonical text, and is
// the same for the file as a descriptor.
func TestCanonicalText(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.proto")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			faithful(t, string(b))
		})
	}
}

func faithful(t testing.TB, text string, given ...format.Reference) {
	t.Helper()
	s := mustRead(t, text, given...)
	again := mustRead(t, s.Canonical(), given...)
	same(t, s.descriptor, again.descriptor)
	if again.Canonical() != s.Canonical() {
		t.Fatalf("canonical text is not its own:\n%s\n%s", s.Canonical(), again.Canonical())
	}
	normal := mustRead(t, s.Normalized(), given...)
	if normal.Normalized() != s.Normalized() {
		t.Fatalf("normal text is not its own:\n%s\n%s", s.Normalized(), normal.Normalized())
	}
	serialized, ok := s.Print("serialized")
	if !ok {
		t.Fatal("it has no serialized form")
	}
	bare := mustRead(t, serialized, given...)
	same(t, s.descriptor, bare.descriptor)
	if got, want := bare.Canonical(), uncommented(s.Canonical()); got != want {
		t.Fatalf("the descriptor is written otherwise:\n%s\n%s", got, want)
	}
}

// Written by hand, from the rules in the comment of Canonical.
func TestCanonicalTextIs(t *testing.T) {
	t.Parallel()
	const text = `
/* a licence */
syntax = "proto3"; package shop.v1;
import "google/protobuf/timestamp.proto"; import 'confluent/meta.proto';
option java_package = "x.\"y";
enum State { UNKNOWN = 0; PAID = 1 [deprecated=true]; }
// An order.
message Order {
  option (confluent.message_meta) = { tags: "ORDER" };
  string id = 1; // of the order

  /*
   * Who buys.
   *   indented
   */
  .shop.v1.Order.Customer customer = 2 [(confluent.field_meta).doc = "who", (confluent.field_meta).tags = "PII"];
  message Customer { optional string email = 1; }
  map < string , State > states = 3;
  oneof paid { string card = 4; google.protobuf.Timestamp at = 5; }
  repeated int32 many = 6 [packed = false, json_name = "lots"];
  reserved 7, 9 to 11, 100 to max; reserved "old", "older";
}
service Orders { rpc Get (Order) returns (stream Order) { option deprecated = true; } rpc Put (stream Order.Customer) returns (Order); }
`
	const want = `syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "confluent/meta.proto";
option java_package = "x.\"y";

// An order.
message Order {
  option (confluent.message_meta) = { tags: "ORDER" };

  // of the order
  string id = 1;

  // Who buys.
  //   indented
  Customer customer = 2 [(confluent.field_meta) = { doc: "who" tags: "PII" }];
  message Customer {
    optional string email = 1;
  }
  map<string, State> states = 3;
  oneof paid {
    string card = 4;
    google.protobuf.Timestamp at = 5;
  }
  repeated int32 many = 6 [json_name = "lots", packed = false];
  reserved 7, 9 to 11, 100 to max;
  reserved "old", "older";
}
enum State {
  UNKNOWN = 0;
  PAID = 1 [deprecated = true];
}
service Orders {
  rpc Get (Order) returns (stream Order) {
    option deprecated = true;
  }
  rpc Put (stream Order.Customer) returns (Order);
}
`
	s := mustRead(t, text)
	if s.Canonical() != want {
		t.Errorf("got\n%s", s.Canonical())
	}
	faithful(t, text)
	if !strings.Contains(s.Normalized(), "import \"confluent/meta.proto\";\nimport \"google") || !strings.Contains(s.Normalized(), " .shop.v1.Order.Customer customer = 2") {
		t.Errorf("normal: %s", s.Normalized())
	}
	if _, err := base64.StdEncoding.DecodeString(text); err == nil {
		t.Error("a text was taken for base64")
	}
}

// A descriptor that was made at run time has no JSON names.
func TestADescriptorWithoutJSONNames(t *testing.T) {
	t.Parallel()
	s := mustRead(t, `syntax = "proto3"; message A { string a_b = 1; map<string, B> b = 2; message B { string c = 1; string d = 2; } }`)
	d := proto.CloneOf(s.descriptor)
	d.SourceCodeInfo = nil
	for _, m := range []*descriptorpb.DescriptorProto{d.MessageType[0], d.MessageType[0].NestedType[0], d.MessageType[0].NestedType[1]} {
		for _, f := range m.Field {
			f.JsonName = nil
		}
	}
	if bare := mustRead(t, encoded(t, d)); bare.Canonical() != s.Canonical() {
		t.Errorf("got\n%s", bare.Canonical())
	}
}

// By hand: what extends is gone, and so are options in parentheses.
func TestWithoutExtensions(t *testing.T) {
	t.Parallel()
	s := mustRead(t, `syntax = "proto2"; import "google/protobuf/descriptor.proto"; extend google.protobuf.FieldOptions { optional string x = 50000; }
		message A { optional string a = 1 [(x) = "y", deprecated = true]; extensions 5; message B { extend A { optional int32 b = 5; } optional int32 c = 1 [(x) = "z"]; } }`)
	const want = `syntax = "proto2";
import "google/protobuf/descriptor.proto";
message A {
  optional string a = 1 [deprecated = true];
  message B {
    optional int32 c = 1;
  }
  extensions 5;
}
`
	got, ok := s.Print("ignore_extensions")
	if !ok || got != want {
		t.Errorf("got %s", got)
	}
	mustRead(t, got)
	if _, ok := s.Print("logical"); ok || !strings.Contains(s.Canonical(), "extend") {
		t.Error("a form that is none, or the schema has changed")
	}
}

// A schema is remembered, and many look at it at once.
func TestASchemaIsShared(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/everything3.proto")
	if err != nil {
		t.Fatal(err)
	}
	a, b := mustRead(t, string(text)), mustRead(t, strings.Replace(string(text), "map<string, bytes> blobs", "map<int32, bytes> blobs", 1))
	given := []format.Reference{{Name: "a.proto", Schema: a}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			found, err := b.CanRead(a, format.Options{})
			if err != nil || len(found) != 1 || found[0].Reader == "" {
				t.Errorf("got %v, %v", found, err)
			}
			for _, form := range []string{"serialized", "ignore_extensions"} {
				if _, ok := a.Print(form); !ok {
					t.Error(form)
				}
			}
			if _, err := a.Retag([]format.Tagged{{Entity: format.Entity{Path: "shop.Thing.name", Field: true}, Tags: []string{"T"}}}, nil); err != nil {
				t.Error(err)
			}
			if _, err := Read(`syntax = "proto3"; import "a.proto"; message Z { shop.Thing t = 1; }`, given); err != nil {
				t.Error(err)
			}
			a.Shape()
		})
	}
	all.Wait()
}
