package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/trust"
)

func setMachines(c *Config, s string) error {
	c.OIDC.Machines = map[string]Machine{}
	for _, entry := range splitList(s) {
		client, what, ok := strings.Cut(entry, "=")
		role, service, bound := strings.Cut(what, ":")
		if !ok || !bound || client == "" || service == "" {
			return fmt.Errorf("%q: write client=role:service, like orders-client=service:orders", entry)
		}
		if err := oneOf("service", "ci")(role); err != nil {
			return err
		}
		if _, twice := c.OIDC.Machines[client]; twice {
			return fmt.Errorf("the client %q is named twice; a client is bound to one service", client)
		}
		c.OIDC.Machines[client] = Machine{role, service}
	}
	return nil
}

func getMachines(c *Config) string {
	out := make([]string, 0, len(c.OIDC.Machines))
	for client, m := range c.OIDC.Machines {
		out = append(out, client+"="+m.Role+":"+m.Service)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

func setIssuers(c *Config, s string) error {
	c.CIIssuers = map[string]trust.Provider{}
	for _, entry := range splitList(s) {
		provider, issuer, ok := strings.Cut(entry, "=")
		if !ok {
			return fmt.Errorf("%q: write github=issuer or gitlab=issuer, like gitlab=https://gitlab.example.com", entry)
		}
		if err := errors.Join(oneOf(string(trust.GitHub), string(trust.GitLab))(provider), issuerURL(issuer)); err != nil {
			return err
		}
		if _, twice := c.CIIssuers[issuer]; twice {
			return fmt.Errorf("the issuer %s is named twice", issuer)
		}
		c.CIIssuers[issuer] = trust.Provider(provider)
	}
	return nil
}

func getIssuers(c *Config) string {
	out := make([]string, 0, len(c.CIIssuers))
	for issuer, provider := range c.CIIssuers {
		out = append(out, string(provider)+"="+issuer)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}
