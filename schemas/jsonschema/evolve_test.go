package jsonschema

import (
	"encoding/json"
	"flag"
	"strings"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flowmart/lethe/schemas/format"
)

var lots = flag.Int("lots", 1, "how many lots of 1,000 generated pairs are judged")

// compiled is a schema as a validator that shares no code with ours has it.
func compiled(t testing.TB, text string) *validator.Schema {
	t.Helper()
	doc, err := validator.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("mem:///schema", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///schema")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func textOf(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mustRead(t testing.TB, text string, given ...format.Reference) *schema {
	t.Helper()
	s, err := Read(text, given)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s.(*schema)
}

func reads(t testing.TB, reader, writer format.Schema, o format.Options) []format.Difference {
	t.Helper()
	found, err := reader.CanRead(writer, o)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// What is called readable is: of generated pairs, of which one came of the
// other by a few changes, no value that a validator lets pass under the old
// schema is one that it refuses under the new. A third is of draft-07, the rest
// of 2020-12. How many of the pairs without such a value are called readable is
// told with -v.
func TestValuesAgreeWithTheVerdict(t *testing.T) {
	t.Parallel()
	const inLot, values = 1000, 300
	readable, calledSo, informative := 0, 0, 0
	for i := range *lots * inLot {
		m := newMaker(uint64(i))
		old := m.document()
		now := m.changed(old)
		a, b := textOf(t, old), textOf(t, now)
		if i%3 == 0 {
			a, b = textOf(t, older(copied(old))), textOf(t, older(now))
		}
		reader, err := Read(b, nil)
		if err != nil {
			continue // a change made it apply itself to itself
		}
		verdict := reads(t, reader, mustRead(t, a), format.Options{})
		before, after := compiled(t, a), compiled(t, b)
		valid, counter := 0, ""
		for k := range values {
			from := old
			if k%3 == 2 {
				from = now
			}
			v := copied(m.value(from, from, 5))
			if before.Validate(v) != nil {
				continue
			}
			valid++
			if after.Validate(v) != nil {
				counter = textOf(t, v)
				break
			}
		}
		if counter != "" && len(verdict) == 0 {
			t.Fatalf("pair %d:\n%s\n%s\ncalled readable, and %s is not", i, a, b, counter)
		}
		if valid < 20 && counter == "" {
			continue // nothing was shown either way
		}
		informative++
		if counter == "" {
			readable++
			if len(verdict) == 0 {
				calledSo++
			} else if testing.Verbose() && *lots == 1 && readable%20 == 0 {
				t.Logf("not called readable:\n%s\n%s\n%+v", a, b, verdict[0])
			}
		}
	}
	t.Logf("of %d pairs, %d without a counterexample, of which %d (%.1f %%) are called readable", informative, readable, calledSo, 100*float64(calledSo)/float64(readable))
	if calledSo*10 < readable*7 {
		t.Errorf("of %d pairs without a counterexample only %d are called readable", readable, calledSo)
	}
}
