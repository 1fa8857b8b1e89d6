package apikey_test

import (
	"crypto/sha256"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/apikey"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

const day = 24 * time.Hour

// clock is a time that a test moves on.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// company has the service orders of the team shop.
func company(t *testing.T) (*apikey.Keys, *pgxpool.Pool, *clock) {
	t.Helper()
	db := pgtest.New(t)
	c := &clock{time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	rooms := catalog.New(db, c.now, catalog.Dev)
	ctx, by := t.Context(), access.System
	home, err := rooms.DeclareController(ctx, by, catalog.Controller{Ref: "de", Name: "FlowMart DE", Country: "DE", TimeZone: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	team, err := rooms.DeclareOwner(ctx, by, catalog.Owner{Kind: "TEAM", Ref: "shop", Name: "Shop", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rooms.RegisterService(ctx, by, catalog.Service{Ref: "orders", Name: "Orders", ControllerID: home.ID, OwnerID: &team.ID}); err != nil {
		t.Fatal(err)
	}
	return apikey.New(db, c.now), db, c
}

func someone(t *testing.T, db *pgxpool.Pool, role access.Role, teams ...string) access.Principal {
	t.Helper()
	id, err := audit.EnsurePrincipal(t.Context(), db, "test", uuid.NewString(), "x")
	if err != nil {
		t.Fatal(err)
	}
	return access.Principal{ID: id, Roles: []access.Role{role}, Teams: teams}
}

// wants checks the code of a refusal; "" wants none.
func wants(t *testing.T, err error, code string) {
	t.Helper()
	got := ""
	if all := fault.All(err); len(all) > 0 {
		got = all[0].Code
	} else if err != nil {
		got = err.Error()
	}
	if got != code {
		t.Errorf("refused with %q; want %q", got, code)
	}
}

func TestAKeyStandsForItsService(t *testing.T) {
	t.Parallel()
	keys, db, at := company(t)
	ctx := t.Context()
	steward := someone(t, db, access.Steward, "shop")
	made, secret, err := keys.Create(ctx, steward, "orders", access.CI, "the build", 30*day)
	if err != nil || !apikey.Is(secret) || len(secret) < 40 {
		t.Fatalf("%q %v", secret, err)
	}
	by, until, err := keys.Holder(ctx, secret)
	if err != nil || by.Service != "orders" || !by.Has(access.CI) || len(by.Roles) != 1 || by.ID == uuid.Nil || !until.Equal(made.ExpiresAt) {
		t.Fatalf("%+v %s %v", by, until, err)
	}
	_, _, err = keys.Holder(ctx, secret[:len(secret)-1]+"0")
	wants(t, err, "API_KEY_INVALID")

	all, err := keys.Holders(ctx, 10)
	if err != nil || len(all) != 1 || all[0].Hash != sha256.Sum256([]byte(secret)) || !reflect.DeepEqual(all[0].By, by) || !all[0].Until.Equal(until) {
		t.Errorf("%+v %v", all, err)
	}

	// Whether its service is asked about people says nothing of its producers.
	if _, err := db.Exec(ctx, `UPDATE catalog_service SET state = 'DISABLED'`); err != nil {
		t.Fatal(err)
	}
	_, _, err = keys.Holder(ctx, secret)
	wants(t, err, "")

	// Nothing that is kept opens anything.
	const q = `SELECT count(*)::int FROM catalog_api_key k WHERE k::text LIKE '%' || $1 || '%'`
	if n, err := postgres.Scalar[int](ctx, db, q, strings.TrimPrefix(secret, "lethe_")); err != nil || n != 0 {
		t.Errorf("the secret is kept: %d %v", n, err)
	}

	at.at = at.at.Add(30 * day)
	_, _, err = keys.Holder(ctx, secret)
	wants(t, err, "API_KEY_INVALID")
	if all, err := keys.Holders(ctx, 10); err != nil || len(all) != 0 {
		t.Errorf("%+v %v", all, err)
	}
}

func TestAKeyIsRevoked(t *testing.T) {
	t.Parallel()
	keys, db, _ := company(t)
	ctx := t.Context()
	steward, stranger := someone(t, db, access.Steward, "shop"), someone(t, db, access.Steward, "billing")
	made, secret, err := keys.Create(ctx, steward, "orders", access.Service, "producers", day)
	wants(t, err, "")
	_, err = keys.Revoke(ctx, stranger, made.ID)
	wants(t, err, "NOT_OWNER")
	for range 2 {
		gone, err := keys.Revoke(ctx, steward, made.ID)
		if err != nil || gone.RevokedAt == nil {
			t.Errorf("%+v %v", gone, err)
		}
	}
	_, _, err = keys.Holder(ctx, secret)
	wants(t, err, "API_KEY_INVALID")
	if all, err := keys.Holders(ctx, 10); err != nil || len(all) != 0 {
		t.Errorf("%+v %v", all, err)
	}
	_, err = keys.Revoke(ctx, steward, uuid.New())
	wants(t, err, "API_KEY_NOT_FOUND")
	all := page.Args{First: page.Max}
	listed, err := keys.List(ctx, steward, "orders", all)
	if err != nil || len(listed.Items) != 1 || listed.Items[0].RevokedAt == nil || listed.Items[0].Label != "producers" {
		t.Errorf("%+v %v", listed, err)
	}
	if listed, err := keys.List(ctx, stranger, "", all); err != nil || len(listed.Items) != 0 {
		t.Errorf("a stranger sees %+v %v", listed, err)
	}
	if listed, err := keys.List(ctx, someone(t, db, access.Auditor), "", all); err != nil || len(listed.Items) != 1 {
		t.Errorf("an auditor sees %+v %v", listed, err)
	}
	const q = `SELECT string_agg(act, ' ' ORDER BY id) FROM audit_entry WHERE act LIKE 'apikey.%'`
	if acts, err := postgres.Scalar[string](ctx, db, q); err != nil || acts != "apikey.created apikey.revoked" {
		t.Errorf("recorded %q %v", acts, err)
	}
}

// Every key is in the list, however many there are, each once and the newest
// first; a cursor of another list is none.
func TestKeysAreListedPageByPage(t *testing.T) {
	t.Parallel()
	keys, db, _ := company(t)
	ctx, steward := t.Context(), someone(t, db, access.Steward, "shop")
	var made, found []uuid.UUID
	for range 7 {
		k, _, err := keys.Create(ctx, steward, "orders", access.CI, "the build", day)
		wants(t, err, "")
		made = append(made, k.ID)
	}
	p := page.Args{First: 3}
	for more := true; more; {
		got, err := keys.List(ctx, steward, "orders", p)
		wants(t, err, "")
		for _, k := range got.Items {
			found = append(found, k.ID)
		}
		more, p.After = got.HasNext, got.Cursors[len(got.Cursors)-1]
	}
	if slices.Reverse(found); !slices.Equal(found, made) {
		t.Errorf("made %v, listed %v", made, found)
	}
	_, err := keys.List(ctx, steward, "", p)
	wants(t, err, "BAD_CURSOR")
	_, err = keys.List(ctx, steward, "", page.Args{})
	wants(t, err, "OUT_OF_RANGE")
}

func TestWhoMayMakeAKeyAndWhatKindOfKey(t *testing.T) {
	t.Parallel()
	keys, db, _ := company(t)
	for _, tt := range []struct {
		by      access.Principal
		service string
		role    access.Role
		label   string
		lasts   time.Duration
		code    string
	}{
		{access.Principal{}, "orders", access.CI, "x", day, "UNAUTHENTICATED"},
		{someone(t, db, access.CI), "orders", access.CI, "x", day, "ROLE_REQUIRED"},
		{someone(t, db, access.Steward, "billing"), "orders", access.CI, "x", day, "NOT_OWNER"},
		{someone(t, db, access.Admin), "orders", access.Admin, "x", day, "API_KEY_ROLE"},
		{someone(t, db, access.Admin), "orders", access.CI, " ", day, "API_KEY_LABEL"},
		{someone(t, db, access.Admin), "orders", access.CI, "a\x1b[2J", day, "API_KEY_LABEL"},
		{someone(t, db, access.Admin), "orders", access.CI, strings.Repeat("x", 101), day, "API_KEY_LABEL"},
		{someone(t, db, access.Admin), "orders", access.CI, "x", 0, "API_KEY_LIFE"},
		{someone(t, db, access.Admin), "orders", access.CI, "x", 400 * day, "API_KEY_LIFE"},
		{someone(t, db, access.Admin), "nobody", access.CI, "x", day, "SERVICE_NOT_FOUND"},
		{someone(t, db, access.Admin), "orders", access.CI, "x", 366 * day, ""},
	} {
		_, _, err := keys.Create(t.Context(), tt.by, tt.service, tt.role, tt.label, tt.lasts)
		wants(t, err, tt.code)
	}
}
