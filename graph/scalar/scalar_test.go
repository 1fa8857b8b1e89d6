package scalar_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/flowmart/lethe/graph/scalar"
)

func written(m graphql.Marshaler) string {
	var b strings.Builder
	m.MarshalGQL(&b)
	return b.String()
}

// What is written reads back, and what is not of the form is refused with the
// form, never with the value.
func TestScalars(t *testing.T) {
	t.Parallel()
	read := map[string]func(any) (string, error){
		"Date": func(v any) (string, error) {
			d, err := scalar.UnmarshalDate(v)
			return written(scalar.MarshalDate(d)), err
		},
		"DateTime": func(v any) (string, error) {
			d, err := scalar.UnmarshalDateTime(v)
			return written(scalar.MarshalDateTime(d)), err
		},
		"Digest": func(v any) (string, error) {
			d, err := scalar.UnmarshalDigest(v)
			return written(scalar.MarshalDigest(d)), err
		},
		"Long": func(v any) (string, error) {
			n, err := scalar.UnmarshalLong(v)
			return written(scalar.MarshalLong(n)), err
		},
		"SchemaRule": func(v any) (string, error) {
			r, err := scalar.UnmarshalSchemaRule(v)
			return written(scalar.MarshalSchemaRule(r)), err
		},
		"Network": func(v any) (string, error) {
			p, err := scalar.UnmarshalNetwork(v)
			return written(scalar.MarshalNetwork(p)), err
		},
	}
	for _, c := range []struct {
		scalar string
		in     any
		out    string // "" for refused
	}{
		{"Date", "2026-03-05", `"2026-03-05"`},
		{"Date", "2026-02-30", ""},
		{"Date", "2026-03-05T00:00:00Z", ""},
		{"Date", 5, ""},
		{"DateTime", "2026-03-05T10:30:00+01:00", `"2026-03-05T09:30:00Z"`},
		{"DateTime", "2026-03-05 10:30", ""},
		{"Digest", strings.Repeat("aB", 32), `"` + strings.Repeat("ab", 32) + `"`},
		{"Digest", strings.Repeat("ab", 31), ""},
		{"Digest", strings.Repeat("xy", 32), ""},
		{"Long", json.Number("9223372036854775807"), "9223372036854775807"},
		{"SchemaRule", map[string]any{"name": "a", "params": map[string]any{"most": json.Number("1.0")}}, `{"name":"a","params":{"most":1}}`},
		{"SchemaRule", map[string]any{"most": json.Number("1e400")}, ""},
		{"SchemaRule", "zz", ""},
		{"SchemaRule", []any{}, ""},
		{"SchemaRule", nil, ""},
		{"Long", int64(-1), "-1"},
		{"Long", json.Number("9223372036854775808"), ""},
		{"Long", json.Number("1.5"), ""},
		{"Long", "1", ""},
		{"Network", "10.20.0.0/16", `"10.20.0.0/16"`},
		{"Network", "2001:db8::/32", `"2001:db8::/32"`},
		{"Network", "10.99.0.0", ""},
	} {
		got, err := read[c.scalar](c.in)
		if (err != nil) != (c.out == "") || err == nil && got != c.out {
			t.Errorf("%s %v: %s %v, want %q", c.scalar, c.in, got, err, c.out)
		}
		if s, ok := c.in.(string); ok && err != nil && strings.Contains(err.Error(), s) {
			t.Errorf("%s: the error quotes the value: %v", c.scalar, err)
		}
	}
	if written(scalar.MarshalDigest(nil)) != "null" || written(scalar.MarshalDate(time.Time{})) != `"0001-01-01"` {
		t.Error("no digest is null")
	}
}
