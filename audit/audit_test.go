package audit_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

var (
	auditor = access.Principal{ID: uuid.New(), Roles: []access.Role{access.Auditor}}
	admin   = access.Principal{ID: access.System.ID, Roles: []access.Role{access.Admin}}
	digest  = sha256.Sum256([]byte("plan"))
)

// fixture is a log on a database of its own.
type fixture struct {
	*audit.Log
	db     *pgxpool.Pool
	super  string // URL of a superuser on the same database
	signer *audit.Signer
	anchor *audit.Anchor
	dir    string // of the anchor
}

func setup(t testing.TB) *fixture {
	t.Helper()
	db := pgtest.New(t)
	_, _, super := pgtest.URLs(t)
	dir := t.TempDir()
	signer, err := audit.GenerateKey(t.TempDir()+"/audit.key", "flowmart.example/lethe")
	if err != nil {
		t.Fatal(err)
	}
	anchor, err := audit.OpenAnchor(dir, signer.Keys)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{audit.New(db, signer, anchor), db, super, signer, anchor, dir}
}

// append writes n entries in a transaction of their own.
func (f *fixture) append(t testing.TB, n int) {
	t.Helper()
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = audit.Entry{Actor: access.System.ID, Act: "task.closed", Entity: uuid.New(), Code: "ERASED", Digest: digest[:], Amounts: map[string]int64{"erased": int64(i)}}
	}
	if err := audit.Append(t.Context(), f.db, entries...); err != nil {
		t.Fatal(err)
	}
}

// seal seals whatever waits. A replica that was just stopped may hold the lock
// until PostgreSQL notices.
func (f *fixture) seal(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := f.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f.count(t, `SELECT count(*) FROM audit_unsealed`) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("entries wait for ever")
		}
	}
}

