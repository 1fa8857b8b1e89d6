package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/flowmart/lethe/internal/egress"
	"github.com/flowmart/lethe/schemas/remote"
)

// registryURL takes the URL of a registry, with the path that its API begins at.
func registryURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(s, "/") {
		return errors.New("write the URL up to the paths of its API, without user, query and closing slash, like https://registry.example.com")
	}
	return nil
}

func setForwardNetworks(c *Config, s string) error {
	c.Forward.Networks = nil
	for _, one := range splitList(s) {
		n, err := netip.ParsePrefix(one)
		if err != nil {
			return fmt.Errorf("%q is no network; write one in CIDR form, such as 10.20.0.0/16", one)
		}
		c.Forward.Networks = append(c.Forward.Networks, n.Masked())
	}
	return nil
}

func getForwardNetworks(c *Config) string {
	out := make([]string, len(c.Forward.Networks))
	for i, n := range c.Forward.Networks {
		out[i] = n.String()
	}
	return strings.Join(out, ",")
}

// check looks at what one setting alone cannot tell.
func (f Forward) check(dev bool, bad func(key, format string, args ...any)) {
	local := dev && loopbackURL(f.URL)
	switch {
	case f.URL == "" && (f.Networks != nil || f.User != "" || f.PasswordFile != "" || f.TokenFile != ""):
		bad("forward_url", "the other settings of the registry that is written to are there without it; set it, or unset them")
	case f.URL == "":
		return
	case strings.HasPrefix(f.URL, "http://") && !local:
		bad("forward_url", "plain HTTP is for loopback in development (--dev) alone; use https")
	case len(f.Networks) == 0 && !local:
		bad("forward_networks", "name the networks that the registry of LETHE_FORWARD_URL lies in, such as 10.20.0.0/16; calls reach no others")
	}
	for _, n := range f.Networks {
		if n.Bits() == 0 {
			bad("forward_networks", "%s is everywhere; name the networks that the registry really lies in", n)
		}
	}
	if (f.User == "") != (f.PasswordFile == "") {
		bad("forward_user", "a user signs in with a password: set this and LETHE_FORWARD_PASSWORD_FILE, or neither")
	}
	if f.User != "" && f.TokenFile != "" {
		bad("forward_token_file", "sign in with a token or as a user: unset this, or LETHE_FORWARD_USER")
	}
}

// mostForwarded is the largest answer that is read from the registry that is
// written to, in bytes: one version.
const mostForwarded = 8 << 20

// reach is how the registry is spoken to. Its connections are kept, and its
// secrets are read for each write.
func (f Forward) reach(dev bool) func() (*remote.Registry, error) {
	client := egress.Around(f.URL, f.Networks, dev).Client()
	return func() (*remote.Registry, error) {
		r := &remote.Registry{URL: f.URL, User: f.User, Client: client, Most: mostForwarded}
		return r, errors.Join(secretIn(f.PasswordFile, &r.Password), secretIn(f.TokenFile, &r.Token))
	}
}

// look reports whether the registry answers, and lets us in.
func (f Forward) look(dev bool) func(context.Context) error {
	reach := f.reach(dev)
	return func(ctx context.Context) error {
		r, err := reach()
		if err != nil {
			return err
		}
		return r.Ask(ctx, http.MethodGet, "/config", nil, nil)
	}
}

func secretIn(path string, into *string) error {
	if path == "" {
		return nil
	}
	raw, err := os.ReadFile(path)
	*into = strings.TrimSpace(string(raw))
	if err == nil && *into == "" {
		err = fmt.Errorf("%s is empty", path)
	}
	return err
}
