package rest_test

import (
	"encoding/json"
	"testing"
)

// Written from the rules of the API, as in conformance_test.go.
func TestConformanceOfMetadata(t *testing.T) {
	t.Parallel()
	s := serve(t)
	major := func(n string) string { return `,"metadata":{"properties":{"major":"` + n + `"}}` }
	rules := `,"ruleSet":{"domainRules":[{"name":"checkLen","kind":"CONDITION","type":"CEL"}]}`
	s.walk(t, []step{
		{"POST /subjects/a/versions", one, 200, 0, `~{"id":1,`},
		// The same text with other metadata is a new version with a new id.
		{"POST /subjects/a/versions", submission(v1, major("1")), 200, 0, `~{"id":2,`},
		{"POST /subjects/a/versions", submission(v1, major("1")), 200, 0, `~{"id":2,`},
		{"GET /subjects/a/versions/2", "", 200, 0, `~"metadata":{"properties":{"major":"1"}}`},
		{"GET /schemas/ids/2", "", 200, 0, `~"metadata":{"properties":{"major":"1"}}`},
		// Left out, they are the latest version's; an empty object clears them.
		{"POST /subjects/a/versions", two, 200, 0, `~{"id":3,`},
		{"GET /subjects/a/versions/3", "", 200, 0, `~"metadata":{"properties":{"major":"1"}}`},
		{"POST /subjects/a/versions", submission(v2, `,"metadata":{}`), 200, 0, `~{"id":4,`},
		{"GET /schemas/ids/4/schema", "", 200, 0, v2},
		{"POST /subjects/a", submission(v2, major("1")), 200, 0, `~"version":3`},
		{"POST /subjects/a", submission(v2, major("9")), 404, 40403, ""},
		// Who names none finds the newest with the text.
		{"POST /subjects/a", two, 200, 0, `~"version":4`},
		// Without a schema it is the latest text.
		{"POST /subjects/a/versions", `{"metadata":{"properties":{"major":"2"}}}`, 200, 0, `~{"id":5,`},
		{"GET /subjects/a/versions/latest/schema", "", 200, 0, v2},
		{"POST /subjects/none/versions", `{"metadata":{"properties":{"major":"2"}}}`, 422, 42201, ""},
		{"GET /subjects/a/metadata?key=major&value=1", "", 200, 0, `~"version":3,`},
		{"GET /subjects/a/metadata?key=major&value=7", "", 404, 40402, ""},
		{"GET /subjects/none/metadata?key=major&value=7", "", 404, 40401, ""},
		// Only versions of the same group are held against one another.
		{"PUT /config/a", `{"compatibilityGroup":"major"}`, 200, 0, ""},
		{"POST /subjects/a/versions", submission(no, major("2")), 409, 409, ""},
		{"POST /subjects/a/versions", submission(no, major("3")), 200, 0, `~{"id":6,`},
		{"PUT /config/b", `{"defaultMetadata":{"properties":{"team":"shop","x":"1"}},"overrideMetadata":{"properties":{"x":"3"}}}`, 200, 0, ""},
		{"POST /subjects/b/versions", submission(v1, `,"metadata":{"properties":{"team":"billing","x":"2"}}`), 200, 0, `~{"id":7,`},
		{"GET /schemas/ids/7", "", 200, 0, `~"metadata":{"properties":{"team":"billing","x":"3"}}`},
		{"POST /subjects/c/versions", submission(v1, rules), 200, 0, `~{"id":8,`},
		{"GET /subjects/c/versions/1", "", 200, 0, `~"ruleSet":{"domainRules":[{`},
		{"GET /schemas?subjectPrefix=c", "", 200, 0, `~"ruleset":{"domainRules":[{`},
		{"POST /subjects/c/versions", submission(v1, `,"ruleSet":{"domainRules":[{"name":"x"},{"name":"x"}]}`), 422, 42210, ""},
		{"GET /schemas?subjectPrefix=a&latestOnly=true", "", 200, 0, `~[{"subject":"a","version":6,"id":6,`},
		{"GET /schemas?subjectPrefix=a&offset=1&limit=1", "", 200, 0, `~[{"subject":"a","version":2,"id":2,`},
		{"GET /schemas?subjectPrefix=a&latestOnly=true&limit=0", "", 200, 0, `~[{"subject":"a","version":6,"id":6,`},
		{"GET /schemas?subjectPrefix=zzz", "", 200, 0, `[]`},
		{"GET /schemas/ids/1?fetchMaxId=true", "", 200, 0, `~"maxId":8`},
		// What tells two ids of one content apart is no later version's.
		{"POST /subjects/d/versions", submission(v1, `,"metadata":{"properties":{"lethe:id":"7","major":"1"}}`), 200, 0, `~{"id":9,`},
		{"POST /subjects/d/versions", two, 200, 0, `~{"id":3,`},
		{"GET /schemas/guids/00000000-0000-0000-0000-000000000000", "", 404, 40403, ""},
		{"GET /schemas/guids/none", "", 404, 40403, ""},
		{"POST /contexts/dev/subjects/a/versions", one, 200, 0, `~{"id":1,`},
	})
	_, _, body := s.ask(t, "GET", "/subjects/a/versions/1", "")
	var v struct{ GUID string }
	if err := json.Unmarshal([]byte(body), &v); err != nil || v.GUID == "" {
		t.Fatalf("%s %v", body, err)
	}
	s.walk(t, []step{
		{"GET /schemas/guids/" + v.GUID, "", 200, 0, `~"guid":"` + v.GUID},
		{"GET /schemas/guids/" + v.GUID + "/ids", "", 200, 0, `[{"context":".","id":1},{"context":".dev","id":1}]`},
	})
}
