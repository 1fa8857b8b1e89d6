package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/flowmart/lethe/catalog/apikey"
	"github.com/flowmart/lethe/catalog/trust"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
)

const (
	tokenMax = 8 << 10          // bytes of a token
	skew     = 60 * time.Second // between the issuer's clock and ours
)

// What a caller is told about a token. Why it is not valid stands in the log
// alone: a forger learns nothing.
var (
	errNoToken    = fault.New(fault.Unknown, "UNAUTHENTICATED", "send a bearer token in the Authorization header, or sign in")
	errToken      = fault.New(fault.Unknown, "TOKEN_INVALID", "the access token is not valid; ask your identity provider for a new one")
	errExpired    = fault.New(fault.Unknown, "TOKEN_EXPIRED", "the access token has expired; ask for a new one")
	errAudience   = fault.New(fault.Unknown, "TOKEN_WRONG_AUDIENCE", "this token is not meant for this service; ask the issuer for Lethe's audience")
	errType       = fault.New(fault.Unknown, "TOKEN_WRONG_TYPE", "use an access token (typ: at+jwt), not an ID token")
	errUnbound    = fault.New(fault.Denied, "MACHINE_NOT_BOUND", "this client is bound to no service; an admin binds it by the claim lethe_service or LETHE_OIDC_MACHINES")
	errTwoHeaders = fault.New(fault.Invalid, "BAD_REQUEST", "send one Authorization header")
)

// claims is what Lethe reads of a token. Groups are read apart, since the
// claim's name is a setting.
type claims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	Expiry    *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
	IssuedAt  *float64 `json:"iat"`
	Nonce     string   `json:"nonce"`
	Party     string   `json:"azp"`
	Service   string   `json:"lethe_service"`
	Name      string   `json:"name"`
	Username  string   `json:"preferred_username"`

	groups []string
}

// audience is one or many (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON reads a text or a list of texts.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// bearer recognises who calls by a token.
type bearer struct {
	conf     OIDC
	verifier *oidc.IDTokenVerifier
	now      func() time.Time
	people   *people
	keys     *holders // whom API keys stand for; nil where there are none
	jobs     *holders // and the tokens of jobs
	believed *beliefs
}

func newBearer(conf OIDC, keys oidc.KeySet, now func() time.Time, people *people) *bearer {
	return &bearer{conf: conf, verifier: newVerifier(conf.Issuer, keys), now: now, people: people, believed: &beliefs{now: now}}
}

// newVerifier checks signature and issuer. The times, the subject and the
// audience are for us: the library lets in a token without subject, one from
// the future, and five minutes of skew.
func newVerifier(issuer string, keys oidc.KeySet) *oidc.IDTokenVerifier {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	return oidc.NewVerifier(issuer, keys, &oidc.Config{SupportedSigningAlgs: names, SkipClientIDCheck: true, SkipExpiryCheck: true})
}

// recall is standing for a token that was verified a moment ago, which costs a
// hash and no more.
func (b *bearer) recall(r *http.Request) (standing, bool) {
	token, err := given(r)
	if err != nil {
		return standing{}, false
	}
	known := b.believed.get(token)
	if known == nil {
		return standing{}, false
	}
	return standing{by: known.by, left: b.left(known.c)}, true
}

// standing recognises the caller of a request by its Authorization header. It
// answers errNoToken when there is none.
func (b *bearer) standing(r *http.Request) (standing, error) {
	token, err := given(r)
	if err != nil {
		return standing{}, err
	}
	switch {
	case apikey.Is(token) && b.keys != nil:
		return b.keys.standing(r.Context(), r.URL.Path, token)
	case trust.Is(token) && b.jobs != nil:
		return b.jobs.standing(r.Context(), r.URL.Path, token)
	}
	c, err := b.verify(r.Context(), token)
	if err != nil {
		return standing{}, err
	}
	by, err := b.people.principal(r.Context(), c)
	if err == nil {
		b.believed.put(token, by, c)
	}
	return standing{by: by, left: b.left(c)}, err
}

