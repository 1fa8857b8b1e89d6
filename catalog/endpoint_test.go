package catalog

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
)

// The rules are those of outgoing calls in the design: https, only registered
// networks, loopback under --dev alone.
func TestEndpointRules(t *testing.T) {
	t.Parallel()
	const lan = "10.20.0.0/16"
	for _, c := range []struct {
		url, networks string
		dev           bool
		want          string // codes
	}{
		{"https://orders.example.com", lan, false, ""},
		{"https://orders.example.com:8443/rights", lan, false, ""},
		{"https://10.20.1.2", lan, false, ""},
		{"https://[2001:db8::1]/x", "2001:db8::/32", false, ""},
		{"http://127.0.0.1:9001", "", true, ""},
		{"http://localhost:9001", "", true, ""},
		{"http://[::1]:9001", "", true, ""},
		{"https://127.0.0.1", "", true, ""},
		{"", "", false, ""},
		{"http://127.0.0.1:9001", "", false, "LOOPBACK"},
		{"https://localhost", lan, false, "LOOPBACK"},
		{"https://api.localhost", lan, false, "LOOPBACK"},
		{"https://[::ffff:127.0.0.1]", lan, false, "LOOPBACK"},
		{"http://orders.example.com", lan, false, "HTTPS_REQUIRED"},
		{"http://orders.example.com", lan, true, "HTTPS_REQUIRED"},
		{"ftp://orders.example.com", lan, false, "HTTPS_REQUIRED"},
		{"ftp://127.0.0.1", lan, true, "HTTPS_REQUIRED"},
		{"https://orders.example.com", "", false, "REQUIRED"},
		{"https://10.21.1.2", lan, false, "OUTSIDE_NETWORKS"},
		{"https://169.254.169.254", lan, false, "OUTSIDE_NETWORKS"},
		{"https://user:pw@orders.example.com", lan, false, "BAD_URL"},
		{"https://orders.example.com#x", lan, false, "BAD_URL"},
		{"https://orders.example.com#", lan, false, "BAD_URL"},
		{"https://orders.example.com?x=1", lan, false, "BAD_URL"},
		{"https://orders.example.com?", lan, false, "BAD_URL"},
		{"https://orders.example.com/", lan, false, "BAD_URL"},
		{"https://orders.example.com:0", lan, false, "BAD_URL"},
		{"https://orders.example.com:99999", lan, false, "BAD_URL"},
		{"https://orders.example.com:", lan, false, "BAD_URL"},
		{"https://", lan, false, "BAD_URL"},
		{"orders.example.com", lan, false, "BAD_URL"},
		{"https:orders", lan, false, "BAD_URL"},
		{"https://orders.example.com\n", lan, false, "BAD_URL"},
		{"//orders.example.com", lan, false, "HTTPS_REQUIRED"},
		{"https://" + strings.Repeat("a", 500), lan, false, "BAD_URL"},
		{"", "0.0.0.0/0", false, "TOO_WIDE"},
		{"", "::/0", false, "TOO_WIDE"},
		{"", "127.0.0.0/8", false, "FORBIDDEN_NETWORK"},
		{"", "127.0.0.0/8", true, ""},
		{"", "169.254.0.0/16", true, "FORBIDDEN_NETWORK"},
		{"", "fe80::/10", false, "FORBIDDEN_NETWORK"},
		{"", "224.0.0.0/4", false, "FORBIDDEN_NETWORK"},
	} {
		var m mistakes
		var networks []netip.Prefix
		if c.networks != "" {
			networks = append(networks, netip.MustParsePrefix(c.networks))
		}
		var endpoint *string
		if c.url != "" {
			endpoint = &c.url
		}
		checkEndpoint(&m, endpoint, networks, c.dev)
		if got := codes(m.err()); got != c.want {
			t.Errorf("%q in %q, dev %v: %q, want %q", c.url, c.networks, c.dev, got, c.want)
		}
	}
}

func codes(err error) string {
	var out []string
	for _, f := range fault.All(err) {
		out = append(out, f.Code)
	}
	return strings.Join(out, " ")
}

// Expected days are counted by hand from 1 January 2001: 2004 and 2008 are the
// leap years within ten years of it.
func TestDurationDays(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{
		"P1D": 1, "P30D": 30, "P2W": 14, "P1M": 31, "P1Y": 365, "P10Y": 3652, "P1Y6M": 365 + 181, "PT24H": 1, "PT1S": 1, "P0D": 0, "PT25H": 2, "P1DT1H": 2,
	} {
		if got, ok := durationDays(in); !ok || got != want {
			t.Errorf("%s: %d %v, want %d", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "P", "PT", "10Y", "P-1D", "P1.5Y", "P1D1Y", "P1YT", "P101Y", "P1W1D", "p1d", "P1S", "P999999D"} {
		if got, ok := durationDays(in); ok {
			t.Errorf("%q counts %d days, want a refusal", in, got)
		}
	}
}
