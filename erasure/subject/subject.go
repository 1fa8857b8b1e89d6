// Package subject holds the identifiers of a request's data subject: sealed
// under the request's own key, with keyed marks that tell a second request for
// the same person.
package subject

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/vault"
)

// Identifier is something that tells one data subject from all others, as one
// service knows them. It cannot be printed: fmt, slog and errors show its type
// alone. Only seal and the dispatcher see the value.
type Identifier struct {
	Type  string `json:"type"` // e.g. customer_id, email, phone; declared by services
	Value string `json:"value"`
}

// String shows the type and hides the value.
func (i Identifier) String() string { return i.Type + ":[redacted]" }

// GoString hides the value from %#v.
func (i Identifier) GoString() string { return i.String() }

// Format hides the value from every verb.
func (i Identifier) Format(f fmt.State, _ rune) { fmt.Fprint(f, i.String()) }

// LogValue hides the value from slog.
func (i Identifier) LogValue() slog.Value { return slog.StringValue(i.String()) }

const (
	maxIdentifiers     = 50
	maxIdentifierBytes = 320 // the longest e-mail address, RFC 3696 erratum 1690
)

// Check reports every mistake in identifiers, naming places and rules and never
// values.
func Check(given []Identifier, known []string) error {
	if len(given) == 0 {
		return fault.Bad("identifiers", "REQUIRED", "give at least one identifier of the data subject")
	}
	if len(given) > maxIdentifiers {
		return fault.Bad("identifiers", "TOO_MANY", "give at most %d identifiers", maxIdentifiers)
	}
	var mistakes []error
	for n, id := range given {
		at := fmt.Sprintf("identifiers.%d.", n)
		if !slices.Contains(known, id.Type) {
			mistakes = append(mistakes, fault.Bad(at+"type", "UNKNOWN_IDENTIFIER_TYPE", "%s",
				fault.Suggest("no service knows people by this type; known are "+strings.Join(known, ", "), id.Type, known)))
		}
		if rule := badValue(id.Value); rule != "" {
			mistakes = append(mistakes, fault.Bad(at+"value", "BAD_IDENTIFIER", "%s", rule))
		}
	}
	return errors.Join(mistakes...)
}

func badValue(v string) string {
	switch {
	case strings.TrimSpace(v) == "":
		return "the value is empty"
	case len(v) > maxIdentifierBytes:
		return fmt.Sprintf("the value is longer than %d bytes", maxIdentifierBytes)
	case !utf8.ValidString(v):
		return "the value is not UTF-8"
	case strings.ContainsFunc(v, unicode.IsControl):
		return "the value holds a control character or a line break"
	}
	return ""
}

// place is what the sealed identifiers are, within what a request seals.
const place = "subject"

// Save seals identifiers and stores them with their marks.
func Save(ctx context.Context, db postgres.DB, v *vault.Vault, request uuid.UUID, ids []Identifier) error {
	const q = `
		INSERT INTO erasure_subject (request_id, sealed, types) VALUES ($1, $2, $3)
		ON CONFLICT (request_id) DO UPDATE SET sealed = excluded.sealed, types = excluded.types`
	plain, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	sealed, err := v.Seal(ctx, request, place, plain)
	if err != nil {
		return err
	}
	if _, err := db.Exec(ctx, q, request, sealed, typesOf(ids)); err != nil {
		return err
	}
	return saveMarks(ctx, db, v, request, ids)
}

func saveMarks(ctx context.Context, db postgres.DB, v *vault.Vault, request uuid.UUID, ids []Identifier) error {
	const q = `INSERT INTO erasure_mark (request_id, mark) SELECT $1, m FROM unnest($2::bytea[]) AS m ON CONFLICT DO NOTHING`
	marks, err := marksOf(ctx, v, ids)
	if err != nil {
		return err
	}
	_, err = db.Exec(ctx, q, request, marks)
	return err
}

func marksOf(ctx context.Context, v *vault.Vault, ids []Identifier) ([][]byte, error) {
	marks := make([][]byte, len(ids))
	for n, id := range ids {
		m, err := v.Mark(ctx, id.Type, id.Value)
		if err != nil {
			return nil, err
		}
		marks[n] = m
	}
	return marks, nil
}

// Load unseals the identifiers of a request.
func Load(ctx context.Context, db postgres.DB, v *vault.Vault, request uuid.UUID) ([]Identifier, error) {
	const q = `SELECT sealed FROM erasure_subject WHERE request_id = $1`
	sealed, err := postgres.Scalar[[]byte](ctx, db, q, request)
	if err != nil {
		return nil, err
	}
	if sealed == nil {
		return nil, vault.ErrDestroyed
	}
	plain, err := v.Unseal(ctx, request, place, sealed)
	if err != nil {
		return nil, err
	}
	var ids []Identifier
	return ids, json.Unmarshal(plain, &ids)
}

// Types lists the types of the identifiers of a request. They are not sealed.
func Types(ctx context.Context, db postgres.DB, request uuid.UUID) ([]string, error) {
	const q = `SELECT types FROM erasure_subject WHERE request_id = $1`
	return postgres.Scalar[[]string](ctx, db, q, request)
}

// Of unseals the identifiers of several requests, for the dispatcher. A request
// whose key is gone is left out.
func Of(ctx context.Context, db postgres.DB, v *vault.Vault, requests []uuid.UUID) (map[uuid.UUID][]Identifier, error) {
	const q = `SELECT request_id, sealed FROM erasure_subject WHERE request_id = ANY($1) AND sealed IS NOT NULL ORDER BY request_id`
	type row struct {
		RequestID uuid.UUID
		Sealed    []byte
	}
	rows, err := postgres.Many[row](ctx, db, q, requests)
	if err != nil {
		return nil, err
	}
	sealed := make(map[uuid.UUID][]byte, len(rows))
	for _, r := range rows {
		sealed[r.RequestID] = r.Sealed
	}
	plain, err := v.UnsealAll(ctx, place, sealed)
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID][]Identifier, len(plain))
	for id, p := range plain {
		var ids []Identifier
		if err := json.Unmarshal(p, &ids); err != nil {
			return nil, err
		}
		out[id] = ids
	}
	return out, nil
}

func typesOf(ids []Identifier) []string {
	types := []string{}
	for _, id := range ids {
		if !slices.Contains(types, id.Type) {
			types = append(types, id.Type)
		}
	}
	slices.Sort(types)
	return types
}

// Merge adds found identifiers that are not yet known.
func Merge(have, found []Identifier) []Identifier {
	for _, f := range found {
		known := slices.ContainsFunc(have, func(h Identifier) bool {
			return h.Type == f.Type && vault.Canonical(h.Type, h.Value) == vault.Canonical(f.Type, f.Value)
		})
		if !known {
			have = append(have, f)
		}
	}
	return have
}

// Forget forgets by what requests are known to be about the same person.
func Forget(ctx context.Context, db postgres.DB, requests []uuid.UUID) error {
	const q = `DELETE FROM erasure_mark WHERE request_id = ANY($1)`
	_, err := db.Exec(ctx, q, requests)
	return err
}
