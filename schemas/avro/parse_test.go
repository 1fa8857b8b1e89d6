package avro

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/internal/fault"
)

// Each is refused by the Avro 1.12 specification, or for a limit of ours.
func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	t.Parallel()
	field := func(f string) string { return record(`{"name":"a",` + f + `}`) }
	tests := []struct{ name, in, want string }{
		{"nothing", ``, "not JSON"},
		{"a bare word", `string`, "in quotes"},
		{"cut off", `{"type":"record"`, "not JSON"},
		{"two values", `"int" "int"`, "not JSON"},
		{"a comma too much", `["int",]`, "not JSON"},
		{"not UTF-8", "\"int\xff\"", "UTF-8"},
		{"a number", `1`, "a type is a name"},
		{"null", `null`, "a type is a name"},
		{"an unknown type", `"strin"`, `did you mean "string"`},
		{"a type used before it is defined", record(`{"name":"a","type":"B"},{"name":"b","type":{"type":"fixed","name":"B","size":1}}`), "fields.0.type: type \"B\" is not known"},
		{"a member twice", `{"type":"int","type":"long"}`, "stands twice"},
		{"no type", `{"name":"R"}`, `no member "type"`},
		{"a type within a type", `{"type":{"type":"int"}}`, "is a name, not an object"},
		{"no name", `{"type":"record","fields":[]}`, `a string "name" is missing`},
		{"no fields", `{"type":"record","name":"R"}`, `needs an array "fields"`},
		{"an unsound name", `{"type":"record","name":"1R","fields":[]}`, "is not a name"},
		{"an unsound namespace", `{"type":"record","name":"R","namespace":"a-b","fields":[]}`, "is not a name"},
		{"an empty part", `{"type":"record","name":"a..R","fields":[]}`, "is not a name"},
		{"a primitive's name", `{"type":"fixed","name":"int","size":1}`, "primitive"},
		{"a name taken", `[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":1}]`, "1: type \"F\" is already defined"},
		{"an unsound alias", `{"type":"fixed","name":"F","aliases":["a b"],"size":1}`, "alias"},
		{"aliases that are a word", `{"type":"fixed","name":"F","aliases":"a","size":1}`, "an array of strings"},
		{"an unsound field name", record(`{"name":"a.b","type":"int"}`), "field name"},
		{"a field without type", record(`{"name":"a"}`), `no member "type"`},
		{"a field twice", record(`{"name":"a","type":"int"},{"name":"a","type":"int"}`), "already has a field"},
		{"a field that is a word", record(`"a"`), "a field is an object"},
		{"an unknown order", field(`"type":"int","order":"up"`), "ascending, descending or ignore"},
		{"a union in a union", `["null",["int"]]`, "may not hold a union"},
		{"a branch twice", `["int","int"]`, "already has a branch"},
		{"two arrays", `[{"type":"array","items":"int"},{"type":"array","items":"long"}]`, "already has a branch"},
		{"no items", `{"type":"array"}`, `no member "items"`},
		{"no values", `{"type":"map"}`, `no member "values"`},
		{"no symbols", `{"type":"enum","name":"E"}`, `needs an array "symbols"`},
		{"an unsound symbol", `{"type":"enum","name":"E","symbols":["a-b"]}`, "symbols.0"},
		{"a symbol twice", `{"type":"enum","name":"E","symbols":["A","A"]}`, "already has the symbol"},
		{"an enum default elsewhere", `{"type":"enum","name":"E","symbols":["A"],"default":"B"}`, "one of its symbols"},
		{"no size", `{"type":"fixed","name":"F"}`, `needs a number "size"`},
		{"a negative size", `{"type":"fixed","name":"F","size":-1}`, "whole number"},
		{"a broken size", `{"type":"fixed","name":"F","size":1.5}`, "whole number"},

		{"default of int", field(`"type":"int","default":"0"`), "default"},
		{"default of int out of range", field(`"type":"int","default":2147483648`), "default"},
		{"default of int with a point", field(`"type":"int","default":1.0`), "default"},
		{"default of long out of range", field(`"type":"long","default":9223372036854775808`), "default"},
		{"default of long with a fraction", field(`"type":"long","default":1.5`), "default"},
		{"default of double", field(`"type":"double","default":true`), "default"},
		{"default of boolean", field(`"type":"boolean","default":0`), "default"},
		{"default of string", field(`"type":"string","default":null`), "default"},
		{"default of bytes", field(`"type":"bytes","default":"\u0100"`), "default"},
		{"default of fixed", field(`"type":{"type":"fixed","name":"F","size":2},"default":"a"`), "default"},
		{"default of enum", field(`"type":{"type":"enum","name":"E","symbols":["A"]},"default":"B"`), "default"},
		{"default of array", field(`"type":{"type":"array","items":"int"},"default":["a"]`), "default"},
		{"default of map", field(`"type":{"type":"map","values":"int"},"default":[]`), "default"},
		{"default of union", field(`"type":["null","int"],"default":"a"`), "default"},
		{"a default without end", `{"type":"record","name":"R","fields":[{"name":"a","type":["R","null"],"default":{}}]}`, "without end"},
		{"a default without end, by two", `{"type":"record","name":"R","fields":[{"name":"a","type":["R","null"],"default":{"b":1}},{"name":"b","type":["int","R"],"default":{}}]}`, "without end"},
		{"default of record", field(`"type":{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]},"default":{}`), "default"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(tt.in, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if fault.All(err) == nil {
				t.Errorf("%v is not classified", err)
			}
		})
	}
}

