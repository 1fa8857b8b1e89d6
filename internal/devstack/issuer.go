package devstack

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Person can sign in at the local issuer.
type Person struct {
	ID    string // the subject
	Name  string
	Roles []string // of Lethe: "handler"
	Teams []string // refs: "order-management"
}

// Machine is a client that acts for itself, with a secret.
type Machine struct {
	ID      string // client and subject: "service:orders"
	Secret  string
	Role    string // "ci" or "service"
	Service string // ref of the service it is bound to
}

// FlowMartPeople are the people of the demo: one for each role, and a steward
// for each team.
var FlowMartPeople = []Person{
	{"jbrown", "Jordan Brown", []string{"viewer"}, []string{"mobile-devs"}},
	{"asmith", "Amy Smith", []string{"steward"}, []string{"order-management"}},
	{"lkim", "Lin Kim", []string{"steward"}, []string{"full-stack"}},
	{"rjones", "Robin Jones", []string{"steward"}, []string{"subscriptions-management"}},
	{"msmith", "Mika Smith", []string{"steward"}, []string{"mobile-devs"}},
	{"nshah", "Nisha Shah", []string{"handler"}, nil},
	{"slee", "Sora Lee", []string{"approver"}, nil},
	{"tgarcia", "Teresa Garcia", []string{"dpo"}, nil},
	{"mwilson", "Morgan Wilson", []string{"auditor"}, nil},
	{"jchen", "Jamie Chen", []string{"admin"}, nil},
}

// IssuerOptions is who the local issuer knows. The zero value knows the people
// of FlowMart, no machine, and the client "lethe-portal" without a secret.
type IssuerOptions struct {
	Port         int      // 0 is any free one
	ClientID     string   // of the portal; default "lethe-portal"
	ClientSecret string   // of the portal; empty for a public client
	Audience     string   // of access tokens; default "lethe"
	Redirects    []string // where the portal may be sent back to, exactly
	People       []Person
	Machines     []Machine
	Lifetime     time.Duration // of tokens; default one hour
}

// Issuer is an OpenID provider on loopback: discovery, code flow with PKCE,
// refresh tokens that serve once, client credentials, key set. Whoever reaches it may sign in as anybody.
type Issuer struct {
	opts   IssuerOptions
	url    string
	server *http.Server
	ended  chan struct{}

	// Fetches counts how often the key set was asked for.
	Fetches atomic.Int64
	// Down has it answer 503 to everything.
	Down atomic.Bool
	// Stuck has it accept and not answer, until Stop.
	Stuck atomic.Bool

	mu      sync.Mutex
	keys    []jose.JSONWebKey // private, the newest last
	codes   map[string]grant
	renewal map[string]grant // by refresh token
}

// grant is what a code stands for until it is redeemed.
type grant struct {
	person                     Person
	nonce, challenge, redirect string
	at                         time.Time // of sign-in
}

// StartIssuer starts the issuer.
func StartIssuer(ctx context.Context, o IssuerOptions) (*Issuer, error) {
	if o.ClientID == "" {
		o.ClientID = "lethe-portal"
	}
	if o.Audience == "" {
		o.Audience = "lethe"
	}
	if o.People == nil {
		o.People = FlowMartPeople
	}
	if o.Lifetime == 0 {
		o.Lifetime = time.Hour
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
	if err != nil {
		return nil, fmt.Errorf("local issuer: %w", err)
	}
	i := &Issuer{opts: o, url: "http://" + l.Addr().String(), ended: make(chan struct{}), codes: map[string]grant{}, renewal: map[string]grant{}}
	i.Rotate()
	i.server = &http.Server{Handler: i.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	go func() { _ = i.server.Serve(l) }()
	return i, nil
}

// URL is the issuer's identifier and the root of its endpoints.
func (i *Issuer) URL() string { return i.url }

// Stop ends the issuer at once. It may be called twice.
func (i *Issuer) Stop() {
	i.mu.Lock()
	select {
	case <-i.ended:
	default:
		close(i.ended)
	}
	i.mu.Unlock()
	_ = i.server.Close()
}

// AllowRedirect lets the portal be sent back to an address that was not known
// at the start.
func (i *Issuer) AllowRedirect(uri string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.opts.Redirects = append(slices.Clone(i.opts.Redirects), uri)
}

// Rotate makes a new signing key. The one before it stays in the key set, the
// older ones go. It returns the id of the new key.
func (i *Issuer) Rotate() string {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	key := jose.JSONWebKey{Key: private, KeyID: rand.Text(), Algorithm: string(jose.ES256), Use: "sig"}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, key)
	i.keys = i.keys[max(0, len(i.keys)-2):]
	return key.KeyID
}

// Mint makes an access token for a person, given by id or role, or for a
// machine, given as "ci:<service>" or "service:<service>".
func (i *Issuer) Mint(as string) (string, error) {
	if p, ok := i.person(as); ok {
		return i.access(i.personClaims(p, time.Now()), "demo")
	}
	role, service, ok := strings.Cut(as, ":")
	if !ok || service == "" || role != "ci" && role != "service" {
		return "", fmt.Errorf("nobody here is %q; known are %s, ci:<service> and service:<service>", as, strings.Join(i.known(), ", "))
	}
	return i.access(machineClaims(Machine{ID: as, Role: role, Service: service}), as)
}

// person finds a person by id, or the first with a role.
func (i *Issuer) person(as string) (Person, bool) {
	for _, p := range i.opts.People {
		if p.ID == as {
			return p, true
		}
	}
	for _, p := range i.opts.People {
		if slices.Contains(p.Roles, as) {
			return p, true
		}
	}
	return Person{}, false
}

func (i *Issuer) known() []string {
	var all []string
	for _, p := range i.opts.People {
		for _, as := range append([]string{p.ID}, p.Roles...) {
			if !slices.Contains(all, as) {
				all = append(all, as)
			}
		}
	}
	return all
}

type claims map[string]any

func (i *Issuer) personClaims(p Person, signedIn time.Time) claims {
	groups := []string{}
	for _, r := range p.Roles {
		groups = append(groups, "lethe:"+r)
	}
	for _, team := range p.Teams {
		groups = append(groups, "team:"+team)
	}
	return claims{"sub": p.ID, "name": p.Name, "preferred_username": p.ID, "groups": groups, "auth_time": signedIn.Unix()}
}

func machineClaims(m Machine) claims {
	return claims{"sub": m.ID, "groups": []string{"lethe:" + m.Role}, "lethe_service": m.Service}
}

// access signs an access token (RFC 9068).
func (i *Issuer) access(c claims, client string) (string, error) {
	c["client_id"], c["scope"] = client, "openid profile groups"
	return i.sign("at+jwt", i.opts.Audience, c)
}

// identity signs an ID token (OpenID Connect Core §2).
func (i *Issuer) identity(c claims, nonce string) (string, error) {
	if nonce != "" {
		c["nonce"] = nonce
	}
	return i.sign("JWT", i.opts.ClientID, c)
}

func (i *Issuer) sign(typ, audience string, c claims) (string, error) {
	now := time.Now()
	c["iss"], c["aud"], c["jti"] = i.url, audience, rand.Text()
	c["iat"], c["exp"] = now.Unix(), now.Add(i.opts.Lifetime).Unix()
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	i.mu.Lock()
	key := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
