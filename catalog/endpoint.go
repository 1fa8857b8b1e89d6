package catalog

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

// checkEndpoint holds an endpoint against the rules of outgoing calls: https,
// nothing hidden in the URL, and networks that say where a call may end up.
// Plain http and loopback are for development.
func checkEndpoint(m *mistakes, endpoint *string, networks []netip.Prefix, dev bool) {
	checkNetworks(m, networks, dev)
	if endpoint == nil {
		return
	}
	u, err := url.Parse(*endpoint)
	if err != nil || u.Host == "" || u.Opaque != "" || len(*endpoint) > 500 || !printable(*endpoint) {
		m.add(fault.Bad("endpoint", "BAD_URL", "give an absolute URL such as https://orders.example.com/rights"))
		return
	}
	m.require(u.User == nil, "endpoint", "BAD_URL", "leave user and password out of the URL; requests are signed")
	m.require(u.Fragment == "" && u.RawQuery == "" && !u.ForceQuery && !strings.Contains(*endpoint, "#"), "endpoint", "BAD_URL",
		"leave query and fragment out of the URL; Lethe adds its own path")
	m.require(!strings.HasSuffix(u.Path, "/"), "endpoint", "BAD_URL", "leave out the slash at the end of the URL")
	m.require(goodHost(u), "endpoint", "BAD_URL", "the URL needs a host name and a port between 1 and 65535")
	local := isLoopback(u.Hostname())
	switch {
	case local && !dev:
		m.add(fault.Bad("endpoint", "LOOPBACK", "an endpoint on loopback is for development only (--dev)"))
	case u.Scheme != "https" && (u.Scheme != "http" || !local):
		m.add(fault.Bad("endpoint", "HTTPS_REQUIRED", "use https; plain http is for loopback in development only"))
	case !local && len(networks) == 0:
		m.add(fault.Bad("allowedNetworks", "REQUIRED", "name the networks the endpoint lies in, such as 10.20.0.0/16; calls reach no others"))
	}
	checkLiteral(m, u.Hostname(), networks, local)
}

func goodHost(u *url.URL) bool {
	if u.Hostname() == "" || strings.HasSuffix(u.Host, ":") {
		return false
	}
	if u.Port() == "" {
		return true
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n >= 1 && n <= 65535
}

// checkLiteral finds an address in the URL that no allowed network holds.
func checkLiteral(m *mistakes, host string, networks []netip.Prefix, local bool) {
	addr, err := netip.ParseAddr(host)
	if err != nil || local {
		return
	}
	for _, n := range networks {
		if n.Contains(addr.Unmap()) {
			return
		}
	}
	m.add(fault.Bad("endpoint", "OUTSIDE_NETWORKS", "the address of the endpoint lies in none of the allowed networks"))
}

func checkNetworks(m *mistakes, networks []netip.Prefix, dev bool) {
	m.require(len(networks) <= 50, "allowedNetworks", "TOO_MANY", "name at most 50 networks")
	for _, n := range networks {
		switch {
		case !n.IsValid():
			m.add(fault.Bad("allowedNetworks", "BAD_NETWORK", "write a network in CIDR form, such as 10.20.0.0/16"))
		case n.Bits() == 0:
			m.add(fault.Bad("allowedNetworks", "TOO_WIDE", "%s is everywhere; name the networks the service really lies in", n))
		case forbidden(n) || n.Addr().IsLoopback() && !dev:
			m.add(fault.Bad("allowedNetworks", "FORBIDDEN_NETWORK", "%s is not a network that services lie in (loopback, link-local, multicast)", n))
		}
	}
}

// forbidden are networks no service is reached in; link-local ones hold the
// metadata services of clouds.
func forbidden(n netip.Prefix) bool {
	a := n.Addr()
	return a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a.Is4In6()
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") || err == nil && addr.Unmap().IsLoopback()
}
