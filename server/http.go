package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/flowmart/lethe/graph"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/problem"
	"github.com/flowmart/lethe/schemas/rest"
)

const (
	requestsInFlight = 64                      // then 503, before any work of the database
	messagesInFlight = 64                      // of services, whose places are their own
	signInsInFlight  = 32                      // likewise: they wait for the issuer
	streamsInFlight  = 256                     // progress of requests, uploads and downloads
	callerFor        = 2500 * time.Millisecond // to find out who calls
	signInFor        = 2*settleFor + issuerFor // the issuer's time, and ours before and after
	usual            = -1                      // the patience of the setting answer_within
	streamFor        = time.Hour
	leftoverFor      = 5 * time.Second
	streamPause      = 30 * time.Second // a stream that moves no byte for so long is cut
)

// lane is how the paths under a prefix are treated on their way to a door.
type lane struct {
	prefix   string
	body     int64 // largest body, bytes; 0: the door limits it
	callers  callers
	patience time.Duration // until the answer, the time to find out who calls included; 0: the door limits it; usual: the setting does
	messages bool          // of services
	signIns  bool          // of people
	streams  bool          // long-lived by nature
	events   bool          // long-lived when the caller asks for text/event-stream
	unlogged bool
	registry bool // its clients read errors in the form of Confluent's API, and are so many that only what fails is logged
}

type callers int

const (
	anybody  callers = iota // the door knows its callers, or the path is public
	optional                // a principal if there is one
	signedIn                // nobody else gets past
)

// lanes are searched in order; the first prefix that fits decides.
var lanes = []lane{
	{prefix: "/healthz", unlogged: true}, {prefix: "/readyz", unlogged: true},
	{prefix: "/graphql", body: 1 << 20, callers: signedIn, events: true, patience: fileFor}, // the API knows which acts may take so long
	{prefix: "/registry/", body: 7 << 20, callers: signedIn, patience: usual, registry: true},
	{prefix: "/api/v1/catalog", body: 4 << 20, callers: signedIn, patience: fileFor},
	{prefix: "/api/v1/schemas/", body: 16 << 20, callers: signedIn, patience: fileFor},
	{prefix: "/api/", body: 4 << 20, callers: signedIn, patience: usual},
	{prefix: "/rights/v1/parts/", callers: anybody, streams: true},
	{prefix: "/rights/", body: 256 << 10, callers: anybody, patience: usual, messages: true},
	{prefix: "/packages/", body: 64 << 10, callers: optional, streams: true},
	{prefix: "/auth/login", body: 64 << 10, patience: signInFor, signIns: true}, {prefix: "/auth/callback", body: 64 << 10, patience: signInFor, signIns: true},
	{prefix: "/auth/token", body: 16 << 10, patience: signInFor, signIns: true},
	{prefix: "/auth/", body: 64 << 10, patience: usual},
	{prefix: "/", body: 64 << 10, unlogged: true, patience: usual},
}

// front stands before the doors: what it refuses costs no door any work.
type front struct {
	answerWithin time.Duration // patience of the usual lanes
	mux          *http.ServeMux
	registry     http.Handler // what the mux has at /registry/, or that it has nothing there
	registryAt   string       // the pattern
	site         http.Handler // has every path that is no API's; may be nil
	log          *slog.Logger
	metrics      *metrics
	bearer       *bearer
	sessions     *sessions
	host         string // of the public URL
	https        bool
	crossSite    *http.CrossOriginProtection
	slots        *slots
	messages     *slots
	signIns      *slots
	streams      *slots
	unavailable  rate.Sometimes  // has a line for what the registry cannot answer
	ending       context.Context // ends when the server stops: streams end with it
}