// The specification's table of defaults, and its 1.12 rule that a union's
// default may be of any branch.
func TestDefaultsThatFit(t *testing.T) {
	t.Parallel()
	for _, f := range []string{
		`"type":"null","default":null`, `"type":"boolean","default":true`, `"type":"int","default":1`, `"type":"long","default":-9223372036854775808`,
		`"type":"float","default":1.1`, `"type":"double","default":1`, `"type":"string","default":"foo"`, `"type":"bytes","default":"\u00FF"`,
		`"type":{"type":"fixed","name":"F","size":1},"default":"\u00ff"`, `"type":{"type":"enum","name":"E","symbols":["FOO"]},"default":"FOO"`,
		`"type":{"type":"array","items":"int"},"default":[1]`, `"type":{"type":"map","values":"int"},"default":{"a":1}`,
		`"type":{"type":"record","name":"I","fields":[{"name":"a","type":"int"},{"name":"b","type":"int","default":2}]},"default":{"a":1}`,
		`"type":["null","int"],"default":null`, `"type":["null","int"],"default":1`,
	} {
		mustParse(t, record(`{"name":"a",`+f+`}`))
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Parse(record(`{"name":"a","type":"nope"},{"name":"b"},{"name":"c","type":["int","int"]}`), nil)
	if got := len(fault.All(err)); got != 3 {
		t.Errorf("%d mistakes told, want 3: %v", got, err)
	}
}

func TestTypesOfOtherSchemas(t *testing.T) {
	t.Parallel()
	address := mustParse(t, `{"type":"record","name":"shop.Address","fields":[{"name":"city","type":"string"}]}`)
	order := `{"type":"record","name":"shop.Order","fields":[{"name":"to","type":"Address"}]}`
	s, err := Parse(order, address.Types())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Canonical(), `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"to","type":"Address"}]}`; got != want {
		t.Errorf("got %s", got)
	}
	if got := s.Fields[1].Path; got != "to.city" {
		t.Errorf("got %s", got)
	}
	if len(address.Types()) != 1 {
		t.Error("the given types were changed")
	}
	if _, err := Parse(order, nil); err == nil {
		t.Error("a type of another schema leaked in")
	}
	if _, err := Parse(`{"type":"fixed","name":"shop.Address","size":1}`, address.Types()); err == nil {
		t.Error("a given type was defined again")
	}
}

// Nothing that is sent may hold a core for long. The slowest of these takes a
// tenth of a second where the limit is one.
func TestHostileSchemasAreRefusedQuickly(t *testing.T) {
	t.Parallel()
	nested := func(n int, open, core, end string) string {
		return strings.Repeat(open, n) + core + strings.Repeat(end, n)
	}
	var diamond, chain, symbols, wide strings.Builder
	diamond.WriteString(`[{"type":"record","name":"A0","fields":[]}`)
	chain.WriteString(`[{"type":"record","name":"A0","fields":[]}`)
	for i := 1; i < 5000; i++ {
		if i < 60 {
			fmt.Fprintf(&diamond, `,{"type":"record","name":"A%d","fields":[{"name":"l","type":"A%d"},{"name":"r","type":"A%d"}]}`, i, i-1, i-1)
		}
		fmt.Fprintf(&chain, `,{"type":"record","name":"A%d","fields":[{"name":"l","type":"A%d"}]}`, i, i-1)
	}
	for i := range 60_000 {
		fmt.Fprintf(&symbols, `,"S%d"`, i)
	}
	for i := range 10_000 {
		fmt.Fprintf(&wide, `,{"name":"f%d","type":"W","default":{}}`, i)
	}
	tests := map[string]string{
		"3,000 arrays":              nested(3000, `{"type":"array","items":`, `"int"`, `}`),
		"3,000 records":             nested(3000, `{"type":"record","name":"R","fields":[{"name":"a","type":`, `"int"`, `}]}`),
		"3,000 brackets":            nested(3000, `[`, ``, `]`),
		"3,000 open brackets":       strings.Repeat(`[`, 3000),
		"a million brackets":        strings.Repeat(`{"a":`, 1<<17),
		"10 MB":                     `{"type":"int","p":"` + strings.Repeat("x", 10<<20) + `"}`,
		"two to the 59th paths":     diamond.String() + `]`,
		"a chain of 5,000 types":    chain.String() + `]`,
		"many wrong names":          `["` + strings.Repeat(`x","`, 200_000) + `y"]`,
		"a long wrong name":         `"` + strings.Repeat("x", 1<<19) + `"`,
		"a long given name":         `{"type":"fixed","size":1,"name":"` + strings.Repeat("x", 1<<19) + `"}`,
		"many enum defaults":        record(`{"name":"a","type":{"type":"array","items":{"type":"enum","name":"E","symbols":["A"` + symbols.String() + `]}},"default":["B"` + symbols.String()[:200_000] + `"]}`),
		"defaults of many defaults": record(`{"name":"w","type":{"type":"record","name":"W","fields":[` + strings.ReplaceAll(wide.String()[1:], `"W","default":{}`, `"int","default":0`) + `]}}` + wide.String()),
		"defaults that multiply":    record(`{"name":"a","type":{"type":"record","name":"N","fields":[{"name":"n","type":["null","N",{"type":"map","values":"N"}]}]},"default":` + nested(150, `{"n":{"n":`, `1`, `}}`) + `}`),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			var err error
			if took := cputest.Thread(func() { _, err = Parse(text, nil) }); took > slack*time.Second {
				t.Errorf("took %v of a processor", took)
			}
			if err == nil {
				t.Fatal("was taken")
			}
			if len(err.Error()) > 10_000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if f, ok := errors.AsType[*fault.Fault](err); !ok || f.Kind != fault.Invalid && f.Kind != fault.TooLarge {
				t.Errorf("%v", err)
			}
		})
	}
}