func (f *fixture) verify(t testing.TB) audit.Report {
	t.Helper()
	report, err := audit.Verify(t.Context(), f.db, f.anchor)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestAppendKeepsEveryField(t *testing.T) {
	t.Parallel()
	f := setup(t)
	entity, request, day := uuid.New(), uuid.New(), time.Date(2026, 4, 7, 23, 0, 0, 0, time.FixedZone("CEST", 7200))
	full := audit.Entry{
		Actor: access.System.ID, Act: "plan.approved", Entity: entity, Request: request, Code: "APPROVER_2",
		Digest: digest[:], Day: &day, Amounts: map[string]int64{"tasks": 1<<63 - 1, "gaps": -1 << 63},
	}
	bare := audit.Entry{Actor: access.System.ID, Act: "request.opened", Request: request}
	if err := audit.Append(t.Context(), f.db, full, bare); err != nil {
		t.Fatal(err)
	}
	got, err := f.EntriesOf(t.Context(), auditor, request)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	a, b := got[0], got[1]
	if a.ActorID != full.Actor || a.Act != full.Act || *a.EntityID != entity || *a.RequestID != request || a.Code != full.Code ||
		!reflect.DeepEqual(a.Digest, full.Digest) || a.Day.Format(time.DateOnly) != "2026-04-07" || !reflect.DeepEqual(a.Amounts, full.Amounts) {
		t.Errorf("read back %+v", a)
	}
	if b.EntityID != nil || b.Code != "" || b.Digest != nil || b.Day != nil || len(b.Amounts) != 0 {
		t.Errorf("read back %+v", b)
	}
	if !a.At.Before(b.At) {
		t.Errorf("entries of one act are dated %v, then %v", a.At, b.At)
	}
}

func TestAppendStandsOrFallsWithItsAct(t *testing.T) {
	t.Parallel()
	f := setup(t)
	undo := errors.New("undo")
	err := postgres.Work(t.Context(), f.db, func(tx pgx.Tx) error {
		if err := audit.Append(t.Context(), tx, audit.Entry{Actor: access.System.ID, Act: "request.opened"}); err != nil {
			return err
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	f.append(t, 0)
	if n := f.count(t, `SELECT (SELECT count(*) FROM audit_entry) + (SELECT count(*) FROM audit_unsealed)`); n != 0 {
		t.Errorf("%d rows of an act that never was", n)
	}
}

// What an entry may not hold is refused by the constraint that names the
// mistake.
func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	f := setup(t)
	many := map[string]int64{}
	for c := 'a'; c <= 'z'; c++ {
		many[string(c)], many[string(c)+"_"] = 1, 1
	}
	for name, c := range map[string]struct {
		constraint string
		change     func(*audit.Entry)
	}{
		"nobody":               {"audit_actor_unknown", func(e *audit.Entry) { e.Actor = uuid.Nil }},
		"somebody unknown":     {"audit_actor_unknown", func(e *audit.Entry) { e.Actor = uuid.New() }},
		"no act":               {"audit_act_malformed", func(e *audit.Entry) { e.Act = "" }},
		"act of one word":      {"audit_act_malformed", func(e *audit.Entry) { e.Act = "opened" }},
		"act in prose":         {"audit_act_malformed", func(e *audit.Entry) { e.Act = "request.opened for Ada" }},
		"act with a line more": {"audit_act_malformed", func(e *audit.Entry) { e.Act = "request.opened\n" }},
		"long act":             {"audit_act_malformed", func(e *audit.Entry) { e.Act = "a." + fmt.Sprintf("%063d", 0)[1:] + "x" }},
		"code in small":        {"audit_code_malformed", func(e *audit.Entry) { e.Code = "erased" }},
		"code too long":        {"audit_code_malformed", func(e *audit.Entry) { e.Code = "A" + fmt.Sprintf("%064d", 0) }},
		"digest of SHA-1":      {"audit_digest_not_sha256", func(e *audit.Entry) { e.Digest = make([]byte, 20) }},
		"empty digest":         {"audit_digest_not_sha256", func(e *audit.Entry) { e.Digest = []byte{} }},
		"text as digest":       {"audit_digest_is_text", func(e *audit.Entry) { e.Digest = []byte("abcdefghijklmnopqrst@example.com") }},
		"amount of a person":   {"audit_amounts_not_numbers", func(e *audit.Entry) { e.Amounts = map[string]int64{"ada@example.com": 1} }},
		"amount of nothing":    {"audit_amounts_not_numbers", func(e *audit.Entry) { e.Amounts = map[string]int64{"": 1} }},
		"too many amounts":     {"audit_amounts_not_numbers", func(e *audit.Entry) { e.Amounts = many }},
	} {
		e := audit.Entry{Actor: access.System.ID, Act: "request.opened"}
		c.change(&e)
		if err := audit.Append(t.Context(), f.db, e); !postgres.Violates(err, c.constraint) {
			t.Errorf("%s: %v, want a violation of %s", name, err, c.constraint)
		}
	}
	if n := f.count(t, `SELECT count(*) FROM audit_entry`); n != 0 {
		t.Errorf("%d entries written", n)
	}
}

// The server's role can add to the log and take nothing from it; nor can the
// owner of the tables.
func TestNobodyChangesTheLog(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.append(t, 3)
	f.seal(t)
	for _, table := range []string{"audit_entry", "audit_leaf", "audit_node", "audit_checkpoint"} {
		column := map[string]string{"audit_entry": "code", "audit_leaf": "hash", "audit_node": "hash", "audit_checkpoint": "note"}[table]
		for _, q := range []string{
			"UPDATE " + table + " SET " + column + " = " + column,
			"DELETE FROM " + table,
			"TRUNCATE " + table,
		} {
			if _, err := f.db.Exec(t.Context(), q, pgx.QueryExecModeSimpleProtocol); code(err) != "42501" {
				t.Errorf("as the server: %s: %v", q, err)
			}
			if err := f.asSuper(t, q); !postgres.Violates(err, "audit_append_only") {
				t.Errorf("as a superuser: %s: %v", q, err)
			}
		}
	}
	if _, err := f.db.Exec(t.Context(), `INSERT INTO audit_entry (id, at, actor_id, act) VALUES (gen_random_uuid(), '2020-01-01', $1, 'a.b')`, access.System.ID); code(err) != "42501" {
		t.Errorf("the server may date an entry: %v", err)
	}
	if r := f.verify(t); !r.OK() || r.Size != 3 {
		t.Errorf("%+v", r)
	}
}

func code(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

func (f *fixture) count(t testing.TB, q string) int {
	t.Helper()
	n, err := postgres.Scalar[int](t.Context(), f.db, q)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// asSuper runs statements as a superuser, in one transaction.
func (f *fixture) asSuper(t testing.TB, q string) error {
	t.Helper()
	c, err := pgx.Connect(t.Context(), f.super)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	_, err = c.Exec(t.Context(), q, pgx.QueryExecModeSimpleProtocol)
	return err
}

func TestPrincipals(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	id, err := audit.EnsurePrincipal(ctx, f.db, "https://issuer.example", "ada", "Ada Lovelace")
	if err != nil {
		t.Fatal(err)
	}
	again, err := audit.EnsurePrincipal(ctx, f.db, "https://issuer.example", "ada", "Ada King")
	if err != nil || again != id {
		t.Fatalf("the same subject is %v, then %v (%v)", id, again, err)
	}
	if other, err := audit.EnsurePrincipal(ctx, f.db, "https://other.example", "ada", "Ada King"); err != nil || other == id {
		t.Fatalf("the same subject of another issuer is the same: %v", err)
	}
	if _, err := audit.EnsurePrincipal(ctx, f.db, "", "ada", "Ada"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("without an issuer: %v", err)
	}
	by := access.Principal{ID: id, Roles: []access.Role{access.Admin}}
	if err := audit.Append(ctx, f.db, audit.Entry{Actor: id, Act: "service.registered"}); err != nil {
		t.Fatal(err)
	}
	found, err := audit.PrincipalsByID(ctx, f.db, []uuid.UUID{id, access.System.ID, uuid.New()})
	if err != nil || len(found) != 2 || *found[id].Name != "Ada King" || *found[access.System.ID].Name != "lethe" {
		t.Fatalf("%+v, %v", found, err)
	}
	of, err := audit.PrincipalsOf(ctx, f.db, "https://issuer.example", 10)
	if err != nil || len(of) != 1 || of[0].ID != id || *of[0].Subject != "ada" {
		t.Errorf("of the issuer %+v, %v", of, err)
	}
	for range 2 { // the second time there is nothing to erase
		if err := f.ErasePrincipal(ctx, by, id); err != nil {
			t.Fatal(err)
		}
	}
	found, err = audit.PrincipalsByID(ctx, f.db, []uuid.UUID{id})
	if p := found[id]; err != nil || p.Name != nil || p.Issuer != nil || p.Subject != nil || p.ErasedAt == nil {
		t.Errorf("erased, yet %+v, %v", p, err)
	}
	if of, err := audit.PrincipalsOf(ctx, f.db, "https://issuer.example", 10); err != nil || len(of) != 0 {
		t.Errorf("erased, yet listed: %+v, %v", of, err)
	}
	if n := f.count(t, `SELECT count(*) FROM audit_entry WHERE act = 'principal.erased'`); n != 1 {
		t.Errorf("recorded %d times", n)
	}
	if back, err := audit.EnsurePrincipal(ctx, f.db, "https://issuer.example", "ada", "Ada King"); err != nil || back == id {
		t.Errorf("who comes back is who was erased: %v", err)
	}
	f.seal(t)
	if r := f.verify(t); !r.OK() {
		t.Errorf("erasing a principal broke the log: %+v", r.Findings)
	}
}

func TestErasePrincipalRefuses(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for name, c := range map[string]struct {
		by   access.Principal
		id   uuid.UUID
		want fault.Kind
	}{
		"Lethe itself":    {access.Principal{ID: uuid.New(), Roles: []access.Role{access.Admin}}, access.System.ID, fault.Invalid},
		"nobody":          {admin, uuid.New(), fault.NotFound},
		"by an auditor":   {auditor, uuid.New(), fault.Denied},
		"by whom we know": {access.Principal{}, uuid.New(), fault.Unknown},
	} {
		if err := f.ErasePrincipal(t.Context(), c.by, c.id); fault.KindOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestEntriesArePaged(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	request, entity := uuid.New(), uuid.New()
	for i := range 25 {
		e := audit.Entry{Actor: access.System.ID, Act: "task.sent", Entity: entity}
		if i%5 == 0 {
			e.Act, e.Request = "request.opened", request
		}
		if err := audit.Append(ctx, f.db, e); err != nil {
			t.Fatal(err)
		}
	}
	f.seal(t)
	hour := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		filter audit.Filter
		want   int
	}{
		"all":            {audit.Filter{}, 25},
		"of an act":      {audit.Filter{Act: "request.opened"}, 5},
		"of a request":   {audit.Filter{Request: request}, 5},
		"of an entity":   {audit.Filter{Entity: entity, Act: "task.sent"}, 20},
		"of an actor":    {audit.Filter{Actor: access.System.ID}, 25},
		"of nobody":      {audit.Filter{Actor: uuid.New()}, 0},
		"since then":     {audit.Filter{Since: hour}, 25},
		"until then":     {audit.Filter{Until: hour}, 0},
		"within a while": {audit.Filter{Since: hour, Until: hour.Add(2 * time.Hour)}, 25},
	} {
		seen := map[uuid.UUID]bool{}
		after, pages := "", 0
		for {
			p, err := f.Entries(ctx, auditor, c.filter, page.Args{First: 7, After: after})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, r := range p.Items {
				if seen[r.ID] || r.Index == nil {
					t.Errorf("%s: %v twice or unsealed", name, r.ID)
				}
				seen[r.ID] = true
			}
			if pages++; !p.HasNext || pages > 10 {
				break
			}
			after = p.Cursors[len(p.Cursors)-1]
			if _, err := f.Entries(ctx, auditor, audit.Filter{Act: "another.list"}, page.Args{First: 7, After: after}); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: a cursor of another list: %v", name, err)
			}
		}
		if len(seen) != c.want {
			t.Errorf("%s: %d entries, want %d", name, len(seen), c.want)
		}
	}
}

func TestReadingNeedsARole(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.append(t, 1)
	f.seal(t)
	reads := map[string]func(access.Principal) error{
		"Entries": func(by access.Principal) error {
			_, err := f.Entries(t.Context(), by, audit.Filter{}, page.Args{First: 1})
			return err
		},
		"EntriesOf": func(by access.Principal) error {
			_, err := f.EntriesOf(t.Context(), by, uuid.New())
			return err
		},
		"Checkpoint": func(by access.Principal) error {
			_, _, err := f.Checkpoint(t.Context(), by)
			return err
		},
		"Proof": func(by access.Principal) error {
			_, err := f.Proof(t.Context(), by)
			return err
		},
		"Consistency": func(by access.Principal) error {
			_, _, _, err := f.Consistency(t.Context(), by, 1)
			return err
		},
	}
	for name, read := range reads {
		for _, role := range access.Roles {
			may := role == access.Auditor || role == access.DPO ||
				name == "EntriesOf" && (role == access.Handler || role == access.Approver)
			err := read(access.Principal{ID: uuid.New(), Roles: []access.Role{role}})
			if may != (err == nil) || err != nil && fault.KindOf(err) != fault.Denied {
				t.Errorf("%s as %s: %v", name, role, err)
			}
		}
		if err := read(access.Principal{}); fault.KindOf(err) != fault.Unknown {
			t.Errorf("%s without signing in: %v", name, err)
		}
	}
	if _, err := f.Entries(t.Context(), auditor, audit.Filter{}, page.Args{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a page of nothing: %v", err)
	}
}
