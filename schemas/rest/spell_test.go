package rest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/flowmart/lethe/schemas"
)

// What is written by hand says the same as the library writes, member by member
// and in the same order.
func TestSpellingByHandIsTheLibrarys(t *testing.T) {
	t.Parallel()
	registry := schemas.New(nil, time.Now)
	full := schemaBody{Subject: ":.c:a\"b", Version: 3, ID: 7, SchemaType: "JSON", Schema: "{\"a\":\"\\n\u2028<é>\x01\"}", GUID: "g", MaxID: 9, Deleted: true}
	for _, body := range []any{
		schemaBody{}, schemaBody{Schema: `"string"`}, schemaBody{Schema: `"int"`, text: jsonText{registry, schemas.Schema{Text: `"int"`}}}, full, registeredBody{1, 2, full}, registeredBody{1, 2, schemaBody{Schema: "x"}},
		schemaBody{Schema: "x", Metadata: &schemas.Metadata{}}, schemaBody{Schema: "no UTF-8: \xff"}, schemaBody{Schema: "x", References: []reference{{"n", "s", 1}}}, map[string]bool{"is_compatible": true},
	} {
		got, err := spell(nil, body)
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(body); err != nil {
			t.Fatal(err)
		}
		if a, b := tokens(t, got), tokens(t, want.Bytes()); !reflect.DeepEqual(a, b) || got[len(got)-1] != '\n' {
			t.Errorf("%s and not %s", got, want.Bytes())
		}
	}
}

func tokens(t *testing.T, text []byte) (out []json.Token) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err != nil {
			return out
		}
		out = append(out, token)
	}
}
