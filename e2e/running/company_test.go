package running

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol/signature"
)

const plainCatalog = `lethe: catalog/1
controllers:
  - {ref: flowmart-de, name: FlowMart GmbH, country: DE, time_zone: Europe/Berlin}
services:
  - {ref: orders, name: Orders, controller: flowmart-de, identifier_types: [customer_id, email]}
`

type userErrors []struct{ Code, Message string }

func (h *house) importCatalog(text string) {
	h.t.Helper()
	var out struct {
		ImportCatalog struct{ UserErrors userErrors }
	}
	h.ask("admin", `mutation($i: ImportCatalogInput!) { importCatalog(input: $i) { userErrors { code message } } }`, map[string]any{"i": map[string]any{"yaml": text}}, &out)
	if len(out.ImportCatalog.UserErrors) > 0 {
		h.t.Fatalf("catalog: %+v", out.ImportCatalog.UserErrors)
	}
}

// request is a request of a data subject.
type request struct {
	ID, CaseNumber, State string
	Outcome               *string
	Plan                  *struct{ Digest string }
	Tasks                 struct {
		Nodes []struct{ Key, State string }
	}
}

// open files an erasure.
func (h *house) open(kind, value string) request {
	h.t.Helper()
	var out struct {
		OpenRequest struct {
			Request    *request
			UserErrors userErrors
		}
	}
	h.ask("handler", `mutation($i: OpenRequestInput!) { openRequest(input: $i) { request { id caseNumber } userErrors { code message } } }`,
		map[string]any{"i": map[string]any{"type": "ERASURE", "controller": "flowmart-de", "ground": "17(1)(b)", "identity": "ACCOUNT_LOGIN",
			"identifiers": []any{map[string]any{"type": kind, "value": value}}}}, &out)
	if out.OpenRequest.Request == nil {
		h.t.Fatalf("openRequest: %+v", out.OpenRequest.UserErrors)
	}
	return *out.OpenRequest.Request
}

func (h *house) look(caseNumber string) request {
	h.t.Helper()
	var out struct{ Request *request }
	h.ask("dpo", `query($n: String!) { request(caseNumber: $n) { id caseNumber state outcome plan { digest } tasks(first: 100) { nodes { key state } } } }`, map[string]any{"n": caseNumber}, &out)
	if out.Request == nil {
		h.t.Fatalf("there is no request %s", caseNumber)
	}
	return *out.Request
}

// reach waits until a request is in a state.
func (h *house) reach(caseNumber, state string, patience time.Duration) request {
	h.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		r := h.look(caseNumber)
		if r.State == state {
			return r
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s is %s after %s, want %s", caseNumber, r.State, patience, state)
		}
	}
}

func (h *house) approve(r request) {
	h.t.Helper()
	var out struct {
		ApprovePlan struct{ UserErrors userErrors }
	}
	h.ask("approver", `mutation($i: ApprovePlanInput!) { approvePlan(input: $i) { userErrors { code message } } }`, map[string]any{"i": map[string]any{"requestId": r.ID, "digest": r.Plan.Digest}}, &out)
	if len(out.ApprovePlan.UserErrors) > 0 {
		h.t.Fatalf("approvePlan: %+v", out.ApprovePlan.UserErrors)
	}
}

// enlist starts services with a table each and registers them.
func (h *house) enlist(refs ...string) []*erasuretest.Service {
	h.t.Helper()
	a, err := send(h.t.Context(), patient, http.MethodGet, h.public+"/rights/v1/keys", "")
	if err != nil {
		h.t.Fatal(err)
	}
	keys, err := signature.ParseJWKS([]byte(a.body))
	if err != nil {
		h.t.Fatal(err)
	}
	before := h.before
	if before == nil {
		before = func(s *erasuretest.Service) string { return s.URL }
	}
	var services []*erasuretest.Service
	head, stores := "lethe: catalog/1\ncontrollers:\n  - {ref: flowmart-de, name: FlowMart GmbH, country: DE, time_zone: Europe/Berlin}\nservices:\n", "stores:\n"
	for _, ref := range refs {
		s := erasuretest.New(h.t, erasuretest.Named(ref), erasuretest.Trusts(h.public, keys...))
		s.Recipient = ""
		services = append(services, s)
		head += fmt.Sprintf("  - {ref: %s, name: %[1]s, controller: flowmart-de, endpoint: %q, identifier_types: [customer_id]}\n", ref, before(s))
		stores += fmt.Sprintf("  - ref: %s-db\n    name: %[1]s\n    service: %[1]s\n    technology: POSTGRESQL\n    backup: {horizon_days: 30, evidence_on: 2026-10-01}\n    datasets:\n      - {namespace: \"postgres://%[1]s\", name: public.people, kind: TABLE, tags: [user.contact.email]}\n", ref)
	}
	h.importCatalog(head + stores)
	for _, ref := range refs {
		var found struct{ Service struct{ ID string } }
		h.ask("admin", `query($r: String!) { service(ref: $r) { id } }`, map[string]any{"r": ref}, &found)
		var out struct {
			ChallengeService struct{ UserErrors userErrors }
		}
		h.ask("admin", `mutation($i: ServiceActInput!) { challengeService(input: $i) { userErrors { code message } } }`, map[string]any{"i": map[string]any{"serviceId": found.Service.ID}}, &out)
		if len(out.ChallengeService.UserErrors) > 0 {
			h.t.Fatalf("challenge of %s: %+v", ref, out.ChallengeService.UserErrors)
		}
	}
	return services
}

func address(url string) string { return strings.TrimPrefix(url, "http://") }
