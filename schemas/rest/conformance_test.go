package rest_test

import (
	"strings"
	"testing"
)

// step is a request and what the API answers. body is the whole answer unless
// it begins with "~": then the answer holds what follows.
type step struct {
	ask    string // method and path
	send   string
	status int
	code   int
	body   string
}

// walk asks one after the other, as an administrator.
func (s *served) walk(t *testing.T, steps []step) {
	t.Helper()
	for i, st := range steps {
		method, path, _ := strings.Cut(st.ask, " ")
		status, code, body := s.ask(t, method, path, st.send)
		body = strings.TrimSuffix(body, "\n")
		part, holds := strings.CutPrefix(st.body, "~")
		said := st.body == "" || body == st.body || holds && strings.Contains(body, part)
		if status != st.status || code != st.code || !said {
			t.Errorf("step %d, %s %s: %d %d %s; want %d %d %s", i+1, st.ask, st.send, status, code, body, st.status, st.code, st.body)
		}
	}
}

var (
	one   = submission(v1)
	two   = submission(v2)
	other = submission(no)
)

// The expected answers below are written from the rules of Confluent's API as
// they are published and as its tests state them: paths, statuses, codes and
// bodies; none is copied from what this server answered.

// Deleting is two steps, and each wrong step has its own code.
func TestConformanceOfDeleting(t *testing.T) {
	t.Parallel()
	serve(t).walk(t, []step{
		{"DELETE /subjects/a", "", 404, 40401, ""},
		{"DELETE /subjects/a/versions/1", "", 404, 40401, ""},
		{"POST /subjects/a/versions", one, 200, 0, `~{"id":1,`},
		{"POST /subjects/a/versions", two, 200, 0, `~{"id":2,`},
		{"POST /subjects/keep/versions", one, 200, 0, `~{"id":1,`},
		{"DELETE /subjects/a/versions/0", "", 422, 42202, ""},
		{"DELETE /subjects/a/versions/x", "", 422, 42202, ""},
		{"DELETE /subjects/a/versions/9", "", 404, 40402, ""},
		{"DELETE /subjects/a/versions/2?permanent=true", "", 404, 40407, ""},
		{"DELETE /subjects/a?permanent=true", "", 404, 40405, ""},
		{"DELETE /subjects/a/versions/latest", "", 200, 0, "2"},
		{"DELETE /subjects/a/versions/2", "", 404, 40406, ""},
		{"GET /subjects/a/versions/2", "", 404, 40402, ""},
		{"GET /subjects/a/versions/latest", "", 200, 0, `~"version":1,`},
		{"GET /subjects/a/versions/2?deleted=true", "", 200, 0, `~"deleted":true`},
		{"GET /subjects/a/versions/1?deleted=true", "", 200, 0, `~"version":1,"id":1,"schema":`},
		{"GET /subjects/a/versions/2/schema?deleted=true", "", 200, 0, v2},
		{"GET /schemas/ids/2", "", 200, 0, "~schema"},
		{"GET /schemas/ids/2/versions", "", 200, 0, "[]"},
		{"GET /schemas/ids/2/versions?deleted=true", "", 200, 0, `[{"subject":"a","version":2}]`},
		{"GET /schemas/ids/2/subjects?deleted=true", "", 200, 0, `["a"]`},
		{"GET /subjects/a/versions", "", 200, 0, "[1]"},
		{"GET /subjects/a/versions?deleted=true", "", 200, 0, "[1,2]"},
		{"GET /subjects/a/versions?deletedOnly=true", "", 200, 0, "[2]"},
		{"GET /subjects/a/versions?deletedAsNegative=true", "", 200, 0, "[1,-2]"},
		{"GET /subjects/a/versions?deleted=true&offset=1&limit=1", "", 200, 0, "[2]"},
		{"POST /subjects/a", two, 404, 40403, ""},
		{"POST /subjects/a?deleted=true", two, 200, 0, `~"version":2,"id":2`},
		{"POST /compatibility/subjects/a/versions/2", one, 404, 40402, ""},
		{"POST /subjects/a/versions", two, 200, 0, `~{"id":2,`},
		{"GET /subjects/a/versions?deleted=true", "", 200, 0, "[1,3]"},
		{"DELETE /subjects/a", "", 200, 0, "[1,3]"},
		{"DELETE /subjects/a", "", 404, 40404, ""},
		{"GET /subjects/a/versions", "", 404, 40401, ""},
		{"GET /subjects/a/versions/1", "", 404, 40401, ""},
		{"POST /subjects/a", one, 404, 40401, ""},
		{"GET /subjects", "", 200, 0, `["keep"]`},
		{"GET /subjects?deleted=true", "", 200, 0, `["a","keep"]`},
		{"GET /subjects?deletedOnly=true", "", 200, 0, `["a"]`},
		{"GET /subjects?deleted=true&offset=1&limit=1", "", 200, 0, `["keep"]`},
		{"GET /subjects?subjectPrefix=ke", "", 200, 0, `["keep"]`},
		{"POST /compatibility/subjects/a/versions/latest", other, 200, 0, `{"is_compatible":true}`},
		{"PUT /config/a", `{"compatibility":"NONE"}`, 200, 0, ""},
		{"DELETE /subjects/a?permanent=true", "", 200, 0, "[1,3]"},
		{"DELETE /subjects/a?permanent=true", "", 404, 40401, ""},
		{"GET /config/a", "", 404, 40408, ""},
		{"GET /schemas/ids/2", "", 404, 40403, ""},
		{"GET /schemas/ids/1", "", 200, 0, "~schema"},
		{"POST /subjects/a/versions", two, 200, 0, `~{"id":3,`},
	})
}