// given is the token that a request carries. HTTP Basic with the token as
// password serves clients of the schema registry that know nothing else; there
// an API key stands for a token.
func given(r *http.Request) (string, error) {
	headers := r.Header["Authorization"]
	switch {
	case len(headers) == 0:
		return "", errNoToken
	case len(headers) > 1:
		return "", errTwoHeaders
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if strings.EqualFold(scheme, "Basic") && strings.HasPrefix(r.URL.Path, "/registry/") {
		_, token, _ = r.BasicAuth()
	} else if !strings.EqualFold(scheme, "Bearer") {
		return "", errNoToken
	}
	return strings.TrimSpace(token), nil
}

// left is how long a token stands that has not expired.
func (b *bearer) left(c claims) time.Duration {
	seconds := *c.Expiry - float64(b.now().UnixMilli())/1000
	return time.Duration(min(max(seconds, 0.001), streamFor.Seconds()) * float64(time.Second))
}

// verify checks an access token whole.
func (b *bearer) verify(ctx context.Context, token string) (claims, error) {
	c, err := b.read(ctx, token)
	if err != nil {
		return claims{}, err
	}
	if b.conf.TypedTokens && !slices.Contains([]string{"at+jwt", "application/at+jwt"}, strings.ToLower(headerType(token))) {
		return claims{}, errType
	}
	if !slices.Contains(c.Audience, b.conf.Audience) {
		return claims{}, errAudience
	}
	return c, nil
}

// verifyID checks the ID token of a sign-in (OpenID Connect Core §3.1.3.7).
func (b *bearer) verifyID(ctx context.Context, token, nonce string) (claims, error) {
	c, err := b.verifyRenewed(ctx, token)
	if err == nil && c.Nonce != nonce {
		return claims{}, errToken.With(errors.New("another nonce"))
	}
	return c, err
}

// verifyRenewed checks an ID token that came for a refresh token. It need have
// no nonce (OpenID Connect Core §12.2).
func (b *bearer) verifyRenewed(ctx context.Context, token string) (claims, error) {
	c, err := b.read(ctx, token)
	if err == nil && (!slices.Contains(c.Audience, b.conf.ClientID) || len(c.Audience) > 1 && c.Party != b.conf.ClientID) {
		return claims{}, errToken.With(errors.New("another audience or party"))
	}
	return c, err
}

// read verifies what every token of the issuer must obey: signature, issuer,
// times, subject.
func (b *bearer) read(ctx context.Context, token string) (claims, error) {
	verified, c, err := readToken(ctx, b.verifier, token, b.now())
	if err != nil {
		return claims{}, err
	}
	c.groups = groups(verified, b.conf.GroupsClaim)
	switch {
	case c.Subject == "":
		return claims{}, errToken.With(errors.New("no subject"))
	case !plain(c.Subject), !plain(c.Service), slices.ContainsFunc(c.groups, func(g string) bool { return !plain(g) }):
		return claims{}, errToken.With(errors.New("a control character in a claim"))
	}
	return c, nil
}

// readToken verifies what any issuer's token must obey: signature, issuer,
// times.
func readToken(ctx context.Context, verifier *oidc.IDTokenVerifier, token string, at time.Time) (*oidc.IDToken, claims, error) {
	var c claims
	if len(token) > tokenMax || strings.Count(token, ".") != 2 {
		return nil, c, errToken.With(errors.New("too long, or no JWS in compact form"))
	}
	verified, err := verifier.Verify(ctx, token)
	if err != nil {
		return nil, c, unverified(ctx, err)
	}
	if err := verified.Claims(&c); err != nil {
		return nil, c, errToken.With(errors.New("a claim has another type"))
	}
	now := float64(at.Unix())
	switch {
	case c.Expiry == nil:
		return nil, c, errToken.With(errors.New("no expiry"))
	case *c.Expiry <= now:
		return nil, c, errExpired
	case c.NotBefore != nil && *c.NotBefore > now+skew.Seconds(), c.IssuedAt != nil && *c.IssuedAt > now+skew.Seconds():
		return nil, c, errToken.With(errors.New("from the future"))
	}
	return verified, c, nil
}

// plain reports whether a text holds no character that only controls, which no
// name needs and no database takes.
func plain(s string) bool { return !strings.ContainsFunc(s, unicode.IsControl) }

// unverified tells a forged token from an issuer that is away. The library
// wraps our key set's error as text alone.
func unverified(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fault.New(fault.Unavailable, "ISSUER_UNAVAILABLE", "the identity provider did not answer in time").With(ctx.Err())
	case strings.Contains(err.Error(), errIssuerAway.Message):
		return errIssuerAway
	}
	return errToken.With(errors.New("signature, algorithm or issuer"))
}

// headerType is the typ of a token whose signature has been verified.
func headerType(token string) string {
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return ""
	}
	var h struct {
		Type string `json:"typ"`
	}
	if json.NewDecoder(bytes.NewReader(raw)).Decode(&h) != nil {
		return ""
	}
	return h.Type
}

func groups(token *oidc.IDToken, claim string) []string {
	var all map[string]json.RawMessage
	if token.Claims(&all) != nil {
		return nil
	}
	var list audience // one or many, as issuers please
	if list.UnmarshalJSON(all[claim]) != nil {
		return nil
	}
	return list
}

// principal maps groups to roles and teams, and binds machines to a service.
func (p *people) principal(ctx context.Context, c claims) (access.Principal, error) {
	by := access.Principal{Name: c.Name}
	if by.Name == "" {
		by.Name = c.Username
	}
	// A name is for people to read, and does not decide who may come in.
	by.Name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, by.Name)
	for _, g := range c.groups {
		if role, ok := strings.CutPrefix(g, p.conf.RolePrefix); ok && slices.Contains(access.Roles, access.Role(role)) {
			by.Roles = append(by.Roles, access.Role(role))
		} else if team, ok := strings.CutPrefix(g, p.conf.TeamPrefix); ok && team != "" {
			by.Teams = append(by.Teams, team)
		}
	}
	if m, ok := p.conf.Machines[c.Subject]; ok {
		// A mapped client is that machine and nothing else. It is found by the
		// subject, which is the client itself where no person is involved (RFC
		// 9068 §2.2): a person's token that went through the same client, with
		// the client in azp, must not become the machine.
		by.Roles, by.Teams, by.Service = []access.Role{access.Role(m.Role)}, nil, m.Service
	} else if by.Has(access.CI, access.Service) {
		by.Service = c.Service
	}
	if by.Has(access.CI, access.Service) && by.Service == "" {
		return access.Principal{}, errUnbound
	}
	if by.Name == "" && by.Service != "" {
		by.Name = string(by.Roles[0]) + " of " + by.Service
	}
	var err error
	by.ID, err = p.row(ctx, identity{c.Issuer, c.Subject, by.Name})
	return by, err
}
