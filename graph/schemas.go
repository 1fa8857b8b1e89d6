package graph

import (
	"context"

	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/relay"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/schemas"
)

type (
	schemaSubjectResolver struct{ *resolver }
	schemaCheckResolver   struct{}
)

func (r *resolver) SchemaSubject() exec.SchemaSubjectResolver { return schemaSubjectResolver{r} }
func (r *resolver) SchemaCheck() exec.SchemaCheckResolver     { return schemaCheckResolver{} }

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

func (r queryResolver) CheckSchema(ctx context.Context, in exec.CheckSchemaInput) (schemas.Answer, error) {
	answers, err := r.Schemas.Check(ctx, access.From(ctx), []schemas.Submission{submitted(in)})
	if err != nil {
		return schemas.Answer{}, err
	}
	return answers[0], nil
}

func (schemaCheckResolver) Compatibility(_ context.Context, a *schemas.Answer) (string, error) {
	return string(a.Level), nil
}

func submitted(in exec.CheckSchemaInput) schemas.Submission {
	s := schemas.Submission{Subject: in.Subject, Type: in.SchemaType, Text: in.Schema}
	for _, ref := range in.References {
		version := schemas.Latest
		if ref.Version != nil {
			version = *ref.Version
		}
		s.References = append(s.References, schemas.Reference{Name: ref.Name, Subject: ref.Subject, Version: version})
	}
	return s
}
