package erasuretest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/protocol"
)

// carryOut does a task and says so.
func (s *Service) carryOut(k *known) {
	s.dawdle(k)
	if s.stopped() {
		return
	}
	parts, err := s.upload(k)
	s.mu.Lock()
	if k.cancelled {
		res := *k.result
		s.mu.Unlock()
		s.say(k, res)
		return
	}
	res := s.do(k)
	if err != nil {
		res = protocol.Result{State: protocol.Failed, Code: protocol.UploadFailed, Retryable: true}
	}
	if res.State == protocol.Done {
		res.Parts = parts
	}
	k.seq++
	if s.how.regress {
		k.seq = 3
	}
	res.Task, res.Seq, res.PlanDigest = k.task.Task, k.seq, k.task.PlanDigest
	k.result = &res
	s.change()
	s.mu.Unlock()
	if !s.how.drop {
		s.say(k, res)
	}
}

// dawdle waits until the service's clock has moved far enough.
func (s *Service) dawdle(k *known) {
	for k.task.Action != protocol.Cancel && s.how.clock().Sub(k.arrived) < s.how.dawdle && !s.stopped() && !s.isCancelled(k) {
		s.pause(2 * time.Millisecond)
	}
}

func (s *Service) isCancelled(k *known) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return k.cancelled
}

// do changes what the service holds. The caller holds mu.
func (s *Service) do(k *known) protocol.Result {
	t := k.task
	switch {
	case s.how.refuse != "":
		return protocol.Result{State: protocol.Refused, Code: s.how.refuse}
	case k.failures < s.how.failFirst:
		k.failures++
		return protocol.Result{State: protocol.Failed, Code: s.how.failCode, Retryable: true}
	}
	s.happened(t)
	switch t.Action {
	case protocol.Resolve:
		return protocol.Result{State: protocol.Done, Resolved: &protocol.Resolved{People: s.how.people, Identifiers: s.how.resolves}}
	case protocol.Cancel:
		return protocol.Result{State: protocol.Done, Code: s.cancel(t.Cancels)}
	}
	res := protocol.Result{State: protocol.Done}
	for _, d := range t.Datasets {
		out := s.treat(t, d, k.identifiers)
		out.Dataset = d.ID
		res.Outcomes = append(res.Outcomes, out)
	}
	return res
}

// treat does one action to one dataset. The caller holds mu.
func (s *Service) treat(t protocol.Task, d protocol.Dataset, ids []protocol.Identifier) protocol.DatasetOutcome {
	key, n := s.held(d, ids)
	switch t.Action {
	case protocol.Locate, protocol.Probe:
		if n == 0 {
			return protocol.DatasetOutcome{Outcome: protocol.Absent}
		}
		return protocol.DatasetOutcome{Outcome: protocol.Present, Count: n}
	case protocol.Export:
		if n == 0 {
			return protocol.DatasetOutcome{Outcome: protocol.NotFound}
		}
		return protocol.DatasetOutcome{Outcome: protocol.Exported, Count: records(s.content(d))}
	case protocol.Erase:
	default:
		return protocol.DatasetOutcome{Outcome: protocol.NotApplicable}
	}
	switch {
	case n == 0:
		return protocol.DatasetOutcome{Outcome: protocol.NotFound}
	case s.how.ground != "":
		return protocol.DatasetOutcome{Outcome: protocol.Retained, Count: n, Ground: s.how.ground, Until: s.how.until}
	case !s.how.lie:
		s.rows[key] = 0
	}
	return protocol.DatasetOutcome{Outcome: protocol.Erased, Count: n, Method: "delete"}
}

// held tells how many rows of a person a dataset has, and under which name
// they are kept. Whoever shares an identifier is one person; whoever was never
// seen has as many rows as the test said.
func (s *Service) held(d protocol.Dataset, ids []protocol.Identifier) (key string, n int64) {
	who := len(s.people) + 1
	for _, id := range ids {
		if known := s.people[id.Type+"="+id.Value]; known != 0 {
			who = known
			break
		}
	}
	for _, id := range ids {
		s.people[id.Type+"="+id.Value] = who
	}
	key = fmt.Sprint(d.Name, " of ", who)
	n, seen := s.rows[key]
	if !seen {
		n = s.how.rows
		s.rows[key] = n
	}
	return key, n
}

