package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/problem"
)

// maxBody is the largest request, in bytes.
const maxBody = 256 << 10

// door lets only well-formed requests of signed-in callers through. Its
// refusals never quote what was sent, which may hold identifiers of a person.
type door struct{ next http.Handler }

// ServeHTTP answers a GraphQL request.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if refused := knock(w, r); refused {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuseBody(w, err)
		return
	}
	if f := wellFormed(body); f != nil {
		problem.WriteStatus(w, http.StatusBadRequest, f)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	ctx := context.WithValue(r.Context(), requestID{}, w.Header().Get(problem.RequestID))
	d.next.ServeHTTP(w, r.WithContext(ctx))
}

// knock answers requests that need no reading to be refused.
func knock(w http.ResponseWriter, r *http.Request) bool {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		problem.WriteStatus(w, http.StatusMethodNotAllowed, fault.New(fault.Invalid, "METHOD_NOT_ALLOWED", "send GraphQL by POST"))
	case media != "application/json":
		problem.WriteStatus(w, http.StatusUnsupportedMediaType, fault.New(fault.Invalid, "UNSUPPORTED_MEDIA_TYPE", "send GraphQL as application/json"))
	case r.Header.Get("Content-Encoding") != "":
		problem.WriteStatus(w, http.StatusUnsupportedMediaType, fault.New(fault.Invalid, "CONTENT_ENCODING", "compressed requests are not accepted"))
	case access.From(r.Context()).ID == uuid.Nil:
		problem.Write(w, fault.New(fault.Unknown, "UNAUTHENTICATED", "sign in, or send a bearer token"))
	default:
		return false
	}
	return true
}

func refuseBody(w http.ResponseWriter, err error) {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		problem.Write(w, fault.New(fault.TooLarge, "BODY_TOO_LARGE", "a request has at most 256 KiB"))
		return
	}
	problem.WriteStatus(w, http.StatusBadRequest, fault.New(fault.Invalid, "BAD_BODY", "the request broke off"))
}

// request is what may stand in a body.
type request struct {
	Query         *string        `json:"query"`
	OperationName *string        `json:"operationName"`
	Variables     map[string]any `json:"variables"`
	Extensions    map[string]any `json:"extensions"`
}

// wellFormed refuses what readers of JSON disagree about: data after the end,
// names that stand twice, text that is not UTF-8; and NUL, which PostgreSQL
// cannot keep.
func wellFormed(body []byte) *fault.Fault {
	if f := strict(body); f != nil {
		return f
	}
	var r request
	err := json.Unmarshal(body, &r)
	if member, takes, ok := fault.Misfit(err); ok && member != "" {
		return fault.Bad(member, "BAD_JSON", "this member takes %s", takes)
	}
	if err != nil || r.Query == nil || strings.TrimSpace(*r.Query) == "" {
		return fault.New(fault.Invalid, "BAD_JSON", "send one object with a query and, if it has any, its variables")
	}
	return nil
}

func strict(body []byte) *fault.Fault {
	in := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := in.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fault.New(fault.Invalid, "BAD_JSON", "the body is not one JSON value in UTF-8 with each name once; the first mistake is at byte %d", in.InputOffset())
		case token.Kind() == '"' && strings.ContainsRune(token.String(), 0):
			return fault.New(fault.Invalid, "BAD_ENCODING", "the text that ends at byte %d holds a NUL character", in.InputOffset())
		case in.StackDepth() == 0 && len(bytes.TrimSpace(body[in.InputOffset():])) > 0:
			return fault.New(fault.Invalid, "BAD_JSON", "there is data after the end of the JSON value, at byte %d", in.InputOffset())
		}
	}
}

// requestID is the key of a request's id in its context.
type requestID struct{}
