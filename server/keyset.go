package server

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/flowmart/lethe/internal/fault"
)

const (
	fetchEvery    = 10 * time.Second // the issuer is asked no more often, whatever comes
	fetchPatience = issuerFor        // off the request path: who waits for it has a limit of their own
	freshFor      = 10 * time.Minute // then keys are looked up again, off the request path
	staleFor      = 24 * time.Hour   // how long keys serve while the issuer is down
	documentMax   = 256 << 10        // bytes of the issuer's documents
)

// algorithms are the only ones a token may be signed with. Symmetric ones and
// "none" are not among them, so a public key can never serve as a secret.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}

var (
	errBadSignature = errors.New("the signature does not verify")
	errIssuerAway   = fault.New(fault.Unavailable, "ISSUER_UNAVAILABLE", "the identity provider cannot be reached, so nobody can be recognised; try again soon")
)

// metadata is what Lethe uses of the issuer's discovery document.
type metadata struct {
	Issuer                string `json:"issuer"`
	AuthorizationEndpoint string `json:"authorization_endpoint"`
	TokenEndpoint         string `json:"token_endpoint"`
	JWKSURI               string `json:"jwks_uri"`
	NamesItself           bool   `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

// issuer knows the OpenID issuer's endpoints and keys, and spares it: one
// fetch at a time and one in ten seconds. go-oidc's own key set fetches for
// every token with a strange key or signature, and lets anybody who sends
// such tokens use us to flood the issuer.
type issuer struct {
	url      string
	client   *http.Client
	now      func() time.Time
	keysOnly bool // it is known for its keys: nobody signs in there

	mu      sync.Mutex
	meta    *metadata
	keys    []jose.JSONWebKey
	gotAt   time.Time     // last fetch that succeeded
	triedAt time.Time     // start of the last fetch
	flight  chan struct{} // closed when the running fetch ends; nil when none runs
	failed  bool          // the last fetch did; the endpoints may have moved
}

func newIssuer(url string, client *http.Client, now func() time.Time) *issuer {
	c := *client
	c.Timeout = fetchPatience
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &issuer{url: url, client: &c, now: now}
}

// VerifySignature is oidc.KeySet: it returns the payload of a token whose
// signature one of the issuer's keys made.
func (i *issuer) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSigned(token, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, errBadSignature
	}
	kid := jws.Signatures[0].Header.KeyID
	payload, known, age := i.try(jws, kid)
	if payload != nil {
		if age > freshFor {
			i.refresh()
		}
		return payload, nil
	}
	done := i.refresh()
	if known {
		return nil, errBadSignature // the key is known: nobody waits for a forger's sake
	}
	if !wait(ctx, done) {
		return nil, ctx.Err()
	}
	payload, _, age = i.try(jws, kid)
	switch {
	case payload != nil:
		return payload, nil
	case age > staleFor:
		return nil, errIssuerAway
	}
	return nil, errBadSignature
}

// try verifies with the keys at hand. It tells whether the key named by kid is
// among them, and how old they are.
func (i *issuer) try(jws *jose.JSONWebSignature, kid string) (payload []byte, known bool, age time.Duration) {
	i.mu.Lock()
	keys, age := i.keys, i.now().Sub(i.gotAt)
	i.mu.Unlock()
	if age > staleFor {
		return nil, false, age
	}
	for _, k := range keys {
		if kid != "" && k.KeyID != kid {
			continue
		}
		known = true
		if k.Algorithm != "" && k.Algorithm != jws.Signatures[0].Header.Algorithm {
			continue
		}
		if payload, err := jws.Verify(k.Key); err == nil {
			return payload, true, age
		}
	}
	return nil, known, age
}

// metadata returns the issuer's endpoints.
func (i *issuer) metadata(ctx context.Context) (metadata, error) {
	i.mu.Lock()
	meta := i.meta
	i.mu.Unlock()
	if meta != nil {
		return *meta, nil
	}
	if !wait(ctx, i.refresh()) {
		return metadata{}, ctx.Err()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.meta == nil {
		return metadata{}, errIssuerAway
	}
	return *i.meta, nil
}

// look reports whether the issuer answers, for the status page; the last fetch
// tells, or a first one.
func (i *issuer) look(ctx context.Context) error {
	if _, err := i.metadata(ctx); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failed {
		return errIssuerAway
	}
	return nil
}

// refresh starts a fetch unless one runs or one was started in the last ten
// seconds. It returns what closes when the running fetch ends; nil if none.
func (i *issuer) refresh() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	if i.flight == nil && (i.triedAt.IsZero() || now.Sub(i.triedAt) >= fetchEvery) {
		i.triedAt, i.flight = now, make(chan struct{})
		go i.fetch()
	}
	return i.flight
}

// fetch belongs to no request: it outlives the one that started it.
func (i *issuer) fetch() {
	ctx, cancel := context.WithTimeout(context.Background(), fetchPatience)
	defer cancel()
	i.mu.Lock()
	meta, failed := i.meta, i.failed
	i.mu.Unlock()
	keys, err := []jose.JSONWebKey(nil), error(nil)
	if meta == nil || failed {
		meta, err = i.discover(ctx)
	}
	if err == nil {
		keys, err = i.fetchKeys(ctx, meta.JWKSURI)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failed = err != nil
	if err == nil {
		// The time of the attempt, so that gotAt before triedAt means failure.
		i.meta, i.keys, i.gotAt = meta, keys, i.triedAt
	}
	close(i.flight)
	i.flight = nil
}

func (i *issuer) discover(ctx context.Context) (*metadata, error) {
	var m metadata
	if err := i.get(ctx, strings.TrimSuffix(i.url, "/")+"/.well-known/openid-configuration", &m); err != nil {
		return nil, err
	}
	if m.Issuer != i.url {
		return nil, errors.New("the discovery document names another issuer")
	}
	endpoints := []string{m.JWKSURI}
	if !i.keysOnly {
		endpoints = append(endpoints, m.AuthorizationEndpoint, m.TokenEndpoint)
	}
	for _, endpoint := range endpoints {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" || (u.Scheme != "https" && !loopback(u.Hostname())) {
			return nil, errors.New("an endpoint of the discovery document is not https")
		}
	}
	return &m, nil
}

// fetchKeys keeps the public signing keys of the set; others are none of ours.
func (i *issuer) fetchKeys(ctx context.Context, from string) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := i.get(ctx, from, &set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) == nil && usable(k) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set holds no usable key")
	}
	return keys, nil
}

func usable(k jose.JSONWebKey) bool {
	if rsaKey, ok := k.Key.(*rsa.PublicKey); ok && rsaKey.N.BitLen() < 2048 {
		return false
	}
	return k.IsPublic() && k.Valid() && (k.Use == "" || k.Use == "sig")
}

func (i *issuer) get(ctx context.Context, from string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	resp, err := i.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the issuer answered %d", resp.StatusCode)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, documentMax)).Decode(into)
}

// wait reports whether done closed before the caller went away.
func wait(ctx context.Context, done <-chan struct{}) bool {
	if done == nil {
		return true
	}
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
