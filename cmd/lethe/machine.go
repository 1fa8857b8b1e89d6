package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// machineToken asks an OpenID issuer for the token of a machine: by its secret, or
// by the identity that its pipeline gives it.
func machineToken(ctx context.Context, e *env, visits *http.Client) (string, time.Duration, error) {
	issuer := e.get("LETHE_OIDC_ISSUER")
	if issuer == "" {
		return "", 0, usage(errors.New("LETHE_OIDC_CLIENT_ID is set and LETHE_OIDC_ISSUER is not; set it to the issuer's URL"))
	}
	if _, err := webURL("LETHE_OIDC_ISSUER", issuer); err != nil {
		return "", 0, err
	}
	ctx = oidc.ClientContext(ctx, visits)
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return "", 0, away(fmt.Errorf("the issuer at %s cannot be asked: %w", issuer, err))
	}
	c := clientcredentials.Config{ClientID: e.get("LETHE_OIDC_CLIENT_ID"), ClientSecret: e.get("LETHE_OIDC_CLIENT_SECRET"), TokenURL: provider.Endpoint().TokenURL, EndpointParams: url.Values{}}
	if audience := e.get("LETHE_OIDC_AUDIENCE"); strings.Contains(audience, "://") {
		c.EndpointParams.Set("resource", audience) // RFC 8707
	} else if audience != "" {
		c.EndpointParams.Set("audience", audience)
	}
	if c.ClientSecret == "" {
		assertion, err := pipelineIdentity(ctx, e, visits, issuer)
		if err != nil {
			return "", 0, err
		}
		// RFC 7523 §2.2: the issuer takes the pipeline's token for the secret.
		c.AuthStyle = oauth2.AuthStyleInParams
		c.EndpointParams.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		c.EndpointParams.Set("client_assertion", assertion)
	}
	token, err := c.Token(ctx)
	if said, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		why := fmt.Errorf("the issuer at %s gives the client %s no token: %s", issuer, c.ClientID, strings.TrimSpace(cmp.Or(said.ErrorCode, said.Response.Status)+" "+said.ErrorDescription))
		return "", 0, refused(said.Response.StatusCode, why)
	}
	if err != nil {
		return "", 0, away(fmt.Errorf("the issuer at %s cannot be asked: %w", issuer, err))
	}
	if token.Expiry.IsZero() {
		return token.AccessToken, 0, nil // it does not say (RFC 6749 §5.1)
	}
	return token.AccessToken, time.Until(token.Expiry), nil
}

// pipelineIdentity is the token by which a pipeline says which one it is: what
// GitLab puts into a variable that the job names, or what GitHub gives to a job
// that may ask for it.
// https://docs.gitlab.com/ci/secrets/id_token_authentication
// https://docs.github.com/actions/reference/security/oidc
func pipelineIdentity(ctx context.Context, e *env, visits *http.Client, audience string) (string, error) {
	if token := e.get("LETHE_ID_TOKEN"); token != "" {
		return token, nil
	}
	at, key := e.get("ACTIONS_ID_TOKEN_REQUEST_URL"), e.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if at == "" || key == "" {
		return "", usage(errors.New("there is neither a secret nor a pipeline's identity: set LETHE_OIDC_CLIENT_SECRET of the machine, or in GitHub `permissions: {id-token: write}`, or in GitLab `id_tokens: {LETHE_ID_TOKEN: {aud: …}}`"))
	}
	u, err := url.Parse(at)
	if err != nil {
		return "", usage(errors.New("ACTIONS_ID_TOKEN_REQUEST_URL is no URL"))
	}
	q := u.Query()
	q.Set("audience", audience)
	u.RawQuery = q.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", usage(errors.New("ACTIONS_ID_TOKEN_REQUEST_URL is no URL"))
	}
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := visits.Do(r)
	if err != nil {
		return "", away(errors.New("GitHub cannot be asked for the job's identity"))
	}
	defer resp.Body.Close()
	var answer struct{ Value string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil || answer.Value == "" {
		return "", away(fmt.Errorf("GitHub answered %d and no identity of the job", resp.StatusCode))
	}
	return answer.Value, nil
}