// Types that hold one another are a cycle, which is walked once: by the
// fields, by the comparison, by the warnings and by the printer.
func TestCyclesAreWalkedOnce(t *testing.T) {
	t.Parallel()
	ring := func(kind string) string {
		// Each of 60 records holds the next and, once more, the first.
		text := `{"type":"record","name":"A60","fields":[{"name":"v","type":"` + kind + `"},{"name":"first","type":"A0"}]}`
		for i := 59; i >= 0; i-- {
			text = fmt.Sprintf(`{"type":"record","name":"A%d","fields":[{"name":"first","type":["null","A0"]},{"name":"next","type":%s}]}`, i, text)
		}
		return text
	}
	long, short := mustParse(t, ring("long")), mustParse(t, ring("int"))
	if found, err := CanRead(long, short); err != nil || len(found) > 0 {
		t.Errorf("%v %v", found, err)
	}
	found, err := CanRead(short, long)
	if err != nil || len(found) == 0 {
		t.Errorf("%v %v", found, err)
	}
	if said := Warnings(long, short); len(said) > 0 {
		t.Errorf("%v", said)
	}
	if twice := mustParse(t, long.Canonical()).Canonical(); twice != long.Canonical() {
		t.Error(twice)
	}
}

func TestLargeButSoundSchemas(t *testing.T) {
	t.Parallel()
	var fields, symbols []string
	for i := range 5000 {
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","type":["null","string"],"default":null}`, i))
		symbols = append(symbols, fmt.Sprintf(`"S%d"`, i))
	}
	wide := mustParse(t, record(strings.Join(fields, ",")))
	if found, err := CanRead(wide, wide); err != nil || len(found) > 0 {
		t.Errorf("%v %v", found, err)
	}
	mustParse(t, `{"type":"enum","name":"E","symbols":[`+strings.Join(symbols, ",")+`]}`)
	deep := strings.Repeat(`{"type":"array","items":`, 300) + `"int"` + strings.Repeat(`}`, 300)
	mustParse(t, deep)
}
