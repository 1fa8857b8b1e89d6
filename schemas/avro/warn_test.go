package avro

import (
	"strings"
	"testing"
)

// What a changed default or logical type does follows from the specification:
// a default stands for what is not there, and a logical type is no part of
// schema resolution. What Java's reader does was seen in Avro 1.12.1, in the
// pairs of TestDataAreReadWhereWeSaySo.
func TestWarnings(t *testing.T) {
	t.Parallel()
	field := func(f string) string { return record(`{"name":"a",` + f + `}`) }
	tests := []struct{ name, reader, writer, want string }{
		{"nothing", twenty(), twenty(), ""},
		{"a doc changed", field(`"type":"int","doc":"x"`), field(`"type":"int","doc":"y"`), ""},
		{"a default changed", field(`"type":"int","default":1`), field(`"type":"int","default":2`), "DEFAULT_CHANGED a /fields/0"},
		{"a default written another way", field(`"type":"double","default":"1.0"`), field(`"type":"double","default":1.0`), ""},
		{"a default is new", field(`"type":"int","default":1`), field(`"type":"int"`), ""},
		{"a default of a renamed field", record(`{"name":"b","aliases":["a"],"type":"int","default":1}`), field(`"type":"int","default":2`), "DEFAULT_CHANGED b /fields/0"},
		{"milliseconds become microseconds", field(`"type":{"type":"long","logicalType":"timestamp-micros"}`), field(`"type":{"type":"long","logicalType":"timestamp-millis"}`), "LOGICAL_TYPE_CHANGED a /fields/0/type"},
		{"a timestamp becomes a number", `"long"`, `{"type":"long","logicalType":"timestamp-millis"}`, "LOGICAL_TYPE_CHANGED  /"},
		{"a date becomes an instant", `{"type":"long","logicalType":"timestamp-millis"}`, `{"type":"int","logicalType":"date"}`, "LOGICAL_TYPE_CHANGED  /"},
		{"another scale", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}`, `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, "LOGICAL_TYPE_CHANGED  /"},
		{"the same scale", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":0}`, `{"type":"bytes","logicalType":"decimal","precision":9}`, ""},
		{"an optional, within items", `{"type":"array","items":["null",{"type":"int","logicalType":"time-millis"}]}`, `{"type":"array","items":["null","int"]}`, "LOGICAL_TYPE_CHANGED [] /items/1"},
		{"what cannot be read is not warned of", `{"type":"int","logicalType":"date"}`, `"string"`, ""},
		{"a recursive type", record(`{"name":"n","type":["null","R"]},{"name":"v","type":{"type":"int","logicalType":"date"}}`), record(`{"name":"n","type":["null","R"]},{"name":"v","type":"int"}`), "LOGICAL_TYPE_CHANGED v /fields/1/type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := Warnings(mustParse(t, tt.reader), mustParse(t, tt.writer))
			if got := told(found); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			for _, d := range found {
				if d.Message == "" || d.Reader == "" || d.Writer == "" {
					t.Errorf("%+v leaves something out", d)
				}
			}
		})
	}
}

// A difference shows what stands at its place in both schemas, and no more of
// them than a person can read.
func TestDifferencesShowBothSides(t *testing.T) {
	t.Parallel()
	reader := mustParse(t, record(`{"name":"a","type":"int"},{"name":"b","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"c","type":["null","int"],"doc":"new"}`))
	writer := mustParse(t, record(`{"name":"a","type":"string"},{"name":"b","type":{"type":"enum","name":"E","symbols":["A","B"]}}`))
	found, err := CanRead(reader, writer)
	if err != nil || len(found) != 3 {
		t.Fatalf("%v %v", found, err)
	}
	for i, want := range [][2]string{
		{`"int"`, `"string"`},
		{`{"type":"enum","name":"E","namespace":"n","symbols":["A"]}`, `{"type":"enum","name":"E","namespace":"n","symbols":["A","B"]}`},
		{`{"name":"c","type":["null","int"],"doc":"new"}`, writer.Canonical()},
	} {
		if got := [2]string{found[i].Reader, found[i].Writer}; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	long := mustParse(t, record(`{"name":"a","type":"int","doc":"`+strings.Repeat("ä", 100_000)+`"}`))
	found, err = CanRead(long, mustParse(t, record(``)))
	if err != nil || len(found) != 1 || len(found[0].Reader) > mostFragment+len("…") || !strings.HasSuffix(found[0].Reader, "ä…") {
		t.Errorf("%v %v", found, err)
	}
}
