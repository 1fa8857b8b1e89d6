package graph

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/graph/relay"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
)

type (
	principalResolver  struct{ *resolver }
	auditEntryResolver struct{ *resolver }
)

// Principal resolves the fields of Principal.
func (r *resolver) Principal() exec.PrincipalResolver { return principalResolver{r} }

// AuditEntry resolves the fields of AuditEntry.
func (r *resolver) AuditEntry() exec.AuditEntryResolver { return auditEntryResolver{r} }

func (r queryResolver) AuditEntries(ctx context.Context, first int, after *string, filter *exec.AuditFilter) (relay.Connection[audit.Record], error) {
	args := page.Args{First: first, After: orNil(after)}
	p, err := r.Audit.Entries(ctx, access.From(ctx), auditFilter(filter), args)
	load(ctx).saw(p.Items)
	return relay.Of(p, args), err
}

func (r queryResolver) AuditTrail(ctx context.Context, request node.ID, first int, after *string) (relay.Connection[audit.Record], error) {
	id := request.Of(kindRequest)
	rows, err := r.Audit.EntriesOf(ctx, access.From(ctx), id)
	if err != nil {
		return relay.AuditEntries{}, err
	}
	load(ctx).saw(rows)
	return relay.Cut(rows, "trail:"+id.String(), page.Args{First: first, After: orNil(after)}, func(e audit.Record) uuid.UUID { return e.ID })
}

func (r queryResolver) AuditCheckpoint(ctx context.Context) (*exec.AuditCheckpoint, error) {
	c, note, err := r.Audit.Checkpoint(ctx, access.From(ctx))
	if err != nil || note == "" {
		return nil, err
	}
	return &exec.AuditCheckpoint{Size: c.Size, Note: note, SealedAt: c.SealedAt}, nil
}

func (r mutationResolver) ErasePrincipal(ctx context.Context, in exec.ErasePrincipalInput) (exec.ErasePrincipalPayload, error) {
	id := in.PrincipalID.Of(kindPrincipal)
	_, refused, err := outcome(id, r.Audit.ErasePrincipal(ctx, access.From(ctx), id))
	if err != nil || refused != nil {
		return exec.ErasePrincipalPayload{UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
	}
	erased, err := load(ctx).principals.may(ctx, &id)
	return exec.ErasePrincipalPayload{Principal: erased, ClientMutationID: in.ClientMutationID}, err
}

func (principalResolver) ID(_ context.Context, p *audit.Principal) (node.ID, error) {
	return named(kindPrincipal, p.ID)
}

func (auditEntryResolver) Actor(ctx context.Context, e *audit.Record) (audit.Principal, error) {
	return load(ctx).principals.must(ctx, e.ActorID)
}

func (auditEntryResolver) Amounts(_ context.Context, e *audit.Record) ([]exec.Amount, error) {
	amounts := make([]exec.Amount, 0, len(e.Amounts))
	for name, value := range e.Amounts {
		amounts = append(amounts, exec.Amount{Name: name, Value: value})
	}
	slices.SortFunc(amounts, func(a, b exec.Amount) int { return strings.Compare(a.Name, b.Name) })
	return amounts, nil
}

func auditFilter(f *exec.AuditFilter) audit.Filter {
	if f == nil {
		return audit.Filter{}
	}
	return audit.Filter{
		Actor: orNil(key(f.ActorID, kindPrincipal)), Entity: orNil(f.Entity), Request: orNil(key(f.RequestID, kindRequest)),
		Act: orNil(f.Act), Since: orNil(f.From), Until: orNil(f.To),
	}
}
