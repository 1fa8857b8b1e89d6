package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// forget plays the erasure from receipt to certificate.
func (s *scene) forget(ctx context.Context) error {
	s.step("%s wants to be forgotten: a handler opens the erasure", s.erased.CustomerID)
	number, err := s.openRequest(ctx, "ERASURE", s.erased)
	if err != nil {
		return err
	}
	r, err := s.reach(ctx, number, "PLANNED")
	if err != nil {
		return err
	}
	s.say("%s, due on %s (one month after receipt, Regulation 1182/71)", r.CaseNumber, r.DueOn)
	s.printPlan(r)
	s.expect(gaps(r, "UNKNOWN_READER") > 0, "the plan names the reader that nobody declared as a gap", "%d gaps", gaps(r, ""))

	s.step("Its owner registers the reader, live")
	if out, err := s.importFile(ctx, "marketing.yaml"); err != nil {
		return fmt.Errorf("catalog import: %w\n%s", err, out)
	}
	if err := s.challenge(ctx, exporter); err != nil {
		return err
	}
	refused := s.approve(ctx, r)
	s.expect(refused != nil && strings.Contains(refused.Error(), "PLAN_STALE"), "the old plan can no longer be approved", "%v", refused)
	if err := s.act(ctx, "handler", "replan", r.ID); err != nil {
		return err
	}
	if r, err = s.reach(ctx, number, "PLANNED"); err != nil {
		return err
	}
	s.printPlan(r)
	s.expect(gaps(r, "") == 0, "with the reader registered the plan has no gap", "%d gaps", gaps(r, ""))
	return s.carryOut(ctx, r)
}

// carryOut approves the plan while one service is down, and follows it to the
// certificate.
func (s *scene) carryOut(ctx context.Context, r request) error {
	s.step("Shipping goes down; an approver reads the plan and approves its digest")
	s.shops["shipping"].Kill()
	self := s.actAs(ctx, "handler", r)
	s.expect(self != nil, "who opened a request cannot approve it", "%v", self)
	if err := s.approve(ctx, r); err != nil {
		return err
	}
	back := make(chan error, 1)
	r, err := s.follow(ctx, r.CaseNumber, func(t task) {
		// It comes back once it was missed.
		if t.Service.Ref == "shipping" && t.State == "READY" && t.Code != nil && !s.refused["shipping"] {
			s.refused["shipping"] = true
			time.AfterFunc(2*time.Second, func() { back <- s.open(ctx, "shipping") })
		}
	})
	if err != nil {
		return err
	}
	if !s.refused["shipping"] {
		return errors.New("nothing was sent to shipping while it was down")
	}
	if err := <-back; err != nil {
		return fmt.Errorf("shipping did not come back: %w", err)
	}
	outcome := "none"
	if r.Outcome != nil {
		outcome = *r.Outcome
	}
	s.expect(outcome == "FULFILLED_WITH_RETENTION", "the erasure closes, invoices kept on a legal ground", "%s, %s", r.State, outcome)
	retried := slices.ContainsFunc(r.Tasks.Nodes, func(t task) bool { return t.Service.Ref == "shipping" && t.Action == "ERASE" && t.State == "DONE" })
	s.expect(s.refused["shipping"] && retried, "a delivery failed while a service was down, and it did its part after it came back", "%v", retried)
	probed := slices.ContainsFunc(r.Tasks.Nodes, func(t task) bool { return t.Action == "PROBE" && t.State == "DONE" })
	s.expect(probed, "a probe looked again and found nothing", "%v", probed)
	return s.certificate(ctx, r.CaseNumber, "the erasure")
}

// stillness is how long nothing may happen to a request. Where something is
// broken on purpose the wait is shorter: nothing will.
func (s *scene) stillness() time.Duration {
	if s.o.Break != "" {
		return 30 * time.Second
	}
	return patience
}

// openRequest files a request as a handler.
func (s *scene) openRequest(ctx context.Context, kind string, p person) (string, error) {
	input := map[string]any{"type": kind, "controller": "flowmart-de", "identity": "ACCOUNT_LOGIN",
		"identifiers": []map[string]string{{"type": "customer_id", "value": p.CustomerID}}}
	if kind == "ERASURE" {
		input["ground"] = "17(1)(b)"
	}
	var answer struct {
		OpenRequest struct{ Request struct{ CaseNumber string } }
	}
	err := s.ask(ctx, "handler", `mutation($i: OpenRequestInput!) { openRequest(input: $i) { request { caseNumber } userErrors { code message path } } }`,
		map[string]any{"i": input}, &answer)
	s.opened = append(s.opened, answer.OpenRequest.Request.CaseNumber)
	return answer.OpenRequest.Request.CaseNumber, err
}

func (s *scene) approve(ctx context.Context, r request) error { return s.actAs(ctx, "approver", r) }

func (s *scene) actAs(ctx context.Context, as string, r request) error {
	var answer struct{ ApprovePlan struct{} }
	return s.ask(ctx, as, `mutation($i: ApprovePlanInput!) { approvePlan(input: $i) { request { id } userErrors { code message path } } }`,
		map[string]any{"i": map[string]any{"requestId": r.ID, "digest": r.Plan.Digest}}, &answer)
}

