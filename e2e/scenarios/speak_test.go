package scenarios_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
)

// awaits waits until a service was asked for an action, and returns the task.
func (c *company) awaits(ref string, action protocol.Action) protocol.Task {
	c.t.Helper()
	return c.awaitsNth(ref, action, 1)
}

// awaitsNth is awaits for the nth task of the action.
func (c *company) awaitsNth(ref string, action protocol.Action, n int) (found protocol.Task) {
	c.t.Helper()
	c.until(fmt.Sprintf("%s number %d at %s", action, n, ref), func() bool {
		seen := 0
		for _, t := range c.services[ref].Tasks() {
			if t.Action == action {
				if seen++; seen == n {
					found = t
				}
			}
		}
		return seen >= n
	})
	return found
}

// result is what a service would say about a task, with the same outcome for
// each of its datasets; change makes it another.
func result(t protocol.Task, seq int64, state protocol.State, change ...func(*protocol.Result)) protocol.Result {
	r := protocol.Result{Task: t.Task, Seq: seq, PlanDigest: t.PlanDigest, State: state}
	if state == protocol.Done {
		for _, d := range t.Datasets {
			o := protocol.DatasetOutcome{Dataset: d.ID, Outcome: protocol.Erased, Count: 3, Method: "delete"}
			switch t.Action {
			case protocol.Locate:
				o = protocol.DatasetOutcome{Dataset: d.ID, Outcome: protocol.Present, Count: 3}
			case protocol.Probe:
				o = protocol.DatasetOutcome{Dataset: d.ID, Outcome: protocol.Absent}
			}
			r.Outcomes = append(r.Outcomes, o)
		}
	}
	for _, f := range change {
		f(&r)
	}
	return r
}

// message is results signed by a service, ready to be sent, kept, or sent by
// somebody else.
func (c *company) message(ref string, results ...protocol.Result) erasuretest.Message {
	c.t.Helper()
	return c.signed(ref, []signature.Key{c.services[ref].Key}, time.Now(), results...)
}

// signed is message with keys and a time of one's own.
func (c *company) signed(ref string, keys []signature.Key, at time.Time, results ...protocol.Result) erasuretest.Message {
	c.t.Helper()
	body, err := protocol.Encode(protocol.Results{Spec: protocol.Spec, Type: protocol.TypeResults, Issuer: ref, Audience: c.URL,
		IssuedAt: at.UTC(), Results: results})
	if err != nil {
		c.t.Fatal(err)
	}
	header, err := signature.Sign(uuid.NewString(), at, body, keys...)
	if err != nil {
		c.t.Fatal(err)
	}
	return erasuretest.Message{To: c.URL + "/rights/v1/results", Header: header, Body: body}
}

// post sends a message and returns the disposition of its first result, or the
// status and the code with which it was refused.
func (c *company) post(m erasuretest.Message) string {
	for _, s := range c.services { // anybody's connection will do
		status, answer := s.Send(m)
		if status == 200 {
			d, err := protocol.DecodeDispositions(answer)
			if err != nil {
				return err.Error()
			}
			if code := d.Results[0].Code; code != "" {
				return string(d.Results[0].Disposition) + " " + code
			}
			return string(d.Results[0].Disposition)
		}
		var problem struct{ Code string }
		_ = json.Unmarshal(answer, &problem) // no problem has no code, which shows
		return fmt.Sprintf("%d %s", status, problem.Code)
	}
	return "no service"
}

// says posts one result of a service.
func (c *company) says(ref string, r protocol.Result) string {
	c.t.Helper()
	return c.post(c.message(ref, r))
}

// expect fails the test unless Lethe answered a message as it must.
func (c *company) expect(got, want string) {
	c.t.Helper()
	if got != want {
		c.t.Fatalf("Lethe answered %q, want %q", got, want)
	}
}

// mute makes a service that takes tasks and leaves it to the test to answer
// them; locating and probing it does itself only if the test says so.
func mute() []erasuretest.Option { return []erasuretest.Option{erasuretest.DropsResults()} }

// lies makes a service that says erased and erases nothing.
func lies() []erasuretest.Option { return []erasuretest.Option{erasuretest.Lies()} }

// counts answers the locate task of a mute service.
func (c *company) counts(ref string) {
	c.t.Helper()
	c.expect(c.says(ref, result(c.awaits(ref, protocol.Locate), 1, protocol.Done)), "recorded")
}

// clean answers the probe of a mute service.
func (c *company) clean(ref string) {
	c.t.Helper()
	c.expect(c.says(ref, result(c.awaits(ref, protocol.Probe), 1, protocol.Done)), "recorded")
}

// needsPerson is the reason of a service that cannot go on by itself.
func needsPerson(r *protocol.Result) { r.Code = protocol.NeedsPerson }
