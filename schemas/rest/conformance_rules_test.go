package rest_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
)

// Written from the rules of the API, as in conformance_test.go: what is easy to
// get wrong and stands in none of the others.
func TestConformanceOfNumbersAndIDs(t *testing.T) {
	t.Parallel()
	third := submission(`{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"x","type":"int","default":0}]}`)
	serve(t).walk(t, []step{
		{"POST /subjects/a/versions", one, 200, 0, `~{"id":1,"version":1,`},
		{"POST /subjects/a/versions", two, 200, 0, `~{"id":2,"version":2,`},
		// A number is used again once its version is gone for good, an id never.
		{"DELETE /subjects/a/versions/2", "", 200, 0, "2"},
		{"POST /subjects/a/versions", third, 200, 0, `~{"id":3,"version":3,`},
		{"DELETE /subjects/a/versions/3", "", 200, 0, "3"},
		{"DELETE /subjects/a/versions/3?permanent=true", "", 200, 0, "3"},
		{"POST /subjects/a/versions", third, 200, 0, `~{"id":4,"version":3,`},
		{"GET /schemas/ids/3", "", 404, 40403, ""},
		// Registered again, what was deleted gets the next number and its old id.
		{"POST /subjects/a/versions", two, 200, 0, `~{"id":2,"version":4,`},
		{"GET /subjects/a/versions?deleted=true", "", 200, 0, "[1,3,4]"},
		// Unless something refers to it: then the deleted version stays, too.
		{"POST /subjects/b/versions", one, 200, 0, `~{"id":1,"version":1,`},
		{"POST /subjects/list/versions", submission(`{"type":"array","items":"shop.Order"}`, `,"references":[{"name":"shop.Order","subject":"b","version":1}]`), 200, 0, `~{"id":5,`},
		{"DELETE /subjects/list", "", 200, 0, "[1]"},
		{"DELETE /subjects/b", "", 200, 0, "[1]"},
		{"POST /subjects/b/versions", one, 200, 0, `~{"id":1,"version":2,`},
		{"GET /subjects/b/versions?deleted=true", "", 200, 0, "[1,2]"},
		// A deleted version is read by those that refer to it, and is not to be referred to anew.
		{"GET /subjects/list/versions/1/schema?deleted=true&format=resolved", "", 200, 0, `~"name":"Order"`},
		{"POST /subjects/other/versions", submission(`{"type":"map","values":"shop.Order"}`, `,"references":[{"name":"shop.Order","subject":"b","version":1}]`), 422, 42201, ""},
		// Lists are cut by offset and limit, wherever there is a list.
		{"GET /schemas/ids/1/subjects", "", 200, 0, `["a","b"]`},
		{"GET /schemas/ids/1/subjects?offset=1", "", 200, 0, `["b"]`},
		{"GET /schemas/ids/1/subjects?subject=b", "", 200, 0, `["b"]`},
		{"GET /schemas/ids/1/versions?limit=1", "", 200, 0, `[{"subject":"a","version":1}]`},
		{"GET /schemas/ids/1/versions?deleted=true&offset=1", "", 200, 0, `[{"subject":"b","version":1},{"subject":"b","version":2}]`},
		{"GET /subjects?offset=-1&limit=-1", "", 200, 0, `["a","b"]`},
		{"GET /subjects?limit=0", "", 200, 0, `["a","b"]`},
	})
}

