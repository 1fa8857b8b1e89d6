package protobuf

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/schemas/format"
)

// line writes a place as the tables have it.
func line(f format.Field) string {
	var marks []string
	for mark, yes := range map[string]bool{"nullable": f.Nullable, "opaque": f.Opaque, "recursive": f.Recursive} {
		if yes {
			marks = append(marks, mark)
		}
	}
	slices.Sort(marks)
	out := strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Path, f.Type, strings.Join(marks, " ")))
	if len(f.Tags) > 0 {
		out += fmt.Sprintf(" %v", f.Tags)
	}
	if f.Doc != "" {
		out += " // " + strings.ReplaceAll(f.Doc, "\n", " | ")
	}
	return out
}

// Written by hand, from the catalog's grammar of paths.
func TestPlaces(t *testing.T) {
	t.Parallel()
	const file = `syntax = "proto3";
package shop;
import "confluent/meta.proto";
import "google/protobuf/any.proto";
import "google/protobuf/wrappers.proto";
import "google/type/postal_address.proto";

message Line { string sku = 1; Line bundle = 2; }

// What is given back.
message Refund {
  message Why { string text = 1; }
  int64 amount = 1;
}

message Order {
  option (confluent.message_meta).tags = "ORDER";
  // who bought
  //
  // for good
  string email = 1; // at home
  optional int32 age = 2;
  repeated string notes = 3 [(confluent.field_meta) = { doc: "from clerks" tags: "user.free_text" tags: "PII" }];
  repeated Line lines = 4;
  map<string, string> labels = 5;
  map<int32, Address> addresses = 6;
  oneof paid { string card = 7; bytes raw = 8; }
  google.protobuf.StringValue nick = 9;
  google.protobuf.Any extra = 10;
  State state = 11;
  Address home = 12 [(confluent.field_meta).tags = "HOME"];
  Money total = 13;
}
message Money { option (confluent.message_meta).tags = "MONEY"; int64 amount = 1; string currency = 2; }
message Address { string street = 1; }
enum State { NEW = 0; }
`
	const want = `amount int64
<shop.Refund.Why>.text string
<shop.Order>.email string // who bought |  | for good | at home
<shop.Order>.age int32 nullable
<shop.Order>.notes repeated [user.free_text PII] // from clerks
<shop.Order>.notes[] string
<shop.Order>.lines repeated
<shop.Order>.lines[] message
<shop.Order>.lines[].sku string
<shop.Order>.lines[].bundle message nullable recursive
<shop.Order>.labels map opaque
<shop.Order>.labels{} string
<shop.Order>.addresses map
<shop.Order>.addresses{} message
<shop.Order>.addresses{}.street string
<shop.Order>.card string nullable
<shop.Order>.raw bytes nullable opaque
<shop.Order>.nick string nullable
<shop.Order>.extra google.protobuf.Any nullable opaque
<shop.Order>.state enum
<shop.Order>.home message nullable [HOME]
<shop.Order>.home.street string
<shop.Order>.total message nullable [MONEY]
<shop.Order>.total.amount int64
<shop.Order>.total.currency string`
	s := mustRead(t, file)
	var got []string
	for _, f := range s.Places() {
		got = append(got, line(f))
		if p, err := fieldpath.Parse(f.Path); err != nil || p.String() != f.Path {
			t.Errorf("%s is no path of the catalog: %v", f.Path, err)
		}
	}
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s", text)
	}
	at := func(path string) string {
		i := slices.IndexFunc(s.Places(), func(f format.Field) bool { return f.Path == path })
		f := s.Places()[i]
		return fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Record)
	}
	for path, want := range map[string]string{
		"<shop.Order>.email": "21:3 shop.Order", "<shop.Order>.lines[].sku": "8:16 shop.Line", "<shop.Order>.card": "27:16 shop.Order", "amount": "13:3 shop.Refund",
	} {
		if got := at(path); got != want {
			t.Errorf("%s is at %s, want %s", path, got, want)
		}
	}
}

// One message that nothing else holds needs no name in front; one that stands
// only in itself is such a one, and of a ring it is the first.
func TestTheRecordOfAFile(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		`message A { string x = 1; }`:                                   "x",
		`message A { string x = 1; } message B { A a = 1; }`:            "a a.x",
		`message A { string x = 1; A a = 2; }`:                          "x a",
		`message A { B b = 1; } message B { A a = 1; }`:                 "b b.a",
		`message A { string x = 1; } message B { map<int32,A> a = 1; }`: "a a{} a{}.x",
		`message A { string x = 1; } message B { string y = 1; }`:       "x <p.B>.y",
		`enum E { Z = 0; }`:                                             "",
		`message A {}`:                                                  "",
	} {
		s := mustRead(t, `syntax = "proto3"; package p; `+file)
		var got []string
		for _, f := range s.Places() {
			got = append(got, f.Path)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v", file, got)
		}
	}
}

