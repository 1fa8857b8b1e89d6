package rest_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// reached names, for every error code of the API that the door can answer with,
// requests that it answers with it, in the order in which they are made. The
// codes of Confluent's API that are not here cannot occur: 40410, 40902 to
// 40908 and 42212 are of associations, 50002 and 50004 of a registry that is
// kept in Kafka; 40901 is 409 here.
var reached = []struct {
	code  int
	steps []step
}{
	{400, []step{
		{"POST /subjects/x/versions", "{", 400, 400, "~not JSON, at byte 1"}, {"PUT /config", "[]", 400, 400, "~no object"},
		{"POST /subjects/x/versions", `{"schema":3}`, 400, 400, "~schema: this member takes a string"},
		{"POST /subjects/x/versions", `{"references":[{"version":"1"}]}`, 400, 400, "~references.version: this member takes a whole number"},
		{"POST /subjects/x/versions", submission(v1, `,"references":[{}],"references":[{}]`), 400, 400, "~stands twice"},
		{"POST /subjects/x/versions", submission(v1, `,"schemaTagsToAdd":[{"tags":["a",1]}]`), 400, 400, "~schemaTagsToAdd.tags: this member takes a string"},
	}},
	{404, []step{{"GET /nothing", "", 404, 404, ""}, {"GET /schemas/ids/one", "", 404, 404, ""}, {"GET /subjects?limit=all", "", 404, 404, ""}, {"GET /contexts/%3A/nothing", "", 404, 404, ""}}},
	{405, []step{{"PUT /subjects", "", 405, 405, ""}, {"PATCH /contexts/c/config", "", 405, 405, ""}}},
	{413, []step{
		{"POST /subjects/x/versions", submission(strings.Repeat("x", 8<<20)), 413, 413, ""},
		{"POST /contexts/large/subjects/a/versions", submission(v1, `,"ruleSet":{"domainRules":[{"name":"r","params":[`+strings.Repeat("{},", 230_000)+`{}]}]}`), 200, 0, ""},
		{"POST /contexts/large/subjects/b/versions", one, 200, 0, ""},
		{"GET /contexts/large/schemas", "", 413, 413, "~only the first 1 fit; ask for fewer at a time with limit"},
		{"GET /contexts/large/schemas?limit=1", "", 200, 0, ""},
	}},
	{422, []step{
		{"POST /subjects/x/versions", "", 422, 422, ""}, {"GET /subjects/x/metadata?key=a", "", 422, 422, ""},
		{"POST /subjects/x/versions", submission(v1, `,"metadata":{"properties":{"a":"\u0000"}}`), 422, 422, ""},
		{"PUT /config/x", `{"compatibilityGroup":"\u0000"}`, 422, 422, ""},
	}},

	{42201, []step{
		{"POST /subjects/a/versions", submission(`{"type":"recrd"}`), 422, 42201, ""},
		{"POST /subjects/a/versions", `{}`, 422, 42201, ""},
		{"POST /subjects/a/versions", submission("{}", `,"schemaType":"COBOL"`), 422, 42201, ""},
		{"POST /subjects/a/versions", submission(v1, `,"references":[{"name":"x","subject":"nowhere","version":1}]`), 422, 42201, ""},
		{"POST /subjects/a/versions", submission(v1, `,"version":7`), 422, 42201, ""},
		{"POST /subjects/a/versions", submission(strings.Repeat("[", 3000)), 422, 42201, ""},
		{"POST /subjects/a/versions", submission(v1, `,"schemaTagsToAdd":[{"schemaEntity":{"entityPath":"x","entityType":"sr_thing"}}]`), 422, 42201, ""},
		{"POST /subjects/a/versions", submission(v1, `,"schemaTagsToAdd":[{"schemaEntity":{"entityPath":"x","entityType":"sr_field"}}]`), 422, 42201, ""},
		{"POST /subjects/a/versions", submission(v1, `,"references":[`+strings.Repeat("{},", 100)+`{}]`), 422, 42201, "~references: a schema has at most 100 references; refer"},
		{"POST /subjects/a/versions", submission(v1, `,"schemaTagsToAdd":[`+strings.Repeat("{},", 25_000)+`{}]`), 422, 42201, "~the tags of at most 25000 places"},
		{"POST /subjects/a/versions/1/tags", `{"tagsToRemove":[{"tags":[` + strings.Repeat(`"",`, 100) + `""]}]}`, 422, 42201, "~tags: more than 100 tags are named at one place"},
	}},
	{42208, []step{{"POST /subjects/__GLOBAL/versions", one, 422, 42208, ""}, {"POST /subjects/%2E%2E/versions", one, 422, 42208, ""}, {"POST /subjects/a%0Ab/versions", one, 422, 42208, ""}, {"POST /subjects/%3A.c%20c%3Aa/versions", one, 422, 42208, ""}}},
	{42209, []step{{"POST /subjects/a/versions", submission(`"` + strings.Repeat("x", 2<<20) + `"`), 422, 42209, ""}}},
	{42210, []step{
		{"POST /subjects/a/versions", submission(v1, `,"ruleSet":{"domainRules":[{}]}`), 422, 42210, ""},
		{"PUT /config/a", `{"defaultRuleSet":{"domainRules":[{}]}}`, 422, 42210, ""},
	}},
	{40401, []step{
		{"GET /subjects/a/versions", "", 404, 40401, "~\"Subject 'a' not found. Nothing is registered under it: register a version first"}, {"GET /subjects/a%0Ab/versions", "", 404, 40401, "~\"Subject not found. No subject has such a name: subject: the name"}, {"POST /subjects/a", one, 404, 40401, ""}, {"DELETE /subjects/a", "", 404, 40401, ""},
		{"GET /subjects/a/versions/1", "", 404, 40401, ""}, {"GET /subjects/a/metadata", "", 404, 40401, ""}, {"DELETE /config/a", "", 404, 40401, ""}, {"DELETE /mode/a", "", 404, 40401, ""},
	}},
	{40402, []step{
		{"POST /subjects/a/versions", one, 200, 0, ""},
		{"GET /subjects/a/versions/9", "", 404, 40402, "~\"Version 9 not found. The latest version of subject 'a' is 1: ask for that"}, {"GET /subjects/a/versions/9/schema", "", 404, 40402, ""}, {"DELETE /subjects/a/versions/9", "", 404, 40402, "~of subject 'a' is 1: ask"},
		{"GET /subjects/a/versions/9/referencedby", "", 404, 40402, ""}, {"POST /compatibility/subjects/a/versions/9", one, 404, 40402, ""}, {"GET /subjects/a/metadata?key=k&value=v", "", 404, 40402, "~\"Version not found. No version of subject 'a'"}, {"POST /compatibility/subjects/none/versions/9", one, 404, 40402, "~\"Version 9 not found. Subject 'none' has no version now: register"},
	}},
	{40403, []step{
		{"GET /schemas/ids/99", "", 404, 40403, "~\"Schema 99 not found. The context '.' has no schema of this id: ask"}, {"GET /schemas/ids/99?subject=a", "", 404, 40403, "~\"Schema 99 not found. Subject 'a' has no such id in any context: ask"}, {"GET /schemas/ids/99/schema", "", 404, 40403, ""}, {"GET /schemas/ids/99/subjects", "", 404, 40403, ""}, {"GET /schemas/ids/99/versions", "", 404, 40403, ""},
		{"GET /schemas/guids/x", "", 404, 40403, ""}, {"GET /schemas/guids/00000000-0000-0000-0000-000000000000/ids", "", 404, 40403, ""}, {"POST /subjects/a", two, 404, 40403, "~\"Schema not found. Subject 'a' has no version with it: register"},
	}},
	{42202, []step{
		{"GET /subjects/a/versions/0", "", 422, 42202, ""}, {"GET /subjects/a/versions/x", "", 422, 42202, ""}, {"DELETE /subjects/a/versions/2147483648", "", 422, 42202, ""},
		{"POST /compatibility/subjects/a/versions/-2", one, 422, 42202, ""}, {"POST /subjects/a/versions/0/tags", `{}`, 422, 42202, ""},
	}},
	{409, []step{{"POST /subjects/a/versions", other, 409, 409, ""}}},
	{42250, []step{
		{"PUT /config/g", `{"gate":"ENFORCE"}`, 200, 0, ""},
		{"POST /subjects/g/versions", submission(`{"type":"record","name":"O","fields":[{"name":"email","type":"string"}]}`), 422, 42250, ""},
	}},
	{40408, []step{{"GET /config/a", "", 404, 40408, "~\"Subject 'a' has no configuration of its own. It inherits one: ask with defaultToGlobal=true"}}},
	{40409, []step{{"GET /mode/a", "", 404, 40409, "~\"Subject 'a' has no mode of its own. It inherits one: ask with defaultToGlobal=true"}}},
	{42203, []step{
		{"PUT /config/a", `{"compatibility":"SIDEWAYS"}`, 422, 42203, ""}, {"PUT /config/a", `{"compatibilityPolicy":"LOGICAL"}`, 422, 42203, ""}, {"PUT /config/a", `{"normalize":1}`, 422, 42203, ""},
		{"PUT /config/a", `{"compatibilityGroup":"` + strings.Repeat("x", 1001) + `"}`, 422, 42203, "~compatibilityGroup: this setting is a name of 1000 bytes at most"},
		{"PUT /config/a", `{"defaultMetadata":{"properties":{"p":"` + strings.Repeat("x", 1<<20) + `"}}}`, 422, 42203, "~at most 1048576 are taken"},
	}},
	{42204, []step{{"PUT /mode/a", `{"mode":"FORWARD"}`, 422, 42204, ""}, {"PUT /mode", `{"mode":"forward"}`, 422, 42204, "~LETHE_FORWARD_URL"}, {"PUT /mode", `{}`, 422, 42204, ""}}},
	{42205, []step{
		{"PUT /mode/a", `{"mode":"IMPORT"}`, 422, 42205, ""},
		{"POST /subjects/a/versions", submission(v2, `,"id":7`), 422, 42205, ""},
		{"PUT /mode/a", `{"mode":"READONLY"}`, 200, 0, ""},
		{"POST /subjects/a/versions", two, 422, 42205, ""}, {"DELETE /subjects/a", "", 422, 42205, "~subject 'a' is in the mode READONLY"}, {"PUT /config/a", `{"compatibility":"NONE"}`, 422, 42205, ""},
		{"DELETE /mode/a", "", 200, 0, ""},
	}},
	{42207, []step{
		{"PUT /mode/i", `{"mode":"IMPORT"}`, 200, 0, ""},
		{"POST /subjects/i/versions", submission(v2, `,"id":1`), 422, 42207, ""},
		{"POST /subjects/i/versions", submission(v1, `,"id":2`), 422, 42207, ""},
	}},
	{42206, []step{
		{"POST /subjects/list/versions", submission(`{"type":"array","items":"shop.Order"}`, `,"references":[{"name":"shop.Order","subject":"a","version":1}]`), 200, 0, ""},
		{"DELETE /subjects/a", "", 422, 42206, ""}, {"DELETE /subjects/a/versions/1", "", 422, 42206, ""},
		{"DELETE /subjects/list", "", 200, 0, ""},
	}},
	{40404, []step{{"DELETE /subjects/list", "", 404, 40404, "~\"Subject 'list' was deleted already: ask with permanent=true"}}},
	{40406, []step{
		{"GET /subjects/list/versions", "", 404, 40401, "~\"Subject 'list' not found. Its versions are deleted: ask with deleted=true"}, {"GET /subjects/a/versions?deletedOnly=true", "", 404, 40401, "~None of its versions is deleted"},
		{"GET /subjects/list/versions/latest?deleted=true", "", 404, 40402, "~\"Version latest not found. The versions of subject 'list' are deleted"}, {"GET /subjects/list/versions/1?deletedOnly=true", "", 200, 0, ""},
		{"DELETE /subjects/list/versions/1", "", 404, 40406, "~\"Version 1 of subject 'list' was deleted already: ask with permanent=true"}, {"DELETE /subjects/list/versions/1?permanent=true", "", 200, 0, ""},
	}},
	{40405, []step{{"DELETE /subjects/a?permanent=true", "", 404, 40405, "~\"Subject 'a' is not deleted yet: delete it first"}}},
	{40407, []step{{"DELETE /subjects/a/versions/1?permanent=true", "", 404, 40407, "~\"Version 1 of subject 'a' is not deleted yet: delete it first"}}},
	{42211, []step{{"POST /contexts/full/subjects/a/versions", one, 200, 0, ""}, {"DELETE /contexts/full", "", 422, 42211, "~context '.full' holds"}}},
}

