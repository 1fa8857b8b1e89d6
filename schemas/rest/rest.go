// Package rest is the registry's door for programs that speak the REST API of
// Confluent's schema registry: serializers, command lines, pipelines. Paths,
// shapes and error codes are that API's, so that no client needs to know it
// talks to something else. The caller is who the server put into the request's
// context.
package rest

import (
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/remote"
)

// Prefix is the path below which the door serves.
const Prefix = "/registry"

// Door answers requests. Make it with New.
type Door struct {
	registry *schemas.Registry
	spelling *schemas.Registry // likewise, for what is answered as it is kept
	log      *slog.Logger
	routes   []route
	patterns [][]string // of the routes' paths, by segment
}

// New returns a door to a registry. It logs only what went wrong on our side.
func New(registry *schemas.Registry, log *slog.Logger) *Door {
	d := &Door{registry: registry, spelling: registry.Spelling(), log: log}
	d.routes = []route{
		{"GET", "", d.root},
		{"POST", "", d.root},
		{"GET", "subjects", d.subjects},
		{"POST", "subjects/*", d.lookup},
		{"DELETE", "subjects/*", d.deleteSubject},
		{"GET", "subjects/*/metadata", d.withProperties},
		{"GET", "subjects/*/versions", d.versions},
		{"POST", "subjects/*/versions", d.register},
		{"GET", "subjects/*/versions/*", d.version},
		{"DELETE", "subjects/*/versions/*", d.deleteVersion},
		{"GET", "subjects/*/versions/*/schema", d.versionText},
		{"POST", "subjects/*/versions/*/tags", d.amend},
		{"GET", "subjects/*/versions/*/referencedby", d.referencedBy},
		{"GET", "schemas", d.list},
		{"GET", "schemas/types", d.types},
		{"GET", "schemas/guids/*", d.byGUID},
		{"GET", "schemas/guids/*/ids", d.idsByGUID},
		{"GET", "schemas/ids/*", d.schema},
		{"GET", "schemas/ids/*/schema", d.schemaText},
		{"GET", "schemas/ids/*/subjects", d.schemaSubjects},
		{"GET", "schemas/ids/*/versions", d.schemaVersions},
		{"POST", "compatibility/subjects/*/versions", d.compatibility},
		{"POST", "compatibility/subjects/*/versions/*", d.compatibility},
		{"GET", "config", d.config},
		{"PUT", "config", d.setConfig},
		{"GET", "config/*", d.config},
		{"PUT", "config/*", d.setConfig},
		{"DELETE", "config", d.deleteConfig},
		{"DELETE", "config/*", d.deleteConfig},
		{"GET", "mode", d.mode},
		{"PUT", "mode", d.setMode},
		{"DELETE", "mode", d.deleteMode},
		{"GET", "mode/*", d.mode},
		{"PUT", "mode/*", d.setMode},
		{"DELETE", "mode/*", d.deleteMode},
		{"GET", "v1/metadata/id", d.clusterID},
		{"GET", "v1/metadata/version", d.release},
		{"GET", "v1/metadata/deployment", d.deployment},
		{"GET", "contexts", d.contexts},
		{"GET", "contexts/*", d.root},
		{"POST", "contexts/*", d.root},
		{"DELETE", "contexts/*", d.deleteContext},
	}
	for _, r := range d.routes {
		d.patterns = append(d.patterns, strings.Split(r.path, "/"))
	}
	return d
}

// Mount serves the door below Prefix.
func (d *Door) Mount(mux *http.ServeMux) { mux.Handle(Prefix+"/", d) }

// route is what is done at a path. A star stands for one segment, which may
// hold any character once it is decoded.
type route struct {
	method string
	path   string
	do     func(*call) (any, error)
}

// call is one request under way.
type call struct {
	*http.Request
	args    []string   // what the stars of the path stand for
	context string     // of a path below /contexts/…; else ""
	asked   url.Values // the query, once it was read
}

func (c *call) arg(n int) string {
	if n < len(c.args) {
		return c.args[n]
	}
	return ""
}

// subject is the subject, or the context, that the path names.
func (c *call) subject() string { return c.qualified(c.arg(0)) }

// changes is the registry that a request changes: what is here alone, where an
// admin copies into it what it forwards to has.
func (d *Door) changes(c *call) (*schemas.Registry, error) {
	if !strings.EqualFold(c.Header.Get(remote.CopyHeader), "true") {
		return d.registry, nil
	}
	return d.registry.Copying(access.From(c.Context()))
}

// qualified is a subject's name within the context of the path.
func (c *call) qualified(name string) string {
	if c.context == "" || strings.HasPrefix(name, ":") {
		return name
	}
	return ":" + c.context + ":" + name
}

// flag reads a query parameter that is true or false.
func (c *call) flag(name string) bool { return strings.EqualFold(c.query(name), "true") }

// query reads a query parameter; "" where there is none.
func (c *call) query(name string) string {
	if c.URL.RawQuery == "" {
		return ""
	}
	if c.asked == nil {
		c.asked = c.URL.Query()
	}
	return c.asked.Get(name)
}

// plain is an answer that is text and no JSON value.
type plain string

// Media types of the API, in the order of preference.
var mediaTypes = []string{"application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json", "application/json"}