func TestConformanceOfLevels(t *testing.T) {
	t.Parallel()
	field := func(name string) string {
		return submission(`{"type":"record","name":"R","fields":[{"name":"` + name + `","type":"int","default":0}]}`)
	}
	noDefault := submission(`{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`)
	json := submission(`{"type":"object"}`, `,"schemaType":"JSON"`)
	serve(t).walk(t, []step{
		// The first version is always taken, and so is anything that may be tested against nothing.
		{"PUT /config", `{"compatibility":"BACKWARD_TRANSITIVE"}`, 200, 0, ""},
		{"POST /compatibility/subjects/a/versions/latest", json, 200, 0, `{"is_compatible":true}`},
		{"POST /compatibility/subjects/a/versions", json, 200, 0, `{"is_compatible":true}`},
		{"POST /subjects/a/versions", field("b"), 200, 0, ""},
		{"POST /subjects/a/versions", field("a"), 200, 0, ""},
		// Against the latest it may follow; against all it may not. A version that is named is judged alone.
		{"POST /compatibility/subjects/a/versions/latest", noDefault, 200, 0, `{"is_compatible":true}`},
		{"POST /compatibility/subjects/a/versions/1", noDefault, 200, 0, `{"is_compatible":false}`},
		{"POST /compatibility/subjects/a/versions", noDefault, 200, 0, `{"is_compatible":false}`},
		{"POST /subjects/a/versions", noDefault, 409, 409, "~{oldSchemaVersion: 1}"},
		{"POST /subjects/a/versions", noDefault, 409, 409, `~{oldSchema: '{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"b\"`},
		{"PUT /config/a", `{"compatibility":"BACKWARD"}`, 200, 0, ""},
		{"POST /subjects/a/versions", noDefault, 200, 0, `~"version":3,`},
		// Another type is incompatible, unless nothing is asked.
		{"POST /subjects/a/versions", json, 409, 409, ""},
		{"PUT /config/a", `{"compatibility":"NONE"}`, 200, 0, ""},
		{"POST /compatibility/subjects/a/versions/1", json, 200, 0, `{"is_compatible":true}`},
		{"POST /subjects/a/versions", json, 200, 0, `~"schemaType":"JSON"`},
		// A subject's level, else its context's, else that of ".", else the one of all.
		{"DELETE /config", "", 200, 0, `{"compatibilityLevel":"BACKWARD_TRANSITIVE"}`},
		{"PUT /config/%3A.__GLOBAL%3A", `{"compatibility":"FULL"}`, 200, 0, `{"compatibility":"FULL"}`},
		{"GET /config/b?defaultToGlobal=true", "", 200, 0, `{"compatibilityLevel":"FULL"}`},
		{"GET /config/%3A.c%3Ab?defaultToGlobal=true", "", 200, 0, `{"compatibilityLevel":"FULL"}`},
		{"PUT /config", `{"compatibility":"FORWARD"}`, 200, 0, ""},
		{"GET /config/%3A.c%3Ab?defaultToGlobal=true", "", 200, 0, `{"compatibilityLevel":"FORWARD"}`},
		{"PUT /config/%3A.c%3A", `{"compatibility":"NONE"}`, 200, 0, ""},
		{"GET /config/%3A.c%3Ab?defaultToGlobal=true", "", 200, 0, `{"compatibilityLevel":"NONE"}`},
		{"GET /contexts/c/config/b?defaultToGlobal=true", "", 200, 0, `{"compatibilityLevel":"NONE"}`},
		{"GET /config/b?defaultToGlobal=true", "", 200, 0, `{"compatibilityLevel":"FORWARD"}`},
	})
}