// What an import brings is at the field that uses it.
func TestPlacesOfAnImport(t *testing.T) {
	t.Parallel()
	money := mustRead(t, "syntax = \"proto3\";\npackage m;\n\n\n// a sum\nmessage Money {\n  // three letters\n  string currency = 1;\n}")
	s := mustRead(t, "syntax = \"proto3\";\nimport \"m/money.proto\";\nmessage A {\n\tm.Money price = 1;\n}", format.Reference{Name: "m/money.proto", Schema: money})
	inner := s.Places()[1]
	if line(inner) != "price.currency string // three letters" || inner.Line != 4 || inner.Column != 2 {
		t.Errorf("got %+v", inner)
	}
	far := mustRead(t, `syntax = "proto3"; import "a.proto"; message B { A a = 1; }`, format.Reference{Name: "a.proto", Schema: s})
	if got := far.Places()[2]; got.Path != "a.price.currency" {
		t.Errorf("through two imports: %+v", got)
	}
	other := mustRead(t, `syntax = "proto3"; package m; message Money { int64 n = 1; }`)
	_, err := Read(`syntax = "proto3"; import "a.proto"; import "m/money.proto"; message B { A a = 1; }`,
		[]format.Reference{{Name: "a.proto", Schema: s}, {Name: "m/money.proto", Schema: other}})
	if err == nil || !strings.Contains(err.Error(), `imported as "m/money.proto"`) {
		t.Errorf("two files of one path: %v", err)
	}
	// Who registers a file that everybody knows gets the one that everybody knows.
	any := mustRead(t, `syntax = "proto3"; import "google/protobuf/any.proto"; message A { google.protobuf.Any a = 1; }`, format.Reference{Name: "google/protobuf/any.proto", Schema: other})
	if got := line(any.Places()[0]); got != "a google.protobuf.Any nullable opaque" {
		t.Errorf("a file of Google's was defined anew: %s", got)
	}
	if _, err := Read(`syntax = "proto3";`, []format.Reference{{Name: "default", Schema: other}}); err == nil {
		t.Error("a file was imported by the name of none")
	}
}

// A long line is broken for the parser, and nobody notices: comments stay where
// they are, and places are those of the text as it was sent.
func TestLongLines(t *testing.T) {
	t.Parallel()
	text := "syntax = \"proto3\";\n\tmessage M {\t// first; of all\n"
	for i := range 100 {
		text += fmt.Sprintf(" /* of ü */ string f%d = %d; // behind\n", i, 2*i+1)
	}
	for i := range 100 {
		text += fmt.Sprintf(` string g%d = %d [json_name = "ü;%d"];`, i, 2*i+2, i)
	}
	text += "}"
	s := mustRead(t, text)
	for _, f := range s.Places() {
		at := strings.Index(text, " string "+f.Path+" =") + 1
		line := strings.Count(text[:at], "\n") + 1
		column := at - strings.LastIndexByte(text[:at], '\n')
		if f.Line != line || f.Column != column {
			t.Fatalf("%s is at %d:%d, want %d:%d", f.Path, f.Line, f.Column, line, column)
		}
		if commented := strings.HasPrefix(f.Path, "f"); commented != strings.HasSuffix(f.Doc, "behind") {
			t.Fatalf("%s says %q", f.Path, f.Doc)
		}
	}
	_, err := Read(strings.Replace(text, "string g77", "strin g77", 1), nil)
	at := strings.Index(text, "string g77")
	if want := fmt.Sprintf("line %d, column %d: ", strings.Count(text[:at], "\n")+1, at-strings.LastIndexByte(text[:at], '\n')); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Breaking lines moves no comment: the parser says the same of the text as it
// was sent.
func TestBrokenLinesKeepComments(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.proto")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	comment := regexp.MustCompile(`(?m)^([^"\n]*)//(.*)$`)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		block := comment.ReplaceAllString(string(b), "$1/*$2 */")
		for name, text := range map[string]string{
			"as it is":                string(b),
			"in one line":             strings.ReplaceAll(block, "\n", " "),
			"in two":                  strings.Replace(strings.ReplaceAll(block, "\n", "  "), "message", "\nmessage", 1),
			"in one line of comments": strings.ReplaceAll(strings.ReplaceAll(block, ";\n", ";/* behind */"), "\n", " "),
		} {
			l, err := scan(text)
			if err != nil {
				t.Fatal(err)
			}
			direct, err := compile(protocompile.SearchResult{Source: strings.NewReader(text)}, l, nil, protocompile.SourceInfoStandard)
			if err != nil {
				t.Fatalf("%s %s: %v", file, name, err)
			}
			s := mustRead(t, text)
			if got := write(&Schema{file: direct, descriptor: direct.FileDescriptorProto()}, false); got != s.Canonical() || name != "as it is" && len(l.breaks) == 0 {
				t.Errorf("%s, %s, with %d breaks:\n%s\n%s", file, name, len(l.breaks), got, s.Canonical())
			}
		}
	}
}
