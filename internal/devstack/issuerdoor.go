package devstack

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// codeLife is how long a code may wait to be redeemed (RFC 6749 §4.1.2 says
// ten minutes at most; a browser needs a moment).
const codeLife = time.Minute

//go:embed issuer.html
var issuerPage string

var signInPage = template.Must(template.New("sign in").Parse(issuerPage))

func (i *Issuer) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.keySet)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("GET /logout", i.logout)
	own := strings.TrimPrefix(i.url, "http://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case i.Stuck.Load():
			select {
			case <-r.Context().Done():
			case <-i.ended:
			}
		case i.Down.Load():
			http.Error(w, "down", http.StatusServiceUnavailable)
		case r.Host != own:
			// A page elsewhere could name this address as its own host and
			// have a browser here fetch tokens for it.
			http.Error(w, "unknown host", http.StatusMisdirectedRequest)
		default:
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Referrer-Policy", "no-referrer")
			r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
			mux.ServeHTTP(w, r)
		}
	})
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer":                                         i.url,
		"authorization_endpoint":                         i.url + "/authorize",
		"token_endpoint":                                 i.url + "/token",
		"jwks_uri":                                       i.url + "/keys",
		"end_session_endpoint":                           i.url + "/logout",
		"response_types_supported":                       []string{"code"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token", "client_credentials"},
		"subject_types_supported":                        []string{"public"},
		"scopes_supported":                               []string{"openid", "profile", "groups"},
		"claims_supported":                               []string{"sub", "name", "preferred_username", "groups", "auth_time", "lethe_service"},
		"id_token_signing_alg_values_supported":          []string{"ES256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post", "none"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	})
}

func (i *Issuer) keySet(w http.ResponseWriter, _ *http.Request) {
	i.Fetches.Add(1)
	var set jose.JSONWebKeySet
	i.mu.Lock()
	for _, k := range i.keys {
		set.Keys = append(set.Keys, k.Public())
	}
	i.mu.Unlock()
	answer(w, http.StatusOK, set)
}

// authorize shows a page with a button for each person, or, once one has been
// chosen (as, or login_hint), goes back with a code.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	i.mu.Lock()
	registered := slices.Contains(i.opts.Redirects, q.Get("redirect_uri"))
	i.mu.Unlock()
	if err != nil || !registered || q.Get("client_id") != i.opts.ClientID {
		// Without a trusted address to go back to, the error stays here (RFC
		// 6749 §4.1.2.1).
		http.Error(w, "unknown client_id, or a redirect_uri that is not registered for it", http.StatusBadRequest)
		return
	}
	fail := func(code, why string) {
		i.goBack(w, r, back, url.Values{"error": {code}, "error_description": {why}, "state": q["state"]})
	}
	person, chosen := i.person(cmp.Or(q.Get("as"), q.Get("login_hint")))
	switch {
	case q.Get("response_type") != "code":
		fail("unsupported_response_type", "only response_type=code")
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		fail("invalid_request", "PKCE with S256 is required")
	case !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		fail("invalid_scope", "the scope openid is required")
	case !chosen && q.Get("prompt") == "none":
		fail("login_required", "nobody is signed in here")
	case !chosen:
		i.ask(w, q)
	default:
		code := rand.Text()
		i.mu.Lock()
		i.codes[code] = grant{person, q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri"), time.Now()}
		i.mu.Unlock()
		i.goBack(w, r, back, url.Values{"code": {code}, "state": q["state"]})
	}
}

func (i *Issuer) goBack(w http.ResponseWriter, r *http.Request, back *url.URL, with url.Values) {
	to := *back
	q := to.Query()
	for k, v := range with {
		if len(v) > 0 {
			q[k] = v
		}
	}
	q.Set("iss", i.url) // RFC 9207
	to.RawQuery = q.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// ask shows the page. Its buttons are links: a form's target would be fenced
// by browsers through the redirect.
func (i *Issuer) ask(w http.ResponseWriter, q url.Values) {
	type choice struct {
		Person
		Link string
	}
	var choices []choice
	for _, p := range i.opts.People {
		q.Set("as", p.ID)
		choices = append(choices, choice{p, "/authorize?" + q.Encode()})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	_ = signInPage.Execute(w, choices) // the browser may have gone
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request")
		return
	}
	client, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		// Both halves are form-encoded inside Basic (RFC 6749 §2.3.1).
		client, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(password)
	}
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		i.redeem(w, r, client, secret)
	case "refresh_token":
		i.renew(w, r, client, secret)
	case "client_credentials":
		i.machine(w, r, client, secret)
	default:
		refuse(w, http.StatusBadRequest, "unsupported_grant_type")
	}
}

