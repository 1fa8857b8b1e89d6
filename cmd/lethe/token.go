package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newToken(e *env) *cobra.Command {
	var as, issuer string
	var job bool
	c := &cobra.Command{
		Use:   "token",
		Short: "Print a bearer token: of the running demo's issuer, or of the job it runs in",
		Long: `Prints an access token of the demo's own issuer, for a person or a machine of
the demo. Issuers in production give tokens to those who sign in, and to nobody
else.

With --job it signs the job of a pipeline in and prints the token that Lethe gives
it, for a quarter of an hour. GitLab gives a job one identity that serves once, so
a job that runs lethe several times signs in first.`,
		Example: "  export LETHE_TOKEN=$(lethe token --as approver)\n  lethe token --as service:orders\n  export LETHE_TOKEN=$(lethe token --job)",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if job {
				return printJobToken(cmd, e)
			}
			d := demoIssuer{&http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
			if issuer == "" {
				issuer = e.get("LETHE_OIDC_ISSUER")
			}
			if issuer == "" {
				server, err := serverURL(cmd, e)
				if err != nil {
					return err
				}
				if issuer, err = d.issuerOf(cmd.Context(), server.String()); err != nil {
					return away(err)
				}
			}
			if _, err := webURL("--issuer or LETHE_OIDC_ISSUER", issuer); err != nil {
				return err
			}
			token, err := d.token(cmd.Context(), issuer, as)
			if err != nil {
				return err
			}
			return show(cmd, map[string]string{"token": token}, func(w io.Writer) { fmt.Fprintln(w, token) })
		},
	}
	c.Flags().StringVar(&as, "as", "", "a role, like approver; a person's id; service:REF or ci:REF")
	c.Flags().StringVar(&issuer, "issuer", "", "the demo's issuer (LETHE_OIDC_ISSUER; the one the server at --url sends people to)")
	c.Flags().String("url", "", "where the server is (LETHE_URL; http://localhost:8080)")
	c.Flags().BoolVar(&job, "job", false, "of the job of a pipeline that this runs in")
	c.MarkFlagsOneRequired("as", "job")
	c.MarkFlagsMutuallyExclusive("as", "job")
	return c
}

// printJobToken signs a job in.
func printJobToken(cmd *cobra.Command, e *env) error {
	server, err := serverURL(cmd, e)
	if err != nil {
		return err
	}
	token, _, err := jobToken(cmd.Context(), e, &http.Client{Timeout: time.Minute}, server.String())
	if err != nil {
		return err
	}
	return show(cmd, map[string]string{"token": token}, func(w io.Writer) { fmt.Fprintln(w, token) })
}

// demoIssuer talks to the demo's issuer.
type demoIssuer struct{ http *http.Client }

// issuerOf finds the issuer that a server sends people to.
func (d demoIssuer) issuerOf(ctx context.Context, server string) (string, error) {
	resp, err := d.get(ctx, server+"/auth/login")
	if err != nil {
		return "", fmt.Errorf("the server at %s cannot be reached; is the demo running? (make demo)", server)
	}
	defer resp.Body.Close()
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || to.Host == "" {
		return "", fmt.Errorf("the server at %s answered %d to a sign-in; name its issuer with --issuer", server, resp.StatusCode)
	}
	return to.Scheme + "://" + to.Host, nil
}

// token asks the demo's issuer, which gives its client "demo" a token of
// anybody.
func (d demoIssuer) token(ctx context.Context, issuer, as string) (string, error) {
	var about struct {
		Tokens string `json:"token_endpoint"`
	}
	resp, err := d.get(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", away(fmt.Errorf("the issuer cannot be reached: %w", err))
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&about); err != nil || about.Tokens == "" {
		return "", away(fmt.Errorf("%s is no OpenID issuer", issuer))
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"demo"}, "as": {as}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, about.Tokens, strings.NewReader(form.Encode()))
	if err != nil {
		return "", away(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if resp, err = d.http.Do(r); err != nil {
		return "", away(fmt.Errorf("the issuer cannot be reached: %w", err))
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil {
		return "", away(fmt.Errorf("the issuer answered %d and no JSON", resp.StatusCode))
	}
	switch {
	case answer.AccessToken != "":
		return answer.AccessToken, nil
	case answer.Error == "invalid_request":
		return "", usage(fmt.Errorf("--as %s: %s", as, answer.Description))
	}
	return "", no(fmt.Errorf("%s gives no token for the asking (%s); is it the demo's issuer?", issuer, answer.Error))
}

func (d demoIssuer) get(ctx context.Context, at string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	return d.http.Do(r)
}
