// Package issuertest is a real OpenID issuer for tests: discovery, key set,
// code flow with PKCE, refresh tokens that serve once, and tokens of any form,
// right or wrong. It can rotate its keys, fall silent, dawdle, and count who
// asks.
package issuertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// Audience is what the issuer's access tokens are meant for.
const Audience = "lethe"

// Client is the client id of the portal.
const Client = "lethe-portal"

// Claims are the claims of a token. A nil value leaves the claim out.
type Claims map[string]any

// Issuer is the issuer.
type Issuer struct {
	URL       string
	Asked     atomic.Int64 // for anything
	Fetches   atomic.Int64 // of the key set
	Refreshes atomic.Int64 // tokens given for a refresh token
	Down      atomic.Bool  // answers 503
	Stuck     atomic.Bool  // accepts and does not answer
	Slow      atomic.Int64 // nanoseconds until it answers
	Stingy    atomic.Bool  // gives no refresh tokens
	Anonymous atomic.Bool  // gives no ID token for a refresh token

	bare   atomic.Bool // tells of its keys alone, as issuers do that sign nobody in
	held   atomic.Pointer[chan struct{}]
	mu     sync.Mutex
	keys   []jose.JSONWebKey // private, the newest last
	person Claims            // who signs in at /authorize
	codes  map[string]grant
	fresh  map[string]bool // refresh tokens that serve
	bend   func(url.Values)
}

type grant struct {
	person                     Claims
	nonce, challenge, redirect string
}

// New starts an issuer that ends with the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{codes: map[string]grant{}, fresh: map[string]bool{}}
	i.Rotate(jose.ES256)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.keySet)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.Asked.Add(1)
		if held := i.held.Load(); held != nil {
			select {
			case <-*held:
			case <-r.Context().Done():
				return
			case <-ended:
				return
			}
		}
		if i.Stuck.Load() {
			select {
			case <-r.Context().Done():
			case <-ended:
			}
			return
		}
		select {
		case <-time.After(time.Duration(i.Slow.Load())):
		case <-r.Context().Done():
			return
		case <-ended:
			return
		}
		if i.Down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { close(ended); server.Close() })
	i.URL = server.URL
	return i
}

// Hold has the issuer think about what it is asked until it is let go.
func (i *Issuer) Hold() (letGo func()) {
	held := make(chan struct{})
	i.held.Store(&held)
	return func() { close(held) }
}

// Rotate adds a key of the algorithm, which signs from now on, and drops the
// one before the last. It returns the key's id.
func (i *Issuer) Rotate(alg jose.SignatureAlgorithm) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	key := NewKey(alg)
	i.keys = append(i.keys, key)
	if len(i.keys) > 2 {
		i.keys = i.keys[1:]
	}
	return key.KeyID
}

// NewKey makes a private signing key.
func NewKey(alg jose.SignatureAlgorithm) jose.JSONWebKey {
	var private crypto.PrivateKey
	var err error
	switch alg {
	case jose.RS256, jose.RS512:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case jose.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		panic(err)
	}
	return jose.JSONWebKey{Key: private, KeyID: uuid.NewString(), Algorithm: string(alg), Use: "sig"}
}

// Key is the private key that signs now.
func (i *Issuer) Key() jose.JSONWebKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[len(i.keys)-1]
}

// Access mints an access token of one hour; claims given replace the usual.
func (i *Issuer) Access(c Claims) string { return Sign(i.Key(), "at+jwt", i.usual(Audience, c)) }

// ID mints an ID token for the portal.
func (i *Issuer) ID(c Claims) string { return Sign(i.Key(), "JWT", i.usual(Client, c)) }

func (i *Issuer) usual(audience string, c Claims) Claims {
	now := time.Now()
	all := Claims{"iss": i.URL, "aud": audience, "sub": "someone", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": uuid.NewString()}
	maps.Copy(all, c)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

// Sign makes a JWT of the type with a key.
func Sign(key jose.JSONWebKey, typ string, c Claims) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		panic(err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return token
}

// SignsIn says who answers the next sign-ins: claims of the ID token.
func (i *Issuer) SignsIn(person Claims) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.person = person
}

// Bend changes the answers of /authorize, for issuers that are not honest.
func (i *Issuer) Bend(bend func(answer url.Values)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bend = bend
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	if i.bare.Load() {
		reply(w, map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "subject_types_supported": []string{"public"},
			"response_types_supported": []string{"id_token"}, "id_token_signing_alg_values_supported": []string{"RS256"}, "scopes_supported": []string{"openid"}})
		return
	}
	reply(w, map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"authorization_response_iss_parameter_supported": true,
		"response_types_supported":                       []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
	})
}

func (i *Issuer) keySet(w http.ResponseWriter, _ *http.Request) {
	i.Fetches.Add(1)
	i.mu.Lock()
	defer i.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, k := range i.keys {
		set.Keys = append(set.Keys, k.Public())
	}
	reply(w, set)
}

// authorize signs the person in without asking.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != Client || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" {
		http.Error(w, "invalid_request", http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	code := uuid.NewString()
	i.codes[code] = grant{i.person, q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")}
	answer := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {i.URL}}
	if i.bend != nil {
		i.bend(answer)
	}
	i.mu.Unlock()
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("grant_type") == "refresh_token" {
		i.refresh(w, r)
		return
	}
	i.mu.Lock()
	g, ok := i.codes[r.FormValue("code")]
	delete(i.codes, r.FormValue("code"))
	i.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || g.redirect != r.FormValue("redirect_uri") {
		deny(w)
		return
	}
	person := Claims{"nonce": g.nonce}
	maps.Copy(person, g.person)
	i.give(w, g.person, i.ID(person))
}

// refresh answers for whoever signs in now. A token that was used before ends
// the grant (RFC 9700 §4.14.2): then none serves any more.
func (i *Issuer) refresh(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	ok, person := i.fresh[r.FormValue("refresh_token")], i.person
	clear(i.fresh)
	i.mu.Unlock()
	if !ok {
		deny(w)
		return
	}
	i.Refreshes.Add(1)
	id := ""
	if !i.Anonymous.Load() {
		id = i.ID(person)
	}
	i.give(w, person, id)
}

// Revoke ends every grant: the refresh tokens given so far serve no more.
func (i *Issuer) Revoke() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.fresh)
}

func (i *Issuer) give(w http.ResponseWriter, person Claims, id string) {
	all := map[string]any{"access_token": i.Access(person), "token_type": "Bearer", "expires_in": 3600}
	if id != "" {
		all["id_token"] = id
	}
	if !i.Stingy.Load() {
		token := "refresh-" + uuid.NewString()
		i.mu.Lock()
		i.fresh[token] = true
		i.mu.Unlock()
		all["refresh_token"] = token
	}
	reply(w, all)
}

func deny(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	reply(w, map[string]string{"error": "invalid_grant"})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller may have gone
}
