package graph

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/relay"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
)

func (r queryResolver) Requests(ctx context.Context, first int, after *string, filter *exec.RequestFilter) (relay.Connection[erasure.Request], error) {
	args := page.Args{First: first, After: orNil(after)}
	p, err := r.resolver.Requests.List(ctx, access.From(ctx), requestFilter(filter), args)
	load(ctx).saw(p.Items)
	return relay.Of(p, args), err
}

func (r queryResolver) Request(ctx context.Context, caseNumber string) (*erasure.Request, error) {
	req, err := r.resolver.Requests.FindCase(ctx, access.From(ctx), caseNumber)
	if err != nil && unseen(err) {
		return nil, nil
	}
	return &req, err
}

func (r queryResolver) RequestCounts(ctx context.Context, filter *exec.RequestFilter) ([]exec.RequestCount, error) {
	counts, err := r.resolver.Requests.Count(ctx, access.From(ctx), requestFilter(filter))
	return byState(counts), err
}

func (r queryResolver) Alerts(ctx context.Context, first int, after *string) (relay.Connection[alert.Alert], error) {
	args := page.Args{First: first, After: orNil(after)}
	p, err := r.resolver.Requests.Alerts(ctx, access.From(ctx), args)
	load(ctx).saw(p.Items)
	return relay.Of(p, args), err
}

func (r queryResolver) EmergencyStops(ctx context.Context) ([]queue.Stop, error) {
	return r.resolver.Deliveries.Standing(ctx, access.From(ctx))
}

func (r mutationResolver) OpenRequest(ctx context.Context, in exec.OpenRequestInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.Open(ctx, access.From(ctx), opening(in)))
}

func (r mutationResolver) VerifyIdentity(ctx context.Context, in exec.VerifyIdentityInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.VerifyIdentity(ctx, access.From(ctx), in.RequestID.Of(kindRequest), in.Method))
}

func (r mutationResolver) ApprovePlan(ctx context.Context, in exec.ApprovePlanInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.Approve(ctx, access.From(ctx), in.RequestID.Of(kindRequest), in.Digest))
}

func (r mutationResolver) Replan(ctx context.Context, in exec.RequestInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.Replan(ctx, access.From(ctx), in.RequestID.Of(kindRequest)))
}

func (r mutationResolver) RefuseRequest(ctx context.Context, in exec.RefuseRequestInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.Refuse(ctx, access.From(ctx), in.RequestID.Of(kindRequest), in.Ground))
}

func (r mutationResolver) CancelRequest(ctx context.Context, in exec.RequestInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.Cancel(ctx, access.From(ctx), in.RequestID.Of(kindRequest)))
}

func (r mutationResolver) ExtendDeadline(ctx context.Context, in exec.ExtendDeadlineInput) (exec.RequestPayload, error) {
	id := in.RequestID.Of(kindRequest)
	return acted(in.ClientMutationID)(r.Requests.ExtendDeadline(ctx, access.From(ctx), id, in.Reason, in.NoticeSentOn, in.Channel))
}

func (r mutationResolver) PauseClock(ctx context.Context, in exec.PauseClockInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.PauseClock(ctx, access.From(ctx), in.RequestID.Of(kindRequest), in.Reason))
}

func (r mutationResolver) ResumeClock(ctx context.Context, in exec.RequestInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.ResumeClock(ctx, access.From(ctx), in.RequestID.Of(kindRequest)))
}

func (r mutationResolver) ResolveBlock(ctx context.Context, in exec.RequestInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.ResolveBlock(ctx, access.From(ctx), in.RequestID.Of(kindRequest)))
}

func (r mutationResolver) ClosePartially(ctx context.Context, in exec.RequestInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.CloseInPart(ctx, access.From(ctx), in.RequestID.Of(kindRequest)))
}

func (r mutationResolver) ReopenRequest(ctx context.Context, in exec.RequestInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.Reopen(ctx, access.From(ctx), in.RequestID.Of(kindRequest)))
}

func (r mutationResolver) DestroyRequestKey(ctx context.Context, in exec.RequestInput) (exec.RequestPayload, error) {
	return acted(in.ClientMutationID)(r.Requests.DestroyKey(ctx, access.From(ctx), in.RequestID.Of(kindRequest)))
}

