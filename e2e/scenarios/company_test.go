package scenarios_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

// clock is time as the server sees it: it runs, and can be moved on.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func clockAt(t time.Time) *clock { return &clock{ahead: time.Until(t)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = time.Until(t)
}

// company is a server with services around it, all of them registered through
// the public doors.
type company struct {
	*servertest.Server
	t        *testing.T
	clock    *clock
	keys     []signature.PublicKey
	services map[string]*erasuretest.Service
	ids      map[string]string // GraphQL ids of the services
	others   []string          // controllers besides flowmart-de
	ceiling  int               // erasures a day
	patience time.Duration     // how long to wait for what must come
	files    string            // keys and directories
	catalog  []string          // what the catalog's file says of stores
	declared []string          // … and of services
}

// member is a service with one store, as the catalog knows it.
type member struct {
	ref        string
	controller string // flowmart-de when empty
	types      string // of identifiers it knows people by; customer_id when empty
	resolves   string // types it resolves others from; empty for none
	datasets   []string
	extra      string // more lines for each dataset
	limits     string // more lines for the service
	sealed     bool   // identifiers go to it sealed
	front      front
	how        []erasuretest.Option
}

// shop is what most scenarios need: two services with a table each.
func shop(orders, loyalty []erasuretest.Option) []member {
	return []member{{ref: "orders", how: orders}, {ref: "loyalty", how: loyalty}}
}

// settings are those of tests: what takes an hour takes a moment.
func settings(c *clock, opts []servertest.Option) []servertest.Option {
	return append([]servertest.Option{
		servertest.With("probe_delay", "10ms"), servertest.With("clock_interval", "200ms"),
		servertest.With("answer_within", "30s"), // other tests run beside them; e2e/running and e2e/chaos see to the limit
		servertest.With("probe_follow_ups", "24h"), servertest.With("log_level", "info"), servertest.Clock(c.now),
	}, opts...)
}

// found starts a company whose clock shows the present.
func found(t *testing.T, members []member, opts ...servertest.Option) *company {
	t.Helper()
	return foundAt(t, &clock{}, members, opts...)
}

func foundAt(t *testing.T, c *clock, members []member, opts ...servertest.Option) *company {
	t.Helper()
	co := &company{t: t, clock: c, services: map[string]*erasuretest.Service{}, ids: map[string]string{}, ceiling: 200, patience: patience, files: servertest.Files(t)}
	co.Server = co.serve(issuertest.New(t), opts...)
	co.learnKeys()
	co.enlist(members...)
	return co
}

// serve starts a server on the company's databases: the first, a replica, or
// one that takes the place of another.
func (c *company) serve(issuer *issuertest.Issuer, opts ...servertest.Option) *servertest.Server {
	c.t.Helper()
	database, _, _ := pgtest.URLs(c.t)
	keystore, _, _ := pgtest.KeystoreURLs(c.t)
	return servertest.On(c.t, issuer, database, keystore, c.files, settings(c.clock, opts)...)
}

// learnKeys reads Lethe's public keys where every service reads them.
func (c *company) learnKeys() {
	c.t.Helper()
	resp := c.Do(c.t, http.MethodGet, "/rights/v1/keys", "", nil)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.keys, err = signature.ParseJWKS(body); err != nil {
		c.t.Fatal(err)
	}
}

// enlist starts services, enters them in the catalog and has each prove its
// key.
func (c *company) enlist(members ...member) {
	c.t.Helper()
	for _, m := range members {
		how := append([]erasuretest.Option{erasuretest.Named(m.ref), erasuretest.Trusts(c.URL, c.keys...)}, m.how...)
		s := erasuretest.New(c.t, how...)
		if !m.sealed {
			s.Recipient = ""
		}
		c.services[m.ref] = s
		if at := s.URL; m.front == nil {
			c.enter(m, at)
		} else {
			c.enter(m, facade(c.t, at, m.front))
		}
	}
	c.importCatalog()
	for _, m := range members {
		c.ids[m.ref] = c.serviceID(m.ref)
		if errs := c.challenge(m.ref); len(errs) > 0 {
			c.t.Fatalf("challenge of %s: %+v", m.ref, errs)
		}
	}
}

