// Package taxonomy is the vocabulary that Lethe ships: categories of personal
// data, uses, data subjects and levels of sensitivity.
//
// Categories, uses and data subjects are facts of Fideslang by Ethyca,
// licensed CC BY 4.0; the file terms.tsv says of each term where it is from.
// The program brings the terms, so that a database never lacks them; their
// rows exist for references and for the search.
package taxonomy

import (
	"context"
	_ "embed"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Kind says what a term speaks of.
type Kind string

// The kinds of term.
const (
	Category    Kind = "CATEGORY"    // a kind of data, such as user.contact.email
	Use         Kind = "USE"         // what data are used for, such as essential.service
	Subject     Kind = "SUBJECT"     // whose data, such as customer
	Sensitivity Kind = "SENSITIVITY" // public, internal, confidential, regulated
)

// Term is a word of the vocabulary.
type Term struct {
	ID          uuid.UUID // the same in every database
	Kind        Kind
	Key         string  // dotted, general to particular
	Name        string  // for screens
	Special     *string // ART9, ART10 or CHILD: data the law guards more
	Sensitivity *string // the least sensitivity of data with this term
	Attribution string  // whose fact this is
}

//go:embed terms.tsv
var file string

var (
	terms = parse(file)
	byKey = index(terms)

	longestKey = longest(terms)
)

// space makes the ids of terms; it is a random uuid, fixed for ever.
var space = uuid.MustParse("6f9d9f0e-5f3c-4c55-9f6e-0a8f1b7a3d21")

func parse(file string) []Term {
	var out []Term
	for line := range strings.Lines(file) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		col := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		out = append(out, Term{
			ID: uuid.NewSHA1(space, []byte(col[0]+" "+col[1])), Kind: Kind(col[0]), Key: col[1], Name: col[2],
			Special: orNil(col[3]), Sensitivity: orNil(col[4]), Attribution: col[5],
		})
	}
	return out
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func index(terms []Term) map[string]Term {
	m := make(map[string]Term, len(terms))
	for _, t := range terms {
		m[t.Key] = t
	}
	return m
}

func longest(terms []Term) (n int) {
	for _, t := range terms {
		n = max(n, len(t.Key))
	}
	return n
}

// All lists the terms of a kind by key, or of every kind for "".
func All(kind Kind) []Term {
	var out []Term
	for _, t := range terms {
		if kind == "" || t.Kind == kind {
			out = append(out, t)
		}
	}
	return out
}

// Find returns the term of a key, or a fault that names the nearest key of
// the kinds that would do.
func Find(path, key string, kinds ...Kind) (Term, error) {
	t, ok := byKey[key]
	var known []string
	for _, k := range kinds {
		if ok && t.Kind == k {
			return t, nil
		}
		for _, other := range All(k) {
			known = append(known, other.Key)
		}
	}
	if ok {
		return Term{}, fault.Bad(path, "TERM_DOES_NOT_APPLY", "%s", fault.Suggest(
			"a "+strings.ToLower(string(t.Kind))+" does not apply here", key, known))
	}
	return Term{}, fault.Bad(path, "UNKNOWN_TERM", "%s", fault.Suggest("the vocabulary has no such term", key, known))
}

// Has reports whether a key is of a term of a kind.
func Has(key string, kind Kind) bool {
	if len(key) > longestKey {
		return false
	}
	t, ok := byKey[key]
	return ok && t.Kind == kind
}

// Personal reports whether a category is of personal data: user or below it.
func Personal(key string) bool { return key == "user" || strings.HasPrefix(key, "user.") }

// Sync brings the rows of all terms up to date. The server does so when it
// starts.
func Sync(ctx context.Context, db postgres.DB) error { return Ensure(ctx, db, terms) }

// Ask asks for the rows of terms with what else a batch does. Once that was sent,
// ensure is Ensure for those that have none.
func Ask(b *postgres.Batch, terms []Term) (ensure func(ctx context.Context, db postgres.DB) error) {
	const q = `SELECT id FROM catalog_term WHERE id = ANY ($1)`
	var there []struct{ ID uuid.UUID }
	ids := make([]uuid.UUID, len(terms))
	for i, t := range terms {
		ids[i] = t.ID
	}
	postgres.Ask(b, &there, q, ids)
	return func(ctx context.Context, db postgres.DB) error {
		missing := slices.DeleteFunc(slices.Clone(terms), func(t Term) bool { return slices.Contains(there, struct{ ID uuid.UUID }{t.ID}) })
		if len(missing) == 0 {
			return nil
		}
		return Ensure(ctx, db, missing)
	}
}

// Ensure makes sure that terms have rows, so that others can refer to them.
func Ensure(ctx context.Context, db postgres.DB, terms []Term) error {
	n := len(terms)
	ids, kinds, keys, names, attributions := make([]uuid.UUID, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	specials, sensitivities := make([]*string, n), make([]*string, n)
	for i, t := range terms {
		ids[i], kinds[i], keys[i], names[i], attributions[i] = t.ID, string(t.Kind), t.Key, t.Name, t.Attribution
		specials[i], sensitivities[i] = t.Special, t.Sensitivity
	}
	// Several may write the same new term at once, and it is unique in two ways:
	// DO NOTHING yields to either, where DO UPDATE would yield to one.
	const q = `
		WITH s AS (
		    SELECT DISTINCT ON (id) id, kind, key, name, special, sensitivity, attribution
		      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
		           AS s (id, kind, key, name, special, sensitivity, attribution)
		     ORDER BY id),
		fresh AS (
		    INSERT INTO catalog_term (id, kind, key, name, special, sensitivity, attribution)
		    SELECT id, kind, key, name, special, sensitivity, attribution FROM s
		        ON CONFLICT DO NOTHING)
		UPDATE catalog_term t
		   SET kind = s.kind, key = s.key, name = s.name, special = s.special, sensitivity = s.sensitivity, attribution = s.attribution
		  FROM s
		 WHERE t.id = s.id AND (t.kind, t.key, t.name, t.special, t.sensitivity, t.attribution)
		       IS DISTINCT FROM (s.kind, s.key, s.name, s.special, s.sensitivity, s.attribution)`
	_, err := db.Exec(ctx, q, ids, kinds, keys, names, specials, sensitivities, attributions)
	return err
}

// ByID finds a shipped term by the id of its row.
func ByID(id uuid.UUID) (Term, bool) {
	for _, t := range terms {
		if t.ID == id {
			return t, true
		}
	}
	return Term{}, false
}
