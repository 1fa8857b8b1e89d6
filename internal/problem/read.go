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
	words := json.NewDecoder(bytes.NewReader(body))
	words.DisallowUnknownFields()
	err = words.Decode(&v)
	if _, more := words.Token(); err != nil || !errors.Is(more, io.EOF) {
		return v, fault.New(fault.Invalid, "BAD_JSON", "send one object like %s, with no other members", like)
	}
	return v, nil
}