// enter writes what the catalog's file says of a service and its store.
func (c *company) enter(m member, url string) {
	types := m.types
	if types == "" {
		types = "customer_id"
	}
	controller := m.controller
	if controller == "" {
		controller = "flowmart-de"
	} else {
		c.others = append(c.others, fmt.Sprintf("  - {ref: %s, name: %[1]s, country: DE, time_zone: Europe/Berlin}\n", controller))
	}
	c.declared = append(c.declared, fmt.Sprintf("  - {ref: %s, name: %[1]s, controller: %s, endpoint: %q, identifier_types: [%s], resolves: [%s]%s}\n",
		m.ref, controller, url, types, m.resolves, m.limits))
	datasets := m.datasets
	if datasets == nil {
		datasets = []string{m.ref}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  - ref: %s-db\n    name: %[1]s\n    service: %[1]s\n    technology: POSTGRESQL\n    backup: {horizon_days: 30, evidence_on: 2026-10-01}\n    datasets:\n", m.ref)
	for _, d := range datasets {
		fmt.Fprintf(&b, "      - namespace: postgres://%s\n        name: public.%s\n        kind: TABLE\n        tags: [user.contact.email]\n%s", m.ref, d, m.extra)
	}
	c.catalog = append(c.catalog, b.String())
}

const catalogHead = `lethe: catalog/1
controllers:
  - {ref: flowmart-de, name: FlowMart GmbH, country: DE, time_zone: Europe/Berlin, daily_ceiling: %d}
%sretention_policies:
  - {ref: invoices, name: Invoices, duration: P10Y, trigger: END_OF_FISCAL_YEAR, action: DELETE, ground: 17(3)(b), legal_reference: Sec. 147 AO}
services:
`

// importCatalog enters everything; what is there already stays as it is.
func (c *company) importCatalog() {
	c.t.Helper()
	text := fmt.Sprintf(catalogHead, c.ceiling, strings.Join(c.others, "")) + strings.Join(c.declared, "")
	if len(c.catalog) > 0 {
		text += "stores:\n" + strings.Join(c.catalog, "")
	}
	var out struct{ ImportCatalog payload }
	c.ask(access.Admin, `mutation($i: ImportCatalogInput!) { importCatalog(input: $i) { userErrors { code message path } } }`,
		map[string]any{"i": map[string]any{"yaml": text}}, &out)
	if len(out.ImportCatalog.UserErrors) > 0 {
		c.t.Fatalf("catalog: %+v\n%s", out.ImportCatalog.UserErrors, text)
	}
}

func (c *company) serviceID(ref string) string {
	c.t.Helper()
	var out struct{ Service *struct{ ID string } }
	c.ask(access.Admin, `query($r: String!) { service(ref: $r) { id } }`, map[string]any{"r": ref}, &out)
	if out.Service == nil {
		c.t.Fatalf("no service %s", ref)
	}
	return out.Service.ID
}

func (c *company) challenge(ref string) []userError {
	c.t.Helper()
	return c.try(access.Admin, "challengeService", "ServiceActInput", map[string]any{"serviceId": c.serviceID(ref)})
}

// userError is why a mutation was not done.
type userError struct {
	Code, Message string
	Path          []string
}

type payload struct{ UserErrors []userError }

// token is for somebody of a role, valid on the server's clock.
func (c *company) token(role access.Role) string {
	return c.tokenOf(string(role), role)
}

// tokenOf is for a person who has several roles.
func (c *company) tokenOf(who string, roles ...access.Role) string {
	groups := make([]string, len(roles))
	for i, r := range roles {
		groups[i] = "lethe:" + string(r)
	}
	now := c.clock.now()
	return c.Issuer.Access(issuertest.Claims{"sub": "the-" + who, "name": "The " + who, "groups": groups,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix()})
}

// ask runs a document that must not fail.
func (c *company) ask(as access.Role, document string, variables map[string]any, out any) {
	c.t.Helper()
	c.QueryAs(c.t, c.token(as), document, variables, out)
}

// try runs a mutation and returns why it was not done.
func (c *company) try(as access.Role, mutation, input string, with map[string]any) []userError {
	c.t.Helper()
	return c.tryAs(c.token(as), mutation, input, with)
}

func (c *company) tryAs(token, mutation, input string, with map[string]any) []userError {
	c.t.Helper()
	var out map[string]payload
	c.QueryAs(c.t, token, fmt.Sprintf(`mutation($i: %s!) { %s(input: $i) { userErrors { code message path } } }`, input, mutation), map[string]any{"i": with}, &out)
	return out[mutation].UserErrors
}

// do runs a mutation that must be done.
func (c *company) do(as access.Role, mutation, input string, with map[string]any) {
	c.t.Helper()
	if errs := c.try(as, mutation, input, with); len(errs) > 0 {
		c.t.Fatalf("%s: %+v", mutation, errs)
	}
}

// refused runs a mutation that must be refused with a code.
func (c *company) refused(code string, as access.Role, mutation, input string, with map[string]any) {
	c.t.Helper()
	errs := c.try(as, mutation, input, with)
	if len(errs) == 0 || errs[0].Code != code {
		c.t.Fatalf("%s: %+v, want %s", mutation, errs, code)
	}
}

// act runs a mutation that needs no more than the request.
func (c *company) act(as access.Role, mutation string, r request) {
	c.t.Helper()
	c.do(as, mutation, "RequestInput", map[string]any{"requestId": r.ID})
}

// person is a data subject of the fixture: C-1, C-2 …, with an e-mail address.
func person(n int) []map[string]any {
	return []map[string]any{{"type": "customer_id", "value": fmt.Sprintf("C-%06d", n)}}
}

func erasureOf(ids []map[string]any) map[string]any {
	return map[string]any{"type": "ERASURE", "controller": "flowmart-de", "ground": "17(1)(b)", "identity": "ACCOUNT_LOGIN", "identifiers": ids}
}

func accessOf(ids []map[string]any) map[string]any {
	return map[string]any{"type": "ACCESS", "controller": "flowmart-de", "identity": "ACCOUNT_LOGIN", "identifiers": ids}
}

// open files a request and returns its case number.
func (c *company) open(input map[string]any) string {
	c.t.Helper()
	var out struct {
		OpenRequest struct {
			Request    *struct{ CaseNumber string }
			UserErrors []userError
		}
	}
	c.ask(access.Handler, `mutation($i: OpenRequestInput!) { openRequest(input: $i) { request { caseNumber } userErrors { code message path } } }`,
		map[string]any{"i": input}, &out)
	if out.OpenRequest.Request == nil {
		c.t.Fatalf("openRequest: %+v", out.OpenRequest.UserErrors)
	}
	return out.OpenRequest.Request.CaseNumber
}

// planned files an erasure and waits for its plan.
func (c *company) planned(ids []map[string]any) request {
	c.t.Helper()
	return c.reach(c.open(erasureOf(ids)), "PLANNED")
}

// approve approves the plan that somebody read.
func (c *company) approve(r request) {
	c.t.Helper()
	c.do(access.Approver, "approvePlan", "ApprovePlanInput", map[string]any{"requestId": r.ID, "digest": r.Plan.Digest})
}

// approved files an erasure and approves its plan.
func (c *company) approved(ids []map[string]any) request {
	c.t.Helper()
	r := c.planned(ids)
	c.approve(r)
	return r
}

// raw reads JSON out of an answer.
func raw(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// effects counts what a service did of an action.
func (c *company) effects(ref string, action protocol.Action) (n int) {
	c.t.Helper()
	for _, e := range c.services[ref].Effects() {
		if e.Action == action {
			n++
		}
	}
	return n
}

// tryApprove approves a plan; the server may die before it has answered.
func (c *company) tryApprove(r request) {
	body, err := json.Marshal(map[string]any{"query": `mutation($i: ApprovePlanInput!) { approvePlan(input: $i) { userErrors { code } } }`,
		"variables": map[string]any{"i": map[string]any{"requestId": r.ID, "digest": r.Plan.Digest}}})
	if err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.token(access.Approver))
	if resp, err := c.Client.Do(req); err == nil {
		resp.Body.Close()
	}
}
