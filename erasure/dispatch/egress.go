package dispatch

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
)

// errEgress reports an address that is not among the networks registered for
// the service.
var errEgress = errors.New("the address is not in the networks registered for this service")

// clients keeps one HTTP client a service, so that connections are reused and
// one slow service holds its own connections only.
type clients struct {
	dev bool

	mu   sync.Mutex
	kept map[uuid.UUID]client
}

type client struct {
	rev  int
	http *http.Client
}

func (c *clients) of(s catalog.Service) *http.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.kept[s.ID]; ok && k.rev == s.Rev {
		return k.http
	}
	if c.kept == nil {
		c.kept = map[uuid.UUID]client{}
	}
	if old, ok := c.kept[s.ID]; ok {
		old.http.CloseIdleConnections()
	}
	made := newClient(fenceOf(s, c.dev))
	c.kept[s.ID] = client{s.Rev, made}
	return made
}

// fence is where connections for one service may go.
type fence struct {
	networks []netip.Prefix
	loopback netip.AddrPort // in development: the one loopback address that is the service
}

func fenceOf(s catalog.Service, dev bool) fence {
	f := fence{networks: s.AllowedNetworks}
	if !dev || s.Endpoint == nil {
		return f
	}
	u, err := url.Parse(*s.Endpoint)
	if err != nil {
		return f
	}
	host := strings.Replace(u.Host, "localhost:", "127.0.0.1:", 1)
	if at, err := netip.ParseAddrPort(host); err == nil && at.Addr().IsLoopback() {
		f.loopback = at
	}
	return f
}

// never lists what no service may be, whatever is registered: this host, the
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
func (f fence) allows(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errEgress
	}
	ip := at.Addr().Unmap().WithZone("")
	if f.loopback.IsValid() && netip.AddrPortFrom(ip, at.Port()) == f.loopback {
		return nil
	}
	in := func(p netip.Prefix) bool { return p.Contains(ip) }
	if slices.ContainsFunc(never, in) || !slices.ContainsFunc(f.networks, in) {
		return errEgress
	}
	return nil
}

// newClient makes the only HTTP client that speaks to a service: no proxy, no
// redirect, everything bounded, every hop judged at the dial. HTTP/1 alone: a
// message has its connection to itself, so that one can be cut off without
// others.
func newClient(f fence) *http.Client {
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
