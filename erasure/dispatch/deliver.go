package dispatch

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/egress"
)

// reply is what came of one call: a status and a body, or a code of what went
// wrong before there was a status.
type reply struct {
	status int
	header http.Header
	body   []byte
	code   string
}

const (
	held = "STOPPED"  // an emergency stop kept the message back
	slow = "TOO_SLOW" // the service did not take the bytes in time
)

// call signs and sends one message, unless an emergency stop stands when the
// connection is there. The answer is read up to the protocol's
// limit and never logged: services may echo what they were sent.
func (d *Dispatcher) call(ctx context.Context, s catalog.Service, method, path, id string, body []byte) reply {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(*s.Endpoint, "/")+path, bytes.NewReader(body))
	if err != nil {
		return reply{code: "ENDPOINT_REJECTED"}
	}
	headers, err := signature.Sign(id, time.Now(), body, d.conf.Keys...)
	if err != nil {
		return reply{code: "NOT_SIGNED"}
	}
	req.Header = headers
	req.Header.Set("Content-Type", "application/json")
	req, done := watched(req, func(ctx context.Context) bool { return d.may(ctx, s) })
	defer done(nil)
	resp, err := d.clients.of(s).Do(req)
	switch {
	case err == nil:
	case errors.Is(err, egress.ErrRefused):
		return reply{code: "ENDPOINT_REJECTED"}
	case errors.Is(context.Cause(req.Context()), errStopped):
		return reply{code: held}
	case errors.Is(context.Cause(req.Context()), errSlow):
		return reply{code: slow}
	default:
		return reply{code: "UNREACHABLE"}
	}
	defer resp.Body.Close()
	answer, err := protocol.ReadBody(resp.Body, protocol.MaxResultsBytes)
	if err != nil {
		return reply{status: resp.StatusCode, header: resp.Header, code: "UNREADABLE_ANSWER"}
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: answer}
}

// deliver sends one message and records what came of it. A failure to record
// is no harm: the leases run out and the tasks are sent again.
func (d *Dispatcher) deliver(ctx context.Context, s catalog.Service, e envelope) {
	if !d.clear(ctx, s) {
		d.release(ctx, s, e.tasks)
		return
	}
	r := d.call(ctx, s, http.MethodPost, "/lethe/v1/tasks", e.id.String(), e.body)
	if r.code == held {
		d.release(ctx, s, e.tasks)
		return
	}
	if (single(r.status) || r.code == slow) && len(e.tasks) > 1 {
		d.oneByOne(ctx, s, e.tasks) // one of them is at fault; find out which
		return
	}
	if err := d.record(ctx, s, e, r); err != nil {
		d.log.ErrorContext(ctx, "delivery not recorded; it will be sent again", "service", s.Ref, "err", err)
	}
}

// single reports whether a status says that something about a task is wrong.
func single(status int) bool {
	return status == http.StatusConflict || status == http.StatusUnprocessableEntity || status == http.StatusRequestEntityTooLarge || status == http.StatusBadRequest
}

func (d *Dispatcher) oneByOne(ctx context.Context, s catalog.Service, tasks []queue.Delivery) {
	for _, t := range tasks {
		alone, err := d.envelopes(ctx, s, []queue.Delivery{t})
		if err != nil || len(alone) == 0 {
			continue
		}
		d.deliver(ctx, s, alone[0])
	}
}

// stops are the answers that no repetition mends, and the code of each.
var stops = map[int]string{
	http.StatusBadRequest: "NOT_UNDERSTOOD", http.StatusNotFound: "ENDPOINT_NOT_FOUND", http.StatusMethodNotAllowed: "ENDPOINT_NOT_FOUND",
	http.StatusConflict: "TASK_CONFLICT", http.StatusGone: "ENDPOINT_GONE",
	http.StatusRequestEntityTooLarge: "TOO_LARGE", http.StatusUnprocessableEntity: "UNSUPPORTED",
}

