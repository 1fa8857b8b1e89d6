// Package scalar reads and writes the scalars of the GraphQL API that the
// generator has no form for.
package scalar

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
)

// bad says which form a value has. It is the caller's mistake, and the value
// itself is never quoted.
func bad(form string) error { return fault.Bad("", "BAD_VALUE", "%s", form) }

// MarshalDate writes a day. Days are midnight UTC of the day they name.
func MarshalDate(t time.Time) graphql.Marshaler {
	return quoted(t.Format(time.DateOnly))
}

// UnmarshalDate reads a day.
func UnmarshalDate(v any) (time.Time, error) {
	s, _ := v.(string)
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, bad("a Date is written like 2026-03-05")
	}
	return t, nil
}

// MarshalDateTime writes a moment in UTC.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return quoted(t.UTC().Format(time.RFC3339Nano))
}

// UnmarshalDateTime reads a moment.
func UnmarshalDateTime(v any) (time.Time, error) {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, bad("a DateTime is written like 2026-03-05T09:30:00Z")
	}
	return t, nil
}

// MarshalDigest writes a digest in hexadecimal.
func MarshalDigest(b []byte) graphql.Marshaler {
	if len(b) == 0 {
		return graphql.Null
	}
	return quoted(hex.EncodeToString(b))
}

// UnmarshalDigest reads a SHA-256 digest.
func UnmarshalDigest(v any) ([]byte, error) {
	s, _ := v.(string)
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		return nil, bad("a Digest is 64 hexadecimal digits")
	}
	return b, nil
}

// MarshalLong writes a whole number of 64 bits.
func MarshalLong(n int64) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, strconv.FormatInt(n, 10)) })
}

// UnmarshalLong reads a whole number of 64 bits.
func UnmarshalLong(v any) (int64, error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
	case int64:
		return v, nil
	case int:
		return int64(v), nil
	}
	return 0, bad("a Long is a whole number of 64 bits")
}

// MarshalNetwork writes a network in CIDR notation.
func MarshalNetwork(p netip.Prefix) graphql.Marshaler { return quoted(p.String()) }

// UnmarshalNetwork reads a network in CIDR notation.
func UnmarshalNetwork(v any) (netip.Prefix, error) {
	s, _ := v.(string)
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, bad("a Network is written like 10.20.0.0/16")
	}
	return p, nil
}

// MarshalSchemaRule writes a rule as it was handed in.
func MarshalSchemaRule(r schemas.Rule) graphql.Marshaler {
	text, _ := json.Marshal(r) // it was read from JSON
	return graphql.WriterFunc(func(w io.Writer) { _, _ = w.Write(text) })
}

// UnmarshalSchemaRule reads a rule as the registry's API does, so that a number
// in it is the same number at either door: rules are part of what a schema is.
func UnmarshalSchemaRule(v any) (r schemas.Rule, err error) {
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil || r == nil {
		return nil, bad(`a SchemaRule is an object written like {name: "checked", kind: "CONDITION"}`)
	}
	return r, nil
}

func quoted(s string) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(s)) })
}
