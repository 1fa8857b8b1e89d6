package graphiql_test

import (
	"compress/gzip"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/flowmart/lethe/graph/graphiql"
)

func get(t *testing.T, path string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	w := httptest.NewRecorder()
	graphiql.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
	var body io.Reader = w.Body
	if w.Header().Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = z
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return w, string(text)
}

// The page asks for nothing from elsewhere, and all it asks for is here.
func TestPageNeedsNoNetwork(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/graphiql", "/graphiql/"} {
		w, page := get(t, path)
		if w.Code != 200 || strings.Contains(page, "://") {
			t.Fatalf("%s: %d", path, w.Code)
		}
		parts := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
		if len(parts) != 5 {
			t.Fatalf("the page has %d parts, want 5", len(parts))
		}
		for _, p := range parts {
			w, text := get(t, p[1])
			if w.Code != 200 || len(text) < 1_000 || !strings.HasPrefix(p[1], "/graphiql/") {
				t.Errorf("%s: %d, %d bytes", p[1], w.Code, len(text))
			}
			if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "text/") || strings.Contains(kind, "html") {
				t.Errorf("%s: %s", p[1], kind)
			}
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/graphiql/x.js", "/graphiql/assets/react.js", "/graphiql/../graphiql.go", "/graphiql/assets", "/graphiql/react"} {
		if w, _ := get(t, path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