func (r mutationResolver) RetryTask(ctx context.Context, in exec.RetryTaskInput) (exec.RetryTaskPayload, error) {
	t, refused, err := outcome(r.Requests.RetryTask(ctx, access.From(ctx), in.TaskID.Of(kindTask)))
	return exec.RetryTaskPayload{Task: t, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) EmergencyStop(ctx context.Context, in exec.EmergencyStopInput) (exec.EmergencyStopPayload, error) {
	stop, refused, err := outcome(r.Deliveries.Stop(ctx, access.From(ctx), key(in.ServiceID, kindService)))
	return exec.EmergencyStopPayload{Stop: stop, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) Resume(ctx context.Context, in exec.EmergencyStopInput) (exec.EmergencyStopPayload, error) {
	stop, refused, err := outcome(r.Deliveries.Resume(ctx, access.From(ctx), key(in.ServiceID, kindService)))
	return exec.EmergencyStopPayload{Stop: stop, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) RecordNotice(ctx context.Context, in exec.RecordNoticeInput) (exec.RecordNoticePayload, error) {
	n, refused, err := outcome(r.Requests.RecordNotice(ctx, access.From(ctx), in.NoticeID.Of(kindNotice), in.SentOn, in.Channel))
	return exec.RecordNoticePayload{Notice: n, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) RecordNoticeFailure(ctx context.Context, in exec.RecordNoticeFailureInput) (exec.RecordNoticePayload, error) {
	n, refused, err := outcome(r.Requests.RecordNoticeFailure(ctx, access.From(ctx), in.NoticeID.Of(kindNotice)))
	return exec.RecordNoticePayload{Notice: n, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) PreparePackage(ctx context.Context, in exec.PreparePackageInput) (exec.RequestPayload, error) {
	id, by := in.RequestID.Of(kindRequest), access.From(ctx)
	if err := r.Exports.Prepare(ctx, by, id, export.To{Recipient: orNil(in.Recipient), Passphrase: orNil(in.Passphrase)}); err != nil {
		return acted(in.ClientMutationID)(erasure.Request{}, err)
	}
	return acted(in.ClientMutationID)(r.Requests.Find(ctx, by, id))
}

func (r mutationResolver) CreatePackageLink(ctx context.Context, in exec.PackageInput) (exec.CreatePackageLinkPayload, error) {
	path, expires, err := r.Exports.Link(ctx, access.From(ctx), in.PackageID.Of(kindPackage))
	link, refused, err := outcome(path, err)
	if link == nil {
		return exec.CreatePackageLinkPayload{UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
	}
	return exec.CreatePackageLinkPayload{Path: link, ExpiresAt: &expires, ClientMutationID: in.ClientMutationID}, nil
}

func (r mutationResolver) TellPassphrase(ctx context.Context, in exec.PackageInput) (exec.TellPassphrasePayload, error) {
	p, refused, err := outcome(r.Exports.Passphrase(ctx, access.From(ctx), in.PackageID.Of(kindPackage)))
	return exec.TellPassphrasePayload{Passphrase: p, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

// acted makes the payload of an act on a request. A request that comes with a
// refusal, as the new plan of an approval that came too late, is shown.
func acted(mutation *string) func(erasure.Request, error) (exec.RequestPayload, error) {
	return func(req erasure.Request, err error) (exec.RequestPayload, error) {
		payload := exec.RequestPayload{ClientMutationID: mutation}
		if err == nil || errors.Is(err, erasure.ErrPlanStale) && req.ID != uuid.Nil {
			payload.Request = &req
		}
		payload.UserErrors, err = refusals(err)
		return payload, err
	}
}

func opening(in exec.OpenRequestInput) erasure.Opening {
	return erasure.Opening{
		Kind: in.Type, Controller: in.Controller, Ground: in.Ground, Identifiers: in.Identifiers,
		ReceivedAt: orNil(in.ReceivedAt), Identity: in.Identity, ClientRequestID: orNil(in.ClientRequestID),
	}
}

func requestFilter(f *exec.RequestFilter) erasure.Filter {
	if f == nil {
		return erasure.Filter{}
	}
	return erasure.Filter{States: f.States, Kinds: f.Types, DueBefore: f.DueBefore, Open: f.Open}
}

func byState(counts map[erasure.State]int) []exec.RequestCount {
	out := make([]exec.RequestCount, 0, len(counts))
	for state, n := range counts {
		out = append(out, exec.RequestCount{State: state, Count: n})
	}
	slices.SortFunc(out, func(a, b exec.RequestCount) int { return cmp.Compare(a.State, b.State) })
	return out
}