func TestConformanceOfReferences(t *testing.T) {
	t.Parallel()
	list := submission(`{"type":"array","items":"shop.Order"}`, `,"references":[{"name":"shop.Order","subject":"order","version":-1}]`)
	serve(t).walk(t, []step{
		{"POST /subjects/list/versions", list, 422, 42201, ""},
		{"POST /subjects/order/versions", one, 200, 0, `~{"id":1,`},
		{"GET /subjects/order/versions/1/referencedby", "", 200, 0, "[]"},
		{"POST /subjects/list/versions", list, 200, 0, `~{"id":2,`},
		{"GET /subjects/list/versions/1", "", 200, 0, `~"references":[{"name":"shop.Order","subject":"order","version":1}]`},
		{"GET /subjects/order/versions/latest/referencedby", "", 200, 0, "[2]"},
		{"GET /subjects/order/versions/1/referencedby?offset=1", "", 200, 0, "[]"},
		{"GET /subjects/order/versions/2/referencedby", "", 404, 40402, ""},
		{"GET /subjects/order/versions/0/referencedby", "", 422, 42202, ""},
		{"GET /subjects/nothing/versions/1/referencedby", "", 404, 40401, ""},
		{"DELETE /subjects/order", "", 422, 42206, ""},
		{"DELETE /subjects/order/versions/1", "", 422, 42206, ""},
		{"DELETE /subjects/list", "", 200, 0, "[1]"},
		{"GET /subjects/order/versions/1/referencedby", "", 200, 0, "[]"},
		{"GET /subjects/order/versions/1/referencedby?deleted=true", "", 200, 0, "[2]"},
		{"DELETE /subjects/order", "", 200, 0, "[1]"},
		{"DELETE /subjects/order?permanent=true", "", 422, 42206, ""},
		{"DELETE /subjects/list?permanent=true", "", 200, 0, "[1]"},
		{"DELETE /subjects/order?permanent=true", "", 200, 0, "[1]"},
	})
}