func newFront(ending context.Context, mux *http.ServeMux, public *url.URL, answerWithin time.Duration) (*front, error) {
	f := &front{mux: mux, host: public.Hostname(), https: public.Scheme == "https", ending: ending, answerWithin: answerWithin,
		unavailable: rate.Sometimes{Interval: time.Second},
		crossSite:   http.NewCrossOriginProtection(),
		slots:       newSlots(requestsInFlight), messages: newSlots(messagesInFlight), signIns: newSlots(signInsInFlight), streams: newSlots(streamsInFlight)}
	// The registry reads its paths itself: a mux would send whoever asks for a
	// subject without a name to one that is called "versions".
	f.registry, f.registryAt = mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/registry/"}})
	return f, f.crossSite.AddTrustedOrigin(public.Scheme + "://" + public.Host)
}

// patience is how long an answer in a lane may take, then 503; 0: the door
// limits it.
func (f *front) patience(l lane) time.Duration {
	if l.patience == usual {
		return f.answerWithin
	}
	return l.patience
}

// ServeHTTP guards a request and hands it to its door.
func (f *front) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	started := time.Now()
	l := laneOf(r.URL.Path)
	route := f.registryAt
	if !l.registry {
		_, route = f.mux.Handler(r)
	}
	w := &answer{ResponseWriter: out, status: http.StatusOK}
	id := uuid.NewString()
	f.headers(w.Header(), id, l)
	f.metrics.inFlight.Inc()
	defer func() {
		f.metrics.inFlight.Dec()
		f.recovered(w, r, id, recover())
		took := time.Since(started)
		f.metrics.requests.WithLabelValues(method(r), route, statusClass(w.status)).Observe(took.Seconds())
		if f.tells(l, w.status) {
			f.log.InfoContext(r.Context(), "request", "request_id", id, "method", method(r), "route", route, "status", w.status, "bytes", w.bytes, "duration_ms", took.Milliseconds())
		}
	}()
	if len(r.TransferEncoding) > 0 {
		// net/http would answer a second request smuggled behind a body that
		// is framed twice (RFC 9112 §6.1).
		w.Header().Set("Connection", "close")
	}
	if status, err := f.refuse(r, l); err != nil {
		f.turnAway(w, l, status, err)
		return
	}
	asked := time.Now()
	st, err := f.caller(w, r, l)
	if err != nil {
		f.turnAway(w, l, 0, err)
		return
	}
	f.pass(st, time.Since(asked), w, r, l)
}

// tells reports whether the log has a line for an answer. Clients of the
// registry ask on and on while its database is away, and the metrics count what
// they are refused: a line a second says enough.
func (f *front) tells(l lane, status int) (tell bool) {
	switch {
	case l.unlogged || l.registry && status < http.StatusBadRequest:
		return false
	case l.registry && status == http.StatusServiceUnavailable:
		f.unavailable.Do(func() { tell = true })
		return tell
	}
	return true
}

