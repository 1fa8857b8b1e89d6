//go:build chaos

package registry

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	toxics "github.com/Shopify/toxiproxy/v2"
)

// PostgreSQL is away for an hour: first it takes connections and says nothing,
// then it is gone. Two replicas go on answering everything that they know, byte
// for byte as before, to callers of every kind, whose tokens end and are made
// anew meanwhile; what would change something is refused. A third replica is
// killed and started again: it knows nothing, and says 503, never 404. Then
// PostgreSQL is back, and one replica is written to at once: whatever it
// acknowledges, the others say, or say as of when they do not know better.
func TestChaosRegistryAway(t *testing.T) {
	lasts, pause, life := time.Minute, 20*time.Millisecond, 20*time.Second
	if os.Getenv("CAMPAIGN") == "long" {
		lasts, pause, life = time.Hour, 50*time.Millisecond, 5*time.Minute
	}
	o := beforeTheOutage(t, life)
	before := o.usage()
	ended := o.knock(pause, true)

	silence := o.silence()
	o.wait(lasts / 4)
	o.s.issuer.Rotate()
	back := o.restart(2)
	o.wait(lasts / 4)
	silence()
	o.s.pg.Crash()
	o.wait(lasts / 2)
	during := o.usage()
	ended()
	o.tell("away")
	for i := range 2 { // a line a second for what is refused, and what is told once
		if lines := during[i].lines - before[i].lines; lines > int(lasts.Seconds())*5/4+20 {
			t.Errorf("replica %d wrote %d lines into its log in %s", i, lines, lasts)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	o.s.must(o.s.pg.Restart(ctx))
	ended = o.knock(pause, false)
	o.write(200)
	o.s.must(<-back)
	o.write(100)
	ended()
	o.tell("back")
	o.same()
	for i, u := range o.usage() {
		t.Logf("replica %d: before %s; away %s; after %s", i, before[i], during[i], u)
		if i < 2 && u.goroutines > before[i].goroutines+20 {
			t.Errorf("replica %d has %d goroutines after, %d before", i, u.goroutines, before[i].goroutines)
		}
	}
}

// question is a request that changes nothing.
type question struct {
	method, path string
	body         any
	moves        bool // what is written after the outage changes the answer
}

func (q question) String() string { return q.method + " " + q.path }

// caller is somebody who signs in, in one of the ways of real clients.
type caller struct {
	name      string
	header    func() string
	registers bool
}

// outage is what the campaign knows.
type outage struct {
	t         *testing.T
	s         *stack
	proxy     *toxics.Proxy
	life      time.Duration // of tokens
	questions []question
	known     []answer // to each question, before
	callers   []caller
	strangers []caller // who come to these replicas only when the database is away

	mu      sync.Mutex
	tokens  map[string]signed
	stats   stats
	away    time.Time // since when the database is; zero while it is not
	started time.Time // when the last replica was started anew; zero once it is ready
	written int       // the last version that was acknowledged afterwards
}

type signed struct {
	token string
	until time.Time
}

// stats are counts of answers.
type stats struct {
	right, aged int           // of them under a time
	refused     int           // what would change something
	early       int           // that were under way when the database went
	unknowing   int           // of the replica that was started anew
	unheard     int           // … that did not listen yet
	first       time.Duration // slowest of the right ones until every replica knew
	slowest     time.Duration // … after that
	slowestNo   time.Duration // that was refused
	callers     map[string]int
}

// replicas is how many there are; the last is restarted.
const replicas = 3

func (a answer) is(b answer) bool { return a.status == b.status && a.text == b.text }

// token is somebody's, made anew when it is about to end, as clients do.
func (o *outage) token(as string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if t := o.tokens[as]; time.Now().Before(t.until) {
		return t.token
	}
	token, err := o.s.issuer.Mint(as)
	if err != nil {
		o.t.Error(err)
	}
	o.tokens[as] = signed{token, time.Now().Add(o.life * 3 / 4)}
	return token
}

// silence has the database take connections and say nothing, until what it
// returns is called.
func (o *outage) silence() func() {
	o.t.Helper()
	o.mu.Lock()
	o.away = time.Now()
	o.mu.Unlock()
	for name, stream := range map[string]string{"up": "upstream", "down": "downstream"} {
		_, err := o.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name":%q,"type":"timeout","stream":%q,"attributes":{"timeout":0}}`, name, stream)))
		o.s.must(err)
	}
	return func() { o.proxy.Toxics.ResetToxics(o.t.Context()) }
}

// wait lets some time pass, and looks now and then whether the replicas that
// answer want traffic, and the one that does not wants none.
func (o *outage) wait(lasts time.Duration) {
	o.t.Helper()
	for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(min(lasts/4, time.Minute)) {
		for replica := range replicas {
			resp, err := client.Get("http://" + o.s.listen[replica] + "/readyz")
			deaf := o.restarted(replica)
			if err != nil {
				if !deaf {
					o.t.Error(err)
				}
				continue
			}
			resp.Body.Close()
			if ready := resp.StatusCode == http.StatusOK; ready == deaf {
				o.t.Errorf("/readyz of replica %d: %d, restarted: %v", replica, resp.StatusCode, deaf)
			}
		}
	}
}

func (o *outage) restarted(replica int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return replica == replicas-1 && !o.started.IsZero()
}

// restart kills a replica and starts it again. What it returns tells when the
// replica is ready.
func (o *outage) restart(replica int) <-chan error {
	o.mu.Lock()
	o.started = time.Now()
	o.mu.Unlock()
	ready := make(chan error, 1)
	o.s.replicas[replica].Kill()
	go func() {
		err := o.s.replicas[replica].Start(context.WithoutCancel(o.t.Context()))
		o.mu.Lock()
		o.started = time.Time{}
		o.mu.Unlock()
		ready <- err
	}()
	return ready
}

// knock asks every replica at random, as anyone, until what it returns is called:
// also for what is refused, or not.
func (o *outage) knock(pause time.Duration, also bool) (ended func()) {
	o.mu.Lock()
	o.stats = stats{callers: map[string]int{}}
	o.mu.Unlock()
	ctx, stop := context.WithCancel(context.WithoutCancel(o.t.Context()))
	var all sync.WaitGroup
	all.Go(func() {
		for tick := time.NewTicker(pause); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				all.Go(func() { o.one(also) })
			}
		}
	})
	return func() { stop(); all.Wait() }
}