func TestConformanceOfContexts(t *testing.T) {
	t.Parallel()
	list := submission(`{"type":"array","items":"shop.Order"}`, `,"references":[{"name":"shop.Order","subject":"a","version":1}]`)
	serve(t).walk(t, []step{
		{"GET /contexts", "", 200, 0, `["."]`},
		{"POST /subjects/a/versions", two, 200, 0, `~{"id":1,`},
		// Each context gives ids of its own.
		{"POST /subjects/%3A.dev%3Aa/versions", one, 200, 0, `~{"id":1,`},
		{"POST /contexts/dev/subjects/b/versions", two, 200, 0, `~{"id":2,`},
		{"GET /contexts", "", 200, 0, `[".",".dev"]`},
		{"GET /contexts?offset=1&limit=1", "", 200, 0, `[".dev"]`},
		{"GET /subjects", "", 200, 0, `[":.dev:a",":.dev:b","a"]`},
		{"GET /subjects?subjectPrefix=a", "", 200, 0, `["a"]`},
		{"GET /subjects?subjectPrefix=%3A.dev%3A", "", 200, 0, `[":.dev:a",":.dev:b"]`},
		{"GET /contexts/.dev/subjects", "", 200, 0, `[":.dev:a",":.dev:b"]`},
		{"GET /contexts/dev/subjects?subjectPrefix=b", "", 200, 0, `[":.dev:b"]`},
		{"GET /subjects/%3A.dev%3Aa/versions/1/schema", "", 200, 0, v1},
		{"GET /subjects/%3A.%3Aa/versions/1/schema", "", 200, 0, v2},
		{"GET /contexts/.dev/subjects/a/versions/latest", "", 200, 0, `~"subject":":.dev:a","version":1,"id":1`},
		{"GET /schemas/ids/1/schema", "", 200, 0, v2},
		{"GET /contexts/dev/schemas/ids/1/schema", "", 200, 0, v1},
		{"GET /schemas/ids/1/schema?subject=%3A.dev%3Aa", "", 200, 0, v1},
		{"GET /schemas/ids/1/schema?subject=a", "", 200, 0, v2},
		// Unqualified: the default context, then any in which the subject has the id.
		{"GET /schemas/ids/2/schema", "", 404, 40403, ""},
		{"GET /schemas/ids/2/schema?subject=b", "", 200, 0, v2},
		{"GET /schemas/ids/2/schema?subject=a", "", 404, 40403, ""},
		// An unqualified reference means the referrer's context.
		{"POST /contexts/dev/subjects/list/versions", list, 200, 0, `~{"id":3,`},
		{"GET /contexts/dev/subjects/a/versions/1/referencedby", "", 200, 0, "[3]"},
		{"GET /subjects/a/versions/1/referencedby", "", 200, 0, "[]"},
		{"GET /contexts/dev/subjects/list/versions/1", "", 200, 0, `~"references":[{"name":"shop.Order","subject":"a","version":1}]`},
		{"PUT /contexts/dev/config", `{"compatibility":"NONE"}`, 200, 0, `{"compatibility":"NONE"}`},
		{"GET /config", "", 200, 0, `{"compatibilityLevel":"BACKWARD"}`},
		{"POST /contexts/dev/subjects/a/versions", other, 200, 0, `~{"id":4,`},
		{"POST /subjects/a/versions", other, 409, 409, ""},
		{"PUT /mode/%3A.dev%3A", `{"mode":"READONLY"}`, 200, 0, `{"mode":"READONLY"}`},
		{"POST /contexts/dev/subjects/c/versions", one, 422, 42205, ""},
		{"DELETE /contexts/dev/mode", "", 200, 0, `{"mode":"READONLY"}`},
		{"DELETE /contexts/dev", "", 422, 42211, ""},
		{"DELETE /contexts/nowhere", "", 204, 0, ""},
		{"POST /subjects/%3A.d%2Fv%3Aa/versions", one, 422, 42208, ""},
		{"GET /contexts/dev/nothing", "", 404, 404, ""},
		{"PATCH /contexts/dev/subjects/a", "", 405, 405, ""},
	})
}