// pass lets a request through when there is room for it, and ends it when its
// time is over, of which some was spent on finding out who calls. Its body is
// here by then: whoever sends slowly takes up no room, and none of that time.
func (f *front) pass(st standing, spent time.Duration, w *answer, r *http.Request, l lane) {
	ctx, slots, by := access.With(r.Context(), st.by), f.slots, st.by
	switch {
	case l.messages:
		slots = f.messages
	case l.signIns:
		slots = f.signIns
	}
	if l.body > 0 && r.Body != http.NoBody {
		r.Body = arrived(http.MaxBytesReader(w.ResponseWriter, r.Body, l.body), r.ContentLength)
	}
	l.events = l.events && strings.Contains(r.Header.Get("Accept"), "text/event-stream")
	l.streams = l.streams || l.events
	if l.streams {
		slots = f.streams
		var cancel context.CancelFunc
		ctx, cancel = f.streaming(ctx, st, l.events)
		defer cancel()
	} else if patience := f.patience(l); patience > 0 {
		began := time.Now().Add(-spent)
		if !l.registry { // which does not ask, and would make it for each of its many answers
			ctx = graph.Began(ctx, began)
		}
		bounded := withDue(ctx, began.Add(patience))
		defer bounded.end()
		ctx = bounded
	}
	if !strings.HasPrefix(l.prefix, "/healthz") && !strings.HasPrefix(l.prefix, "/readyz") {
		switch slots.enter(by.ID) {
		case full:
			f.turnAway(w, l, 0, fault.New(fault.Unavailable, "OVERLOADED", "Lethe is answering as many requests as it can; try again in a few seconds"))
			return
		case greedy:
			f.turnAway(w, l, http.StatusTooManyRequests, fault.New(fault.Unavailable, "TOO_MANY_AT_ONCE", "you have as many requests under way as one caller may; wait for some of their answers"))
			return
		}
		defer slots.leave(by.ID)
	}
	r = r.WithContext(ctx)
	if l.streams {
		w.patient = http.NewResponseController(w.ResponseWriter)
		_ = w.patient.SetReadDeadline(time.Time{}) // else the context ends with ReadTimeout
		// What is left of a body is read before the connection is used again.
		defer func() { _ = w.patient.SetReadDeadline(time.Now().Add(leftoverFor)) }()
		if l.body == 0 {
			r.Body = patientBody{r.Body, w.patient}
		}
	}
	f.door(r, l).ServeHTTP(w, r)
}

// door finds who answers. The portal is not a pattern of the mux: it would
// turn every wrong method of an API into a page that was not found.
func (f *front) door(r *http.Request, l lane) http.Handler {
	if l.registry {
		return f.registry
	}
	if _, pattern := f.mux.Handler(r); pattern == "" && l.prefix == "/" && f.site != nil {
		return f.site
	}
	return f.mux
}

// refuse names what is wrong with a request before anybody looks who sent it.
// A status of 0 means that of the fault's kind.
func (f *front) refuse(r *http.Request, l lane) (int, *fault.Fault) {
	switch encoding := r.Header.Get("Content-Encoding"); {
	case !f.knowsHost(r.Host):
		return http.StatusMisdirectedRequest, fault.New(fault.Invalid, "MISDIRECTED", "this host name is not Lethe's; use LETHE_PUBLIC_URL")
	case encoding != "" && encoding != "identity":
		return http.StatusUnsupportedMediaType, fault.New(fault.Invalid, "CONTENT_ENCODING", "compressed requests are not accepted")
	case l.body > 0 && r.ContentLength > l.body:
		return 0, fault.New(fault.TooLarge, "BODY_TOO_LARGE", "the limit is %d KiB", l.body>>10)
	case f.crossSite.Check(r) != nil:
		return http.StatusForbidden, fault.New(fault.Denied, "CROSS_SITE_REQUEST", "another site's page sent this; open Lethe itself")
	}
	return 0, nil
}

// knowsHost refuses foreign names, which a page could point at us to read our
// answers as its own (DNS rebinding). An address is nobody's name.
func (f *front) knowsHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	_, err = netip.ParseAddr(host)
	return err == nil || host == "localhost" || strings.EqualFold(host, f.host)
}

// caller recognises who sent a request: by its token if it has one, else by
// its session.
func (f *front) caller(w http.ResponseWriter, r *http.Request, l lane) (standing, error) {
	if l.callers == anybody {
		return standing{}, nil
	}
	if st, known := f.bearer.recall(r); known {
		return st, nil
	}
	// A database or an issuer that hangs must not hang us with it.
	ctx, cancel := context.WithTimeout(r.Context(), callerFor)
	defer cancel()
	r = r.WithContext(ctx)
	st, err := f.bearer.standing(r)
	if !errors.Is(err, errNoToken) {
		return st, err
	}
	st, err = f.sessions.standing(w, r)
	if errors.Is(err, errNoToken) && l.callers == optional {
		return standing{}, nil
	}
	if err == nil && unsafe(r.Method) && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		// A form of another site can send a cookie, but not this type.
		return standing{}, errNotJSON
	}
	return st, err
}

