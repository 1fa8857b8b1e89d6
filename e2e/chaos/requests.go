package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// requestRef is a request as the campaigns follow it.
type requestRef struct {
	ID         string
	CaseNumber string
	Plan       *struct{ Digest string }
}

// OpenRequests files n erasures of n people, as a handler.
func (c *Company) OpenRequests(ctx context.Context, n int) error {
	return each(n, 8, func(i int) error {
		input := map[string]any{"type": "ERASURE", "controller": "flowmart-de", "identity": "ACCOUNT_LOGIN", "ground": "17(1)(b)",
			"clientRequestId": fmt.Sprint("chaos-", i), "identifiers": []map[string]string{{"type": "customer_id", "value": fmt.Sprintf("C-%07d", i)}}}
		return c.insist(ctx, "handler", `mutation($i: OpenRequestInput!) { openRequest(input: $i) { request { caseNumber } userErrors { code message } } }`, map[string]any{"i": input})
	})
}

// insist asks again while Lethe cannot be reached: opening carries a key, so
// that asking again opens nothing twice.
func (c *Company) insist(ctx context.Context, as, document string, variables map[string]any) error {
	for {
		err := c.Ask(ctx, as, document, variables, nil)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if r, ok := errors.AsType[refusal](err); ok && r.Code != "INTERNAL" && r.Code != "UNAVAILABLE" && r.Code != "OVERLOADED" {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Approve approves the plans of all planned requests.
func (c *Company) Approve(ctx context.Context) (int, error) {
	planned, err := c.planned(ctx)
	if err != nil {
		return 0, err
	}
	return len(planned), each(len(planned), 8, func(i int) error {
		input := map[string]any{"requestId": planned[i].ID, "digest": planned[i].Plan.Digest}
		err := c.insist(ctx, "approver", `mutation($i: ApprovePlanInput!) { approvePlan(input: $i) { request { id } userErrors { code message } } }`, map[string]any{"i": input})
		if r, ok := errors.AsType[refusal](err); ok && r.Code == "WRONG_STATE" {
			return nil // approved by the first of two askings
		}
		return err
	})
}

func (c *Company) planned(ctx context.Context) (all []requestRef, err error) {
	var after *string
	for {
		var page struct {
			Requests struct {
				Nodes    []requestRef
				PageInfo struct {
					HasNextPage bool
					EndCursor   *string
				}
			}
		}
		err := c.Ask(ctx, "dpo", `query($a: String) { requests(first: 100, after: $a, filter: {states: [PLANNED]}) { nodes { id caseNumber plan { digest } } pageInfo { hasNextPage endCursor } } }`,
			map[string]any{"a": after}, &page)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Requests.Nodes...)
		if !page.Requests.PageInfo.HasNextPage {
			return all, nil
		}
		after = page.Requests.PageInfo.EndCursor
	}
}

// Stop sets or lifts the emergency stop of all services.
func (c *Company) Stop(ctx context.Context, lift bool) error {
	act := "emergencyStop"
	if lift {
		act = "resume"
	}
	return c.Ask(ctx, "approver", `mutation { `+act+`(input: {}) { userErrors { code message } } }`, nil, nil)
}

// Counts tells how many requests there are by state.
func (c *Company) Counts(ctx context.Context) (map[string]int, error) {
	const q = `SELECT state, count(*)::int FROM erasure_request GROUP BY state ORDER BY state`
	rows, err := c.DB.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return nil, err
		}
		counts[state] = n
	}
	return counts, rows.Err()
}

// Await waits until n requests are in a state.
func (c *Company) Await(ctx context.Context, n int, state string) error {
	var counts map[string]int
	for {
		now, err := c.Counts(ctx)
		if err == nil {
			counts = now
		}
		if counts[state] >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d requests did not reach %s in time: %v", n, state, counts)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Effects counts, by service, how often each (request, action, wave) has
// happened, from the service's own file.
func (c *Company) Effects() (map[string]int, error) {
	out := map[string]int{}
	for _, s := range c.Services {
		text, err := os.ReadFile(c.effects(s.Ref))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) != 4 {
				return nil, fmt.Errorf("%s: a line of %d words", s.Ref, len(f))
			}
			out[fmt.Sprintf("%s %s %s wave %s", s.Ref, f[2], f[1], f[3])]++
		}
	}
	return out, nil
}

// each does n things, width at a time, and stops at the first error.
func each(n, width int, do func(i int) error) (first error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	next := 0
	for range width {
		all.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := first != nil
				mu.Unlock()
				if i >= n || stop {
					return
				}
				if err := do(i); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return first
}
