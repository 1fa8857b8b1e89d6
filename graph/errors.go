package graph

import (
	"context"
	"errors"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// presenter is the only place where an error becomes words for a caller. What
// nobody classified is reported to the house and shown as a request id.
func presenter(c Config) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		shown, ok := errors.AsType[*gqlerror.Error](err)
		if !ok {
			shown = gqlerror.WrapPath(graphql.GetPath(ctx), err)
		}
		if shown.Err == nil {
			return ofQuery(shown, c.Dev)
		}
		f := classify(ctx, shown.Err)
		if f.Kind == fault.Internal {
			id, _ := ctx.Value(requestID{}).(string)
			c.Report(ctx, id, shown.Err)
			return told(shown, f.Code, f.Message, id)
		}
		return told(shown, f.Code, f.Error(), "")
	}
}

// ofQuery words what the parser, the validator or the guard found.
func ofQuery(e *gqlerror.Error, dev bool) *gqlerror.Error {
	if strings.HasPrefix(e.Message, "exceeded token limit") {
		return told(e, codeTooLarge, "the query has more than 2,000 tokens", "")
	}
	if !dev {
		e.Message, _, _ = strings.Cut(e.Message, " Did you mean")
	}
	return e
}

var errTooLong = fault.New(fault.Unavailable, "TIMEOUT", "the query took too long; ask for less, or try again later")

// classify finds the fault in an error, the first if there are several.
func classify(ctx context.Context, err error) *fault.Fault {
	if faults := fault.All(err); len(faults) > 0 {
		return faults[0]
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return errTooLong
	case postgres.Away(err):
		return fault.New(fault.Unavailable, "UNAVAILABLE", "Lethe cannot reach its database; try again soon")
	}
	return fault.New(fault.Internal, "INTERNAL", "Something went wrong on our side.")
}

// told is e in other words, without its cause.
func told(e *gqlerror.Error, code, message, requestID string) *gqlerror.Error {
	out := &gqlerror.Error{Message: fault.Cut(message, mostTold), Path: e.Path, Locations: e.Locations, Extensions: map[string]any{"code": code}}
	if requestID != "" {
		out.Extensions["requestId"] = requestID
	}
	return out
}

// mostTold is how long a message is, in bytes: what was sent may be in it, and is
// not sent back whole.
const mostTold = 2 << 10

// refusals turns the faults of a mutation into what its payload tells. Faults
// are for the person who acts; a caller whom nobody knows, a dependency that
// is away and our own mistakes stay errors of the whole.
func refusals(err error) ([]exec.UserError, error) {
	faults := fault.All(err)
	if len(faults) == 0 {
		return nil, err
	}
	told := make([]exec.UserError, len(faults))
	for i, f := range faults {
		switch f.Kind {
		case fault.Unknown, fault.Unavailable, fault.Internal:
			return nil, err
		}
		path := []string{}
		if len(f.Path) > 0 {
			path = append([]string{"input"}, f.Path...)
		}
		told[i] = exec.UserError{Code: f.Code, Path: path, Message: fault.Cut(f.Message, mostTold)}
	}
	return told, nil
}

// outcome splits what a room answered to an act into what a payload tells.
func outcome[T any](v T, err error) (*T, []exec.UserError, error) {
	if err == nil {
		return &v, nil, nil
	}
	refused, err := refusals(err)
	return nil, refused, err
}