// The property confluent:reserved lists fields that a schema must not have; it
// counts under validateFields, whatever the level.
func TestConformanceOfReservedFields(t *testing.T) {
	t.Parallel()
	record := func(field, reserved string) string {
		return submission(`{"type":"record","name":"R","fields":[{"name":"`+field+`","type":"int","default":0}]}`, `,"metadata":{"properties":{"confluent:reserved":"`+reserved+`"}}`)
	}
	object := submission(`{"type":"object","properties":{"email":{"type":"string"}}}`, `,"schemaType":"JSON","metadata":{"properties":{"confluent:reserved":"email"}}`)
	serve(t).walk(t, []step{
		{"POST /subjects/free/versions", record("email", "email"), 200, 0, ""},
		{"PUT /config", `{"validateFields":true,"compatibility":"NONE"}`, 200, 0, ""},
		{"POST /subjects/a/versions", record("email", "x, email"), 409, 409, `~FIELD_CONFLICTS_WITH_RESERVED_FIELD`},
		{"POST /subjects/a/versions", object, 409, 409, ""},
		{"POST /subjects/a/versions", record("id", "email,phone"), 200, 0, `~"version":1,`},
		{"POST /subjects/a/versions", record("other", "email"), 409, 409, `~RESERVED_FIELD_REMOVED`},
		{"POST /compatibility/subjects/a/versions?verbose=true", record("other", "email"), 200, 0, `~"is_compatible":false`},
		{"POST /compatibility/subjects/a/versions/latest", submission(`{"type":"record","name":"R","fields":[]}`), 200, 0, `{"is_compatible":true}`},
		{"POST /compatibility/subjects/a/versions/1", submission(`{"type":"record","name":"R","fields":[{"name":"phone","type":"int"}]}`), 200, 0, `{"is_compatible":false}`},
		// What is left out is inherited, and a reservation may be added to.
		{"POST /subjects/a/versions", submission(`{"type":"record","name":"R","fields":[{"name":"phone","type":"int"}]}`), 409, 409, ""},
		{"POST /subjects/a/versions", record("other", "phone,email,x"), 200, 0, `~"version":2,`},
		{"PUT /config/a", `{"validateFields":false}`, 200, 0, ""},
		{"POST /subjects/a/versions", record("email", "email"), 200, 0, ""},
	})
}

// Force passes what the level refuses, for who may set the level; it leaves the
// level as it is.
func TestConformanceOfForce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.walk(t, []step{
		{"POST /subjects/a/versions", one, 200, 0, ""},
		{"POST /subjects/a/versions?force=false", other, 409, 409, ""},
		{"POST /subjects/a?force=true", other, 404, 40403, ""},
		{"POST /compatibility/subjects/a/versions?force=true", other, 200, 0, `{"is_compatible":false}`},
		{"POST /subjects/a/versions?force=true", other, 200, 0, `~{"id":2,"version":2,`},
		{"POST /subjects/a/versions?force=true", other, 200, 0, `~{"id":2,"version":2,`},
		{"GET /config/a?defaultToGlobal=true", "", 200, 0, `{"compatibilityLevel":"BACKWARD"}`},
		{"POST /subjects/a/versions?force=true", submission("{"), 422, 42201, ""},
		{"POST /subjects/a/versions?force=true", submission(v1, `,"version":9`), 422, 42201, ""},
		{"PUT /mode/a", `{"mode":"READONLY"}`, 200, 0, ""},
		{"POST /subjects/a/versions?force=true", two, 422, 42205, ""},
		{"PUT /mode/a", `{"mode":"READWRITE"}`, 200, 0, ""},
		{"PUT /config/a", `{"gate":"ENFORCE"}`, 200, 0, ""},
		{"POST /subjects/a/versions?force=true", submission(`{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"email","type":"string"}]}`), 422, 42250, ""},
	})
	c, admin := catalog.New(s.db, time.Now), access.System
	controller, err := c.DeclareController(t.Context(), admin, catalog.Controller{Ref: "flowmart", Name: "FlowMart", Country: "DE", TimeZone: "Europe/Berlin"})
	if err == nil {
		_, err = c.RegisterService(t.Context(), admin, catalog.Service{Ref: "orders", Name: "Orders", ControllerID: controller.ID})
	}
	if err != nil {
		t.Fatal(err)
	}
	pipeline := []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("token:ci"))}
	for _, st := range []step{
		{"/subjects/b/versions?force=true", one, 200, 0, `{"id":1,`},
		{"/subjects/b/versions?force=true", two, 200, 0, `"version":2,`},
		{"/subjects/b/versions?force=true", other, 409, 409, "force=true is for who may set the level"},
		{"/subjects/b/versions?force=true", other, 409, 409, "lethe schema approve"},
		{"/subjects/b/versions?force=true", other, 409, 409, "{oldSchemaVersion: 2}"},
	} {
		if status, code, body := s.ask(t, "POST", st.ask, st.send, pipeline...); status != st.status || code != st.code || !strings.Contains(body, st.body) {
			t.Errorf("%s: %d %d %s, want %d %d %s", st.ask, status, code, body, st.status, st.code, st.body)
		}
	}
}
