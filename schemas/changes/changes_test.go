package changes

import (
	"slices"
	"strings"
	"testing"
)

// Every difference has its place; white space and the order of members are
// none. Expected by hand.
func TestOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, before, after string
		want                []string
	}{
		{"AVRO", `{"type":"record","name":"A","fields":[]}`, "{ \"name\":\"A\",\n\"type\":\"record\", \"fields\":[] }", nil},
		{"AVRO", `{"type":"record","name":"A","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"},{"name":"c","type":["null","int"],"default":null}]}`,
			`{"type":"record","name":"A","doc":"x","fields":[{"name":"c","type":["null","long"]},{"name":"a","type":"long"},{"name":"d","type":"int"}]}`,
			[]string{`+ doc: "x"`, `- fields.b: {"name":"b","type":"int"}`, `- fields.c.default: null`, `- fields.c.type.int: "int"`, `+ fields.c.type.long: "long"`,
				`~ fields.a.type: "int" → "long"`, `+ fields.d: {"name":"d","type":"int"}`, `~ fields: in another order`}},
		{"AVRO", `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["B","A","C"]}`, []string{`+ symbols.C: "C"`, "~ symbols: in another order"}},
		{"AVRO", `"int"`, `{"type":"int"}`, []string{`~ : "int" → {"type":"int"}`}},
		{"JSON", `{"enum":[1,1.0,1]}`, `{"enum":[1,1.00]}`, []string{`~ enum.1: 1.0 → 1.00`, `- enum.2: 1`}},
		{"JSON", `{"maximum":9007199254740993}`, `{"maximum":9007199254740992}`, []string{`~ maximum: 9007199254740993 → 9007199254740992`}},
		{"PROTOBUF", "a\nb\nc\nd", "a\nc\ne\nd\n", []string{"- line 2: b", "+ line 3: e"}},
		{"PROTOBUF", "a\nb", "a\n\n// c\nb", []string{"+ line 3: // c"}},
		{"JSON", "{", "[", []string{"- line 1: {", "+ line 1: ["}},
	} {
		var got []string
		for _, change := range Of(c.kind, c.before, c.after) {
			got = append(got, change.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s → %s:\ngot  %q\nwant %q", c.before, c.after, got, c.want)
		}
		if same := Of(c.kind, c.after, c.after); len(same) > 0 {
			t.Errorf("%s differs from itself: %v", c.after, same)
		}
	}
}

// Texts that differ have a change, and texts that do not have none.
func FuzzOf(f *testing.F) {
	f.Add(`{"a":[1,{"name":"x"}]}`, `{"a":[{"name":"x"},1]}`)
	f.Add("a\nb", "b\na")
	f.Fuzz(func(t *testing.T, before, after string) {
		var b, a any
		readable := decode(before, &b) == nil && decode(after, &a) == nil
		if found := Of("JSON", before, after); readable && (len(found) == 0) != (text(b) == text(a)) {
			t.Errorf("%q → %q: %v", before, after, found)
		}
		if found := Of("PROTOBUF", before, before); len(found) > 0 {
			t.Errorf("%q differs from itself: %v", before, found)
		}
	})
}

// Where a text has long names, and lists deep within lists, places stay short: there
// may be as many of them as a text has things.
func TestPlacesAreShort(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("name", 10_000)
	for text, other := range map[string]string{
		`{"` + name + `":[` + strings.Repeat("1,", 1000) + `1]}`:                                   `{"` + name + `":[` + strings.Repeat("2,", 1000) + `1]}`,
		strings.Repeat(`{"`+name[:900]+`":`, 50) + "1" + strings.Repeat("}", 50):                   strings.Repeat(`{"`+name[:900]+`":`, 50) + "2" + strings.Repeat("}", 50),
		`{"a":` + strings.Repeat("[", 100) + `"` + name + `","b"` + strings.Repeat("]", 100) + "}": `{"a":` + strings.Repeat("[", 100) + `"` + name + `"` + strings.Repeat("]", 100) + "}",
	} {
		found := Of("JSON", text, other)
		if len(found) == 0 {
			t.Errorf("nothing was found in %.100s", text)
		}
		for _, c := range found {
			if len(c.Place) > 1100 {
				t.Fatalf("a place of %d bytes in %.100s", len(c.Place), text)
			}
		}
	}
}