// one asks something and judges the answer.
func (o *outage) one(also bool) {
	replica, i := rand.IntN(replicas), rand.IntN(len(o.questions))
	o.mu.Lock()
	callers := o.callers
	if !o.away.IsZero() {
		callers = slices.Concat(callers, o.strangers)
	}
	o.mu.Unlock()
	q, c := o.questions[i], callers[rand.IntN(len(callers))]
	if !c.registers && strings.HasSuffix(q.path, "/versions") && q.method == "POST" {
		c = o.callers[0]
	}
	refused := also && rand.IntN(5) == 0
	if refused {
		q, c = refusals[rand.IntN(len(refusals))], o.callers[0]
	}
	blank := o.restarted(replica)
	began := time.Now()
	a, err := o.s.ask(replica, c.header(), q.method, q.path, q.body)
	took := time.Since(began)
	blank = blank || o.restarted(replica)

	o.mu.Lock()
	defer o.mu.Unlock()
	unknowing := err == nil && a.status == http.StatusServiceUnavailable && a.code == 50001 && a.header.Get("Retry-After") != ""
	switch {
	case blank && err != nil:
		o.stats.unheard++
	case blank && unknowing:
		o.stats.unknowing++
	case refused && unknowing:
		o.stats.refused++
		if began.Sub(o.away) > noticed {
			o.stats.slowestNo = max(o.stats.slowestNo, took)
		}
	case refused || err != nil:
		o.t.Errorf("replica %d, %s for %s: %d %d %s %v", replica, q, c.name, a.status, a.code, a.text, err)
	case a.is(o.known[i]) || q.moves && a.status == http.StatusOK && o.away.IsZero():
		o.stats.right++
		o.stats.callers[c.name]++
		if began.Sub(o.away) > noticed {
			o.stats.slowest = max(o.stats.slowest, took)
		} else {
			o.stats.first = max(o.stats.first, took)
		}
		if a.header.Get("X-Lethe-As-Of") != "" {
			o.stats.aged++
		}
	case unknowing && !o.away.IsZero() && began.Sub(o.away) < noticed:
		o.stats.early++
	default:
		o.t.Errorf("replica %d, %s for %s: %d %.300s as of %q; before %d %.300s", replica, q, c.name, a.status, a.text, a.header.Get("X-Lethe-As-Of"), o.known[i].status, o.known[i].text)
	}
}

