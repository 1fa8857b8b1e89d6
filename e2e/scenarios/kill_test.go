package scenarios_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/protocol"
)

// A server that dies is started again at the same address. Its leases run out
// after half a minute, and its pump is missed after one; so this test waits.
func TestScenario07_KilledWhileSending(t *testing.T) {
	t.Parallel()
	for name, taken := range map[string]bool{"before the service has it": false, "after the service has it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var once sync.Once
			p := launch(t, func(p *process) []member {
				return []member{{ref: "loyalty"}, {ref: "orders", front: func(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
					if !asks(r, body, protocol.Erase) {
						next.ServeHTTP(w, r)
						return
					}
					if taken {
						next.ServeHTTP(w, r)
					}
					once.Do(p.Kill) // before anybody has read the 202
					if p.died.Swap(true) && !taken {
						next.ServeHTTP(w, r)
					}
				}}}
			})
			r := p.planned(person(1))
			p.tryApprove(r) // the server may be dead before it answers
			p.until("the server to be dead", p.died.Load)
			p.start()
			p.patience += 90 * time.Second
			p.closes(r.CaseNumber, "FULFILLED")
			for _, ref := range []string{"orders", "loyalty"} {
				if n := p.effects(ref, protocol.Erase); n != 1 {
					t.Errorf("%s erased %d times", ref, n)
				}
			}
			if n := p.services["orders"].Deliveries(p.awaits("orders", protocol.Erase).Task); n > 2 {
				t.Errorf("orders got the task %d times", n)
			}
		})
	}
}

func TestScenario08_KilledAfterApproval(t *testing.T) {
	t.Parallel()
	p := launch(t, func(*process) []member { return shop(nil, nil) })
	r := p.planned(person(1))
	p.Kill()
	p.start("LETHE_ONLY=web") // approves, and sends nothing
	p.approve(r)
	p.Kill()
	if n := p.effects("orders", protocol.Erase) + p.effects("loyalty", protocol.Erase); n != 0 {
		t.Fatalf("%d effects before anybody could send", n)
	}
	p.start()
	got := p.look(r.CaseNumber)
	if len(got.of("orders", "ERASE")) != 1 || len(got.of("loyalty", "ERASE")) != 1 {
		t.Fatalf("approval and tasks are one transaction: %s", got)
	}
	p.closes(r.CaseNumber, "FULFILLED")
	for _, ref := range []string{"orders", "loyalty"} {
		if n := p.effects(ref, protocol.Erase); n != 1 {
			t.Errorf("%s erased %d times", ref, n)
		}
	}
}
