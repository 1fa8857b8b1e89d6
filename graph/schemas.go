package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/graph/relay"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/contract"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/topic"
)

type (
	schemaSubjectResolver  struct{ *resolver }
	schemaCheckResolver    struct{}
	schemaReaderResolver   struct{}
	schemaApprovalResolver struct{}
	topicResolver          struct{}
)

func (r *resolver) SchemaSubject() exec.SchemaSubjectResolver   { return schemaSubjectResolver{r} }
func (r *resolver) SchemaCheck() exec.SchemaCheckResolver       { return schemaCheckResolver{} }
func (r *resolver) SchemaReader() exec.SchemaReaderResolver     { return schemaReaderResolver{} }
func (r *resolver) Topic() exec.TopicResolver                   { return topicResolver{} }
func (r *resolver) SchemaApproval() exec.SchemaApprovalResolver { return schemaApprovalResolver{} }

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

func (r schemaSubjectResolver) Topics(ctx context.Context, s *exec.SchemaSubject) ([]topic.Described, error) {
	return r.Schemas.Topics(ctx, access.From(ctx), s.Name)
}

func (topicResolver) Subjects(ctx context.Context, t *catalog.Topic) ([]exec.SchemaSubject, error) {
	names, err := load(ctx).subjectsOf.some(ctx, t.DatasetID)
	out := make([]exec.SchemaSubject, len(names))
	for i, name := range names {
		out[i].Name = name
	}
	return out, err
}

func (r schemaSubjectResolver) Versions(ctx context.Context, s *exec.SchemaSubject) ([]int, error) {
	return r.Schemas.Versions(ctx, access.From(ctx), s.Name, schemas.Live)
}

func (r schemaSubjectResolver) Version(ctx context.Context, s *exec.SchemaSubject, number *int) (schemas.Version, error) {
	v, err := r.Schemas.Version(ctx, access.From(ctx), s.Name, latestOr(number), schemas.Live)
	if !slices.Contains(graphql.CollectAllFields(ctx), "text") {
		v.Text = ""
	}
	if load(ctx).texts.Add(int64(len(v.Text))) > mostTexts {
		return schemas.Version{}, fault.New(fault.TooLarge, "ANSWER_TOO_LARGE", "the texts of the schemas in this answer have more than %d MiB together; ask for those of fewer versions at a time", mostTexts>>20)
	}
	return v, err
}

// mostTexts is how many bytes of schemas one answer tells.
const mostTexts = 64 << 20

func (r queryResolver) CheckSchema(ctx context.Context, in exec.CheckSchemaInput) (schemas.Answer, error) {
	s, err := submitted(in)
	if err != nil {
		return schemas.Answer{}, err
	}
	return r.checked(ctx, s)
}

func (r queryResolver) checked(ctx context.Context, s schemas.Submission) (schemas.Answer, error) {
	answers, err := r.Schemas.Check(ctx, access.From(ctx), []schemas.Submission{s})
	if err != nil {
		return schemas.Answer{}, err
	}
	return answers[0], nil
}

func (schemaCheckResolver) Compatibility(_ context.Context, a *schemas.Answer) (string, error) {
	return string(a.Level), nil
}

func submitted(in exec.CheckSchemaInput) (schemas.Submission, error) {
	s := schemas.Submission{Subject: in.Subject, Type: in.SchemaType, Text: in.Schema, References: references(in.References), Metadata: metadata(in.Metadata), RuleSet: in.RuleSet}
	err := s.Intend(schemas.Level(orNil(in.Compatibility)), orNil(in.Gate), in.Topics)
	return s, err
}

// metadata is what is said beside a text; nil where nobody says whether there is
// anything.
func metadata(in *exec.SchemaMetadataInput) *schemas.Metadata {
	if in == nil {
		return nil
	}
	m := schemas.Metadata{Tags: map[string][]string{}, Properties: map[string]string{}, Sensitive: in.Sensitive}
	for _, p := range in.Tags {
		m.Tags[p.Pattern] = append(m.Tags[p.Pattern], p.Tags...)
	}
	for _, p := range in.Properties {
		m.Properties[p.Name] = p.Value
	}
	return &m
}

func references(in []exec.SchemaReferenceInput) (out []schemas.Reference) {
	for _, ref := range in {
		out = append(out, schemas.Reference{Name: ref.Name, Subject: ref.Subject, Version: latestOr(ref.Version)})
	}
	return out
}

func latestOr(version *int) int {
	if version == nil {
		return schemas.Latest
	}
	return *version
}

func (r queryResolver) SafeToContract(ctx context.Context, in exec.SafeToContractInput) (contract.Answer, error) {
	q := contract.Question{Subject: orNil(in.Subject), Field: orNil(in.Field), Version: orNil(in.Version)}
	if in.DatasetID != nil {
		q.Dataset = in.DatasetID.Of(kindDataset)
	}
	return r.Schemas.SafeToContract(ctx, access.From(ctx), q)
}

func (r mutationResolver) DeclareSchemaReader(ctx context.Context, in exec.DeclareSchemaReaderInput) (exec.DeclareSchemaReaderPayload, error) {
	s := schemas.Submission{Subject: in.Subject, Type: in.SchemaType, Text: orNil(in.Schema), References: references(in.References), Version: latestOr(in.Version)}
	n, refused, err := outcome(r.Schemas.DeclareReader(ctx, access.From(ctx), in.Service, in.Name, s))
	return exec.DeclareSchemaReaderPayload{Reader: n, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) EndSchemaReader(ctx context.Context, in exec.EndInput) (exec.EndPayload, error) {
	_, refused, err := outcome(true, r.Schemas.EndReader(ctx, access.From(ctx), in.ID.Of(kindSchemaReader)))
	return exec.EndPayload{Ended: err == nil && refused == nil, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) ApproveSchemaChange(ctx context.Context, in exec.ApproveSchemaChangeInput) (exec.ApproveSchemaChangePayload, error) {
	s := schemas.Submission{Subject: in.Subject, Type: in.SchemaType, Text: in.Schema, References: references(in.References), Metadata: metadata(in.Metadata), RuleSet: in.RuleSet}
	given, err := r.Schemas.Approve(ctx, access.From(ctx), s, in.Reason, in.ExpiresAt)
	refused, err := refusals(err)
	return exec.ApproveSchemaChangePayload{Approvals: given, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r schemaSubjectResolver) Readers(ctx context.Context, s *exec.SchemaSubject) ([]contract.Reader, error) {
	return r.Schemas.Readers(ctx, access.From(ctx), s.Name)
}

func (r schemaSubjectResolver) PersonalData(ctx context.Context, s *exec.SchemaSubject, from int, to *int) ([]gate.Difference, error) {
	return r.Schemas.PersonalData(ctx, access.From(ctx), s.Name, from, latestOr(to))
}

func (schemaReaderResolver) ID(_ context.Context, n *contract.Reader) (node.ID, error) {
	return named(kindSchemaReader, n.ID)
}

func (schemaReaderResolver) Service(ctx context.Context, n *contract.Reader) (catalog.Service, error) {
	return load(ctx).services.must(ctx, n.ServiceID)
}

func (schemaApprovalResolver) Service(ctx context.Context, a *contract.Approval) (*catalog.Service, error) {
	return load(ctx).services.may(ctx, a.ServiceID)
}
