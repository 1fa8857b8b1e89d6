// Package graph is the front door: GraphQL and nothing else. The schema lies
// in schema/, one file a room; the code that reads it is generated into exec/.
// Domain structs are bound to GraphQL types, so that a resolver is one call
// into a room. Authorisation is the rooms' own. Go generate makes exec/ anew.
package graph

//go:generate go run github.com/99designs/gqlgen@v0.17.95 generate

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/lineage"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/stores"
)

// Config is what the API is made of.
type Config struct {
	// DB is what relations are loaded from.
	DB postgres.DB
	// The rooms.
	Audit      *audit.Log
	Catalog    *catalog.Catalog
	Schemas    *schemas.Registry
	Tables     *stores.Stores
	Lineage    *lineage.Lineage
	Requests   *erasure.Requests
	Deliveries *queue.Queue
	Exports    *export.Exports
	// Challenge asks a service to prove who it is, and registers the keys it
	// answers with (see erasure/dispatch).
	Challenge func(ctx context.Context, by access.Principal, service uuid.UUID) (catalog.Service, error)
	// Rotate does so for a service in use, and for no other.
	Rotate func(ctx context.Context, by access.Principal, service uuid.UUID) (catalog.Service, error)
	// Now is the clock.
	Now func() time.Time
	// Version of Lethe, as the API tells it.
	Version string
	// Dev allows introspection and suggestions.
	Dev bool
	// Report is told of every failure on our side, which callers only see as a
	// request id. It must not be nil.
	Report func(ctx context.Context, requestID string, err error)
	// Timeout ends a query or a mutation, counted from Began. Default 5 s. A few
	// mutations have longer, which docs/graphql.md names.
	Timeout time.Duration
	// Poll is how often a subscription looks for changes. Default 500 ms.
	Poll time.Duration
}

// New returns the handler of /graphql. Whoever is signed in is in the context
// of the request (see access.With); nobody else is let in.
func New(c Config) http.Handler { return &door{next: inside(c)} }

// inside is the API behind its door.
func inside(c Config) http.Handler {
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Poll == 0 {
		c.Poll = 500 * time.Millisecond
	}
	srv := handler.New(exec.NewExecutableSchema(exec.Config{Resolvers: newResolver(c)}))
	limit(srv, c)
	srv.AddTransport(transport.SSE{KeepAlivePingInterval: 15 * time.Second})
	srv.AddTransport(transport.POST{})
	return srv
}

// limit puts the limits first: what would break the parser or the validator
// never reaches them.
func limit(srv *handler.Server, c Config) {
	srv.SetParserTokenLimit(maxTokens)
	srv.SetErrorPresenter(presenter(c))
	srv.SetRecoverFunc(recovered)
	srv.SetDisableSuggestion(!c.Dev)
	srv.Use(guard{dev: c.Dev})
	srv.Use(deadline(c.Timeout))
	srv.Use(relations{c.DB, c.Schemas})
	if c.Dev {
		srv.Use(extension.Introspection{})
	}
}

// panicked is a panic in a resolver, with where it came from.
type panicked struct {
	value any
	stack []byte
}

func (p panicked) Error() string { return "graph: panic in a resolver" }

func recovered(_ context.Context, value any) error {
	return panicked{value, debug.Stack()}
}

// deadline ends queries and mutations that take too long, also after their
// caller has gone. Subscriptions live as long as their caller listens.
type deadline time.Duration

// ExtensionName names the extension.
func (deadline) ExtensionName() string { return "Deadline" }

// Validate has nothing to check.
func (deadline) Validate(graphql.ExecutableSchema) error { return nil }

// longer are the mutations that wait for more than one unit of work: a whole
// catalog, or what a service answers.
var longer = map[string]time.Duration{
	"importCatalog":    25 * time.Second,
	"challengeService": 5 * time.Second,
	"rotateKey":        5 * time.Second,
}

// of is how long an operation may take.
func (d deadline) of(op *ast.OperationDefinition) time.Duration {
	most := time.Duration(d)
	if op.Operation != ast.Mutation {
		return most
	}
	for _, s := range op.SelectionSet {
		if f, ok := s.(*ast.Field); ok {
			most = max(most, longer[f.Name])
		}
	}
	return most
}

// InterceptOperation bounds the operation in time.
func (d deadline) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx).Operation
	if op.Operation == ast.Subscription {
		return sayingWhy(next(ctx))
	}
	began, ok := ctx.Value(beganAt{}).(time.Time)
	if !ok {
		began = time.Now()
	}
	ctx, cancel := context.WithDeadline(ctx, began.Add(d.of(op)))
	respond := next(ctx)
	return func(ctx context.Context) *graphql.Response {
		defer cancel()
		if r := respond(ctx); r != nil {
			return r
		}
		// The time was over before anything was asked; the executor says nothing.
		return &graphql.Response{Errors: gqlerror.List{told(&gqlerror.Error{}, errTooLong.Code, errTooLong.Error(), "")}}
	}
}

// sayingWhy ends a stream that was cut with the reason for it, if its context
// ended for one that is its listener's to know.
func sayingWhy(respond graphql.ResponseHandler) graphql.ResponseHandler {
	said := false
	return func(ctx context.Context) *graphql.Response {
		r := respond(ctx)
		why, ok := errors.AsType[*fault.Fault](context.Cause(ctx))
		if r != nil || !ok || said {
			return r
		}
		said = true
		return &graphql.Response{Errors: gqlerror.List{told(&gqlerror.Error{}, why.Code, why.Error(), "")}}
	}
}

// beganAt is the key of when the answer to a request began.
type beganAt struct{}

// Began says when the answer to a request began, if that was before the API was
// called: to find out who calls takes of the same time.
func Began(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, beganAt{}, at)
}

// resolver is the root of the resolvers, which lie in one file a room.
type resolver struct {
	Config
	streams streams
}

func newResolver(c Config) *resolver {
	return &resolver{Config: c, streams: streams{open: map[uuid.UUID]int{}}}
}

type (
	queryResolver    struct{ *resolver }
	mutationResolver struct{ *resolver }
)

// Query resolves the fields of Query.
func (r *resolver) Query() exec.QueryResolver { return queryResolver{r} }

// Mutation resolves the fields of Mutation.
func (r *resolver) Mutation() exec.MutationResolver { return mutationResolver{r} }
