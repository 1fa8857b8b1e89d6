package egress

import (
	"net/netip"
	"testing"
)

func networks(list ...string) (out []netip.Prefix) {
	for _, n := range list {
		out = append(out, netip.MustParsePrefix(n))
	}
	return out
}

// The addresses are the special ranges of RFC 6890 and the forms in which one
// address hides in another (RFC 4291 §2.5.5, RFC 6052, RFC 3056, RFC 4380).
func TestFence(t *testing.T) {
	t.Parallel()
	everything := Fence{networks: networks("0.0.0.0/0", "::/0")}
	for _, address := range []string{
		"127.0.0.1:443", "127.255.255.254:80", "[::1]:443", "[::ffff:127.0.0.1]:443", "[::ffff:7f00:1]:443", "0.0.0.0:443", "0.1.2.3:443", "[::]:443",
		"169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[fe80::1]:443", "[fe80::1%eth0]:443", "224.0.0.1:443", "239.255.255.255:443", "[ff02::1]:443",
		"255.255.255.255:443", "240.0.0.1:443", "[64:ff9b::7f00:1]:443", "[64:ff9b::a9fe:a9fe]:443", "[64:ff9b:1::1]:443", "[2002:7f00:1::]:443",
		"[2001:0:7f00:1::1]:443", "example.org:443", "10.0.0.1", "", "10.0.0.1:99999",
	} {
		if everything.allows(address) == nil {
			t.Errorf("%s was let through although every network is registered", address)
		}
	}
	f := Fence{networks: networks("10.20.0.0/16", "fd12::/16")}
	for address, want := range map[string]bool{
		"10.20.0.1:443": true, "10.20.255.255:8443": true, "[::ffff:10.20.3.4]:443": true, "[fd12::5]:443": true,
		"10.21.0.1:443": false, "192.168.0.1:443": false, "8.8.8.8:443": false, "[fd13::1]:443": false, "127.0.0.1:443": false, "172.16.0.1:443": false,
	} {
		if got := f.allows(address) == nil; got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
	if (Fence{}).allows("10.0.0.1:443") == nil {
		t.Error("a service without networks was reached")
	}
}

// In development one loopback address is the service: its own host and port,
// and no other.
func TestFenceInDevelopment(t *testing.T) {
	t.Parallel()
	endpoint := "http://localhost:9101"
	dev, production := Around(endpoint, nil, true), Around(endpoint, nil, false)
	for address, want := range map[string]bool{
		"127.0.0.1:9101": true, "127.0.0.1:9102": false, "127.0.0.2:9101": false, "[::1]:9101": false, "169.254.169.254:80": false, "10.0.0.1:9101": false,
	} {
		if got := dev.allows(address) == nil; got != want {
			t.Errorf("development, %s: %v, want %v", address, got, want)
		}
		if production.allows(address) == nil {
			t.Errorf("production, %s was let through", address)
		}
	}
}
