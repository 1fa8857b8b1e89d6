// Package egress keeps outgoing calls to the networks that were named for
// them: decision 5. What no list may hold is refused whatever the list says.
package egress

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrRefused reports an address that is not among the networks registered for
// whom the call is to.
var ErrRefused = errors.New("the address is not in the networks registered for it")

// Fence is where connections may go. The zero Fence lets none out.
type Fence struct {
	networks []netip.Prefix
	loopback netip.AddrPort // in development: the one loopback address that is called
}

// Around is the fence around an endpoint: the networks, and in development also
// the one loopback host and port that the endpoint is.
func Around(endpoint string, networks []netip.Prefix, dev bool) Fence {
	f := Fence{networks: networks}
	if !dev {
		return f
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return f
	}
	host := strings.Replace(u.Host, "localhost:", "127.0.0.1:", 1)
	if at, err := netip.ParseAddrPort(host); err == nil && at.Addr().IsLoopback() {
		f.loopback = at
	}
	return f
}

// never lists what nobody may be, whatever is registered: this host, the
// link (cloud metadata lives there), everybody, nobody, and the prefixes that
// wrap one address in another.
var never = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("::/127"),
	netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
}

// allows judges the address that is about to be connected to, after every
// name was resolved.
func (f Fence) allows(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrRefused
	}
	ip := at.Addr().Unmap().WithZone("")
	if f.loopback.IsValid() && netip.AddrPortFrom(ip, at.Port()) == f.loopback {
		return nil
	}
	in := func(p netip.Prefix) bool { return p.Contains(ip) }
	if slices.ContainsFunc(never, in) || !slices.ContainsFunc(f.networks, in) {
		return ErrRefused
	}
	return nil
}

// Client makes an HTTP client that stays within the fence: no proxy, no
// redirect, everything bounded, every hop judged at the dial. HTTP/1 alone: a
// message has its connection to itself, so that one can be cut off without
// others.
func (f Fence) Client() *http.Client {
	dialer := &net.Dialer{Timeout: 3 * time.Second, Control: func(_, address string, _ syscall.RawConn) error { return f.allows(address) }}
	return &http.Client{
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second,
			ResponseHeaderTimeout: 10 * time.Second, MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
			MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		},
	}
}
