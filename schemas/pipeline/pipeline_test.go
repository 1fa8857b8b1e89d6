package pipeline_test

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
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/pipeline"
	"github.com/flowmart/lethe/schemas/report"
)

// A request is answered with a verdict, or a problem that says how to ask.
func TestCheckOverHTTP(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	id, err := audit.EnsurePrincipal(t.Context(), db, "test", "viewer", "viewer")
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	mux := http.NewServeMux()
	pipeline.New(schemas.New(db, time.Now), slog.New(slog.NewTextHandler(&log, nil))).Mount(mux)
	ask := func(body string, by access.Principal) (int, string) {
		r := httptest.NewRequest(http.MethodPost, pipeline.Path, strings.NewReader(body))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r.WithContext(access.With(t.Context(), by)))
		raw, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.Code, string(raw)
	}
	viewer := access.Principal{ID: id, Roles: []access.Role{access.Viewer}}
	for _, c := range []struct {
		body string
		by   access.Principal
		code int
		says string
	}{
		{`{"schemas":`, viewer, 422, "BAD_JSON"},
		{`{"schemas":[]}`, viewer, 422, "OUT_OF_RANGE"},
		{`{"schemas":[` + strings.Repeat("{},", 1000) + `{}]}`, viewer, 422, "OUT_OF_RANGE"},
		{`{"schemas":[{"references":[` + strings.Repeat("null,", 1000) + `{}]}]}`, viewer, 422, "OUT_OF_RANGE"},
		{`{"schemas":[{}],"schemas":[{}]}`, viewer, 422, "BAD_JSON"},
		{`{"schemas":[{"references":[{}],"references":[{}]}]}`, viewer, 422, "give one list"},
		{`{"schemas":[{"subject":1}]}`, viewer, 422, `"path":"schemas.subject","code":"BAD_JSON","detail":"this member takes a string`},
		{`{"schemas":[{"subject":"x","schema":"\"string\"","references":[{"nam":"x"}]}]}`, viewer, 422, `"path":"nam","code":"BAD_JSON"`},
		{`{"schemas":[{"subject":"x","schema":"\"string\"","compatability":"FULL"}]}`, viewer, 422, "BAD_JSON"},
		{`{"schemas":[{"subject":"x","schema":"\"string\""}]}`, access.Principal{}, 401, "UNAUTHENTICATED"},
		{`{"schemas":[{"subject":"","schema":"\"string\""}]}`, viewer, 200, `"verdict":"FAIL"`},
		{`{"schemas":[{"subject":"x","schema":"\"string\"","schemaType":"AVRO"}]}`, viewer, 200, `"verdict":"PASS"`},
		{`{"schemas":[{"subject":"x","schema":"\"string\"","compatibility":"FUL"}]}`, viewer, 422, "INVALID_LEVEL"},
		{`{"schemas":[{"subject":"x","schema":"\"string\"","gate":"maybe"}]}`, viewer, 422, "INVALID_CONFIG"},
		{`{"schemas":[{"subject":"x","schema":"\"string\"","compatibility":"full","gate":"enforce"}]}`, viewer, 200, `"policy":"ENFORCE","gate":"WARN"`},
	} {
		if code, said := ask(c.body, c.by); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s: %d %s, want %d %s", c.body, code, said, c.code, c.says)
		}
	}
	_, said := ask(`{"schemas":[
		{"subject":"money","schema":"{\"type\":\"record\",\"name\":\"Money\",\"fields\":[{\"name\":\"cents\",\"type\":\"long\"}]}"},
		{"subject":"order","schema":"{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"email\",\"type\":\"string\"},{\"name\":\"total\",\"type\":\"Money\"}]}",
		 "references":[{"name":"Money","subject":"money"}]}]}`, viewer)
	var a report.Answer
	if err := json.Unmarshal([]byte(said), &a); err != nil || len(a.Schemas) != 2 {
		t.Fatalf("%v %s", err, said)
	}
	if c := a.Schemas[1]; a.Verdict != "WARN" || c.Version != 1 || len(c.Findings) != 1 || c.Findings[0].Code != "CG010" || c.Findings[0].Path != "email" || c.Findings[0].Line != 1 {
		t.Errorf("%+v", a)
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", log.String())
	}
}

// What a consumer says with an API key, which opens no GraphQL: with which
// schema it reads; and what a pipeline asks before it takes a field away.
func TestReadersOverHTTP(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	as := func(name string, p access.Principal) access.Principal {
		id, err := audit.EnsurePrincipal(t.Context(), db, "test", name, name)
		if err != nil {
			t.Fatal(err)
		}
		p.ID = id
		return p
	}
	admin := as("admin", access.Principal{Roles: []access.Role{access.Admin}})
	ci := as("ci", access.Principal{Roles: []access.Role{access.CI}, Service: "billing"})
	c := catalog.New(db, time.Now)
	controller, err := c.DeclareController(t.Context(), admin, catalog.Controller{Ref: "shop", Name: "Shop", Country: "DE", TimeZone: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.RegisterService(t.Context(), admin, catalog.Service{Ref: "billing", Name: "Billing", ControllerID: controller.ID}); err != nil {
		t.Fatal(err)
	}
	registry, mux := schemas.New(db, time.Now), http.NewServeMux()
	if _, err := registry.Register(t.Context(), admin, schemas.Submission{Subject: "orders-value", Text: `{"type":"record","name":"O","fields":[{"name":"total","type":"long"}]}`}); err != nil {
		t.Fatal(err)
	}
	pipeline.New(registry, slog.New(slog.DiscardHandler)).Mount(mux)
	for _, step := range []struct {
		by         access.Principal
		path, body string
		code       int
		says       string
	}{
		{ci, pipeline.ReadersPath, `{"subject":`, 422, `like {\"subject\":\"orders-value\"`},
		{ci, pipeline.ReadersPath, `{"subject":"orders-value","service":"billing","name":"invoices"}`, 200, `"service":"billing","name":"invoices","version":1`},
		{ci, pipeline.ReadersPath, `{"subject":"orders-value","service":"billing","name":"reports","schema":"\"string\""}`, 200, `"schema":"\"string\""`},
		{ci, pipeline.ReadersPath, `{"subject":"orders-value","service":"billing","version":9}`, 404, "VERSION_NOT_FOUND"},
		{ci, pipeline.SafePath, `{"subject":"orders-value","field":"total"}`, 200, `{"safety":"NO","witnesses":[{"safety":"NO","service":"billing","reason":"version 1, which it reads with, in invoices has total"}`},
		{ci, pipeline.SafePath, `{"subject":"orders-value"}`, 422, "BAD_QUESTION"},
		{ci, pipeline.SafePath, `[]`, 422, "BAD_JSON"},
	} {
		r := httptest.NewRequest(http.MethodPost, step.path, strings.NewReader(step.body))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r.WithContext(access.With(t.Context(), step.by)))
		if w.Code != step.code || !strings.Contains(w.Body.String(), step.says) {
			t.Errorf("%s %s: %d %s, want %d %s", step.path, step.body, w.Code, w.Body, step.code, step.says)
		}
	}
}
