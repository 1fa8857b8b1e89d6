package scenarios_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/servertest"
)

// many opens so many erasures and waits for their plans.
func (c *company) many(n int) []request {
	c.t.Helper()
	numbers := make([]string, n)
	var all sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			numbers[i] = c.open(erasureOf(person(i)))
		})
	}
	all.Wait()
	planned := make([]request, n)
	for i, number := range numbers {
		planned[i] = c.reach(number, "PLANNED")
	}
	return planned
}

// tally counts messages that ask for an action.
type tally struct{ n atomic.Int64 }

func (k *tally) of(action protocol.Action, pace time.Duration) front {
	return func(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
		if asks(r, body, action) {
			k.n.Add(1)
			select {
			case <-time.After(pace):
			case <-r.Context().Done():
			}
		}
		next.ServeHTTP(w, r)
	}
}

// 10,000 dispatches under a stop are the campaign's; here it is fewer, and the
// same promise.
func TestEmergencyStop(t *testing.T) {
	t.Parallel()
	for name, whole := range map[string]bool{"one service": false, "all services": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			toOrders, toLoyalty := &tally{}, &tally{}
			c := found(t, []member{{ref: "orders", limits: ", max_in_flight: 1", front: toOrders.of(protocol.Erase, 30*time.Millisecond)},
				{ref: "loyalty", front: toLoyalty.of(protocol.Erase, 0)}})
			requests := c.many(30)
			which := map[string]any{}
			if !whole {
				which["serviceId"] = c.ids["orders"]
			}
			for _, r := range requests[:15] {
				c.approve(r)
			}
			c.do(access.Approver, "emergencyStop", "EmergencyStopInput", which)
			stopped := time.Now()
			for _, r := range requests[15:] {
				c.approve(r)
			}
			// What left within a second of the stop has come after another.
			c.until("two seconds of the stop", func() bool { return time.Since(stopped) > 2*time.Second })
			orders, loyalty, ticks := toOrders.n.Load(), toLoyalty.n.Load(), c.ticks()
			c.until("the clock to go on under the stop", func() bool { return c.ticks() > ticks+3 })
			if late := toOrders.n.Load() - orders; late > 0 {
				t.Errorf("%d messages left later than a second after the stop", late)
			}
			if whole {
				if late := toLoyalty.n.Load() - loyalty; late > 0 {
					t.Errorf("%d messages left later than a second after the stop", late)
				}
			} else {
				c.until("loyalty, which is not stopped, to go on", func() bool { return c.effects("loyalty", protocol.Erase) == 30 })
			}
			if n := c.effects("orders", protocol.Erase); n >= 30 {
				t.Fatalf("orders erased %d times under the stop", n)
			}
			c.do(access.Approver, "resume", "EmergencyStopInput", which)
			for _, r := range requests {
				c.closes(r.CaseNumber, "FULFILLED")
			}
			c.once("orders", 30)
			c.once("loyalty", 30)
		})
	}
}

// once fails the test unless each erasure at a service was sent once and
// happened once.
func (c *company) once(ref string, want int) {
	c.t.Helper()
	seen := map[string]int{}
	for _, e := range c.services[ref].Effects() {
		if e.Action == protocol.Erase {
			seen[e.Case]++
		}
	}
	for number, n := range seen {
		if n != 1 {
			c.t.Errorf("%s erased %d times for %s", ref, n, number)
		}
	}
	if len(seen) != want {
		c.t.Errorf("%s erased for %d requests, want %d", ref, len(seen), want)
	}
	for _, t := range c.services[ref].Tasks() {
		if n := c.services[ref].Deliveries(t.Task); n != 1 {
			c.t.Errorf("%s got a task %d times", ref, n)
		}
	}
}

func TestScenario47_TwoReplicasShareTheWork(t *testing.T) {
	t.Parallel()
	slow := []erasuretest.Option{erasuretest.Dawdles(300*time.Millisecond, time.Now)} // time enough to be asked twice
	c := found(t, shop(slow, nil))
	second := c.serve(c.Issuer, servertest.With("public_url", c.URL))
	requests := c.many(20)
	for i, r := range requests { // half of them at each door
		at := c.Server
		if i%2 == 1 {
			at = second
		}
		var out struct{ ApprovePlan payload }
		at.QueryAs(t, c.token(access.Approver), `mutation($i: ApprovePlanInput!) { approvePlan(input: $i) { userErrors { code message path } } }`,
			map[string]any{"i": map[string]any{"requestId": r.ID, "digest": r.Plan.Digest}}, &out)
		if len(out.ApprovePlan.UserErrors) > 0 {
			t.Fatalf("approvePlan: %+v", out.ApprovePlan.UserErrors)
		}
	}
	for _, r := range requests {
		c.closes(r.CaseNumber, "FULFILLED")
	}
	c.once("orders", 20)
	c.once("loyalty", 20)
}
