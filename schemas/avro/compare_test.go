package avro

import (
	"strings"
	"testing"
)

func mustParse(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := Parse(text, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// told writes differences in one line, to compare them with expected ones.
func told(found []Difference) string {
	var out []string
	for _, d := range found {
		out = append(out, string(d.Kind)+" "+d.Path+" "+d.Pointer)
	}
	return strings.Join(out, "; ")
}

func record(fields string) string {
	return `{"type":"record","name":"R","namespace":"n","fields":[` + fields + `]}`
}

// The expected values are the Avro 1.12 specification's section "Schema
// Resolution", sentence by sentence; pointers and kinds are those of
// SchemaCompatibility in Apache Avro for Java.
func TestDataWrittenWithOneSchemaIsReadWithAnother(t *testing.T) {
	t.Parallel()
	const list = `{"type":"record","name":"L","fields":[{"name":"v","type":"%"},{"name":"next","type":["null","L"]}]}`
	tests := []struct{ name, reader, writer, want string }{
		{"same primitive", `"int"`, `"int"`, ""},
		{"int is promoted to long", `"long"`, `"int"`, ""},
		{"int is promoted to float", `"float"`, `"int"`, ""},
		{"int is promoted to double", `"double"`, `"int"`, ""},
		{"long is promoted to float", `"float"`, `"long"`, ""},
		{"long is promoted to double", `"double"`, `"long"`, ""},
		{"float is promoted to double", `"double"`, `"float"`, ""},
		{"string is promoted to bytes", `"bytes"`, `"string"`, ""},
		{"bytes is promoted to string", `"string"`, `"bytes"`, ""},
		{"long is not read as int", `"int"`, `"long"`, "TYPE_MISMATCH  /"},
		{"double is not read as float", `"float"`, `"double"`, "TYPE_MISMATCH  /"},
		{"int is not read as string", `"string"`, `"int"`, "TYPE_MISMATCH  /"},
		{"int is not read as boolean", `"boolean"`, `"int"`, "TYPE_MISMATCH  /"},
		{"null is not read as int", `"int"`, `"null"`, "TYPE_MISMATCH  /"},
		{"a logical type does not count", `{"type":"long","logicalType":"timestamp-micros"}`, `{"type":"long","logicalType":"timestamp-millis"}`, ""},

		{"items are resolved", `{"type":"array","items":"long"}`, `{"type":"array","items":"int"}`, ""},
		{"items that differ", `{"type":"array","items":"int"}`, `{"type":"array","items":"string"}`, "TYPE_MISMATCH [] /items"},
		{"values are resolved", `{"type":"map","values":"double"}`, `{"type":"map","values":"float"}`, ""},
		{"values that differ", `{"type":"map","values":"int"}`, `{"type":"map","values":"null"}`, "TYPE_MISMATCH {} /values"},
		{"array is not map", `{"type":"array","items":"int"}`, `{"type":"map","values":"int"}`, "TYPE_MISMATCH  /"},

		{"fixed of one size", `{"type":"fixed","name":"F","size":4}`, `{"type":"fixed","name":"F","size":4}`, ""},
		{"fixed of another size", `{"type":"fixed","name":"F","size":8}`, `{"type":"fixed","name":"F","size":4}`, "FIXED_SIZE_MISMATCH  /size"},
		{"fixed of another name", `{"type":"fixed","name":"G","size":4}`, `{"type":"fixed","name":"F","size":4}`, "NAME_MISMATCH  /name"},
		{"fixed of an aliased name", `{"type":"fixed","name":"G","aliases":["F"],"size":4}`, `{"type":"fixed","name":"F","size":4}`, ""},
		{"fixed is not bytes", `"bytes"`, `{"type":"fixed","name":"F","size":4}`, "TYPE_MISMATCH  /"},

		{"enum grows", `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["A"]}`, ""},
		{"enum in another order", `{"type":"enum","name":"E","symbols":["B","A"]}`, `{"type":"enum","name":"E","symbols":["A","B"]}`, ""},
		{"enum shrinks", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["A","B"]}`, "MISSING_ENUM_SYMBOLS  /symbols"},
		{"enum shrinks, with a default", `{"type":"enum","name":"E","symbols":["A"],"default":"A"}`, `{"type":"enum","name":"E","symbols":["A","B"]}`, ""},
		{"the writer's enum default does not help", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["A","B"],"default":"B"}`, "MISSING_ENUM_SYMBOLS  /symbols"},
		{"enum renamed with an alias", `{"type":"enum","name":"n.E","aliases":["D"],"symbols":["A"]}`, `{"type":"enum","name":"n.D","symbols":["A"]}`, ""},

		{"a field in another order", record(`{"name":"b","type":"int"},{"name":"a","type":"int"}`), record(`{"name":"a","type":"int"},{"name":"b","type":"int"}`), ""},
		{"a written field nobody reads", record(``), record(`{"name":"a","type":"int"}`), ""},
		{"a new field with a default", record(`{"name":"a","type":"int","default":0}`), record(``), ""},
		{"a new field whose default is null", record(`{"name":"a","type":["null","int"],"default":null}`), record(``), ""},
		{"a new field without default", record(`{"name":"a","type":"int"}`), record(``), "READER_FIELD_MISSING_DEFAULT_VALUE a /fields/0"},
		{"a nullable field still needs a default", record(`{"name":"a","type":["null","int"]}`), record(``), "READER_FIELD_MISSING_DEFAULT_VALUE a /fields/0"},
		{"a renamed field with an alias", record(`{"name":"b","aliases":["a"],"type":"int"}`), record(`{"name":"a","type":"int"}`), ""},
		{"the writer's alias does not help", record(`{"name":"a","type":"int"}`), record(`{"name":"b","aliases":["a"],"type":"int"}`), "READER_FIELD_MISSING_DEFAULT_VALUE a /fields/0"},
		{"an alias that meets two fields", record(`{"name":"b","aliases":["a"],"type":"int"}`), record(`{"name":"a","type":"int"},{"name":"b","type":"int"}`), "READER_FIELD_MATCHES_SEVERAL b /fields/0"},
		{"an alias that is the own name", record(`{"name":"a","aliases":["a"],"type":"int"}`), record(`{"name":"a","type":"int"}`), ""},
		{"every difference is told",
			record(`{"name":"a","type":"int"},{"name":"b","type":{"type":"array","items":"int"}},{"name":"c","type":"long"}`),
			record(`{"name":"a","type":"string"},{"name":"b","type":{"type":"array","items":"string"}}`),
			"TYPE_MISMATCH a /fields/0/type; TYPE_MISMATCH b[] /fields/1/type/items; READER_FIELD_MISSING_DEFAULT_VALUE c /fields/2"},
		{"nested places", record(`{"name":"a","type":{"type":"record","name":"I","fields":[{"name":"x","type":{"type":"map","values":"int"}}]}}`),
			record(`{"name":"a","type":{"type":"record","name":"I","fields":[{"name":"x","type":{"type":"map","values":"long"}}]}}`),
			"TYPE_MISMATCH a.x{} /fields/0/type/fields/0/type/values"},

		{"a namespace does not count", `{"type":"record","name":"m.R","fields":[]}`, `{"type":"record","name":"n.R","fields":[]}`, ""},
		{"a record renamed", `{"type":"record","name":"n.S","fields":[]}`, `{"type":"record","name":"n.R","fields":[]}`, "NAME_MISMATCH  /name"},
		{"a record renamed with an alias", `{"type":"record","name":"n.S","aliases":["R"],"fields":[]}`, `{"type":"record","name":"n.R","fields":[]}`, ""},
		{"an alias in another namespace", `{"type":"record","name":"n.S","aliases":["m.R"],"fields":[]}`, `{"type":"record","name":"n.R","fields":[]}`, "NAME_MISMATCH  /name"},
		{"a rename does not hide the fields", `{"type":"record","name":"S","fields":[{"name":"a","type":"int"}]}`, `{"type":"record","name":"R","fields":[]}`,
			"NAME_MISMATCH  /name; READER_FIELD_MISSING_DEFAULT_VALUE a /fields/0"},

		{"the union grows", `["null","int","string"]`, `["null","int"]`, ""},
		{"the union shrinks", `["null","int"]`, `["null","int","string"]`, "MISSING_UNION_BRANCH  /2"},
		{"a branch is promoted", `["null","long"]`, `["null","int"]`, ""},
		{"a type becomes a union with it", `["null","int"]`, `"int"`, ""},
		{"a type becomes a union without it", `["null","int"]`, `"string"`, "MISSING_UNION_BRANCH  /"},
		{"a union becomes its one type", `"int"`, `["int"]`, ""},
		{"a nullable becomes required", `"int"`, `["null","int"]`, "TYPE_MISMATCH  /0"},
		{"every branch can be promoted", `"double"`, `["int","float"]`, ""},
		{"records in unions are matched by name", `["null",{"type":"record","name":"A","fields":[]},{"type":"record","name":"B","fields":[]}]`,
			`[{"type":"record","name":"B","fields":[]}]`, ""},
		{"a record in a union that lost its name", `["null",{"type":"record","name":"A","fields":[]}]`, `["null",{"type":"record","name":"B","fields":[]}]`, "MISSING_UNION_BRANCH  /1"},
		{"an empty union writes nothing", `"int"`, `[]`, ""},
		{"nothing is read by an empty union", `[]`, `"int"`, "MISSING_UNION_BRANCH  /"},

		{"a recursive type", strings.ReplaceAll(list, "%", "long"), strings.ReplaceAll(list, "%", "int"), ""},
		{"a recursive type with a difference", strings.ReplaceAll(list, "%", "int"), strings.ReplaceAll(list, "%", "long"), "TYPE_MISMATCH v /fields/0/type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found, err := CanRead(mustParse(t, tt.reader), mustParse(t, tt.writer))
			if err != nil {
				t.Fatal(err)
			}
			if got := told(found); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			for _, d := range found {
				if d.Message == "" {
					t.Errorf("%s has no message", d.Kind)
				}
			}
		})
	}
}

// A verdict on a pair that was found while another was only assumed must not
// outlive the assumption. Reading T needs P or Q; P leans on T itself, and T
// fails at its last field.
func TestAssumptionsAreForgottenWhenTheyFail(t *testing.T) {
	t.Parallel()
	text := func(kind string) string {
		return `[{"type":"record","name":"T","fields":[
			{"name":"p","type":{"type":"record","name":"P","fields":[{"name":"back","type":["null","T"]}]}},
			{"name":"x","type":"` + kind + `"}]},
		{"type":"record","name":"U","fields":[{"name":"p","type":"P"}]}]`
	}
	found, err := CanRead(mustParse(t, text("int")), mustParse(t, text("string")))
	if err != nil {
		t.Fatal(err)
	}
	// Both T and U (through P, which can hold a T) are unreadable.
	if got := told(found); got != "MISSING_UNION_BRANCH  /0; MISSING_UNION_BRANCH  /1" {
		t.Error(got)
	}
}