// cancel stops a task whose result is not there yet. The caller holds mu.
func (s *Service) cancel(task uuid.UUID) protocol.Code {
	k := s.tasks[task]
	switch {
	case k == nil:
		return protocol.UnknownTask
	case k.result != nil:
		return protocol.TooLate
	}
	k.begun, k.cancelled = true, true
	k.seq++
	k.result = &protocol.Result{Task: task, Seq: k.seq, PlanDigest: k.task.PlanDigest, State: protocol.Refused, Code: protocol.Cancelled}
	return protocol.Cancelled
}

// say posts a result in the way the service has been told to.
func (s *Service) say(k *known, res protocol.Result) {
	switch {
	case s.how.twice:
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { s.post(k, res) })
		}
		all.Wait()
	case s.how.regress:
		s.post(k, res)
		s.post(k, protocol.Result{Task: res.Task, Seq: 2, PlanDigest: res.PlanDigest, State: protocol.Working})
	case s.how.contradict && len(res.Outcomes) > 0:
		s.post(k, res)
		other := res
		other.Seq++
		other.Outcomes = slices.Clone(res.Outcomes)
		for i, o := range other.Outcomes {
			other.Outcomes[i] = contrary(k.task.Action)
			other.Outcomes[i].Dataset = o.Dataset
		}
		s.post(k, other)
	default:
		s.post(k, res)
	}
}

// contrary is an outcome that cannot be true together with what was said. An
// erased dataset in which nothing is found later is no contradiction.
func contrary(a protocol.Action) protocol.DatasetOutcome {
	switch a {
	case protocol.Erase:
		return protocol.DatasetOutcome{Outcome: protocol.Retained, Count: 1, Ground: "17(3)(b)"}
	case protocol.Export:
		return protocol.DatasetOutcome{Outcome: protocol.NotFound}
	}
	return protocol.DatasetOutcome{Outcome: protocol.Absent}
}

func (s *Service) results(res ...protocol.Result) protocol.Results {
	s.mu.Lock()
	defer s.mu.Unlock()
	return protocol.Results{Spec: protocol.Spec, Type: protocol.TypeResults, Issuer: s.Ref, Audience: s.issuer, IssuedAt: time.Now().UTC(), Results: res}
}

// post sends a result until Lethe has answered for it, or the message was
// refused for good, or the test ends.
func (s *Service) post(k *known, res protocol.Result) {
	body, err := protocol.Encode(s.results(res))
	if err != nil {
		s.tb.Errorf("service %s: %v", s.Ref, err)
		return
	}
	id := uuid.NewString()
	for wait := 20 * time.Millisecond; !s.stopped(); wait = min(2*wait, time.Second) {
		status, answer := s.Send(Message{To: k.task.ReplyTo, Header: s.sign(id, body), Body: body})
		if status == http.StatusOK {
			s.acknowledged(k, answer)
			return
		}
		if status >= 400 && status < 500 && status != http.StatusTooManyRequests {
			return
		}
		s.pause(wait)
	}
}

func (s *Service) acknowledged(k *known, answer []byte) {
	m, err := protocol.DecodeDispositions(answer)
	if err != nil {
		s.tb.Errorf("service %s: Lethe's answer to results: %v", s.Ref, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k.disposition = m.Results[0].Disposition
	s.change()
}

// Send sends a message as it is and returns the status and the answer; status 0
// means that none came. Tests use it to replay a captured message or to send
// one to the wrong place.
func (s *Service) Send(m Message) (status int, answer []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.To, bytes.NewReader(m.Body))
	if err != nil {
		s.tb.Errorf("service %s: %v", s.Ref, err)
		return 0, nil
	}
	req.Header = m.Header.Clone()
	req.Header.Set("Content-Type", "application/json")
	s.mu.Lock()
	s.sent = append(s.sent, m)
	s.mu.Unlock()
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	answer, err = protocol.ReadBody(resp.Body, protocol.MaxResultsBytes)
	if err != nil {
		return 0, nil
	}
	return resp.StatusCode, answer
}

// Signed makes a message of any body, signed with the service's key as of now.
func (s *Service) Signed(to string, body []byte) Message {
	return Message{To: to, Header: s.sign(uuid.NewString(), body), Body: body}
}

// Say makes a message of results, signed as of now, that says whatever the
// test wants.
func (s *Service) Say(to string, results ...protocol.Result) Message {
	s.tb.Helper()
	body, err := protocol.Encode(s.results(results...))
	if err != nil {
		s.tb.Fatal(err)
	}
	return s.Signed(to, body)
}

func (s *Service) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

func (s *Service) pause(d time.Duration) {
	select {
	case <-s.stop:
	case <-time.After(d):
	}
}
