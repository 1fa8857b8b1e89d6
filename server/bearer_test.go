package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/server/issuertest"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type signIn struct {
	*bearer
	issuer *issuer
	clock  *clock
}

func oidcConf(url string) OIDC {
	return OIDC{Issuer: url, ClientID: issuertest.Client, Audience: issuertest.Audience, GroupsClaim: "groups",
		Scopes: []string{"openid"}, RolePrefix: "lethe:", TeamPrefix: "team:", TypedTokens: true,
		Machines: map[string]Machine{"orders-client": {"service", "orders"}, "orders-ci": {"ci", "orders"}}}
}

func newSignIn(from *issuertest.Issuer) signIn {
	c := &clock{at: time.Now()}
	conf := oidcConf(from.URL)
	is := newIssuer(from.URL, http.DefaultClient, c.now)
	p := &people{conf: conf, now: c.now, ensure: func(_ context.Context, issuer, subject, _ string) (uuid.UUID, error) {
		return uuid.NewSHA1(uuid.NameSpaceURL, []byte(issuer+" "+subject)), nil // one row for one person, whoever comes first
	}}
	return signIn{newBearer(conf, is, c.now, p), is, c}
}

func with(token string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// The rows of reliability §6, 1 to 9, and the rules of §3.7.
func TestBearerRefusesWrongTokens(t *testing.T) {
	t.Parallel()
	is := issuertest.New(t)
	s := newSignIn(is)
	now := time.Now()
	public, err := x509.MarshalPKIXPublicKey(is.Key().Key.(*ecdsa.PrivateKey).Public())
	if err != nil {
		t.Fatal(err)
	}
	hmac := jose.JSONWebKey{Key: public, KeyID: is.Key().KeyID, Algorithm: "HS256"}
	ours := issuertest.Claims{"iss": is.URL, "aud": "lethe", "sub": "x", "exp": now.Add(time.Hour).Unix()}
	foreign := issuertest.NewKey(jose.ES256)
	foreign.KeyID = is.Key().KeyID
	rs512 := issuertest.NewKey(jose.RS512)
	rs512.KeyID = is.Key().KeyID
	good := is.Access(nil)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + parts[1] + "."

	for name, c := range map[string]struct {
		token string
		want  *fault.Fault
	}{
		"alg none":                       {none, errToken},
		"alg none with a signature":      {none + parts[2], errToken},
		"HS256 keyed with our key":       {issuertest.Sign(hmac, "at+jwt", ours), errToken},
		"an algorithm not in the list":   {issuertest.Sign(rs512, "at+jwt", ours), errToken},
		"foreign key under a known kid":  {issuertest.Sign(foreign, "at+jwt", ours), errToken},
		"expired 2 min ago":              {is.Access(issuertest.Claims{"exp": now.Add(-2 * time.Minute).Unix()}), errExpired},
		"no expiry":                      {is.Access(issuertest.Claims{"exp": nil}), errToken},
		"expiry is a text":               {is.Access(issuertest.Claims{"exp": "tomorrow"}), errToken},
		"not yet valid":                  {is.Access(issuertest.Claims{"nbf": now.Add(2 * time.Minute).Unix()}), errToken},
		"issued in the future":           {is.Access(issuertest.Claims{"iat": now.Add(2 * time.Minute).Unix()}), errToken},
		"audience of another":            {is.Access(issuertest.Claims{"aud": "billing"}), errAudience},
		"audience missing":               {is.Access(issuertest.Claims{"aud": nil}), errAudience},
		"audience nearly ours":           {is.Access(issuertest.Claims{"aud": []string{"lethe2", "LETHE"}}), errAudience},
		"issuer with a slash":            {is.Access(issuertest.Claims{"iss": is.URL + "/"}), errToken},
		"issuer of another":              {is.Access(issuertest.Claims{"iss": "https://evil.example"}), errToken},
		"no subject":                     {is.Access(issuertest.Claims{"sub": nil}), errToken},
		"empty subject":                  {is.Access(issuertest.Claims{"sub": ""}), errToken},
		"a subject with a NUL":           {is.Access(issuertest.Claims{"sub": "a\x00b"}), errToken},
		"a service with a line break":    {is.Access(issuertest.Claims{"groups": "lethe:ci", "lethe_service": "a\nb"}), errToken},
		"a group with a NUL":             {is.Access(issuertest.Claims{"groups": []string{"team:a\x00"}}), errToken},
		"an ID token":                    {is.ID(issuertest.Claims{"aud": []string{"lethe", issuertest.Client}}), errType},
		"no type":                        {issuertest.Sign(is.Key(), "", ours), errType},
		"a changed payload":              {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"admin"}`)) + "." + parts[2], errToken},
		"a cut signature":                {parts[0] + "." + parts[1] + ".", errToken},
		"larger than 8 KiB":              {is.Access(issuertest.Claims{"junk": strings.Repeat("x", 8<<10)}), errToken},
		"not a token":                    {"hello", errToken},
		"empty":                          {"", errToken},
		"JSON serialisation":             {`{"payload":"e30","signatures":[]}`, errToken},
		"a machine bound to nothing":     {is.Access(issuertest.Claims{"groups": []string{"lethe:service"}}), errUnbound},
		"a pipeline bound to nothing":    {is.Access(issuertest.Claims{"groups": "lethe:ci"}), errUnbound},
		"a kid that leads out of a path": {sign(is.Key(), "../../etc/passwd", ours), errToken},
	} {
		if _, err := s.standing(with(c.token)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if n := is.Fetches.Load(); n > 1 {
		t.Errorf("%d fetches of the key set", n)
	}
}

func sign(key jose.JSONWebKey, kid string, c issuertest.Claims) string {
	key.KeyID = kid
	return issuertest.Sign(key, "at+jwt", c)
}

func TestBearerLooksAtOneHeaderAlone(t *testing.T) {
	t.Parallel()
	is := issuertest.New(t)
	s := newSignIn(is)
	token := is.Access(nil)
	r := httptest.NewRequest(http.MethodPost, "/graphql?access_token="+token, nil)
	r.AddCookie(&http.Cookie{Name: "access_token", Value: token})
	if _, err := s.standing(r); !errors.Is(err, errNoToken) {
		t.Errorf("token in query and cookie: %v", err)
	}
	r = with(token)
	r.Header.Add("Authorization", "Bearer "+token)
	if _, err := s.standing(r); !errors.Is(err, errTwoHeaders) {
		t.Errorf("two headers: %v", err)
	}
	r = httptest.NewRequest(http.MethodGet, "/graphql", nil)
	r.SetBasicAuth("token", token)
	if _, err := s.standing(r); !errors.Is(err, errNoToken) {
		t.Errorf("Basic outside the registry: %v", err)
	}
	r = httptest.NewRequest(http.MethodGet, "/registry/subjects", nil)
	r.SetBasicAuth("token", token)
	if _, err := s.standing(r); err != nil {
		t.Errorf("Basic at the registry: %v", err)
	}
}

func TestBearerKnowsWhoCalls(t *testing.T) {
	t.Parallel()
	is := issuertest.New(t)
	s := newSignIn(is)
	for name, c := range map[string]struct {
		claims issuertest.Claims
		want   access.Principal
	}{
		"a person": {issuertest.Claims{"name": "Ada", "groups": []string{"lethe:approver", "lethe:emperor", "team:payments", "team:", "staff"}},
			access.Principal{Name: "Ada", Roles: []access.Role{access.Approver}, Teams: []string{"payments"}}},
		"a person without groups": {issuertest.Claims{"preferred_username": "bob"}, access.Principal{Name: "bob"}},
		"a mapped service": {issuertest.Claims{"sub": "orders-client", "client_id": "orders-client", "groups": []string{"lethe:admin"}},
			access.Principal{Name: "service of orders", Roles: []access.Role{access.Service}, Service: "orders"}},
		"a mapped pipeline": {issuertest.Claims{"sub": "orders-ci"},
			access.Principal{Name: "ci of orders", Roles: []access.Role{access.CI}, Service: "orders"}},
		"a service by its claim": {issuertest.Claims{"sub": "p", "groups": []string{"lethe:service"}, "lethe_service": "payments"},
			access.Principal{Name: "service of payments", Roles: []access.Role{access.Service}, Service: "payments"}},
		"a person through a service's client": {issuertest.Claims{"sub": "eve", "azp": "orders-client", "client_id": "orders-client"}, access.Principal{}},
		"a person who claims a service":       {issuertest.Claims{"groups": []string{"lethe:viewer"}, "lethe_service": "payments"}, access.Principal{Roles: []access.Role{access.Viewer}}},
	} {
		st, err := s.standing(with(is.Access(c.claims)))
		got := st.by
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.ID == uuid.Nil || got.Name != c.want.Name || !slices.Equal(got.Roles, c.want.Roles) || !slices.Equal(got.Teams, c.want.Teams) || got.Service != c.want.Service {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if _, err := s.standing(with(is.Access(issuertest.Claims{"iat": time.Now().Add(50 * time.Second).Unix()}))); err != nil {
		t.Errorf("50 s of skew: %v", err)
	}
	s.conf.TypedTokens = false
	if _, err := s.standing(with(issuertest.Sign(is.Key(), "JWT", issuertest.Claims{"iss": is.URL, "aud": "lethe", "sub": "x", "exp": time.Now().Add(time.Hour).Unix()}))); err != nil {
		t.Errorf("untyped tokens switched on: %v", err)
	}
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.EdDSA, jose.ES256} {
		is.Rotate(alg)
		s.clock.pass(fetchEvery)
		if _, err := s.standing(with(is.Access(nil))); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

// Reliability finding 8: the library's own key set fetched 295 times for 300
// strange kids and 298 times for 300 foreign signatures. The goal is S6: one
// fetch in ten seconds.
func TestIssuerIsNotFlooded(t *testing.T) {
	t.Parallel()
	is := issuertest.New(t)
	s := newSignIn(is)
	if _, err := s.standing(with(is.Access(nil))); err != nil {
		t.Fatal(err)
	}
	foreign := issuertest.NewKey(jose.ES256)
	claims := issuertest.Claims{"iss": is.URL, "aud": "lethe", "sub": "x", "exp": time.Now().Add(time.Hour).Unix()}
	flood := func() {
		var wg sync.WaitGroup
		for n := range 300 {
			unknown, known := sign(foreign, fmt.Sprint("kid-", n), claims), sign(foreign, is.Key().KeyID, claims)
			for _, token := range []string{unknown, known} {
				wg.Go(func() {
					if _, err := s.standing(with(token)); !errors.Is(err, errToken) {
						t.Errorf("err = %v", err)
					}
				})
			}
		}
		wg.Wait()
	}
	flood()
	if n := is.Fetches.Load(); n != 1 {
		t.Errorf("%d fetches within ten seconds, want 1", n)
	}
	s.clock.pass(fetchEvery)
	flood()
	if n := is.Fetches.Load(); n != 2 {
		t.Errorf("%d fetches within twenty seconds, want 2", n)
	}
	if _, err := s.standing(with(is.Access(nil))); err != nil {
		t.Errorf("a good token after the flood: %v", err)
	}
}

func TestRotationIsFollowed(t *testing.T) {
	t.Parallel()
	is := issuertest.New(t)
	s := newSignIn(is)
	old := is.Access(nil)
	if _, err := s.standing(with(old)); err != nil {
		t.Fatal(err)
	}
	is.Rotate(jose.ES256)
	s.clock.pass(fetchEvery)
	for _, token := range []string{is.Access(nil), old} {
		if _, err := s.standing(with(token)); err != nil {
			t.Errorf("after one rotation: %v", err)
		}
	}
	is.Rotate(jose.RS256)
	is.Rotate(jose.EdDSA) // the first key is gone from the issuer now
	s.clock.pass(fetchEvery)
	if _, err := s.standing(with(is.Access(nil))); err != nil {
		t.Errorf("after three rotations: %v", err)
	}
	if _, err := s.standing(with(old)); !errors.Is(err, errToken) {
		t.Errorf("a token of a withdrawn key: %v", err)
	}
}

func TestIssuerDown(t *testing.T) {
	t.Parallel()
	is := issuertest.New(t)
	s := newSignIn(is)
	is.Down.Store(true)
	if _, err := s.standing(with(is.Access(nil))); !errors.Is(err, errIssuerAway) {
		t.Errorf("no key at all: %v", err)
	}
	if s.issuer.look(t.Context()) == nil {
		t.Error("looks well while down")
	}
	is.Down.Store(false)
	s.clock.pass(fetchEvery)
	if _, err := s.standing(with(is.Access(nil))); err != nil {
		t.Fatalf("back again: %v", err)
	}
	is.Down.Store(true)
	s.clock.pass(23 * time.Hour)
	day := issuertest.Claims{"exp": time.Now().Add(72 * time.Hour).Unix()}
	if _, err := s.standing(with(is.Access(day))); err != nil {
		t.Errorf("down for 23 h, known key: %v", err)
	}
	is.Rotate(jose.ES256)
	if _, err := s.standing(with(is.Access(day))); !errors.Is(err, errToken) {
		t.Errorf("down, unknown key: %v", err)
	}
	s.clock.pass(2 * time.Hour)
	if _, err := s.standing(with(is.Access(day))); !errors.Is(err, errIssuerAway) {
		t.Errorf("down for 25 h: %v", err)
	}
}

// A forger must not make anybody wait for a slow issuer while the key is known.
func TestIssuerSlow(t *testing.T) {
	t.Parallel()
	is := issuertest.New(t)
	s := newSignIn(is)
	good := is.Access(nil)
	if _, err := s.standing(with(good)); err != nil {
		t.Fatal(err)
	}
	is.Stuck.Store(true)
	s.clock.pass(fetchEvery)
	forged := issuertest.NewKey(jose.ES256)
	for range 20 {
		if _, err := s.standing(with(sign(forged, is.Key().KeyID, issuertest.Claims{"iss": is.URL}))); !errors.Is(err, errToken) {
			t.Errorf("forged: %v", err)
		}
		if _, err := s.standing(with(good)); err != nil {
			t.Errorf("good: %v", err)
		}
	}
	s.issuer.mu.Lock()
	asking := s.issuer.flight != nil
	s.issuer.mu.Unlock()
	if !asking {
		t.Error("somebody waited until the issuer was asked in vain")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.standing(with(sign(forged, "unknown", issuertest.Claims{"iss": is.URL})).WithContext(ctx))
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("unknown kid, stuck issuer: %v", err)
	}
}

func TestDiscoveryOfAnotherIssuerIsRefused(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]map[string]string{
		"another issuer": {"issuer": "https://evil.example", "jwks_uri": "https://evil.example/keys", "authorization_endpoint": "https://evil.example/a", "token_endpoint": "https://evil.example/t"},
		"plain HTTP":     {"issuer": "self", "jwks_uri": "http://evil.example/keys", "authorization_endpoint": "https://evil.example/a", "token_endpoint": "https://evil.example/t"},
		"no key set":     {"issuer": "self"},
	} {
		var url string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if doc["issuer"] == "self" {
				doc["issuer"] = url
			}
			_ = json.NewEncoder(w).Encode(doc)
		}))
		url = server.URL
		if _, err := newIssuer(url, http.DefaultClient, time.Now).metadata(t.Context()); !errors.Is(err, errIssuerAway) {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
}

func FuzzBearer(f *testing.F) {
	is := issuertest.New(f)
	s := newSignIn(is)
	f.Add(is.Access(nil)[:40])
	f.Add("e30.e30.e30")
	f.Fuzz(func(t *testing.T, token string) {
		r := httptest.NewRequest(http.MethodGet, "/graphql", nil)
		r.Header["Authorization"] = []string{"Bearer " + token}
		if st, err := s.standing(r); err == nil && st.by.ID != uuid.Nil {
			t.Errorf("%q was let in", token)
		}
	})
}