func (s *scene) act(ctx context.Context, as, mutation, id string) error {
	var answer map[string]any
	return s.ask(ctx, as, `mutation($i: RequestInput!) { `+mutation+`(input: $i) { request { id } userErrors { code message path } } }`,
		map[string]any{"i": map[string]any{"requestId": id}}, &answer)
}

// reach waits until a request is in one of the states, or must be decided on
// by a person.
func (s *scene) reach(ctx context.Context, number string, states ...string) (r request, err error) {
	seen := progress{}
	err = whileMoving(ctx, s.stillness(), func(moved func()) (bool, error) {
		if r, err = s.look(ctx, number); err != nil {
			return false, err
		}
		seen.note(r, moved)
		if r.State == "BLOCKED" && !slices.Contains(states, "BLOCKED") {
			return false, fmt.Errorf("%s is blocked: %s", number, *r.BlockedReason)
		}
		return slices.Contains(states, r.State), nil
	})
	if err != nil {
		err = fmt.Errorf("%s did not reach %v (it is %s): %w", number, states, r.State, err)
	}
	return r, err
}

// follow prints what happens to a request until it closes, and shows every task
// to watch as often as it looks.
func (s *scene) follow(ctx context.Context, number string, watch func(task)) (r request, err error) {
	told, seen := map[string]string{}, progress{}
	err = whileMoving(ctx, s.stillness(), func(moved func()) (bool, error) {
		if r, err = s.look(ctx, number); err != nil {
			return false, err
		}
		seen.note(r, moved)
		for _, t := range r.Tasks.Nodes {
			watch(t)
			key := fmt.Sprint(t.Service.Ref, t.Action, t.Wave)
			now := t.State
			if t.Code != nil && t.State == "READY" {
				now += " (" + *t.Code + ")"
			}
			if told[key] != now && t.Action != "RESOLVE" && t.Action != "LOCATE" && t.State != "WAITING" {
				told[key] = now
				s.say("%-9s %-7s wave %-3d %-20s %s", r.State, t.Action, t.Wave, t.Service.Ref, now)
			}
		}
		if r.State == "BLOCKED" {
			return false, fmt.Errorf("blocked: %s", *r.BlockedReason)
		}
		return r.State == "CLOSED", nil
	})
	if err != nil {
		return r, fmt.Errorf("%s did not close (it is %s): %w", number, r.State, err)
	}
	return r, nil
}

// progress is what has been seen of a request.
type progress map[string]bool

// note calls moved where something is seen for the first time. A task that goes
// back and forth moves nothing.
func (p progress) note(r request, moved func()) {
	first := func(what string) {
		if !p[what] {
			p[what] = true
			moved()
		}
	}
	first(r.State)
	for _, t := range r.Tasks.Nodes {
		first(fmt.Sprint(t.Service.Ref, t.Action, t.Wave, t.State))
	}
}

// certificate waits for the certificate and verifies it offline, by
// fingerprints, with nothing but the file.
func (s *scene) certificate(ctx context.Context, number, of string) error {
	var r request
	err := until(ctx, patience, func() (bool, error) {
		var err error
		r, err = s.look(ctx, number)
		return r.Certificate != nil, err
	})
	if err != nil {
		return fmt.Errorf("no certificate: %w", err)
	}
	out, err := s.offline(ctx, r.Certificate.JSON, s.made.Signing)
	s.expect(err == nil, "the certificate of "+of+" verifies offline", "%s", lastLine(out))
	out, forged := s.offline(ctx, strings.Replace(r.Certificate.JSON, `"payload": "ey`, `"payload": "eY`, 1), s.made.Signing)
	s.expect(forged != nil, "the certificate of "+of+", changed by one letter, does not", "%s", lastLine(out))
	return nil
}

func (s *scene) offline(ctx context.Context, certificate, key string) (string, error) {
	return s.run(ctx, []byte(certificate), "certificate", "verify", "-", "--signing-key", key, "--audit-key", s.made.Checkpoint)
}

func gaps(r request, reason string) (n int) {
	if r.Plan == nil {
		return 0
	}
	for _, node := range r.Plan.Nodes.Nodes {
		if node.Kind == "GAP" && (reason == "" || node.Reason == reason) {
			n++
		}
	}
	return n
}

func (s *scene) printPlan(r request) {
	rows := make([][]string, 0, len(r.Plan.Nodes.Nodes))
	for _, n := range r.Plan.Nodes.Nodes {
		who := "nobody"
		if n.Service != nil {
			who = n.Service.Ref
		}
		if n.Reader != nil {
			who = "group " + *n.Reader
		}
		count, when := "?", ""
		if n.Count != nil {
			count = fmt.Sprint(*n.Count)
		}
		switch {
		case n.RetentionGround != nil && n.Until != nil:
			when = "kept, " + *n.RetentionGround + ", until " + *n.Until
		case n.EffectiveBy != nil:
			when = "gone by " + *n.EffectiveBy
		}
		rows = append(rows, []string{n.Kind, who, n.Dataset.Namespace + " " + n.Dataset.Name, count, strings.ToLower(n.Reason), when})
	}
	s.say("plan %d, digest %.16s…", r.Plan.Number, r.Plan.Digest)
	s.table([]string{"", "who", "what", "rows", "why", "when"}, rows)
}
