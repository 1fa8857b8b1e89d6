// Package graphiql is the page on which developers try queries: GraphiQL with
// everything it needs, so that it works on a machine without a network. It is
// for development; see README.md for where its parts come from.
package graphiql

import (
	"embed"
	"net/http"
	"strings"
)

//go:embed assets index.html start.js
var files embed.FS

// policy lets the page load from here alone. GraphiQL writes styles into its
// elements.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var types = map[string]string{"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "html": "text/html; charset=utf-8"}

// Handler serves the page and its parts under /graphiql.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/graphiql"), "/")
		if name == "" {
			name = "index.html"
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		serve(w, r, name)
	})
}

// serve answers with a file. The larger ones are kept compressed, which every
// browser reads.
func serve(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	body, err := files.ReadFile(name)
	if err != nil {
		if body, err = files.ReadFile("assets/" + name + ".gz"); err != nil || strings.Contains(name, "/") {
			http.NotFound(w, r)
			return
		}
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", types[name[strings.LastIndex(name, ".")+1:]])
	_, _ = w.Write(body) // the browser may have gone
}
