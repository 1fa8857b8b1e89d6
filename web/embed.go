// Package web is the portal: pages in TypeScript that speak GraphQL, built by
// Vite into dist/ and carried in the binary. A clone that never ran Vite holds a
// placeholder there, so that everything in Go builds without Node.
package web

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// apis are the paths of programs. A mistake in one is told by 404, not by a
// page that looks like success.
var apis = []string{"graphql", "graphiql", "registry", "api", "rights", "packages", "auth", "healthz", "readyz", "metrics", "debug"}

// files are what lies beside the page under a name of its own.
var files = []string{"favicon.svg"}

// portal serves one build.
type portal struct {
	build fs.FS
	page  []byte
}

// Handler serves the portal at the root: the page for every path that a person
// can be on, and the files that the page asks for. It needs no sign-in, since it
// holds no data.
func Handler() http.Handler {
	build, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return newPortal(build)
}

func newPortal(build fs.FS) *portal {
	page, err := fs.ReadFile(build, "index.html")
	if err != nil {
		page, err = fs.ReadFile(build, "placeholder.html")
	}
	if err != nil {
		panic(err) // the placeholder is committed
	}
	return &portal{build, page}
}

// ServeHTTP answers with the page or one of its files.
func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	first, _, _ := strings.Cut(name, "/")
	switch {
	case first == "assets" || slices.Contains(files, name):
		p.file(w, r, name)
	case slices.Contains(apis, first):
		http.NotFound(w, r)
	default:
		// Not by their ending: names of datasets in links have dots.
		p.index(w, r)
	}
}

// index serves the page. Each answer has a policy with a nonce of its own, for
// the few styles that are made in the browser; scripts come from files alone.
func (p *portal) index(w http.ResponseWriter, r *http.Request) {
	nonce := newNonce()
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; "+
		"style-src 'self' 'nonce-"+nonce+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", "text/html; charset=utf-8")
	send(w, r, bytes.ReplaceAll(p.page, []byte("__CSP_NONCE__"), []byte(nonce)))
}

// file serves an asset, compressed at build time where the browser can read
// that. Assets are named after their content, so they may be kept for ever; one
// that is missing is of an older build and must not be answered with the page.
func (p *portal) file(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	for _, e := range encodings(r) {
		body, err := fs.ReadFile(p.build, name+e.ending)
		if err != nil {
			continue
		}
		if e.name != "" {
			h.Set("Content-Encoding", e.name)
		}
		h.Set("Vary", "Accept-Encoding")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Type", contentType(name))
		h.Set("Cache-Control", "no-cache")
		if strings.HasPrefix(name, "assets/") {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		send(w, r, body)
		return
	}
	http.NotFound(w, r)
}

type encoding struct{ name, ending string }

// encodings are the forms of a file that a browser can read, best first.
func encodings(r *http.Request) (out []encoding) {
	accept := map[string]bool{}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		weight = strings.ReplaceAll(weight, " ", "")
		accept[strings.ToLower(strings.TrimSpace(name))] = weight != "q=0" && weight != "q=0.0"
	}
	if accept["br"] {
		out = append(out, encoding{"br", ".br"})
	}
	if accept["gzip"] {
		out = append(out, encoding{"gzip", ".gz"})
	}
	return append(out, encoding{})
}

// types are those of a build; the machine's own table may lack or bend them.
var types = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2",
}

func contentType(name string) string {
	if t, ok := types[path.Ext(name)]; ok {
		return t
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func send(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the browser went away
}

func newNonce() string {
	b := make([]byte, 16)
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}
