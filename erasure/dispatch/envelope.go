package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/fault"
)

// envelope is one message that is ready to be signed, with the leases it
// stands for.
type envelope struct {
	id    uuid.UUID
	body  []byte
	tasks []queue.Delivery
}

func (e envelope) digest() []byte {
	sum := sha256.Sum256(e.body)
	return sum[:]
}

// roomForEnvelope is what is left of a message for its tasks.
const roomForEnvelope = protocol.MaxRequestsBytes - 4<<10

// envelopes puts leased tasks into as few messages as their sizes allow. A
// task whose identifiers are gone, or that no message can hold, is given up
// here: the others of its service go on.
func (d *Dispatcher) envelopes(ctx context.Context, s catalog.Service, due []queue.Delivery) ([]envelope, error) {
	if len(due) == 0 {
		return nil, nil
	}
	asked, err := d.queue.Questions(ctx, due)
	if err != nil {
		return nil, err
	}
	var out []envelope
	var tasks []protocol.Task
	var held []queue.Delivery
	size := 0
	flush := func() error {
		made, err := d.sealAll(ctx, s, tasks, held)
		out, tasks, held, size = append(out, made...), nil, nil, 0
		return err
	}
	for _, t := range due {
		q, ok := asked[t.ID]
		if !ok {
			if err := d.requests.GiveUp(ctx, t, task.Refused, "KEY_DESTROYED"); err != nil {
				return nil, err
			}
			continue
		}
		task, err := d.task(s, t, q)
		if err != nil {
			if err := d.unsendable(ctx, s, t, "NOT_SEALED"); err != nil {
				return nil, err
			}
			continue
		}
		weight := weigh(task)
		if size+weight > roomForEnvelope || len(tasks) == d.conf.Batch {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		tasks, held, size = append(tasks, task), append(held, t), size+weight
	}
	return out, flush()
}

// weigh is about how many bytes a task takes in a message.
func weigh(t protocol.Task) int {
	size := 600 + len(t.Sealed)
	for _, ds := range t.Datasets {
		size += 80 + len(ds.Namespace) + len(ds.Name)
	}
	for _, id := range t.Identifiers {
		size += 40 + len(id.Type) + len(id.Value)
	}
	return size
}

// sealAll writes one message of several tasks. Where that cannot be written,
// each task has one of its own, and a task that cannot be written is given up:
// too many identifiers, or none that the service knows; too many datasets.
func (d *Dispatcher) sealAll(ctx context.Context, s catalog.Service, tasks []protocol.Task, held []queue.Delivery) ([]envelope, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	whole, err := d.seal(s, tasks, held)
	if err == nil {
		return []envelope{whole}, nil
	}
	if len(tasks) == 1 {
		return nil, d.unsendable(ctx, s, held[0], unsendableBy(err))
	}
	var out []envelope
	for i := range tasks {
		one, err := d.sealAll(ctx, s, tasks[i:i+1], held[i:i+1])
		if err != nil {
			return nil, err
		}
		out = append(out, one...)
	}
	return out, nil
}

// unsendableBy is why a task cannot be written, as the code of its task.
func unsendableBy(err error) string {
	for _, f := range fault.All(err) {
		switch {
		case f.Kind == fault.TooLarge:
			return "TOO_LARGE"
		case f.Code == "IDENTIFIERS":
			return "NO_IDENTIFIERS"
		case f.Code == "WRONG_LENGTH":
			return "TOO_MANY_IDENTIFIERS"
		}
	}
	return "NOT_SENDABLE"
}

// unsendable gives a task up that no message can hold; a person looks.
func (d *Dispatcher) unsendable(ctx context.Context, s catalog.Service, t queue.Delivery, code string) error {
	d.log.WarnContext(ctx, "a task cannot be written as a message; a person must look", "service", s.Ref, "code", code, "task_id", t.Key)
	return d.giveUp(ctx, []queue.Delivery{t}, task.Refused, code)
}

func (d *Dispatcher) seal(s catalog.Service, tasks []protocol.Task, held []queue.Delivery) (envelope, error) {
	body, err := protocol.Encode(protocol.Requests{
		Spec: protocol.Spec, Type: protocol.TypeRequests, Issuer: d.conf.PublicURL, Audience: s.Ref,
		IssuedAt: time.Now().UTC(), Tasks: tasks,
	})
	return envelope{uuid.Must(uuid.NewV7()), body, held}, err
}

// actions are the protocol's words for what is asked.
var actions = map[task.Action]protocol.Action{
	task.Resolve: protocol.Resolve, task.Locate: protocol.Locate, task.Erase: protocol.Erase,
	task.Export: protocol.Export, task.Probe: protocol.Probe,
}

// task writes one task request. Only the types of identifier that the service
// declared go to it, sealed to its key where it has one.
func (d *Dispatcher) task(s catalog.Service, t queue.Delivery, q queue.Question) (protocol.Task, error) {
	out := protocol.Task{
		Task: t.Key, Seq: int64(t.Round), Action: actions[t.Action], Case: t.CaseNumber, Controller: t.Controller, Wave: t.Wave,
		ReceivedOn: protocol.DateOf(t.ReceivedOn), DueOn: protocol.DateOf(t.DueOn), EraseBefore: t.EraseBefore.UTC(),
		ExpiresAt: time.Now().UTC().Add(expiry), ReplyTo: d.conf.PublicURL + "/rights/v1/results",
	}
	if t.Action != task.Resolve && t.Action != task.Locate {
		out.PlanDigest = hex.EncodeToString(t.PlanDigest)
	}
	if t.Action == task.Export {
		out.PartsTo = d.conf.PublicURL + "/rights/v1/parts/" + strings.ToLower(t.Key.String())
		out.MaxPartBytes = d.conf.MaxPartBytes
	}
	for _, ds := range q.Datasets {
		out.Datasets = append(out.Datasets, protocol.Dataset{ID: ds.ID, Namespace: ds.Namespace, Name: ds.Name})
	}
	ids := wanted(s, q.Identifiers)
	if s.Recipient == nil {
		out.Identifiers = ids
		return out, nil
	}
	var err error
	out.Sealed, err = protocol.SealIdentifiers(*s.Recipient, ids)
	return out, err
}

const expiry = 72 * time.Hour // a service does not begin later; we send again before

func wanted(s catalog.Service, all []subject.Identifier) []protocol.Identifier {
	var out []protocol.Identifier
	for _, id := range all {
		if slices.Contains(s.IdentifierTypes, id.Type) {
			out = append(out, protocol.Identifier{Type: id.Type, Value: id.Value})
		}
	}
	return out
}
