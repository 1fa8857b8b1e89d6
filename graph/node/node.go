// Package node makes the opaque ids of the GraphQL API: a kind and a key, in
// base64. Clients must not take them apart, and nothing is lost if they do.
package node

import (
	"encoding/base64"
	"io"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Kind is the GraphQL type that an id names one of.
type Kind string

// ID names one thing. The zero ID names nothing.
type ID struct {
	Kind Kind
	Key  uuid.UUID
}

// Of returns the key of an id of the kind, and for any other uuid.Max, the key
// of nothing: what is not of the kind is not there. It is not uuid.Nil, which
// means that nothing was asked for.
func (id ID) Of(k Kind) uuid.UUID {
	if id.Kind != k {
		return uuid.Max
	}
	return id.Key
}

// String is the id as clients see it.
func (id ID) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(id.Kind) + ":" + id.Key.String()))
}

// Parse reads an id back. A text that Lethe did not make is the zero ID, which
// names nothing: the answer is the same as for a thing that is gone.
func Parse(s string) ID {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return ID{}
	}
	kind, key, ok := strings.Cut(string(b), ":")
	k, err := uuid.Parse(key)
	if !ok || err != nil {
		return ID{}
	}
	return ID{Kind(kind), k}
}

// MarshalGQL writes the id as a JSON string.
func (id ID) MarshalGQL(w io.Writer) {
	_, _ = io.WriteString(w, strconv.Quote(id.String()))
}

// UnmarshalGQL reads the id from an argument or a field of an input.
func (id *ID) UnmarshalGQL(v any) error {
	s, _ := v.(string)
	*id = Parse(s)
	return nil
}

// Node is anything that an id names. Rooms' structs are nodes as they are; the
// generated code tells them apart by their types.
type Node interface{}