// noticed is how soon every replica knows that its database is away. What is
// asked of the database until then may be refused.
const noticed = 4 * time.Second

// tell logs what was counted.
func (o *outage) tell(phase string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	o.t.Logf("%s: %d questions answered as before, %d of them as of a time, slowest %s, and %s until the outage was noticed; %d refused, at most after %s; %d more that were under way; of the replica that was started anew %d answers 503, %d connections refused; by caller %v; load %s",
		phase, s.right, s.aged, s.slowest.Round(time.Millisecond), s.first.Round(time.Millisecond), s.refused, s.slowestNo.Round(time.Millisecond), s.early, s.unknowing, s.unheard, s.callers, busy())
	if s.right == 0 || !o.away.IsZero() && (s.aged == 0 || s.refused == 0 || s.unknowing == 0) {
		o.t.Errorf("%s: nothing of some kind was seen", phase)
	}
	o.away = time.Time{}
}

// write registers versions at one replica. What it acknowledges every other
// says, or tells as of when it does not.
func (o *outage) write(n int) {
	o.t.Helper()
	late, behind := 0, 0
	for range n {
		o.written++
		body := submission(schema(5000 + o.written))
		a, err := o.s.ask(0, o.callers[0].header(), "POST", "/subjects/writes-value/versions", body)
		for err == nil && a.status == http.StatusServiceUnavailable && late < 500 { // it has not noticed yet
			late++
			time.Sleep(20 * time.Millisecond)
			a, err = o.s.ask(0, o.callers[0].header(), "POST", "/subjects/writes-value/versions", body)
		}
		o.s.must(err)
		if a.status != http.StatusOK {
			o.t.Fatalf("writing: %d %s", a.status, a.text)
		}
		for replica := range replicas {
			if o.restarted(replica) {
				continue
			}
			latest, err := o.s.ask(replica, o.callers[0].header(), "GET", "/subjects/writes-value/versions/latest", nil)
			o.s.must(err)
			switch version, _ := latest.body["version"].(float64); {
			case latest.status == http.StatusOK && version == a.body["version"].(float64) && latest.body["id"] == a.body["id"]:
			case latest.status == http.StatusOK && version < a.body["version"].(float64) && latest.header.Get("X-Lethe-As-Of") != "":
				behind++
			default:
				o.t.Errorf("%v was acknowledged, and replica %d says %d %.200s, as of %q", a.body, replica, latest.status, latest.text, latest.header.Get("X-Lethe-As-Of"))
			}
		}
	}
	o.t.Logf("%d versions written, %d tries refused before; %d answers of others were behind and said so", n, late, behind)
}

// same asks every replica everything again: nobody is behind any more, and all
// say the same, that is as before where nothing was written.
func (o *outage) same() {
	o.t.Helper()
	for i, q := range o.questions {
		want := o.known[i]
		for replica := range replicas {
			a, err := o.s.ask(replica, o.callers[0].header(), q.method, q.path, q.body)
			o.s.must(err)
			if q.moves && replica == 0 {
				want = a
			}
			if !a.is(want) || a.header.Get("X-Lethe-As-Of") != "" {
				o.t.Errorf("after: %s of replica %d: %d %.300s, want %.300s", q, replica, a.status, a.text, want.text)
			}
		}
	}
}

// usage is what a replica takes.
type usage struct {
	mib, goroutines, connections, lines, bytes int
}

func (u usage) String() string {
	return fmt.Sprintf("%d MiB, %d goroutines, %d connections in use, %d lines (%d KiB) of log", u.mib, u.goroutines, u.connections, u.lines, u.bytes>>10)
}

// usage is of each replica.
func (o *outage) usage() []usage {
	o.t.Helper()
	var all []usage
	for i, p := range o.s.replicas {
		u := usage{mib: resident(p.Pid())}
		log, err := os.ReadFile(o.s.file(fmt.Sprintf("lethe-%d.log", i)))
		o.s.must(err)
		u.lines, u.bytes = strings.Count(string(log), "\n"), len(log)
		resp, err := client.Get("http://" + o.s.ops[i] + "/metrics")
		o.s.must(err)
		said, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		o.s.must(err)
		for line := range strings.Lines(string(said)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			n, _ := strconv.ParseFloat(value, 64)
			switch {
			case name == "go_goroutines":
				u.goroutines = int(n)
			case strings.HasPrefix(name, "lethe_pool_acquired"):
				u.connections += int(n)
			}
		}
		all = append(all, u)
	}
	return all
}