// redeem exchanges a code. A code works once, for who asked for it.
func (i *Issuer) redeem(w http.ResponseWriter, r *http.Request, client, secret string) {
	if client != i.opts.ClientID || !same(secret, i.opts.ClientSecret) {
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	code := r.PostForm.Get("code")
	i.mu.Lock()
	g, ok := i.codes[code]
	delete(i.codes, code)
	i.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || time.Since(g.at) > codeLife || g.redirect != r.PostForm.Get("redirect_uri") ||
		!same(g.challenge, base64.RawURLEncoding.EncodeToString(sum[:])) {
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	i.grantPerson(w, g, client)
}

// renew exchanges a refresh token, which works once, for new tokens.
func (i *Issuer) renew(w http.ResponseWriter, r *http.Request, client, secret string) {
	if client != i.opts.ClientID || !same(secret, i.opts.ClientSecret) {
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	token := r.PostForm.Get("refresh_token")
	i.mu.Lock()
	g, ok := i.renewal[token]
	delete(i.renewal, token)
	i.mu.Unlock()
	if !ok {
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	g.nonce = "" // OpenID Connect Core §12.2
	i.grantPerson(w, g, client)
}

// grantPerson gives the tokens of somebody who has signed in.
func (i *Issuer) grantPerson(w http.ResponseWriter, g grant, client string) {
	access, err1 := i.access(i.personClaims(g.person, g.at), client)
	id, err2 := i.identity(i.personClaims(g.person, g.at), g.nonce)
	fresh := rand.Text()
	i.mu.Lock()
	i.renewal[fresh] = g
	i.mu.Unlock()
	i.grantTokens(w, cmp.Or(err1, err2), map[string]any{"access_token": access, "id_token": id, "refresh_token": fresh})
}

// machine answers a client that acts for itself. The client "demo" needs no
// secret and says with "as" whose token it wants: for the command line.
func (i *Issuer) machine(w http.ResponseWriter, r *http.Request, client, secret string) {
	if client == "demo" {
		access, err := i.Mint(r.PostForm.Get("as"))
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": err.Error()})
			return
		}
		i.grantTokens(w, nil, map[string]any{"access_token": access})
		return
	}
	for _, m := range i.opts.Machines {
		if m.ID == client && m.Secret != "" && same(m.Secret, secret) {
			access, err := i.access(machineClaims(m), m.ID)
			i.grantTokens(w, err, map[string]any{"access_token": access})
			return
		}
	}
	refuse(w, http.StatusUnauthorized, "invalid_client")
}

func (i *Issuer) grantTokens(w http.ResponseWriter, err error, tokens map[string]any) {
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error")
		return
	}
	tokens["token_type"], tokens["expires_in"] = "Bearer", int(i.opts.Lifetime.Seconds())
	answer(w, http.StatusOK, tokens)
}

// logout has nothing to end, for nobody stays signed in here, and goes back to
// where the portal wants to be.
func (i *Issuer) logout(w http.ResponseWriter, r *http.Request) {
	to, err := url.Parse(r.URL.Query().Get("post_logout_redirect_uri"))
	if err != nil || to.Host == "" || !i.knowsOrigin(to) {
		_, _ = w.Write([]byte("You are signed out.\n"))
		return
	}
	if state := r.URL.Query().Get("state"); state != "" {
		q := to.Query()
		q.Set("state", state)
		to.RawQuery = q.Encode()
	}
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// knowsOrigin reports whether the portal's registered addresses lie there.
func (i *Issuer) knowsOrigin(to *url.URL) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.ContainsFunc(i.opts.Redirects, func(known string) bool {
		u, err := url.Parse(known)
		return err == nil && u.Scheme == to.Scheme && u.Host == to.Host
	})
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func refuse(w http.ResponseWriter, status int, code string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Basic")
	}
	answer(w, status, map[string]string{"error": code})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller may have gone
}
