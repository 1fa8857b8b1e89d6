package graph_test

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/internal/access"
)

// The requests of the matrix belong to legal entities of their own, of which
// each brings them somewhere else. They are taken there by the rooms and not
// by SQL, so that whoever may act on them can do it.
const (
	calm  = "calm-at"  // nobody holds anything: a plan is made at once and done at once
	wary  = "wary-at"  // one erasure a day, and today's has been planned
	gappy = "gappy-at" // a dataset whose service answers nobody
	busy  = "flowmart-de"
)

// settle declares the legal entities.
func (c *company) settle() {
	c.t.Helper()
	const entity = `ref: %q, name: "Entity", country: "AT", timeZone: "Europe/Vienna", dailyCeiling: %d`
	c.declare("declareController", "controller", fmt.Sprintf(entity, calm, 1_000_000))
	c.declare("declareController", "controller", fmt.Sprintf(entity, wary, 1))
	id := c.declare("declareController", "controller", fmt.Sprintf(entity, gappy, 1_000_000))
	mute := c.declare("registerService", "service", fmt.Sprintf(`ref: "mute", name: "Mute", controllerId: %q`, id))
	c.storeAndTable("mute", mute, "public.person")
	x := &cell{company: c, t: c.t, by: c.handler, whose: "own"}
	x.opened(wary, erasure.Erasure, true)
}

// opener is who opened the request of a cell, as the handler that they are
// or have been.
func (x *cell) opener() access.Principal {
	by := x.by
	if x.whose == "other" || by.ID == uuid.Nil {
		by = x.company.handler
	}
	by.Roles = []access.Role{access.Handler}
	return by
}

// opened opens a request about somebody new, and takes it as far as it goes.
func (x *cell) opened(controller string, kind erasure.Kind, identified bool) erasure.Request {
	x.t.Helper()
	o := erasure.Opening{Kind: kind, Controller: controller, Identifiers: []subject.Identifier{{Type: "customer_id", Value: "c-" + uuid.NewString()}}}
	if kind == erasure.Erasure {
		o.Ground = some("17(1)(b)")
	}
	if identified {
		method := erasure.AccountLogin
		o.Identity = &method
	}
	r, err := x.rooms.Requests.Open(x.t.Context(), x.opener(), o)
	must(x.t, err)
	return x.advanced(r.ID)
}

func (x *cell) advanced(id uuid.UUID) erasure.Request {
	x.t.Helper()
	must(x.t, x.rooms.Requests.Advance(x.t.Context(), id))
	r, err := erasure.RequestByID(x.t.Context(), x.db, id)
	must(x.t, err)
	return r
}

// approved opens a request and has the approver approve its plan.
func (x *cell) approved(controller string, kind erasure.Kind) erasure.Request {
	x.t.Helper()
	r := x.opened(controller, kind, true)
	_, err := x.rooms.Requests.Approve(x.t.Context(), x.approver, r.ID, r.PlanDigest)
	must(x.t, err)
	return x.advanced(r.ID)
}

// in makes a request that is in a state.
func (x *cell) in(state string) (r erasure.Request) {
	x.t.Helper()
	ctx, want := x.t.Context(), erasure.State(state)
	switch state {
	case "RECEIVED":
		r = x.opened(calm, erasure.Erasure, false)
	case "PAUSED":
		var err error
		r, err = x.rooms.Requests.PauseClock(ctx, x.company.handler, x.opened(calm, erasure.Erasure, false).ID, erasure.Clarification)
		must(x.t, err)
		want = erasure.IdentityPending
	case "PLANNED":
		r = x.opened(calm, erasure.Erasure, true)
	case "BLOCKED":
		r = x.opened(wary, erasure.Erasure, true)
	case "GAPS":
		r, want = x.approved(gappy, erasure.Erasure), erasure.Blocked
	case "CLOSED":
		r = x.approved(calm, erasure.Erasure)
	case "ACCESS":
		r, want = x.approved(calm, erasure.Access), erasure.Closed
	}
	if r.State != want {
		x.t.Fatalf("a request meant to be %s is %s", state, r.State)
	}
	return r
}

func (x *cell) request(state string) string {
	if x.whose == "absent" {
		return missing("Request")
	}
	return id("Request", x.in(state).ID)
}

func (x *cell) planned() (request, digest string) {
	if x.whose == "absent" {
		return missing("Request"), strings.Repeat("ab", 32)
	}
	r := x.in("PLANNED")
	return id("Request", r.ID), hex.EncodeToString(r.PlanDigest)
}

func (x *cell) caseNumber() string {
	if x.whose == "absent" {
		return "R-2026-999999"
	}
	return x.in("RECEIVED").CaseNumber
}

// task is one that waits for the answer of an identity service.
func (x *cell) task() string {
	if x.whose == "absent" {
		return missing("Task")
	}
	return id("Task", x.first(`SELECT key FROM erasure_task WHERE request_id = $1 ORDER BY id LIMIT 1`, x.opened(busy, erasure.Erasure, true)))
}

// notice is the receipt that the data subject is to be sent.
func (x *cell) notice() string {
	if x.whose == "absent" {
		return missing("Notice")
	}
	return id("Notice", x.first(`SELECT id FROM erasure_notice WHERE request_id = $1 ORDER BY id LIMIT 1`, x.in("RECEIVED")))
}

func (x *cell) first(q string, r erasure.Request) (key uuid.UUID) {
	x.t.Helper()
	must(x.t, x.db.QueryRow(x.t.Context(), q, r.ID).Scan(&key))
	return key
}

// pack is a package that lies ready, under a passphrase that Lethe made.
func (x *cell) pack() string {
	if x.whose == "absent" {
		return missing("Package")
	}
	r := x.in("ACCESS")
	must(x.t, x.rooms.Exports.Build(x.t.Context(), r.ID))
	packages, err := export.PackagesOf(x.t.Context(), x.db, []uuid.UUID{r.ID})
	must(x.t, err)
	return id("Package", packages[r.ID][0].ID)
}

// stop has the approver stop what a later resume lets go on.
func (x *cell) stop() {
	x.t.Helper()
	service := node.Parse(x.orders).Key
	_, err := x.rooms.Deliveries.Stop(x.t.Context(), x.approver, &service)
	must(x.t, err)
}

// file is a catalog file that says something new about a service's stores.
func (x *cell) file(ref string) string {
	service := x.of("", "orders", "payments")
	if x.whose == "absent" {
		service = "absent"
	}
	return fmt.Sprintf("lethe: catalog/1\nstores:\n  - {ref: %s, name: New, service: %s, technology: REDIS}\n", ref, service)
}
