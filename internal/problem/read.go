package problem

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/flowmart/lethe/internal/fault"
)

// Read reads a body as one JSON object. A member that nobody knows is a slip of
// the pen and refused: left out silently, it would be answered as if it had not
// been said. like says what an object looks like, less what to do about one that
// is larger than the listener takes.
func Read[T any](r *http.Request, like, less string) (v T, err error) {
	body, err := io.ReadAll(r.Body)
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return v, fault.New(fault.TooLarge, "BODY_TOO_LARGE", "a request takes at most %d KiB; %s", large.Limit>>10, less)
	}
	if err != nil {
		return v, fault.New(fault.Invalid, "BAD_BODY", "the request broke off")
	}
	return Decode[T](body, like)
}

// Decode is Read of a body that is at hand.
func Decode[T any](body []byte, like string) (v T, err error) {
	words := json.NewDecoder(bytes.NewReader(body))
	words.DisallowUnknownFields()
	if err = words.Decode(&v); err != nil {
		return v, misread(err, like)
	}
	if _, more := words.Token(); !errors.Is(more, io.EOF) {
		return v, fault.New(fault.Invalid, "BAD_JSON", "there is something behind the object; send one like %s", like)
	}
	return v, nil
}

// misread says what about a body is not the object that is taken: a member by
// its name, for it may be one of hundreds.
func misread(err error, like string) error {
	if fault.All(err) != nil { // of a member that reads itself
		return err
	}
	if member, ok := fault.UnknownMember(err); ok {
		return fault.Bad(member, "BAD_JSON", "there is no such member; send one object like %s", like)
	}
	if member, takes, ok := fault.Misfit(err); ok && member != "" {
		return fault.Bad(member, "BAD_JSON", "this member takes %s; send one object like %s", takes, like)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fault.New(fault.Invalid, "BAD_JSON", "the body is not JSON, at byte %d; send one object like %s", syntax.Offset, like)
	}
	return fault.New(fault.Invalid, "BAD_JSON", "send one object like %s, with no other members", like)
}
