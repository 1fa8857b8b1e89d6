package rest_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
)

// Written from the rules of the API, as in conformance_test.go.
func TestConformanceOfConfig(t *testing.T) {
	t.Parallel()
	rules := `{"domainRules":[{"name":"checkLen","kind":"CONDITION","mode":"WRITE","type":"CEL","expr":"size(m)>0"}]}`
	serve(t).walk(t, []step{
		{"GET /config", "", 200, 0, `{"compatibilityLevel":"BACKWARD"}`},
		{"GET /config/a", "", 404, 40408, ""},
		{"GET /config/a?defaultToGlobal=true", "", 200, 0, `{"compatibilityLevel":"BACKWARD"}`},
		{"DELETE /config/a", "", 404, 40401, ""},
		{"PUT /config", `{"compatibility":"full"}`, 200, 0, `{"compatibility":"FULL"}`},
		{"PUT /config", `{"compatibility":"nonsense"}`, 422, 42203, ""},
		{"PUT /config", `{"compatibility":7}`, 422, 42203, ""},
		{"PUT /config", "", 422, 422, ""},
		{"PUT /config", "{", 400, 400, ""},
		// A member left out keeps its value, an explicit null clears it.
		{"PUT /config/a", `{"compatibility":"NONE","normalize":true,"compatibilityGroup":"major"}`, 200, 0, `{"compatibility":"NONE","normalize":true,"compatibilityGroup":"major"}`},
		{"PUT /config/a", `{"compatibilityPolicy":"lenient"}`, 200, 0, `{"compatibility":"NONE","normalize":true,"compatibilityPolicy":"LENIENT","compatibilityGroup":"major"}`},
		{"PUT /config/a", `{"compatibility":null,"compatibilityGroup":null}`, 200, 0, `{"normalize":true,"compatibilityPolicy":"LENIENT"}`},
		{"GET /config/a", "", 200, 0, `{"normalize":true,"compatibilityPolicy":"LENIENT"}`},
		{"GET /config/a?defaultToGlobal=true", "", 200, 0, `{"compatibilityLevel":"FULL","normalize":true,"compatibilityPolicy":"LENIENT"}`},
		{"PUT /config/a", `{"normalize":"perhaps"}`, 422, 42203, "~normalize: this setting takes true or false"},
		{"PUT /config/a", `{"defaultMetadata":{"properties":{"a":1}}}`, 422, 42203, "~defaultMetadata.properties"},
		{"PUT /config/a", `{"compatibilityPolicy":"LOGICAL"}`, 422, 42203, ""},
		{"PUT /config/a", `{"defaultMetadata":{"properties":{"owner":"shop"}},"overrideRuleSet":` + rules + `}`, 200, 0, `~"defaultMetadata":{"properties":{"owner":"shop"}}`},
		{"GET /config/a", "", 200, 0, `~"overrideRuleSet":{"domainRules":[{`},
		{"PUT /config/a", `{"defaultRuleSet":{"domainRules":[{"kind":"CONDITION"}]}}`, 422, 42210, ""},
		{"PUT /config/__GLOBAL", `{"compatibility":"NONE"}`, 422, 42208, ""},
		{"DELETE /config/a", "", 200, 0, `~"normalize":true`},
		{"GET /config/a", "", 404, 40408, ""},
		{"DELETE /config", "", 200, 0, `{"compatibilityLevel":"FULL"}`},
		{"GET /config", "", 200, 0, `{"compatibilityLevel":"BACKWARD"}`},
		// An alias redirects reads and lookups.
		{"POST /subjects/real/versions", one, 200, 0, `~{"id":1,`},
		{"PUT /config/known-as", `{"alias":"real"}`, 200, 0, `{"alias":"real"}`},
		{"GET /subjects/known-as/versions/latest", "", 200, 0, `~"subject":"real","version":1,"id":1`},
		{"GET /subjects/known-as/versions", "", 200, 0, "[1]"},
		{"POST /subjects/known-as", one, 200, 0, `~"subject":"real"`},
		{"POST /compatibility/subjects/known-as/versions/latest", other, 200, 0, `{"is_compatible":false}`},
		{"POST /subjects/known-as/versions", two, 200, 0, `~{"id":2,"version":2,`},
		{"GET /subjects/real/versions", "", 200, 0, "[1,2]"},
		{"PUT /config/known-as", `{"alias":null}`, 200, 0, `{}`},
		{"GET /subjects/known-as/versions", "", 404, 40401, ""},
	})
}