// elsewhere are the codes that other tests reach, because they want other
// headers, another caller, or a database that is away.
var elsewhere = []int{
	406, 415, // TestAnswersByHand
	401, 403, 40101, 40301, // TestTheDoorAsksWhoItIs
	50001, // TestADatabaseThatIsAwayIsNoEmptyRegistry
	50003, // TestForwardingToWhoIsAway
}

// Every code is reached, and what is told with it is short, whatever was sent.
func TestEveryCodeIsReached(t *testing.T) {
	t.Parallel()
	s := serve(t)
	left := map[int]bool{}
	for _, code := range codesInSource(t) {
		left[code] = true
	}
	for _, r := range reached {
		known := left[r.code] || r.code < 1000
		delete(left, r.code)
		if !known {
			t.Errorf("no code %d is in the source", r.code)
		}
		if !slices.ContainsFunc(r.steps, func(st step) bool { return st.code == r.code }) {
			t.Errorf("no step of %d reaches it", r.code)
		}
		s.walk(t, r.steps)
	}
	for _, code := range elsewhere {
		delete(left, code)
	}
	if len(left) > 0 {
		t.Errorf("nothing reaches %v", slices.Sorted(maps.Keys(left)))
	}
}

// codesInSource collects the numbers in the door's own files that can be codes.
func codesInSource(t *testing.T) []int {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.INT {
				return true
			}
			if code, err := strconv.Atoi(lit.Value); err == nil && (code >= 40000 && code < 60000 || code >= 400 && code < 500) {
				seen[code] = true
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(seen))
}

