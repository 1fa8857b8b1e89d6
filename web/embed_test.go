package web

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// build is a small build as Vite leaves it.
var build = fstest.MapFS{
	"index.html":            {Data: []byte(`<meta name="csp-nonce" content="__CSP_NONCE__">the page`)},
	"placeholder.html":      {Data: []byte("not built")},
	"favicon.svg":           {Data: []byte("<svg/>")},
	"assets/main-1a2.js":    {Data: []byte("plain")},
	"assets/main-1a2.js.br": {Data: []byte("brotli")},
	"assets/main-1a2.js.gz": {Data: []byte("gzip")},
	"assets/inter.woff2":    {Data: []byte("font")},
}

func ask(t *testing.T, build fs.FS, method, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	newPortal(build).ServeHTTP(w, r)
	return w
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path, accept  string
		status                int
		body, cache, encoding string
		contentType           string
	}{
		{"GET", "/", "", 200, "the page", "no-cache", "", "text/html; charset=utf-8"},
		{"GET", "/requests/R-2026-000123?tab=plan", "", 200, "the page", "no-cache", "", "text/html; charset=utf-8"},
		{"GET", "/catalog/flowmart.customers.v1", "", 200, "the page", "no-cache", "", "text/html; charset=utf-8"},
		{"HEAD", "/requests", "", 200, "", "no-cache", "", "text/html; charset=utf-8"},
		{"POST", "/", "", 405, "", "", "", ""},
		{"GET", "/favicon.svg", "", 200, "<svg/>", "no-cache", "", "image/svg+xml"},
		{"GET", "/assets/main-1a2.js", "gzip, deflate, br, zstd", 200, "brotli", "immutable", "br", "text/javascript; charset=utf-8"},
		{"GET", "/assets/main-1a2.js", "gzip;q=0.5, br;q=0", 200, "gzip", "immutable", "gzip", "text/javascript; charset=utf-8"},
		{"GET", "/assets/main-1a2.js", "", 200, "plain", "immutable", "", "text/javascript; charset=utf-8"},
		{"GET", "/assets/inter.woff2", "br", 200, "font", "immutable", "", "font/woff2"},
		{"GET", "/assets/main-of-last-week.js", "br", 404, "", "", "", ""},
		{"GET", "/assets/../embed.go", "", 200, "the page", "no-cache", "", "text/html; charset=utf-8"},
		{"GET", "/assets/", "", 404, "", "", "", ""},
		{"GET", "/rights/v1/nothing", "", 404, "", "", "", ""},
		{"GET", "/registry", "", 404, "", "", "", ""},
		{"GET", "/registryx", "", 200, "the page", "no-cache", "", "text/html; charset=utf-8"},
	} {
		w := ask(t, build, c.method, c.path, c.accept)
		h := w.Header()
		if w.Code != c.status || !strings.HasSuffix(w.Body.String(), c.body) && c.status == 200 ||
			!strings.Contains(h.Get("Cache-Control"), c.cache) || h.Get("Content-Encoding") != c.encoding ||
			c.contentType != "" && h.Get("Content-Type") != c.contentType {
			t.Errorf("%s %s (%s): %d %q %v", c.method, c.path, c.accept, w.Code, w.Body, h)
		}
		if c.status == 404 && strings.Contains(w.Body.String(), "the page") {
			t.Errorf("%s: a missing file is answered with the page", c.path)
		}
	}
}

func TestPolicyHasFreshNonce(t *testing.T) {
	t.Parallel()
	nonce := regexp.MustCompile(`'nonce-([^']{22,})'`)
	seen := map[string]bool{}
	for range 3 {
		w := ask(t, build, "GET", "/", "")
		policy := w.Header().Get("Content-Security-Policy")
		found := nonce.FindStringSubmatch(policy)
		if found == nil || !strings.Contains(w.Body.String(), `content="`+found[1]+`"`) {
			t.Fatalf("policy %q, page %q", policy, w.Body)
		}
		if seen[found[1]] || strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("policy %q", policy)
		}
		seen[found[1]] = true
	}
}

func TestPlaceholderWithoutBuild(t *testing.T) {
	t.Parallel()
	w := ask(t, fstest.MapFS{"placeholder.html": build["placeholder.html"]}, "GET", "/requests", "")
	if w.Code != 200 || w.Body.String() != "not built" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

// entryBudget is how much script a browser may have to fetch before the first
// page, compressed, in bytes.
const entryBudget = 200 << 10

func TestEntryWithinBudget(t *testing.T) {
	t.Parallel()
	page, err := fs.ReadFile(dist, "dist/index.html")
	if errors.Is(err, fs.ErrNotExist) {
		return // a bare clone: there is no entry to weigh
	}
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, found := range regexp.MustCompile(`(?:src|href)="/(assets/[^"]+\.js)"`).FindAllStringSubmatch(string(page), -1) {
		body, err := fs.ReadFile(dist, "dist/"+found[1]+".gz")
		if errors.Is(err, fs.ErrNotExist) {
			body, err = fs.ReadFile(dist, "dist/"+found[1])
		}
		if err != nil {
			t.Fatal(err)
		}
		total += len(body)
	}
	t.Logf("%d KiB of script before the first page", total>>10)
	if total == 0 || total > entryBudget {
		t.Errorf("the entry is %d bytes of script compressed; the budget is %d", total, entryBudget)
	}
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "Lethe") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