// record turns the answer to a message into what it means for its tasks.
func (d *Dispatcher) record(ctx context.Context, s catalog.Service, e envelope, r reply) error {
	switch {
	case r.code == "ENDPOINT_REJECTED":
		d.log.ErrorContext(ctx, "security: the endpoint leads outside its registered networks", "service", s.Ref)
		return d.giveUp(ctx, e.tasks, task.Refused, r.code)
	case r.status == 0:
		return d.back(ctx, s, e.tasks, r.code, 0)
	case r.status >= 300 && r.status < 400:
		d.log.ErrorContext(ctx, "security: the service redirects; redirects are not followed", "service", s.Ref, "status", r.status)
		return d.giveUp(ctx, e.tasks, task.Refused, "ENDPOINT_REJECTED")
	case r.status == http.StatusAccepted:
		return d.accepted(ctx, s, e, r)
	case r.status == http.StatusUnauthorized || r.status == http.StatusForbidden:
		return d.back(ctx, s, e.tasks, "SIGNATURE_REFUSED", time.Minute)
	case r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable:
		return d.back(ctx, s, e.tasks, "THROTTLED", retryAfter(r.header))
	case stops[r.status] != "":
		return d.giveUp(ctx, e.tasks, task.Refused, stops[r.status])
	case r.status >= 500:
		return d.back(ctx, s, e.tasks, "SERVICE_ERROR", 0)
	}
	return d.giveUp(ctx, e.tasks, task.Poisoned, "UNEXPECTED_STATUS")
}

// accepted reads which tasks a service has taken. Tasks that it names neither
// way are sent again.
func (d *Dispatcher) accepted(ctx context.Context, s catalog.Service, e envelope, r reply) error {
	answer, err := protocol.DecodeAcceptance(r.body)
	if r.code != "" || err != nil {
		return d.giveUp(ctx, e.tasks, task.Poisoned, "UNREADABLE_ANSWER")
	}
	rejected := map[uuid.UUID]protocol.Code{}
	for _, x := range answer.Rejected {
		rejected[x.Task] = x.Code
	}
	var taken, open []queue.Delivery
	for _, t := range e.tasks {
		code, no := rejected[t.Key]
		switch {
		case no:
			if err := d.requests.GiveUp(ctx, t, task.Refused, string(code)); err != nil {
				return err
			}
		case slices.Contains(answer.Accepted, t.Key):
			taken = append(taken, t)
		default:
			open = append(open, t)
		}
	}
	if err := d.queue.Delivered(ctx, taken, e.digest()); err != nil {
		return err
	}
	if len(open) > 0 {
		if err := d.queue.Undelivered(ctx, open, "NOT_ACKNOWLEDGED", 0); err != nil {
			return err
		}
	}
	return queue.Reached(ctx, d.db, s.ID)
}

func (d *Dispatcher) giveUp(ctx context.Context, tasks []queue.Delivery, state task.State, code string) error {
	d.conf.Failed(code)
	for _, t := range tasks {
		if err := d.requests.GiveUp(ctx, t, state, code); err != nil {
			return err
		}
	}
	return nil
}

// release gives tasks back that an emergency stop held at the last moment.
func (d *Dispatcher) release(ctx context.Context, s catalog.Service, tasks []queue.Delivery) {
	ctx = context.WithoutCancel(ctx)
	if err := d.queue.Release(ctx, tasks); err != nil {
		d.log.ErrorContext(ctx, "leases not given back; they will run out", "service", s.Ref, "err", err)
	}
}

// back gives tasks back to be sent later.
func (d *Dispatcher) back(ctx context.Context, s catalog.Service, tasks []queue.Delivery, code string, rest time.Duration) error {
	ctx = context.WithoutCancel(ctx)
	d.note(ctx, s, "not delivered; will be tried again", code, len(tasks))
	if err := queue.Unreached(ctx, d.db, s.ID, code, rest); err != nil {
		return err
	}
	return d.queue.Undelivered(ctx, tasks, code, rest)
}

// retryAfter reads how long a service wants to rest: seconds or a date
// (RFC 9110 §10.2.3), an hour at most.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	rest := time.Duration(0)
	if n, err := strconv.Atoi(v); err == nil {
		rest = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		rest = time.Until(at)
	}
	return min(max(rest, 0), time.Hour)
}
