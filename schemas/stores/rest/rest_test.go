package rest_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/schemas/stores"
	"github.com/flowmart/lethe/schemas/stores/rest"
)

// A request is answered with a verdict, or a problem that says how to ask.
func TestOverHTTP(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	id, err := audit.EnsurePrincipal(ctx, db, "test", "admin", "admin")
	if err != nil {
		t.Fatal(err)
	}
	admin := access.Principal{ID: id, Roles: []access.Role{access.Admin}}
	if _, err := catalog.New(db, time.Now).DeclareStore(ctx, admin, catalog.Store{Ref: "orders-db", Name: "Orders", Technology: "POSTGRESQL"}); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	mux := http.NewServeMux()
	rest.New(stores.New(db), slog.New(slog.NewTextHandler(&log, nil))).Mount(mux)
	ask := func(method, path, body string, by access.Principal) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r.WithContext(access.With(ctx, by)))
		raw, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.Code, string(raw)
	}
	at := rest.Path("orders-db")
	one := `{"format":"sql","files":[{"path":"a.sql","text":"CREATE TABLE a (id int, email text)"}]}`
	for _, c := range []struct {
		method, path, body string
		by                 access.Principal
		code               int
		says               string
	}{
		{"POST", at, `{"format":`, admin, 422, "BAD_JSON"},
		{"POST", at, one + one, admin, 422, "BAD_JSON"},
		{"POST", at, `{"formt":"sql"}`, admin, 422, "BAD_JSON"},
		{"POST", at + "/check", `{"format":"sql","files":[]}`, admin, 422, "OUT_OF_RANGE"},
		{"POST", at + "/check", `{"format":"sql","files":[{"path":"","text":""}]}`, admin, 422, "BAD_PATH"},
		{"POST", at + "/check", `{"format":"sql","files":[{"path":"a","text":""},{"path":"a","text":""}]}`, admin, 422, "TWICE"},
		{"POST", at + "/check", one, access.Principal{}, 401, "UNAUTHENTICATED"},
		{"POST", rest.Path("nowhere") + "/check", one, admin, 404, "STORE_NOT_FOUND"},
		{"PUT", at + "/gate", `{"policy":"strict"}`, admin, 422, "UNKNOWN_VALUE"},
		{"GET", at, "", admin, 200, `"version":0`},
		{"POST", at + "/check", one, admin, 200, `"code":"CG010"`},
		{"POST", at, one, admin, 200, `"pushed":true`},
		{"GET", at, "", admin, 200, `"name":"email"`},
		{"PUT", at + "/gate", `{"policy":"ENFORCE"}`, admin, 200, "ENFORCE"},
		{"POST", at, strings.Replace(one, "email", "mail text, email", 1), admin, 200, `"verdict":"FAIL"`},
	} {
		if code, said := ask(c.method, c.path, c.body, c.by); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s %s %s: %d %s, want %d %s", c.method, c.path, c.body, code, said, c.code, c.says)
		}
	}
	_, said := ask("POST", at+"/check", strings.Replace(one, "email", "phone_number", 1), admin)
	var a stores.Answer
	if err := json.Unmarshal([]byte(said), &a); err != nil || len(a.Schemas) != 1 || a.Schemas[0].File != "a.sql" || len(a.Changes) != 2 || a.Changes[0].Field != "phone_number" || a.Changes[1].At.Line != 1 {
		t.Errorf("%v %+v", err, a)
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", log.String())
	}
}
