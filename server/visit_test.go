package server_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

const (
	anOrder  = `{"schema":"{\"type\":\"record\",\"name\":\"O\",\"fields\":[]}"}`
	level    = `{"compatibility":"NONE"}`
	mode     = `{"mode":"READWRITE"}`
	oneTable = `{"format":"sql","files":[{"path":"a.sql","text":"CREATE TABLE a (id int)"}]}`
)

// visit is one try of one path.
type visit struct {
	whose    string
	packages map[string]string                      // by whose
	guid     string                                 // of the first schema
	issuer   string                                 // of jobs
	must     func(method, path, body string) string // what an admin does before
}

func at(path string) func(*visit) (string, string) {
	return func(*visit) (string, string) { return path, "" }
}

// subject is a path below a subject; the body "new" is a schema never seen.
func subject(rest, body string) func(*visit) (string, string) {
	return func(v *visit) (string, string) {
		if body == "new" {
			body := fmt.Sprintf(`{"schema":"{\"type\":\"record\",\"name\":\"R%s\",\"fields\":[]}"}`, strings.ReplaceAll(uuid.NewString(), "-", ""))
			return "/registry/subjects/" + v.subject() + rest, body
		}
		return "/registry/subjects/" + v.subject() + rest, body
	}
}

func schemaID(rest string) func(*visit) (string, string) {
	return func(v *visit) (string, string) {
		id := map[string]string{"own": "1", "absent": "999999"}[v.whose]
		return "/registry/schemas/ids/" + id + rest, ""
	}
}

func schemaGUID(rest string) func(*visit) (string, string) {
	return func(v *visit) (string, string) {
		guid := map[string]string{"own": v.guid, "absent": uuid.NewString()}[v.whose]
		return "/registry/schemas/guids/" + guid + rest, ""
	}
}

// store is a path below a store's tables.
func store(rest, body string) func(*visit) (string, string) {
	return func(v *visit) (string, string) {
		ref := map[string]string{"own": "orders-db", "other": "payments-db", "absent": "absent-db"}[v.whose]
		return "/api/v1/schemas/stores/" + ref + rest, body
	}
}

// after is a path that is knocked at when an admin has done something, so that
// there is something to undo for each who may.
func after(method, first, body, path string) func(*visit) (string, string) {
	return func(v *visit) (string, string) {
		v.must(method, first, body)
		return path, ""
	}
}

// passing is a path below a subject that has a version again each time.
func passing(rest string) func(*visit) (string, string) {
	return func(v *visit) (string, string) {
		name := "/registry/subjects/" + strings.Replace(v.subject(), "v1", "v2", 1)
		if v.whose != "absent" {
			_, body := subject("", "new")(v)
			v.must("POST", name+"/versions", body)
		}
		return name + rest, ""
	}
}

// settings is what a subject has set for itself, each time again. It is not the
// subject of the others: what was deleted here would be missed there.
func settings(what, body string) func(*visit) (string, string) {
	return func(v *visit) (string, string) {
		path := "/registry/" + what + "/" + strings.Replace(v.subject(), "v1-value", "v1-key", 1)
		if v.whose != "absent" {
			v.must("PUT", path, body)
		}
		return path, ""
	}
}

func (v *visit) subject() string {
	return map[string]string{"own": "orders.v1-value", "other": "payments.v1-value", "absent": "absent-value"}[v.whose]
}

func (v *visit) service() string {
	return map[string]string{"own": "orders", "other": "payments", "absent": "absent"}[v.whose]
}

func (v *visit) catalog() (string, string) {
	return "/api/v1/catalog", fmt.Sprintf("lethe: catalog/1\nstores:\n  - {ref: s-%s, name: New, service: %s, technology: REDIS}\n", uuid.NewString(), v.service())
}

func (v *visit) reader() (string, string) {
	return "/api/v1/schemas/readers", fmt.Sprintf(`{"subject":"orders.v1-value","service":%q}`, v.service())
}

func (v *visit) safe() (string, string) {
	return "/api/v1/schemas/safe", fmt.Sprintf(`{"subject":%q,"version":1}`, v.subject())
}

func (v *visit) check() (string, string) {
	return "/api/v1/schemas/check", fmt.Sprintf(`{"schemas":[{"subject":%q,"schema":"\"string\""}]}`, v.subject())
}

func (v *visit) key() (string, string) {
	return "/api/v1/keys", fmt.Sprintf(`{"service":%q,"role":"ci","label":"a pipeline","days":1}`, v.service())
}

func (v *visit) revoke() (string, string) {
	made := struct{ ID string }{uuid.NewString()}
	if v.whose != "absent" {
		_, body := v.key()
		_ = json.Unmarshal([]byte(v.must("POST", "/api/v1/keys", body)), &made)
	}
	return "/api/v1/keys/" + made.ID, ""
}

func (v *visit) part() (string, string) {
	return fmt.Sprintf("/rights/v1/parts/%s/%s/1", uuid.NewString(), uuid.NewString()), "x"
}

func (v *visit) pack() (string, string) {
	id, ok := v.packages[v.whose]
	if !ok {
		id = uuid.NewString()
	}
	return "/packages/" + id, ""
}

func (v *visit) trust() (string, string) {
	return "/api/v1/trusts", fmt.Sprintf(`{"issuer":%q,"repository":1,"owner":1,"workflow":"x.yml","verbs":["register"],"subjects":["none"],"label":"x","service":%q}`, v.issuer, v.service())
}

func (v *visit) endTrust() (string, string) {
	made := struct{ ID string }{uuid.NewString()}
	if v.whose != "absent" {
		_, body := v.trust()
		_ = json.Unmarshal([]byte(v.must("POST", "/api/v1/trusts", body)), &made)
	}
	return "/api/v1/trusts/" + made.ID, ""
}
