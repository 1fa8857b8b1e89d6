package graph

import (
	"context"

	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/relay"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/schemas"
)

type schemaSubjectResolver struct{ *resolver }

func (r *resolver) SchemaSubject() exec.SchemaSubjectResolver { return schemaSubjectResolver{r} }

func (r queryResolver) SchemaSubjects(ctx context.Context, first int, after *string, prefix string) (relay.Connection[string], error) {
	names, err := r.Schemas.Subjects(ctx, access.From(ctx), prefix, schemas.Live)
	if err != nil {
		return relay.Names{}, err
	}
	return relay.Cut(names, "subjects:"+prefix, page.Args{First: first, After: orNil(after)}, func(name string) string { return name })
}

func (r queryResolver) SchemaSubject(ctx context.Context, name string) (*exec.SchemaSubject, error) {
	_, err := r.Schemas.Versions(ctx, access.From(ctx), name, schemas.Live)
	return ifAny(exec.SchemaSubject{Name: name}, err)
}

func (r schemaSubjectResolver) Compatibility(ctx context.Context, s *exec.SchemaSubject) (string, error) {
	level, err := r.Schemas.Level(ctx, access.From(ctx), s.Name)
	return string(level), err
}

func (r schemaSubjectResolver) Versions(ctx context.Context, s *exec.SchemaSubject) ([]int, error) {
	return r.Schemas.Versions(ctx, access.From(ctx), s.Name, schemas.Live)
}

func (r schemaSubjectResolver) Version(ctx context.Context, s *exec.SchemaSubject, number *int) (schemas.Version, error) {
	if number == nil {
		return r.Schemas.Version(ctx, access.From(ctx), s.Name, schemas.Latest, schemas.Live)
	}
	return r.Schemas.Version(ctx, access.From(ctx), s.Name, *number, schemas.Live)
}
