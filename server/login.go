package server

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/time/rate"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/problem"
)

var (
	errLogin   = fault.New(fault.Unknown, "SIGN_IN_FAILED", "the sign-in did not succeed; start again at /auth/login")
	errOldSign = fault.New(fault.Unknown, "SIGN_IN_EXPIRED", "this sign-in has expired, was used before, or began in another browser; start again at /auth/login")
	errBusy    = fault.New(fault.Unavailable, "TOO_MANY_SIGN_INS", "many people are signing in; try again in a moment")
)

// login signs people in by the authorization code flow with PKCE (RFC 9700,
// OpenID Connect Core). Tokens of the issuer stay in this process and are
// forgotten once the roles have been read from them; a refresh token is kept
// sealed (see sessions).
type login struct {
	sessions *sessions
	conf     OIDC
	issuer   *issuer
	bearer   *bearer
	people   *people
	client   *http.Client
	secret   string
	callback string
	bucket   *rate.Limiter // of sign-ins begun: each costs a row
	within   time.Duration // for what the database does
}

// Mount mounts the paths of sign-in.
func (l *login) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /auth/login", l.begin)
	mux.HandleFunc("GET /auth/callback", l.finish)
	mux.HandleFunc("POST /auth/logout", l.logout)
}

// attempt is a sign-in under way.
type attempt struct {
	State    []byte
	Nonce    string
	Verifier string
	ReturnTo string
}

func (l *login) begin(w http.ResponseWriter, r *http.Request) {
	if !l.bucket.Allow() {
		refuse(w, r, errBusy)
		return
	}
	meta, err := l.issuer.metadata(r.Context())
	if err != nil {
		refuse(w, r, err)
		return
	}
	cookie, state := random(), encode(random())
	a := attempt{hash([]byte(state)), encode(random()), oauth2.GenerateVerifier(), returnTo(r.URL.Query().Get("return_to"))}
	ctx, cancel := context.WithTimeout(r.Context(), l.within)
	defer cancel()
	if err := insertAttempt(ctx, l.sessions.db, hash(cookie), a); err != nil {
		refuse(w, r, err)
		return
	}
	l.sessions.setCookie(w, "lethe-login", cookie, int(loginFor.Seconds()))
	w.Header().Set("Cache-Control", "no-store")
	to := l.oauth(meta).AuthCodeURL(state, oauth2.S256ChallengeOption(a.Verifier), oauth2.SetAuthURLParam("nonce", a.Nonce))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (l *login) finish(w http.ResponseWriter, r *http.Request) {
	l.sessions.setCookie(w, "lethe-login", nil, -1)
	w.Header().Set("Cache-Control", "no-store")
	to, err := l.exchange(w, r)
	if err != nil {
		refuse(w, r, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// exchange turns the issuer's answer into a session and says where to go on. It
// waits for the issuer as long as that takes, and for nothing else.
func (l *login) exchange(w http.ResponseWriter, r *http.Request) (string, error) {
	a, err := l.takeAttempt(r)
	if err != nil {
		return "", err
	}
	c, refresh, err := l.redeem(r, a)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(r.Context(), l.within)
	defer cancel()
	by, err := l.people.principal(ctx, c)
	if err != nil {
		return "", err
	}
	// Whoever was signed in here before is not any longer.
	if err := l.sessions.end(ctx, w, r); err != nil {
		return "", err
	}
	return a.ReturnTo, l.sessions.start(ctx, w, by, refresh)
}

// redeem has the issuer say who signed in.
func (l *login) redeem(r *http.Request, a attempt) (c claims, refresh string, err error) {
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), oauth2.HTTPClient, l.client), issuerFor)
	defer cancel()
	meta, err := l.issuer.metadata(ctx)
	if err != nil {
		return c, "", err
	}
	q := r.URL.Query()
	iss := q.Get("iss")
	switch {
	case !same(hash([]byte(q.Get("state"))), a.State):
		return c, "", errOldSign
	case iss != "" && iss != l.conf.Issuer, iss == "" && meta.NamesItself: // RFC 9207: mix-up
		return c, "", errLogin.With(errors.New("the answer names another issuer"))
	case q.Get("error") != "", q.Get("code") == "":
		return c, "", errLogin.With(errors.New("the issuer refused"))
	}
	token, err := l.oauth(meta).Exchange(ctx, q.Get("code"), oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return c, "", untold(err)
	}
	c, err = l.bearer.verifyID(ctx, idToken(token), a.Nonce)
	return c, token.RefreshToken, err
}

// again asks the issuer what the person of a refresh token may do now (OpenID
// Connect Core §12). An issuer that gives no ID token then has said nothing.
func (l *login) again(ctx context.Context, refresh string) (by access.Principal, next string, err error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, l.client)
	meta, err := l.issuer.metadata(ctx)
	if err != nil {
		return by, "", err
	}
	token, err := l.oauth(meta).TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	if told, ok := errors.AsType[*oauth2.RetrieveError](err); ok && told.ErrorCode != "invalid_grant" {
		return by, "", errIssuerAway.With(errors.New("the issuer refused to answer about a session"))
	}
	if err != nil {
		return by, "", untold(err)
	}
	c, err := l.bearer.verifyRenewed(ctx, idToken(token))
	if err != nil {
		return by, token.RefreshToken, err
	}
	by, err = l.people.principal(ctx, c)
	return by, token.RefreshToken, err
}