// errStranger refuses who may well be somebody, and nobody can tell.
var errStranger = fault.New(fault.Unavailable, "UNAVAILABLE", "Lethe cannot reach its database, without which it does not recognise you; try again soon")

var errNotJSON = fault.New(fault.Invalid, "UNSUPPORTED_MEDIA_TYPE", "use Content-Type: application/json")

// turnAway answers a request that reaches no door.
func (f *front) turnAway(w http.ResponseWriter, l lane, status int, err error) {
	if fault.All(err) == nil && postgres.Away(err) {
		err = errStranger
	}
	if known, ok := errors.AsType[*fault.Fault](err); ok {
		f.metrics.refused.WithLabelValues(known.Code).Inc()
		if cause := known.Unwrap(); cause != nil {
			f.log.Info("refused", "request_id", w.Header().Get(problem.RequestID), "code", known.Code, "err", cause)
		}
		switch {
		case errors.Is(err, errTwoHeaders):
			status = http.StatusBadRequest
		case errors.Is(err, errNotJSON):
			status = http.StatusUnsupportedMediaType
		}
		if l.registry {
			rest.Refuse(w, cmp.Or(status, problem.Status(known.Kind)), known.Error())
			return
		}
		if status != 0 {
			problem.WriteStatus(w, status, known)
			return
		}
	} else {
		f.log.Error("sign-in", "request_id", w.Header().Get(problem.RequestID), "err", err)
	}
	problem.Write(w, err)
}

// recovered keeps a panic of one request from ending all of them. Its value may
// quote the request and is not printed; the stack holds no values of texts.
func (f *front) recovered(w *answer, r *http.Request, id string, what any) {
	if what == nil {
		return
	}
	if err, ok := what.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(what)
	}
	stack := make([]byte, 16<<10)
	f.log.ErrorContext(r.Context(), "panic", "request_id", id, "stack", string(stack[:runtime.Stack(stack, false)]))
	if !w.wrote {
		problem.Write(w, errors.New("panic"))
	}
	w.status = http.StatusInternalServerError
}

// headers are the same for every answer; the portal widens the policy for its
// own pages.
func (f *front) headers(h http.Header, id string, l lane) {
	h[problem.RequestID] = []string{id}
	for _, usual := range usualHeaders {
		if !l.registry || !usual.document {
			h[usual.name] = usual.value
		}
	}
	if f.https {
		h["Strict-Transport-Security"] = strictTransport
	}
}

// What every answer says. The names are in canonical form, and whoever changes
// one sets it anew, so all answers share the values. What says something of a
// document alone is left out where there are none and answers are many: the
// registry's are JSON, which no browser makes a document of.
var (
	usualHeaders = []struct {
		name     string
		value    []string
		document bool
	}{
		{"X-Content-Type-Options", []string{"nosniff"}, false},
		{"X-Frame-Options", []string{"DENY"}, true},
		{"Referrer-Policy", []string{"no-referrer"}, true},
		{"Cross-Origin-Opener-Policy", []string{"same-origin"}, true},
		{"Cross-Origin-Resource-Policy", []string{"same-origin"}, false},
		{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}, false},
		{"Cache-Control", []string{"no-store"}, false},
	}
	strictTransport = []string{"max-age=63072000"}
)

func laneOf(path string) lane {
	for _, l := range lanes {
		if strings.HasPrefix(path, l.prefix) {
			return l
		}
	}
	return lanes[len(lanes)-1]
}

// statusClass is a label.
func statusClass(status int) string {
	if class := status / 100; class < len(statusClasses) {
		return statusClasses[class]
	}
	return "other"
}

var statusClasses = [...]string{"0xx", "1xx", "2xx", "3xx", "4xx", "5xx"}

func unsafe(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// method is a label: one that nobody knows must not make a new time series.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "OTHER"
}

// newHTTPServer bounds every phase of a connection, so that slow clients hold
// nothing for long.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
