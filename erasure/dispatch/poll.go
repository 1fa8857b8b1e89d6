package dispatch

import (
	"context"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
)

// poll asks a service about a task that it took and has not answered. What it
// says is signed like a message of its own and taken in the same way.
func (d *Dispatcher) poll(ctx context.Context, s catalog.Service, t queue.Delivery) {
	if !d.clear(ctx, s) {
		d.release(ctx, s, []queue.Delivery{t})
		return
	}
	id := t.Key.String()
	r := d.call(ctx, s, http.MethodGet, "/lethe/v1/tasks/"+id, id, nil)
	if r.code == held {
		d.release(ctx, s, []queue.Delivery{t})
		return
	}
	if err := d.heard(ctx, s, t, r); err != nil {
		d.log.ErrorContext(ctx, "the answer to a poll was not recorded; it will be asked for again", "service", s.Ref, "err", err)
	}
}

func (d *Dispatcher) heard(ctx context.Context, s catalog.Service, t queue.Delivery, r reply) error {
	one := []queue.Delivery{t}
	switch {
	case r.status == http.StatusNotFound:
		return d.queue.Lost(ctx, t)
	case r.code == "UNREADABLE_ANSWER":
		return d.giveUp(ctx, one, task.Poisoned, r.code)
	case r.status != http.StatusOK:
		code := r.code
		if code == "" {
			code = "POLL_FAILED"
		}
		return d.back(ctx, s, one, code, retryAfter(r.header))
	}
	if err := verify(ctx, d, s, r); err != nil {
		return d.back(ctx, s, one, "SIGNATURE_INVALID", time.Minute)
	}
	m, err := protocol.DecodeResults(r.body)
	if err != nil || m.Issuer != s.Ref || m.Audience != d.conf.PublicURL {
		return d.giveUp(ctx, one, task.Poisoned, "UNREADABLE_ANSWER")
	}
	by, err := servicePrincipal(ctx, d, s)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(r.body)
	verdicts, err := d.requests.Receive(ctx, by, answer.Message{Service: s.ID, Body: sum[:], Answers: answer.Of(m.Results), Polled: true})
	if err != nil || len(verdicts) > 0 && verdicts[0].Disposition == answer.Recorded {
		return err
	}
	return d.queue.Undelivered(ctx, one, "NO_NEWS", pollAgain)
}

// pollAgain is the shortest time until a task that has no news is asked about
// again; it grows like every other wait.
const pollAgain = 30 * time.Second

func verify(ctx context.Context, d *Dispatcher, s catalog.Service, r reply) error {
	keys, err := catalog.ServiceKeys(ctx, d.db, s.ID)
	if err != nil {
		return err
	}
	known := make([]signature.PublicKey, len(keys))
	for i, k := range keys {
		known[i] = signature.PublicKey{ID: k.ID, Public: k.PublicKey}
	}
	_, err = signature.Verify(known, r.header, r.body, time.Now(), signature.Tolerance)
	return err
}

func servicePrincipal(ctx context.Context, d *Dispatcher, s catalog.Service) (access.Principal, error) {
	id, err := audit.EnsurePrincipal(ctx, d.db, erasure.ServiceIssuer, s.Ref, s.Ref)
	return access.Principal{ID: id, Name: s.Ref, Roles: []access.Role{access.Service}, Service: s.Ref}, err
}

// Challenge asks a service to prove that it holds its keys, and registers them:
// only who answers at the registered endpoint, signed, becomes the service.
func (d *Dispatcher) Challenge(ctx context.Context, by access.Principal, service uuid.UUID) (catalog.Service, error) {
	return d.ask(ctx, by, service, d.catalog.BeginChallenge)
}

// Rotate asks a service in use for its next keys, as Challenge does.
func (d *Dispatcher) Rotate(ctx context.Context, by access.Principal, service uuid.UUID) (catalog.Service, error) {
	return d.ask(ctx, by, service, d.catalog.BeginRotation)
}

type begin func(ctx context.Context, by access.Principal, service uuid.UUID) (catalog.Challenge, error)

func (d *Dispatcher) ask(ctx context.Context, by access.Principal, service uuid.UUID, begin begin) (catalog.Service, error) {
	ch, err := begin(ctx, by, service)
	if err != nil {
		return catalog.Service{}, err
	}
	found, err := catalog.ServicesByID(ctx, d.db, []uuid.UUID{service})
	if err != nil {
		return catalog.Service{}, err
	}
	s := found[service]
	body, err := protocol.Encode(protocol.Ping{Spec: protocol.Spec, Type: protocol.TypePing, Issuer: d.conf.PublicURL,
		Audience: s.Ref, Nonce: ch.Nonce, IssuedAt: time.Now().UTC()})
	if err != nil {
		return s, err
	}
	r := d.call(ctx, s, http.MethodPost, "/lethe/v1/ping", uuid.NewString(), body)
	answer, err := readPong(s, ch.Nonce, r)
	if err != nil {
		return s, err
	}
	return d.catalog.CompleteChallenge(ctx, by, service, answer)
}

// readPong checks that the answer to a challenge is signed by a key it names.
func readPong(s catalog.Service, nonce string, r reply) (catalog.Answer, error) {
	failed := func(why string) (catalog.Answer, error) {
		return catalog.Answer{}, fault.New(fault.Conflict, "CHALLENGE_FAILED", "the service did not prove its key: %s", why)
	}
	switch {
	case r.code == "ENDPOINT_REJECTED":
		return failed("its endpoint leads outside its registered networks")
	case r.code == held:
		return failed("an emergency stop stands; resume first")
	case r.status == 0:
		return failed("its endpoint cannot be reached")
	case r.status != http.StatusOK:
		return failed("its endpoint answered with status " + http.StatusText(r.status))
	}
	p, err := protocol.DecodePong(r.body)
	if err != nil {
		return failed("its answer is not a pong of lethe-rights/1")
	}
	if p.Issuer != s.Ref || p.Nonce != nonce {
		return failed("its answer belongs to another service or another challenge")
	}
	keys := make([]signature.PublicKey, len(p.Keys))
	out := catalog.Answer{Nonce: p.Nonce, Recipient: p.Recipient}
	for i, k := range p.Keys {
		keys[i] = signature.PublicKey{ID: k.ID, Public: k.Public}
		out.Keys = append(out.Keys, catalog.ServiceKey{ID: k.ID, ServiceID: s.ID, PublicKey: k.Public})
	}
	if _, err := signature.Verify(keys, r.header, r.body, time.Now(), signature.Tolerance); err != nil {
		return failed("its answer is not signed by a key that it names")
	}
	return out, nil
}