// What answers share of their headers, which whoever changes one sets anew.
var (
	contentTypes = map[string][]string{mediaTypes[0]: mediaTypes[:1:1], mediaTypes[1]: mediaTypes[1:2:2], mediaTypes[2]: mediaTypes[2:3:3]}
	nosniff      = []string{"nosniff"}
)

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	answer, ok := acceptable(req.Header.Values("Accept"))
	if !ok {
		d.fail(w, req, mediaTypes[0], failure{http.StatusNotAcceptable, http.StatusNotAcceptable, "this answers with " + mediaTypes[0] + "; ask for that in the header Accept"})
		return
	}
	route, args, context, err := d.find(req)
	if err == nil {
		err = checkBodyType(req)
	}
	if err != nil {
		d.fail(w, req, answer, err)
		return
	}
	body, err := route.do(&call{Request: req, args: args, context: context})
	if at := d.registry.AsOf(); !at.IsZero() {
		w.Header().Set("X-Lethe-As-Of", at.Format(time.RFC3339))
	}
	if err != nil {
		d.fail(w, req, answer, err)
		return
	}
	if body == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	send(w, answer, http.StatusOK, body)
}

// find matches the path, segment by segment before it is decoded: a subject
// may hold a slash. The whole API is there again within each context.
func (d *Door) find(req *http.Request) (r route, args []string, context string, err error) {
	segments, err := segmentsOf(req.URL)
	if err != nil {
		return r, nil, "", errNoPath
	}
	if len(segments) > 2 && segments[0] == "contexts" {
		if segments[1] == "" {
			return r, nil, "", errNoPath
		}
		context, segments = dotted(segments[1]), segments[2:]
	}
	method := req.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var takes []string
	for i, r := range d.routes {
		switch args, ok := match(d.patterns[i], segments); {
		case ok && r.method == method:
			return r, args, context, nil
		case ok:
			takes = append(takes, r.method)
		}
	}
	if takes != nil {
		return r, nil, "", wrongMethod{strings.Join(takes, ", ")}
	}
	return r, nil, "", errNoPath
}

// segmentsOf is a path below Prefix, segment by segment.
func segmentsOf(at *url.URL) (segments []string, err error) {
	within := func(path string) []string {
		return strings.Split(strings.Trim(strings.TrimPrefix(path, Prefix), "/"), "/")
	}
	if at.RawPath == "" { // it has no slash but those between segments
		return within(at.Path), nil
	}
	segments = within(at.EscapedPath())
	for i, segment := range segments {
		if segments[i], err = url.PathUnescape(segment); err != nil {
			return nil, err
		}
	}
	return segments, nil
}

// wrongMethod refuses a method, and says which ones the path takes, also where
// RFC 9110 §15.5.6 has it: in the header Allow.
type wrongMethod struct{ takes string }

func (m wrongMethod) Error() string { return m.Unwrap().Error() }
func (m wrongMethod) Unwrap() error {
	return failure{http.StatusMethodNotAllowed, http.StatusMethodNotAllowed, "this path does not take the method; it takes " + m.takes}
}

var errNoPath = failure{http.StatusNotFound, http.StatusNotFound, "there is no such path in this API; docs/registry.md lists them, and a slash in the name of a subject is written %2F"}

// dotted is the name of a context, which begins with a dot, from one that may
// do without.
func dotted(context string) string {
	context = strings.Trim(context, ":")
	if strings.HasPrefix(context, ".") {
		return context
	}
	return "." + context
}

func match(pattern, segments []string) (args []string, ok bool) {
	if len(pattern) != len(segments) {
		return nil, false
	}
	for i, p := range pattern {
		if p == "*" && segments[i] == "" || p != "*" && p != segments[i] {
			return nil, false
		}
	}
	for i, p := range pattern {
		if p == "*" {
			args = append(args, segments[i])
		}
	}
	return args, true
}

// acceptable chooses the media type of the answer.
func acceptable(accept []string) (string, bool) {
	if len(accept) == 1 && slices.Contains(mediaTypes, accept[0]) {
		return accept[0], true
	}
	var wanted []string
	for _, header := range accept {
		for one := range strings.SplitSeq(header, ",") {
			if media, _, err := mime.ParseMediaType(one); err == nil {
				wanted = append(wanted, media)
			}
		}
	}
	if len(wanted) == 0 {
		return mediaTypes[0], true
	}
	for _, media := range mediaTypes {
		if slices.Contains(wanted, media) {
			return media, true
		}
	}
	return mediaTypes[0], slices.Contains(wanted, "*/*") || slices.Contains(wanted, "application/*") || slices.Contains(wanted, "text/plain")
}

func checkBodyType(req *http.Request) error {
	sent := req.Header.Get("Content-Type")
	if sent == "" || req.Method == http.MethodGet || req.Method == http.MethodHead {
		return nil
	}
	if sent == mediaTypes[0] {
		return nil
	}
	media, _, err := mime.ParseMediaType(sent)
	if err == nil && (slices.Contains(mediaTypes, media) || media == "application/octet-stream") {
		return nil
	}
	return failure{http.StatusUnsupportedMediaType, http.StatusUnsupportedMediaType, "this type of body is not taken; send " + mediaTypes[0]}
}
