// Package search finds services, stores, datasets, fields and terms by what
// people type. Words match by their beginnings, also inside customerEmail and
// customer_email; failing that, anything a name contains.
package search

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// Hit is something found.
type Hit struct {
	Kind  string // SERVICE, STORE, DATASET, FIELD, TERM
	ID    uuid.UUID
	Ref   string // ref, namespace/name, namespace/name#path, or key
	Name  string
	Score int64 // higher is nearer; only comparable within one search
}

// allKinds are what can be searched for.
var allKinds = []string{"SERVICE", "STORE", "DATASET", "FIELD", "TERM"}

// maxQuery is the longest query, in characters.
const maxQuery = 200

// Find pages through what a query finds, the nearest first, for somebody who
// may read the catalog. No kinds means all.
func Find(ctx context.Context, db postgres.DB, by access.Principal, query string, kinds []string, p page.Args) (page.Page[Hit], error) {
	if err := by.Require(catalog.Readers...); err != nil {
		return page.Page[Hit]{}, err
	}
	query = strings.TrimSpace(query)
	kinds, err := check(query, kinds, p)
	if err != nil {
		return page.Page[Hit]{}, err
	}
	list := "search:" + query + ":" + strings.Join(kinds, ",")
	score, after := int64(1<<62), uuid.Nil
	if p.After != "" {
		if err := page.Decode(p.After, list, &score, &after); err != nil {
			return page.Page[Hit]{}, err
		}
	}
	// An exact ref or name comes first, then a name that begins so, then all
	// the words, then any part of a name; shorter refs before longer ones. Fields
	// are found by what they say themselves, and by the name of their dataset.
	const q = `
		WITH said AS (
		    SELECT id FROM catalog_field WHERE words @@ to_tsquery('simple', $1)
		    UNION
		    SELECT id FROM catalog_field WHERE lower(path) LIKE $3 OR lower(path) LIKE $10
		    UNION
		    SELECT f.id
		      FROM catalog_search_doc d
		      JOIN catalog_field f ON f.dataset_id = d.entity_id
		     WHERE d.kind = 'DATASET' AND d.haystack LIKE $3
		    UNION
		    SELECT f.id
		      FROM catalog_search_doc d
		      JOIN catalog_field f ON f.dataset_id = d.entity_id
		     WHERE d.kind = 'DATASET' AND d.haystack LIKE $9 AND lower(d.ref || '#' || f.path) LIKE $3),
		found AS (
		    SELECT kind, entity_id AS id, ref, name, words @@ to_tsquery('simple', $1) AS begun, words @@ to_tsquery('simple', $6) AS whole
		      FROM catalog_search_doc
		     WHERE (words @@ to_tsquery('simple', $1) OR haystack LIKE $3) AND kind = ANY ($4)
		    UNION ALL
		    SELECT 'FIELD', f.id, d.namespace || '/' || d.name || '#' || f.path, f.path, f.words @@ to_tsquery('simple', $1), f.words @@ to_tsquery('simple', $6)
		      FROM said
		      JOIN catalog_field f ON f.id = said.id
		      JOIN catalog_dataset d ON d.id = f.dataset_id
		     WHERE 'FIELD' = ANY ($4))
		SELECT kind, id, ref, name, score
		  FROM (SELECT kind, id, ref, name,
		               (CASE WHEN lower(ref) = $2 OR lower(name) = $2 THEN 4 ELSE 0 END
		                + CASE WHEN starts_with(lower(name), $2) OR starts_with(lower(ref), $2) THEN 2 ELSE 0 END
		                + CASE WHEN begun THEN 3 ELSE 0 END
		                + CASE WHEN whole THEN 1 ELSE 0 END)::bigint * 10000 - least(length(ref), 9999) AS score
		          FROM found) AS hit
		 WHERE score < $5 OR score = $5 AND id > $7
		 ORDER BY score DESC, id
		 LIMIT $8`
	words := tokens(query)
	dataset, path := within(query)
	rows, err := postgres.Many[Hit](ctx, db, q, prefixes(words), strings.ToLower(query), contains(query), kinds, score, whole(words), after, p.First+1, dataset, path)
	if err != nil {
		return page.Page[Hit]{}, err
	}
	return page.Cut(rows, p.First, func(h Hit) string { return page.Encode(list, h.Score, h.ID) }), nil
}

func check(query string, kinds []string, p page.Args) ([]string, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if n := utf8.RuneCountInString(query); n < 2 || n > maxQuery || strings.ContainsRune(query, 0) {
		return nil, fault.Bad("query", "BAD_QUERY", "type 2 to %d characters", maxQuery)
	}
	if len(kinds) == 0 {
		return allKinds, nil
	}
	for _, k := range kinds {
		if !slices.Contains(allKinds, k) {
			return nil, fault.Bad("kinds", "UNKNOWN_VALUE", "%s", fault.Suggest("choose of "+strings.Join(allKinds, ", "), k, allKinds))
		}
	}
	kinds = slices.Clone(kinds)
	slices.Sort(kinds)
	return slices.Compact(kinds), nil
}

var (
	hump  = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	words = regexp.MustCompile(`[\p{L}\p{N}]+`)
)

// tokens cuts a query into words as the database cuts names.
func tokens(query string) []string {
	return words.FindAllString(strings.ToLower(hump.ReplaceAllString(query, "$1 $2")), 20)
}

// prefixes asks for names in which every word begins a word. A token holds
// letters and digits only, so nothing in it is an operator.
func prefixes(words []string) string { return join(words, ":*") }

// whole asks for names that have every word in full.
func whole(words []string) string { return join(words, "") }

func join(words []string, mark string) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = "'" + w + "'" + mark
	}
	return strings.Join(parts, " & ")
}

// contains asks for names with the query anywhere in them.
func contains(query string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(query)) + "%"
}

// within asks for the datasets in which a query may mean a field (orders#email):
// their names contain what stands before the #. It matches nothing where none does.
// Where nothing stands before it (#email), any will do: the path begins with the rest.
func within(query string) (dataset, path string) {
	path = contains(query)
	if rest, found := strings.CutPrefix(query, "#"); found {
		path = strings.TrimPrefix(contains(rest), "%")
	}
	if at := strings.IndexByte(query[1:], '#'); at >= 0 {
		dataset = contains(query[:1+at])
	}
	return dataset, path
}