func idToken(t *oauth2.Token) string {
	id, _ := t.Extra("id_token").(string)
	return id
}

// untold tells an issuer that says no from one that says nothing. The library's
// own words quote the answer, which may hold a token.
func untold(err error) error {
	if told, ok := errors.AsType[*oauth2.RetrieveError](err); ok && told.Response.StatusCode < http.StatusInternalServerError {
		return errLogin.With(errors.New("the issuer did not take the code, or the token"))
	}
	return errIssuerAway
}

// takeAttempt takes the attempt of the browser's cookie; it serves once.
func (l *login) takeAttempt(r *http.Request) (attempt, error) {
	const q = `
		DELETE FROM server_login WHERE id = $1 AND expires_at > now()
		RETURNING state, nonce, verifier, return_to`
	id := l.sessions.read(r, "lethe-login")
	if id == nil {
		return attempt{}, errOldSign
	}
	ctx, cancel := context.WithTimeout(r.Context(), l.within)
	defer cancel()
	a, err := postgres.One[attempt](ctx, l.sessions.db, q, hash(id))
	if errors.Is(err, postgres.ErrNotFound) {
		return attempt{}, errOldSign
	}
	return a, err
}

func insertAttempt(ctx context.Context, db postgres.DB, id []byte, a attempt) error {
	const q = `INSERT INTO server_login (id, state, nonce, verifier, return_to) VALUES ($1, $2, $3, $4, $5)`
	_, err := db.Exec(ctx, q, id, a.State, a.Nonce, a.Verifier, a.ReturnTo)
	return err
}

func (l *login) logout(w http.ResponseWriter, r *http.Request) {
	if err := l.sessions.end(r.Context(), w, r); err != nil {
		refuse(w, r, err)
		return
	}
	w.Header().Set("Clear-Site-Data", `"cache"`)
	w.WriteHeader(http.StatusNoContent)
}

func (l *login) oauth(meta metadata) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if l.secret == "" {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: l.conf.ClientID, ClientSecret: l.secret, RedirectURL: l.callback, Scopes: l.conf.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: meta.AuthorizationEndpoint, TokenURL: meta.TokenEndpoint, AuthStyle: style},
	}
}

// refuse tells a program by a problem and a person by the portal.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	f, known := errors.AsType[*fault.Fault](err)
	if known && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/?sign_in="+f.Code, http.StatusSeeOther)
		return
	}
	problem.Write(w, err)
}

// returnTo keeps a path of ours and turns anything else into the front page: a
// sign-in must not send people elsewhere.
func returnTo(path string) string {
	if len(path) > 2048 || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == '\\' || c == 0x7f }) || strings.HasPrefix(path, "/auth/") {
		return "/"
	}
	return path
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