func TestConformanceOfModes(t *testing.T) {
	t.Parallel()
	imported := func(text, more string) string { return submission(text, more) }
	serve(t).walk(t, []step{
		{"GET /mode", "", 200, 0, `{"mode":"READWRITE"}`},
		{"GET /mode/a", "", 404, 40409, ""},
		{"GET /mode/a?defaultToGlobal=true", "", 200, 0, `{"mode":"READWRITE"}`},
		{"DELETE /mode/a", "", 404, 40401, ""},
		{"PUT /mode/a", `{"mode":"SOMETIMES"}`, 422, 42204, ""},
		{"PUT /mode/a", `{}`, 422, 42204, ""},
		{"PUT /mode/a", "", 422, 422, ""},
		{"POST /subjects/a/versions", one, 200, 0, `~{"id":1,`},
		{"PUT /mode/a", `{"mode":"readonly"}`, 200, 0, `{"mode":"READONLY"}`},
		{"GET /mode/a", "", 200, 0, `{"mode":"READONLY"}`},
		// What is registered already is found even where nothing may be written.
		{"POST /subjects/a/versions", one, 200, 0, `~{"id":1,`},
		{"POST /subjects/a/versions", two, 422, 42205, ""},
		{"DELETE /subjects/a", "", 422, 42205, ""},
		{"DELETE /subjects/a/versions/1", "", 422, 42205, ""},
		{"PUT /config/a", `{"compatibility":"NONE"}`, 422, 42205, ""},
		{"POST /subjects/b/versions", one, 200, 0, `~{"id":1,`},
		{"DELETE /mode/a", "", 200, 0, `{"mode":"READONLY"}`},
		{"GET /mode/a", "", 404, 40409, ""},
		{"PUT /mode", `{"mode":"READONLY"}`, 200, 0, `{"mode":"READONLY"}`},
		{"PUT /config", `{"compatibility":"NONE"}`, 422, 42205, ""},
		{"PUT /mode/a", `{"mode":"READWRITE"}`, 200, 0, `{"mode":"READWRITE"}`},
		{"POST /subjects/a/versions", two, 200, 0, `~{"id":2,`},
		{"POST /subjects/b/versions", two, 422, 42205, ""},
		{"PUT /mode", `{"mode":"READONLY_OVERRIDE"}`, 200, 0, `{"mode":"READONLY_OVERRIDE"}`},
		{"DELETE /subjects/a/versions/2", "", 422, 42205, ""},
		{"DELETE /mode?recursive=true", "", 200, 0, `{"mode":"READONLY_OVERRIDE"}`},
		{"GET /mode/a", "", 404, 40409, ""},
		// Ids and numbers are chosen in an import alone, and it begins where nothing is.
		{"POST /subjects/b/versions", imported(v2, `,"id":9`), 422, 42205, ""},
		{"PUT /mode/a", `{"mode":"IMPORT"}`, 422, 42205, ""},
		{"PUT /mode", `{"mode":"IMPORT"}`, 422, 42205, ""},
		{"PUT /mode/new", `{"mode":"IMPORT"}`, 200, 0, `{"mode":"IMPORT"}`},
		{"POST /subjects/new/versions", other, 422, 42205, ""},
		{"POST /subjects/new/versions", imported(no, `,"id":70,"version":5`), 200, 0, `~{"id":70,`},
		{"GET /subjects/new/versions", "", 200, 0, "[5]"},
		{"POST /subjects/new/versions", imported(no, `,"id":70,"version":5`), 200, 0, `~{"id":70,`},
		{"POST /subjects/new/versions", imported(v2, `,"id":70,"version":6`), 422, 42207, ""},
		{"POST /subjects/new/versions", imported(v2, `,"id":71,"version":6`), 422, 42207, ""},
		{"POST /subjects/new/versions", imported(v1, `,"id":1,"version":5`), 422, 42201, ""},
		// Ids and numbers are four bytes, and there must be some left to go on with.
		{"POST /subjects/new/versions", imported(`"long"`, `,"id":2147483647`), 422, 42201, "~id that is brought"},
		{"POST /subjects/new/versions", imported(`"long"`, `,"id":2147483648`), 422, 42201, "~id that is brought"},
		{"POST /subjects/new/versions", imported(`"long"`, `,"id":72,"version":2147483648`), 422, 42201, "~version that is brought"},
		{"POST /subjects/new/versions", imported(`"long"`, `,"id":9223372036854775808`), 400, 400, `~id: this member takes a whole number`},
		// No compatibility is asked: version 3 could not follow version 5.
		{"POST /subjects/new/versions", imported(v1, `,"id":1,"version":3`), 200, 0, `~{"id":1,`},
		{"PUT /mode/new", `{"mode":"READWRITE"}`, 200, 0, `{"mode":"READWRITE"}`},
		{"PUT /mode/new?force=true", `{"mode":"IMPORT"}`, 200, 0, `{"mode":"IMPORT"}`},
		{"DELETE /mode/new", "", 200, 0, `{"mode":"IMPORT"}`},
		{"PUT /config/new", `{"compatibility":"NONE"}`, 200, 0, ""},
		// Ids go on after the highest that was brought.
		{"POST /subjects/new/versions", submission(`"string"`), 200, 0, `~{"id":71,`},
		{"POST /subjects/new/versions", imported(`"int"`, `,"version":9`), 422, 42201, ""},
		{"POST /subjects/new/versions", imported(`"int"`, `,"version":7`), 200, 0, `~{"id":72,`},
	})
}

// franz-go's client, as it is published, sets modes and levels and imports.
func TestAClientImports(t *testing.T) {
	t.Parallel()
	s, ctx := serve(t), t.Context()
	cl := s.client(t, "admin")
	if m := cl.SetMode(ctx, sr.ModeImport, "a"); m[0].Err != nil || m[0].Mode != sr.ModeImport {
		t.Fatalf("%+v", m)
	}
	made, err := cl.CreateSchemaWithIDAndVersion(ctx, "a", sr.Schema{Schema: v1}, 40, 3)
	if err != nil || made.ID != 40 || made.Version != 3 {
		t.Fatalf("%+v %v", made, err)
	}
	if m := cl.ResetMode(ctx, "a"); m[0].Err != nil {
		t.Fatal(m[0].Err)
	}
	if c := cl.ResetCompatibility(ctx, "a"); !strings.Contains(c[0].Err.Error(), "configuration") {
		t.Error(c[0].Err)
	}
	if n, err := cl.DeleteSubject(ctx, "a", sr.SoftDelete); err != nil || len(n) != 1 || n[0] != 3 {
		t.Errorf("%v %v", n, err)
	}
	if n, err := cl.DeleteSubject(ctx, "a", sr.HardDelete); err != nil || len(n) != 1 {
		t.Errorf("%v %v", n, err)
	}
}
