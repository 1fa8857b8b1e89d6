package mirror_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/mirror"
	"github.com/flowmart/lethe/schemas/remote"
	"github.com/flowmart/lethe/schemas/rest"
)

// other is a registry on a database of its own, reached over HTTP by an admin.
type other struct {
	t    *testing.T
	room *schemas.Registry
	mirror.Registry
}

type borrower struct{ testing.TB }

func open(t *testing.T) *other {
	t.Helper()
	return behind(t, func(h http.Handler) http.Handler { return h })
}

// foreign is a registry that is not Lethe: it says so, and knows no setting that
// is ours alone.
func foreign(t *testing.T) *other {
	t.Helper()
	return behind(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			switch {
			case strings.HasSuffix(r.URL.Path, "/v1/metadata/id"):
				_, _ = io.WriteString(w, `{"id":"cluster-1"}`)
			case strings.Contains(r.URL.Path, "/config") && (bytes.Contains(body, []byte("gate")) || bytes.Contains(body, []byte("topics"))):
				rest.Refuse(w, http.StatusUnprocessableEntity, "Unrecognized field")
			default:
				h.ServeHTTP(w, r)
			}
		})
	})
}

func behind(t *testing.T, wall func(http.Handler) http.Handler) *other {
	t.Helper()
	db := pgtest.New(&borrower{t}) // a database for each, not one a test
	id, err := audit.EnsurePrincipal(t.Context(), db, "test", "admin", "admin")
	if err != nil {
		t.Fatal(err)
	}
	admin := access.Principal{ID: id, Roles: []access.Role{access.Admin}}
	registry := schemas.New(db, time.Now)
	door := rest.New(registry, slog.New(slog.DiscardHandler))
	server := httptest.NewServer(wall(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "secret" && r.Header.Get("Authorization") != "Bearer secret" {
			rest.Refuse(w, http.StatusUnauthorized, "who is it?")
			return
		}
		door.ServeHTTP(w, r.WithContext(access.With(r.Context(), admin)))
	})))
	t.Cleanup(server.Close)
	return &other{t, registry, mirror.Registry{Registry: remote.Registry{URL: server.URL + rest.Prefix, User: "admin", Password: "secret"}}}
}

// read is a request's body, which is left to be read again.
func read(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return string(body)
}

// must asks by hand, and returns the answer.
func (o *other) must(ask string, bodies ...string) string {
	o.t.Helper()
	method, path, _ := strings.Cut(ask, " ")
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.URL+path, strings.NewReader(strings.Join(bodies, "")))
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer secret")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 {
		o.t.Fatalf("%s: %d %s", ask, resp.StatusCode, text)
	}
	return strings.TrimSpace(string(text))
}

const (
	order = `{"schema":"{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"shop\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"}]}"`
	wider = `{"schema":"{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"shop\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"note\",\"type\":\"string\",\"default\":\"\"}]}"`
	list  = `{"schema":"{\"type\":\"array\",\"items\":\"shop.Order\"}","references":[{"name":"shop.Order","subject":"order","version":1}]`
)

// furnish registers what a registry in use has: contexts, references that sort
// before what they refer to, metadata, deletions, levels.
func (o *other) furnish() {
	o.must("POST /subjects/order/versions", order, "}")
	o.must("POST /subjects/order/versions", wider, "}")
	o.must("POST /subjects/all-orders/versions", list, "}")
	o.must("POST /subjects/order/versions", wider, `,"metadata":{"properties":{"team":"shop"}},"ruleSet":{"domainRules":[{"name":"r","kind":"CONDITION","expr":"x"}]}}`)
	o.must("POST /subjects/gone/versions", order, "}")
	o.must("POST /subjects/gone/versions", wider, "}")
	o.must("DELETE /subjects/gone/versions/1")
	o.must("POST /subjects/again/versions", wider, "}")
	o.must("DELETE /subjects/again")
	o.must("POST /subjects/again/versions", wider, "}")
	o.must("POST /subjects/number%20two%2F/versions", `{"schema":"\"long\""}`)
	o.must("DELETE /subjects/number%20two%2F")
	o.must("DELETE /subjects/number%20two%2F?permanent=true") // an id that is not given again
	o.must("POST /subjects/number%20two%2F/versions", `{"schema":"\"int\""}`)
	o.must("POST /subjects/left/versions", order, "}")
	o.must("POST /subjects/left-list/versions", `{"schema":"{\"type\":\"array\",\"items\":\"shop.Order\"}","references":[{"name":"shop.Order","subject":"left","version":1}]}`)
	o.must("DELETE /subjects/left-list") // and what it refers to then
	o.must("DELETE /subjects/left")
	o.must("POST /contexts/dev/subjects/order/versions", wider, "}")
	o.must("POST /contexts/dev/subjects/list/versions", list, "}")
	o.must("POST /subjects/json/versions", `{"schemaType":"JSON","schema":"{\n  \"type\": \"object\",\n  \"properties\": {\"a\": {\"type\": \"string\"}}\n}"}`)
	o.must("POST /subjects/proto/versions", `{"schemaType":"PROTOBUF","schema":"syntax = \"proto3\"; package shop;\nmessage Order { string id = 1; // which\n}"}`)
	o.must("PUT /config/order", `{"compatibility":"FULL","compatibilityGroup":"major"}`)
	o.must("PUT /config/:.dev:", `{"compatibility":"NONE"}`)
	o.must("PUT /config", `{"compatibility":"FORWARD"}`)
}

func acts(steps []mirror.Step) (out []string) {
	for _, s := range steps {
		out = append(out, strings.TrimSpace(string(s.Act)+" "+s.Subject+s.Failed))
	}
	return out
}

func follow(t *testing.T, m *mirror.Mirror) []mirror.Step {
	t.Helper()
	plan, err := m.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if plan, err = m.Apply(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	for _, s := range plan {
		if s.Failed != "" {
			t.Errorf("%s %s %d: %s", s.Act, s.Subject, s.Version, s.Failed)
		}
	}
	return plan
}

func settled(t *testing.T, m *mirror.Mirror) {
	t.Helper()
	left, err := m.Plan(t.Context())
	if err != nil || len(left) > 0 {
		t.Errorf("left are %v %v", acts(left), err)
	}
	asked, found, err := m.Compare(t.Context())
	if err != nil || len(found) > 0 || asked < 20 {
		t.Errorf("of %d answers differ %+v %v", asked, found, err)
	}
}
