package scenarios_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/flowmart/lethe/internal/access"
)

// zone is what our name server knows: addresses by name. A name that is not in
// it fails (SERVFAIL), as a resolver that is down does.
var zone = struct {
	sync.Mutex
	names map[string][]netip.Addr
}{names: map[string][]netip.Addr{}}

func names(name string, addresses ...string) {
	zone.Lock()
	defer zone.Unlock()
	zone.names[name] = nil
	for _, a := range addresses {
		zone.names[name] = append(zone.names[name], netip.MustParseAddr(a))
	}
}

// resolveByOurselves makes this process ask our own name server.
func resolveByOurselves() {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		question := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			if reply := reply(question[:n]); reply != nil {
				_, _ = conn.WriteTo(reply, from) // who asked will ask again
			}
		}
	}()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// reply answers one question of type A or AAAA (RFC 1035 §4).
func reply(q []byte) []byte {
	if len(q) < 17 {
		return nil
	}
	labels, end := []string{}, 12
	for q[end] != 0 {
		n := int(q[end])
		if end+n+6 > len(q) {
			return nil
		}
		labels = append(labels, string(q[end+1:end+1+n]))
		end += n + 1
	}
	end += 5 // the last label, type and class
	kind := binary.BigEndian.Uint16(q[end-4:])
	zone.Lock()
	addresses, known := zone.names[strings.ToLower(strings.Join(labels, "."))]
	zone.Unlock()
	out := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
	if !known {
		out[3] |= 2
		return out
	}
	for _, a := range addresses {
		if a.Is4() != (kind == 1) || !a.Is4() && kind != 28 {
			continue
		}
		out[7]++
		out = append(out, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(a.BitLen()/8))
		out = append(out, a.AsSlice()...)
	}
	return out
}

// The address that counts is the one that is dialled: a name that meant a
// registered network when it was registered may mean this host by now.
func TestScenario20_NameLeadsElsewhere(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inner.Close() })
	reached := make(chan struct{}, 16)
	go func() {
		for {
			conn, err := inner.Accept()
			if err != nil {
				return
			}
			conn.Close()
			reached <- struct{}{}
		}
	}()
	port := inner.Addr().(*net.TCPAddr).Port
	fenced, away := "outside its registered networks", "cannot be reached"
	hosts := map[string]struct {
		addresses []string
		why       string
	}{
		"loopback": {[]string{"127.0.0.1"}, fenced}, "loopback-six": {[]string{"::1"}, fenced}, "mapped": {[]string{"::ffff:127.0.0.1"}, fenced},
		"nobody": {[]string{"0.0.0.0"}, fenced}, "metadata": {[]string{"169.254.169.254"}, fenced}, "private": {[]string{"10.0.0.5"}, fenced},
		"nat64": {[]string{"64:ff9b::7f00:1"}, fenced}, "second": {[]string{"169.254.169.254", "127.0.0.1"}, fenced}, "silent": {nil, away},
	}
	c := found(t, []member{{ref: "orders"}})
	for ref, h := range hosts {
		host := ref + ".scenario20.test"
		if h.addresses != nil {
			names(host, h.addresses...)
		}
		c.declared = append(c.declared, fmt.Sprintf("  - {ref: %s, name: %[1]s, controller: flowmart-de, endpoint: \"https://%s:%d\", identifier_types: [customer_id], allowed_networks: [192.0.2.0/24, \"2001:db8::/32\", 127.0.0.0/8]}\n", ref, host, port))
	}
	c.importCatalog()
	for ref, h := range hosts {
		errs := c.challenge(ref)
		if len(errs) != 1 || errs[0].Code != "CHALLENGE_FAILED" || !strings.Contains(errs[0].Message, h.why) {
			t.Errorf("%s: %+v, want it to say %q", ref, errs, h.why)
		}
		var out struct{ Service struct{ State string } }
		c.ask(access.Admin, `query($r: String!) { service(ref: $r) { state } }`, map[string]any{"r": ref}, &out)
		if out.Service.State == "ACTIVE" {
			t.Errorf("%s became active", ref)
		}
	}
	select {
	case <-reached:
		t.Error("a connection reached this host")
	default:
	}
}