// An error repeats no more than two kilobytes of what was sent.
func TestErrorsAreShort(t *testing.T) {
	t.Parallel()
	s := serve(t)
	long := strings.Repeat("x", 300_000)
	var fields, added []string
	for i := range 3000 {
		fields = append(fields, `{"name":"f`+strconv.Itoa(i)+`","type":"int"}`)
		added = append(added, `{"name":"g`+strconv.Itoa(i)+`","type":"int"}`)
	}
	record := func(fields []string) string {
		return submission(`{"type":"record","name":"R","fields":[` + strings.Join(fields, ",") + `]}`)
	}
	s.walk(t, []step{{"POST /subjects/wide/versions", record(fields), 200, 0, ""}})
	for _, try := range []struct{ method, path, body string }{
		{"POST", "/subjects/a/versions", submission(`{"type":"` + long + `"}`)},
		{"POST", "/subjects/a/versions", submission(long)},
		{"POST", "/subjects/a/versions", `"` + long + `"`},
		{"POST", "/subjects/a/versions", submission(v1, `,"schemaType":"`+long+`"`)},
		{"POST", "/subjects/a/versions", submission(v1, `,"references":[{"name":"`+long+`","subject":"`+long+`","version":1}]`)},
		{"POST", "/subjects/a/versions", submission(v1, `,"schemaTagsToAdd":[{"schemaEntity":{"entityPath":"`+long+`","entityType":"sr_field"},"tags":["`+long+`"]}]`)},
		{"POST", "/subjects/a/versions", submission(v1, `,"schemaTagsToAdd":[{"schemaEntity":{"entityPath":"x","entityType":"`+long+`"}}]`)},
		{"POST", "/subjects/wide/versions", record(added)},
		{"PUT", "/config/a", `{"compatibility":"` + long + `"}`},
		{"PUT", "/config/a", `{"alias":"` + long + `"}`},
		{"PUT", "/mode/a", `{"mode":"` + long + `"}`},
		{"GET", "/subjects/" + long[:20_000] + "/versions", ""},
		{"GET", "/subjects/a/versions/" + long[:20_000], ""},
		{"GET", "/schemas/ids/" + long[:20_000], ""},
		{"GET", "/" + long[:20_000], ""},
	} {
		status, _, body := s.ask(t, try.method, try.path, try.body)
		var told struct{ Message string }
		if err := json.Unmarshal([]byte(body), &told); err != nil || status < 400 || len(told.Message) > 2<<10 {
			t.Errorf("%s %.40s: %d, %d bytes %v", try.method, try.path, status, len(told.Message), err)
		}
	}
}
