package graph

import (
	"context"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/relay"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/migration"
	"github.com/flowmart/lethe/schemas/report"
	"github.com/flowmart/lethe/schemas/stores"
	"github.com/flowmart/lethe/schemas/tables"
)

type (
	storeTablesResolver struct{ kept *stores.Stores }
	storeTableResolver  struct{}
	storeKeyResolver    struct{}
	tableChangeResolver struct{}
	tableCheckResolver  struct{}
)

func (r *resolver) StoreTables() exec.StoreTablesResolver { return storeTablesResolver{r.Tables} }
func (r *resolver) StoreTable() exec.StoreTableResolver   { return storeTableResolver{} }
func (r *resolver) StoreKey() exec.StoreKeyResolver       { return storeKeyResolver{} }
func (r *resolver) TableChange() exec.TableChangeResolver { return tableChangeResolver{} }
func (r *resolver) TableCheck() exec.TableCheckResolver   { return tableCheckResolver{} }

func (r queryResolver) StoreTables(ctx context.Context, store string, version *int) (*stores.State, error) {
	if version == nil {
		return ifAny(r.Tables.Latest(ctx, access.From(ctx), store))
	}
	return ifAny(r.Tables.At(ctx, access.From(ctx), store, *version))
}

func (r queryResolver) CheckStoreTables(ctx context.Context, in exec.CheckStoreTablesInput) (stores.Answer, error) {
	sub := described(in.Format, in.Files, in.Namespace, in.Root, in.Contexts, in.Placeholders)
	sub.Policy = orNil(in.Policy)
	a, err := r.Tables.Check(ctx, access.From(ctx), in.Store, sub)
	load(ctx).saw(a.Changes)
	return a, err
}

func (r mutationResolver) PushStoreTables(ctx context.Context, in exec.PushStoreTablesInput) (exec.PushStoreTablesPayload, error) {
	sub := described(in.Format, in.Files, in.Namespace, in.Root, in.Contexts, in.Placeholders)
	a, refused, err := outcome(r.Tables.Push(ctx, access.From(ctx), in.Store, sub))
	out := exec.PushStoreTablesPayload{Check: a, UserErrors: refused, ClientMutationID: in.ClientMutationID}
	if a != nil {
		out.Pushed = a.Pushed
		load(ctx).saw(a.Changes)
	}
	return out, err
}

func (r mutationResolver) SetStoreGate(ctx context.Context, in exec.SetStoreGateInput) (exec.SetStoreGatePayload, error) {
	now, refused, err := outcome(r.Tables.SetPolicy(ctx, access.From(ctx), in.Store, in.Policy))
	return exec.SetStoreGatePayload{Tables: now, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

// described are files as the room takes them.
func described(format string, files []exec.StoreFileInput, namespace, root *string, contexts []string, placeholders []exec.PlaceholderInput) stores.Submission {
	sub := stores.Submission{Namespace: orNil(namespace), Source: migration.Source{Format: format, Root: orNil(root), Contexts: contexts, Placeholders: map[string]string{}}}
	for _, f := range files {
		sub.Files = append(sub.Files, migration.File(f))
	}
	for _, p := range placeholders {
		sub.Placeholders[p.Name] = p.Value
	}
	return sub
}

func (r storeTablesResolver) Tables(_ context.Context, s *stores.State, first int, after *string) (relay.Connection[tables.Table], error) {
	return relay.Cut(s.Tables, "store tables "+s.Store, page.Args{First: first, After: orNil(after)}, func(t tables.Table) tables.Name { return t.Name })
}

func (r storeTablesResolver) Versions(ctx context.Context, s *stores.State, first int, after *string) (relay.Connection[stores.Version], error) {
	args := page.Args{First: first, After: orNil(after)}
	p, err := r.kept.Versions(ctx, access.From(ctx), s.Store, args)
	return relay.Of(p, args), err
}

func (r storeTablesResolver) Changes(ctx context.Context, s *stores.State, from, first int, after *string) (relay.Connection[stores.Change], error) {
	all, err := r.kept.Changes(ctx, access.From(ctx), s.Store, from, s.Version)
	if err != nil {
		return relay.TableChanges{}, err
	}
	page, err := relay.Cut(all, "store changes "+s.Store, page.Args{First: first, After: orNil(after)}, slotOf)
	load(ctx).saw(page.Nodes())
	return page, err
}

// slot tells a change from the others between two pushes: one of a kind is about
// a table, a column, or a key.
type slot struct {
	Kind   tables.Kind
	Table  tables.Name
	Column string
	Keys   [2]string
}

func slotOf(c stores.Change) slot {
	s := slot{Kind: c.Kind, Table: c.Table, Column: c.Column}
	if c.Kind == tables.KeyAdded || c.Kind == tables.KeyDropped {
		s.Keys = [2]string{c.From, c.To}
	}
	return s
}

func (storeTableResolver) Name(_ context.Context, t *tables.Table) (string, error) {
	return t.Name.String(), nil
}

func (storeTableResolver) FormerNames(_ context.Context, t *tables.Table) ([]string, error) {
	return written(t.Former), nil
}

func (storeTableResolver) PartOf(_ context.Context, t *tables.Table) (string, error) {
	return t.PartOf.String(), nil
}

func (storeTableResolver) Parents(_ context.Context, t *tables.Table) ([]string, error) {
	return written(t.Parents), nil
}

func written(names []tables.Name) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n.String()
	}
	return out
}

func (storeTableResolver) Columns(_ context.Context, t *tables.Table, first int, after *string) (relay.Connection[tables.Column], error) {
	return relay.Cut(t.Columns, "store columns "+t.Name.String(), page.Args{First: first, After: orNil(after)}, func(c tables.Column) string { return c.Name })
}

func (storeKeyResolver) To(_ context.Context, k *tables.Key) (string, error) {
	return k.To.String(), nil
}

func (tableChangeResolver) Table(_ context.Context, c *stores.Change) (string, error) {
	return c.Table.String(), nil
}

func (tableChangeResolver) Dataset(ctx context.Context, c *stores.Change) (*catalog.Dataset, error) {
	return load(ctx).datasets.may(ctx, c.DatasetID)
}

// What a report says is what the gate said, in the words of REST.

func (tableCheckResolver) Findings(_ context.Context, c *report.Checked) ([]gate.Finding, error) {
	out := make([]gate.Finding, len(c.Findings))
	for i, f := range c.Findings {
		out[i] = gate.Finding{Code: f.Code, Severity: gate.Severity(f.Severity), Path: f.Path, File: f.File, Line: f.Line, Column: f.Column,
			Message: f.Message, Mend: f.Mend, Rule: f.Rule, Category: f.Category, Baseline: f.Baseline, Approved: f.Approved}
	}
	return out, nil
}

func (tableCheckResolver) Tags(_ context.Context, c *report.Checked) ([]gate.Tag, error) {
	out := make([]gate.Tag, len(c.Tags))
	for i, t := range c.Tags {
		out[i] = gate.Tag{Path: t.Path, Category: t.Category, Source: gate.Source(t.Source), From: t.From}
	}
	return out, nil
}

func (tableCheckResolver) PersonalData(_ context.Context, c *report.Checked) ([]gate.Difference, error) {
	out := make([]gate.Difference, len(c.Difference))
	for i, d := range c.Difference {
		out[i] = gate.Difference{Kind: gate.Kind(d.Kind), Path: d.Path, From: d.From, Category: d.Category, Guessed: d.Guessed}
	}
	return out, nil
}
