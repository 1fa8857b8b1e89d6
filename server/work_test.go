package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/servertest"
)

const workCatalog = `lethe: catalog/1
controllers:
  - {ref: flowmart-de, name: FlowMart GmbH, country: DE, time_zone: Europe/Berlin}
services:
  - {ref: orders, name: Orders, controller: flowmart-de, identifier_types: [customer_id]}
stores:
  - ref: events
    name: Events
    service: orders
    technology: KAFKA
    datasets:
      - {namespace: "kafka://default", name: orders.v1, kind: TOPIC, erase_by: EXPIRE, tags: [user.contact.email]}
`

func declare(t *testing.T, s *servertest.Server) {
	t.Helper()
	var out struct {
		ImportCatalog struct {
			UserErrors []struct{ Code, Message string }
		}
	}
	s.Query(t, access.Admin, `mutation($i: ImportCatalogInput!) { importCatalog(input: $i) { userErrors { code message } } }`,
		map[string]any{"i": map[string]any{"yaml": workCatalog}}, &out)
	if len(out.ImportCatalog.UserErrors) > 0 {
		t.Fatalf("catalog: %+v", out.ImportCatalog.UserErrors)
	}
}

func get(t *testing.T, url string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute still not: %s", what)
		}
	}
}

// A cluster that is away is shown, and takes nobody's traffic away.
func TestReadinessShowsClusters(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.With("kafka_brokers", "127.0.0.1:1"), servertest.With("observe_interval", "100ms"))
	eventually(t, "the cluster shows as away", func() bool {
		status, _, body := get(t, s.URL+"/readyz")
		var state struct {
			Ready        bool
			Dependencies []struct {
				Name       string
				OK, Needed bool
			}
		}
		if err := json.Unmarshal([]byte(body), &state); err != nil || status != http.StatusOK || !state.Ready {
			t.Fatalf("%d %s", status, body)
		}
		for _, d := range state.Dependencies {
			if d.Name == "kafka default" {
				return !d.OK && !d.Needed
			}
		}
		return false
	})
	if _, _, metrics := get(t, s.OpsURL+"/metrics"); !strings.Contains(metrics, `lethe_kafka_seen{cluster="default"} 0`) {
		t.Error("the metrics do not show the cluster")
	}
}

// A schema may come before the topic it belongs to is declared.
func TestTopicsGetFieldsOfEarlierSchemas(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.With("kafka_brokers", "127.0.0.1:1"), servertest.With("clock_interval", "100ms"))
	schema := `{"schema":"{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"email\",\"type\":\"string\"}]}"}`
	resp := s.Do(t, http.MethodPost, "/registry/subjects/orders.v1-value/versions", s.Token(access.Admin), strings.NewReader(schema))
	if resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Fatalf("registering: %d", resp.StatusCode)
	}
	declare(t, s)
	eventually(t, "the topic has the schema's field", func() bool {
		var n int
		err := s.DB.QueryRow(t.Context(), `SELECT count(*) FROM catalog_field WHERE path = 'email' AND last_version = 1`).Scan(&n)
		return err == nil && n == 1
	})
}

// The portal has every path that is no API's, and no API loses its answers.
func TestThePortalHasEveryOtherPath(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for path, want := range map[string]struct {
		status int
		html   bool
	}{
		"/": {200, true}, "/requests": {200, true}, "/requests/R-2026-000001": {200, true}, "/datasets/kafka:%2F%2Fdefault/orders.v1": {200, true},
		"/graphql": {401, false}, "/auth/logout": {405, false}, "/rights/v1/results": {405, false}, "/rights/v2": {404, false},
		"/api/v1/nothing": {401, false}, "/metrics": {404, false}, "/healthz/x": {404, false}, "/graphiql": {200, true},
		"/assets/none.js": {404, false},
	} {
		status, header, _ := get(t, s.URL+path)
		if html := strings.HasPrefix(header.Get("Content-Type"), "text/html"); status != want.status || html != want.html {
			t.Errorf("%s: %d %s, want %+v", path, status, header.Get("Content-Type"), want)
		}
	}
	_, header, _ := get(t, s.URL+"/")
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") {
		t.Errorf("the page's policy is %q", csp)
	}
}

func TestMetricsShowTheWork(t *testing.T) {
	t.Parallel()
	const mark = "canary-7f3b"
	s := servertest.New(t)
	declare(t, s)
	var out struct {
		OpenRequest struct {
			Request    *struct{ ID, CaseNumber string }
			UserErrors []struct{ Code string }
		}
	}
	s.Query(t, access.Handler, `mutation($i: OpenRequestInput!) { openRequest(input: $i) { request { id caseNumber } userErrors { code } } }`,
		map[string]any{"i": map[string]any{"type": "ACCESS", "controller": "flowmart-de", "identifiers": []any{map[string]any{"type": "customer_id", "value": mark}}}}, &out)
	if out.OpenRequest.Request == nil {
		t.Fatalf("%+v", out.OpenRequest.UserErrors)
	}
	if _, err := s.DB.Exec(t.Context(), `INSERT INTO erasure_delivery (service_id, failures, open_until) SELECT id, 9, now() + interval '1 hour' FROM catalog_service`); err != nil {
		t.Fatal(err)
	}
	_, _, metrics := get(t, s.OpsURL+"/metrics")
	for _, want := range []string{
		`(?m)^lethe_requests_open\{kind="ACCESS",state="[A-Z_]+"\} 1$`, `(?m)^lethe_request_days_left 2[5-9]$|^lethe_request_days_left 3[0-5]$`,
		`(?m)^lethe_breaker_open\{service="orders"\} 1$`, `(?m)^lethe_emergency_stops 0$`, `(?m)^lethe_work_readable 1$`,
		`(?m)^lethe_audit_unsealed_seconds `, `(?m)^lethe_audit_sealed_entries `,
	} {
		if !regexp.MustCompile(want).MatchString(metrics) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	for _, bad := range []string{mark, out.OpenRequest.Request.CaseNumber, "flowmart-de", "https://", "http://"} {
		for line := range strings.Lines(metrics) {
			if !strings.HasPrefix(line, "#") && strings.Contains(line, bad) {
				t.Errorf("a metric tells %q: %s", bad, line)
			}
		}
	}
}
