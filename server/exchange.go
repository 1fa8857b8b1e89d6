package server

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/time/rate"

	"github.com/flowmart/lethe/catalog/trust"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/problem"
)

// Names of the exchange (RFC 8693 §2.1, §3).
const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	ofAccess      = "urn:ietf:params:oauth:token-type:access_token"
	ofIdentity    = "urn:ietf:params:oauth:token-type:id_token"
	ofJWT         = "urn:ietf:params:oauth:token-type:jwt"
)

var (
	errGrant    = fault.New(fault.Invalid, "EXCHANGE_GRANT", "the only grant here is urn:ietf:params:oauth:grant-type:token-exchange")
	errExchange = fault.New(fault.Invalid, "EXCHANGE_REQUEST", "send a form with grant_type, one subject_token, and its subject_token_type urn:ietf:params:oauth:token-type:jwt; scope=service:REF says for which service, where that is not clear")
)

// exchange lets jobs of pipelines in: it takes the identity token of their
// provider, and gives one of Lethe's (RFC 8693).
type exchange struct {
	trusts    *trust.Trusts
	verifiers map[string]*oidc.IDTokenVerifier // by issuer
	audience  string
	log       *slog.Logger
	metrics   *metrics
	now       func() time.Time
	bucket    *rate.Limiter // of tokens that a provider signed: each asks the database
	within    time.Duration // for what the database does
}

func newExchange(g *ground) *exchange {
	d := &exchange{
		trusts: trust.New(g.web, g.now, g.conf.CIIssuers), verifiers: map[string]*oidc.IDTokenVerifier{}, audience: g.conf.PublicURL,
		log: g.log, metrics: g.metrics, now: g.now, bucket: rate.NewLimiter(50, 100), within: g.conf.AnswerWithin,
	}
	client := &http.Client{Timeout: issuerFor, Transport: http.DefaultTransport.(*http.Transport).Clone()}
	for url := range g.conf.CIIssuers {
		keys := newIssuer(url, client, g.now)
		keys.keysOnly = true // nobody signs in at it
		d.verifiers[url] = newVerifier(url, keys)
	}
	return d
}

// Mount mounts the door.
func (d *exchange) Mount(mux *http.ServeMux) { mux.HandleFunc("POST /auth/token", d.take) }

// givenToken is what a job is given (RFC 8693 §2.2.1). Held says why it may only
// check, though its trust says more.
type givenToken struct {
	Token   string `json:"access_token"`
	Issued  string `json:"issued_token_type"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Scope   string `json:"scope"`
	Held    string `json:"held,omitempty"`
}

func (d *exchange) take(w http.ResponseWriter, r *http.Request) {
	p, err := d.admit(r)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	answerForm(w, http.StatusOK, givenToken{p.Token, ofAccess, "Bearer", int(p.ExpiresAt.Sub(d.now()).Seconds()), scopeOf(p.Verbs), p.Held})
}

func scopeOf(verbs []access.Verb) string {
	words := make([]string, len(verbs))
	for i, v := range verbs {
		words[i] = string(v)
	}
	return strings.Join(words, " ")
}

// admit reads the request, verifies the token, and has the trusts decide.
func (d *exchange) admit(r *http.Request) (trust.Pass, error) {
	if err := r.ParseForm(); err != nil {
		return trust.Pass{}, errExchange
	}
	form := r.PostForm
	if form.Get("grant_type") != exchangeGrant {
		return trust.Pass{}, errGrant
	}
	kind, wanted := form.Get("subject_token_type"), form.Get("requested_token_type")
	service, named := strings.CutPrefix(form.Get("scope"), "service:")
	if len(form["subject_token"]) != 1 || kind != ofJWT && kind != ofIdentity || wanted != "" && wanted != ofAccess || form.Has("actor_token") || form.Get("scope") != "" && !named {
		return trust.Pass{}, errExchange
	}
	issuer, claims, err := d.verify(r.Context(), form.Get("subject_token"))
	if err != nil {
		return trust.Pass{}, err
	}
	if !d.bucket.Allow() {
		return trust.Pass{}, errBusy
	}
	ctx, cancel := context.WithTimeout(r.Context(), d.within)
	defer cancel()
	return d.trusts.Admit(ctx, issuer, claims, service)
}

// verify checks what holds for every provider's token: signature, issuer,
// audience, times. An issuer that nobody named is asked nothing.
func (d *exchange) verify(ctx context.Context, token string) (issuer string, payload []byte, err error) {
	issuer = claimedIssuer(token)
	verifier, known := d.verifiers[issuer]
	if !known {
		return "", nil, trust.Refused(errors.New("no token, or its issuer is not among LETHE_CI_ISSUERS"))
	}
	verified, c, err := readToken(ctx, verifier, token, d.now())
	switch {
	case fault.KindOf(err) == fault.Unavailable:
		return "", nil, err
	case errors.Is(err, errExpired):
		return "", nil, trust.Refused(errors.New("the token has expired"))
	case err != nil:
		return "", nil, trust.Refused(errors.Unwrap(err))
	case len(c.Audience) != 1 || c.Audience[0] != d.audience:
		return "", nil, trust.Refused(errors.New("the token is not meant for LETHE_PUBLIC_URL alone"))
	}
	var raw json.RawMessage
	if err := verified.Claims(&raw); err != nil {
		return "", nil, err
	}
	return issuer, raw, nil
}

// claimedIssuer is whom a token says it is from, before anything of it is
// verified: whose keys to look for.
func claimedIssuer(token string) string {
	parts := strings.Split(token, ".")
	if len(token) > tokenMax || len(parts) != 3 {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(raw, &c) != nil {
		return ""
	}
	return c.Issuer
}

// refuse answers in the form of RFC 6749 §5.2, with the code of the house beside
// it.
func (d *exchange) refuse(w http.ResponseWriter, r *http.Request, err error) {
	id := w.Header().Get(problem.RequestID)
	f, known := errors.AsType[*fault.Fault](err)
	switch {
	case known:
		d.metrics.refused.WithLabelValues(f.Code).Inc()
		if cause := f.Unwrap(); cause != nil {
			d.log.InfoContext(r.Context(), "refused", "request_id", id, "code", f.Code, "err", cause)
		}
	case postgres.Away(err):
		f = fault.New(fault.Unavailable, "UNAVAILABLE", "Lethe cannot reach its database; try again soon")
	default:
		report(r.Context(), d.log, "letting a job in", err, "request_id", id)
		f = fault.New(fault.Internal, "INTERNAL", "something went wrong on our side; the request id finds it in the log")
	}
	status, word := http.StatusBadRequest, "invalid_request"
	switch {
	case errors.Is(f, errGrant):
		word = "unsupported_grant_type"
	case f.Kind == fault.Unavailable:
		status, word = http.StatusServiceUnavailable, "temporarily_unavailable"
		w.Header().Set("Retry-After", "5")
	case f.Kind == fault.Internal:
		status, word = http.StatusInternalServerError, "server_error"
	}
	answerForm(w, status, map[string]string{"error": word, "error_description": f.Message, "code": f.Code, "request_id": cmp.Or(id, "-")})
}

func answerForm(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}
