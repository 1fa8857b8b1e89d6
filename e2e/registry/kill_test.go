//go:build chaos

package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Sixteen clients register schemas on two replicas, which are killed again and
// again. A client whose call broke off hands the same in again, as producers
// do. Every schema that was acknowledged is there once, under the id that was
// told.
func TestChaosRegistryKills(t *testing.T) {
	const clients, subjects = 16, 500
	total, pause := 1000, 500*time.Millisecond
	if os.Getenv("CAMPAIGN") == "long" {
		total, pause = 20_000, 2*time.Second
	}
	s := open(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	s.token("admin")
	told := make([]int, total)
	var next, again atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range clients {
		all.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= total {
					return
				}
				for try := n; ; try++ {
					a, err := s.call(try%2, "admin", "POST", fmt.Sprintf("/subjects/s%d-value/versions", n%subjects), submission(schema(n)))
					if err == nil && a.status == http.StatusOK {
						told[n] = int(a.body["id"].(float64))
						break
					}
					if err == nil && a.status < 500 && a.status != http.StatusTooManyRequests || ctx.Err() != nil {
						t.Errorf("schema %d: %d %s", n, a.status, a.text)
						return
					}
					again.Add(1)
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	kills := s.killUntil(ctx, done, pause)
	took := time.Since(began)
	conn, err := pgx.Connect(ctx, s.pg.SuperURL("lethe"))
	s.must(err)
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `
		SELECT s.name, v.schema_id, c.text
		  FROM schemas_version v
		  JOIN schemas_subject s ON s.id = v.subject_id
		  JOIN schemas_schema c ON c.context = v.context AND c.id = v.schema_id`)
	s.must(err)
	type row struct {
		Name string
		ID   int
		Text string
	}
	kept, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	s.must(err)
	there := map[string]int{}
	for _, r := range kept {
		if _, twice := there[r.Name+r.Text]; twice {
			t.Errorf("twice under %s: %s", r.Name, r.Text)
		}
		there[r.Name+r.Text] = r.ID
	}
	for n, id := range told {
		if text := schema(n); there[fmt.Sprintf("s%d-value", n%subjects)+text] != id {
			t.Errorf("schema %d was told the id %d, and has %d", n, id, there[fmt.Sprintf("s%d-value", n%subjects)+text])
		}
	}
	if len(kept) != total || kills < 2 {
		t.Errorf("%d versions of %d registrations, %d kills", len(kept), total, kills)
	}
	for range 200 { // and each replica says so
		n := rand.IntN(total)
		a := s.want(s.call(n%2, "admin", "GET", fmt.Sprintf("/schemas/ids/%d", told[n]), nil))
		if a.body["schema"] != schema(n) {
			t.Errorf("the id %d stands for %.100s", told[n], a.text)
		}
	}
	t.Logf("%d registrations by %d clients in %.0f s, %d kills, %d calls broke off or were refused; load %s", total, clients, took.Seconds(), kills, again.Load(), busy())
}

// killUntil kills a replica at a random moment, starts it again, and goes on
// until done. It returns how often.
func (s *stack) killUntil(ctx context.Context, done <-chan struct{}, pause time.Duration) (kills int) {
	for {
		select {
		case <-done:
			return kills
		case <-time.After(pause/2 + rand.N(pause)):
		}
		p := s.replicas[kills%2]
		p.Kill()
		if err := p.Start(ctx); err != nil {
			s.tb.Error(err)
			return kills
		}
		kills++
	}
}
