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
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/protocol"
)

// envelope is one message that is ready to be signed, with the leases it
// stands for.
type envelope struct {
	id    uuid.UUID
	body  []byte
	tasks []erasure.Delivery
}

func (e envelope) digest() []byte {
	sum := sha256.Sum256(e.body)
	return sum[:]
}

// roomForEnvelope is what is left of a message for its tasks.
const roomForEnvelope = protocol.MaxRequestsBytes - 4<<10

// envelopes puts leased tasks into as few messages as their sizes allow. A
// task whose identifiers are gone is given up here.
func (d *Dispatcher) envelopes(ctx context.Context, s catalog.Service, due []erasure.Delivery) ([]envelope, error) {
	if len(due) == 0 {
		return nil, nil
	}
	asked, err := d.requests.Questions(ctx, due)
	if err != nil {
		return nil, err
	}
	var out []envelope
	var tasks []protocol.Task
	var held []erasure.Delivery
	size := 0
	flush := func() error {
		if len(tasks) == 0 {
			return nil
		}
		e, err := d.seal(s, tasks, held)
		out, tasks, held, size = append(out, e), nil, nil, 0
		return err
	}
	for _, t := range due {
		q, ok := asked[t.ID]
		if !ok {
			if err := d.requests.GiveUp(ctx, t, erasure.TaskRefused, "KEY_DESTROYED"); err != nil {
				return nil, err
			}
			continue
		}
		task, err := d.task(s, t, q)
		if err != nil {
			return nil, err
		}
		weight := 600 + 160*len(task.Datasets) + len(task.Sealed) + 400*len(task.Identifiers)
		if size+weight > roomForEnvelope || len(tasks) == d.conf.Batch {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		tasks, held, size = append(tasks, task), append(held, t), size+weight
	}
	return out, flush()
}

func (d *Dispatcher) seal(s catalog.Service, tasks []protocol.Task, held []erasure.Delivery) (envelope, error) {
	body, err := protocol.Encode(protocol.Requests{
		Spec: protocol.Spec, Type: protocol.TypeRequests, Issuer: d.conf.PublicURL, Audience: s.Ref,
		IssuedAt: time.Now().UTC(), Tasks: tasks,
	})
	return envelope{uuid.Must(uuid.NewV7()), body, held}, err
}

// actions are the protocol's words for what is asked.
var actions = map[erasure.Action]protocol.Action{
	erasure.Resolve: protocol.Resolve, erasure.Locate: protocol.Locate, erasure.EraseAction: protocol.Erase,
	erasure.Export: protocol.Export, erasure.Probe: protocol.Probe,
}

// task writes one task request. Only the types of identifier that the service
// declared go to it, sealed to its key where it has one.
func (d *Dispatcher) task(s catalog.Service, t erasure.Delivery, q erasure.Question) (protocol.Task, error) {
	out := protocol.Task{
		Task: t.Key, Seq: int64(t.Round), Action: actions[t.Action], Case: t.CaseNumber, Controller: t.Controller, Wave: t.Wave,
		ReceivedOn: protocol.DateOf(t.ReceivedOn), DueOn: protocol.DateOf(t.DueOn), EraseBefore: t.EraseBefore.UTC(),
		ExpiresAt: time.Now().UTC().Add(expiry), ReplyTo: d.conf.PublicURL + "/rights/v1/results",
	}
	if t.Action != erasure.Resolve && t.Action != erasure.Locate {
		out.PlanDigest = hex.EncodeToString(t.PlanDigest)
	}
	if t.Action == erasure.Export {
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

func wanted(s catalog.Service, all []erasure.Identifier) []protocol.Identifier {
	var out []protocol.Identifier
	for _, id := range all {
		if slices.Contains(s.IdentifierTypes, id.Type) {
			out = append(out, protocol.Identifier{Type: id.Type, Value: id.Value})
		}
	}
	return out
}
