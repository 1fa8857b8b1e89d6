package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/devstack"
)

// TestMain is also the bare server: this program, started anew with an address
// in BARE, answers every request with the bytes of the file in BARE_BODY.
func TestMain(m *testing.M) {
	at := os.Getenv("BARE")
	if at == "" {
		os.Exit(m.Run())
	}
	body, err := os.ReadFile(os.Getenv("BARE_BODY"))
	if err == nil {
		length := strconv.Itoa(len(body))
		err = http.ListenAndServe(at, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
			w.Header().Set("Content-Length", length)
			_, _ = w.Write(body)
		}))
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

const (
	connections = 16
	subjects    = 5000 // of topics in the catalog
	first       = 500  // of them that have a version before
)

// lasting is how long each row is measured; SECONDS changes it.
func lasting() time.Duration {
	if n, err := strconv.Atoi(os.Getenv("SECONDS")); err == nil {
		return time.Duration(n) * time.Second
	}
	return 4 * time.Second
}

// BenchmarkRegistry measures a replica as clients meet it: sign-in on,
// PostgreSQL on the same processors, 16 connections, a schema of 20 nullable
// documented fields. New versions are of topics in the catalog, which takes in
// their fields, two of them tagged, and the gate is enforced. Each row has the processor time of the replica's process
// for one request, and the ratio to a bare net/http handler in a process of its
// own that answers the same bytes to the same load right after.
func BenchmarkRegistry(b *testing.B) {
	s := openWith(b, 1, topics(subjects))
	ask := func(method, path string, body any) answer {
		a, err := s.call(0, "admin", method, path, body)
		s.must(err)
		if a.status != http.StatusOK {
			b.Fatalf("%s %s: %d %s", method, path, a.status, a.text)
		}
		return a
	}
	known := ask("POST", "/subjects/orders-value/versions", submission(schema(0)))
	id := int(known.body["id"].(float64))
	ask("PUT", "/config", map[string]string{"compatibility": "BACKWARD", "gate": "ENFORCE"})
	body := func(n int) []byte { text, _ := json.Marshal(submission(schema(n))); return text }
	fixed := func(method, path string, body []byte) func() []byte {
		text := request(method, s.listen[0], "/registry"+path, s.token("admin"), body)
		return func() []byte { return text }
	}
	fresh := func(method string, path func(n int64) string) func() []byte {
		var n atomic.Int64 // what warms up is not asked again
		return func() []byte {
			n := n.Add(1)
			return request(method, s.listen[0], "/registry"+path(n), s.token("admin"), body(1_000_000+int(n)))
		}
	}
	second := func(n int64) string { return fmt.Sprintf("/subjects/t%d-value/versions", subjects-1-n%first) }
	for n := range int64(first) {
		ask("POST", second(n), submission(schema(10_000_000+int(n)))) // each a schema of its own
	}
	b.Logf("load of the machine before: %s", busy())
	for _, row := range []struct {
		name string
		next func() []byte
	}{
		{"by id", fixed("GET", fmt.Sprintf("/schemas/ids/%d", id), nil)},
		{"latest", fixed("GET", "/subjects/orders-value/versions/latest", nil)},
		{"register known", fixed("POST", "/subjects/orders-value/versions", body(0))},
		{"look up", fixed("POST", "/subjects/orders-value", body(0))},
		{"test repeated", fixed("POST", "/compatibility/subjects/orders-value/versions/latest", body(1))},
		{"test new", fresh("POST", func(int64) string { return "/compatibility/subjects/orders-value/versions/latest" })},
		{"register next, many subjects", fresh("POST", second)},
		{"register new, many subjects", fresh("POST", func(n int64) string { return fmt.Sprintf("/subjects/t%d-value/versions", n%subjects) })},
		{"register new, one subject", fresh("POST", func(int64) string { return "/subjects/t0-value/versions" })},
	} {
		if only := os.Getenv("ROW"); only == "" || strings.Contains(row.name, only) {
			s.row(b, row.name, row.next)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// turnFor is how long the replica and the bare handler take turns: what else the
// machine does meets both.
const turnFor = 500 * time.Millisecond

// row measures one kind of request, by turns with a handler that does nothing but
// answer what the replica does.
func (s *stack) row(b *testing.B, name string, next func() []byte) {
	b.Helper()
	l := load{at: s.listen[0], connections: connections, next: next, status: http.StatusOK}
	_, err := l.run(time.Second) // warm
	s.must(err)
	bare, again := l, l.next()
	bare.next = func() []byte { return again } // those of the replica are for it alone
	var p *devstack.Program
	bare.at, p = s.bare(l)
	defer p.Stop()
	_, err = bare.run(500 * time.Millisecond)
	s.must(err)
	stop := s.profile(name)
	pid := s.replicas[0].Pid()
	used, floorUsed := seconds(pid), seconds(p.Pid())
	var got, floor result
	for got.took < lasting() {
		got = got.and(s.turn(l))
		floor = floor.and(s.turn(bare))
	}
	used, floorUsed = seconds(pid)-used, seconds(p.Pid())-floorUsed
	stop()
	each := func(seconds float64, n int64) float64 { return seconds / float64(n) * 1000 }
	b.Logf("%-28s %7.0f/s, %.3f ms processor a request; bare %7.0f/s, %.3f ms; ratio %.2f; %d MiB resident",
		name, got.rate(), each(used, got.requests), floor.rate(), each(floorUsed, floor.requests), got.rate()/floor.rate(), resident(pid))
}

func (s *stack) turn(l load) result {
	s.tb.Helper()
	r, err := l.run(turnFor)
	s.must(err)
	return r
}

// bare starts a handler that answers what the replica answers a load with.
func (s *stack) bare(l load) (at string, p *devstack.Program) {
	s.tb.Helper()
	at, err := devstack.FreeAddress()
	s.must(err)
	file := s.file("bare-" + at)
	s.must(os.WriteFile(file, s.sample(l), 0o600))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	p, err = devstack.StartProgram(ctx, devstack.ProgramOptions{Path: os.Args[0], Env: []string{"BARE=" + at, "BARE_BODY=" + file}, Log: s.file("bare.log"), Ready: "http://" + at + "/"})
	s.must(err)
	return at, p
}

// sample is the body that a replica answers a load with.
func (s *stack) sample(l load) []byte {
	s.tb.Helper()
	body, err := l.body()
	s.must(err)
	return body
}

// profile keeps profiles of the replica, of its memory and its processor time,
// in the directory PROFILE.
func (s *stack) profile(name string) (stop func()) {
	dir := os.Getenv("PROFILE")
	if dir == "" {
		return func() {}
	}
	fetch := func(kind string) {
		resp, err := http.Get("http://" + s.ops[0] + "/debug/pprof/" + kind)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		_ = os.WriteFile(fmt.Sprintf("%s/%s-%.4s.pprof", dir, name, kind), text, 0o600)
	}
	fetch("heap?gc=1")
	done := make(chan struct{})
	go func() {
		defer close(done)
		fetch(fmt.Sprintf("profile?seconds=%d", 2*int(lasting().Seconds())))
	}()
	return func() { <-done }
}
