package schemas

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Listing says which versions List lists.
type Listing struct {
	Prefix   string // of the names of their subjects, as Subjects reads it
	Aliases  bool   // a subject has the names that lead to it, too
	Which    Which
	Latest   bool   // of each subject only the latest of those that are meant
	RuleType string // of these, those that have a rule of the type; "" for all
	Offset   int
	Limit    int // a thousand at most, and where none is given
}

// mostListed is how many versions one call of List returns.
const mostListed = 1000

// List lists versions by subject and number. An alias is not followed: what it
// leads to is in the list under its own name. A list is complete or refused: where
// its contents are too large together it has the fault LIST_TOO_LARGE.
func (r *Registry) List(ctx context.Context, by access.Principal, wanted Listing) ([]Version, error) {
	if err := signedIn(by); err != nil {
		return nil, err
	}
	l, ok := wanted.read()
	if !ok {
		return nil, nil
	}
	if l.Aliases {
		var err error
		if l.aliases, err = r.aliases(ctx); err != nil {
			return nil, err
		}
	}
	rows, err := either(ctx, r, func() ([]stored, error) { return r.queryList(ctx, l) }, func() ([]stored, error) { return r.recallList(l) })
	if err != nil {
		return nil, err
	}
	return r.filled(ctx, rows, l.aliases)
}

// listing is a Listing that was read.
type listing struct {
	Listing
	prefix  place
	every   bool              // in every context
	aliases map[place][]place // of each subject the names that lead to it; empty where they do not count
}

// read reports false where nothing can be listed.
func (l Listing) read() (listing, bool) {
	p, every, ok := readPrefix(l.Prefix)
	l.Offset = max(0, l.Offset)
	if l.Limit <= 0 || l.Limit > mostListed {
		l.Limit = mostListed
	}
	return listing{l, p, every, nil}, ok && utf8.ValidString(l.RuleType) && !strings.ContainsRune(l.RuleType, 0)
}

// led reports whether a name leads to a subject that begins as is asked for.
func (l listing) led(to place) bool {
	return slices.ContainsFunc(l.aliases[to], func(name place) bool { return l.prefix.begins(name, l.every) })
}

// filled are versions with their contents, and with the names that lead to their
// subjects.
func (r *Registry) filled(ctx context.Context, rows []stored, aliases map[place][]place) ([]Version, error) {
	out, size := []Version{}, 0
	for some := range slices.Chunk(rows, listRead) {
		if err := ctx.Err(); err != nil {
			return nil, err // what is in memory is read without asking anybody
		}
		contents, err := r.loadAll(ctx, r.db, contentsOf(some))
		if err != nil {
			return nil, err
		}
		for _, v := range some {
			s, ok := contents[v.content()]
			if !ok { // it was deleted for good meanwhile
				continue
			}
			if size += len(s.Text) + weightBeside(s); size > mostAnswered && len(out) > 0 {
				return nil, tooMuch(len(out))
			}
			one := v.of(s)
			for _, name := range aliases[place{v.Context, v.Name}] {
				one.Aliases = append(one.Aliases, name.String())
			}
			out = append(out, one)
		}
	}
	return out, nil
}

// A list is answered from memory, so what it may hold is bounded, and it is read a
// few versions at a time. One version is always answered.
const (
	mostAnswered = 64 << 20 // of texts and about what is beside them, in bytes
	listRead     = 32
)

// tooMuch refuses a list of which only the first so many fit: a part of it would
// be taken for the whole.
func tooMuch(fit int) error {
	return fault.New(fault.TooLarge, "LIST_TOO_LARGE", "the schemas of this list, with their metadata, rules and references, take more than %d MiB, and only the first %d fit; ask for fewer at a time with limit and offset, or for those of a longer subjectPrefix", mostAnswered>>20, fit)
}

// contentsOf are the contents of versions.
func contentsOf(rows []stored) []contentID {
	ids := make([]contentID, len(rows))
	for i, v := range rows {
		ids[i] = v.content()
	}
	return ids
}

// begins reports whether a name begins as p says: in its context, or in every
// one.
func (p place) begins(name place, every bool) bool {
	return (every || name.context == p.context) && strings.HasPrefix(name.name, p.name)
}

// queryList is what List lists, from the database.
func (r *Registry) queryList(ctx context.Context, l listing) ([]stored, error) {
	const q = `
		SELECT s.context, s.name, v.version, v.schema_id, v.registered_at, v.deleted_at IS NOT NULL AS deleted
		  FROM schemas_subject s
		  JOIN schemas_version v ON v.subject_id = s.id AND ($4 AND v.deleted_at IS NULL OR $5 AND v.deleted_at IS NOT NULL)
		 WHERE ((s.context = $1 OR $3) AND starts_with(s.name, $2)
		        OR (s.context, s.name) IN (SELECT a.context, a.name FROM unnest($7::text[], $8::text[]) AS a (context, name)))
		   AND NOT ($6 AND EXISTS (SELECT FROM schemas_version w
		                            WHERE w.subject_id = s.id AND w.version > v.version AND ($4 AND w.deleted_at IS NULL OR $5 AND w.deleted_at IS NOT NULL)))
		   AND ($9 = '' OR EXISTS (SELECT FROM schemas_schema c, unnest('{migrationRules,domainRules,encodingRules}'::text[]) AS part
		                            WHERE c.context = v.context AND c.id = v.schema_id
		                              AND c.rule_set @> jsonb_build_object(part, jsonb_build_array(jsonb_build_object('type', $9::text)))))
		 ORDER BY (CASE s.context WHEN '.' THEN s.name ELSE ':' || s.context || ':' || s.name END) COLLATE "C", v.version
		OFFSET $10 LIMIT $11`
	var contexts, names []string
	for to := range l.aliases {
		if l.led(to) {
			contexts, names = append(contexts, to.context), append(names, to.name)
		}
	}
	return postgres.Many[stored](ctx, r.db, q, l.prefix.context, l.prefix.name, l.every, l.Which.live(), l.Which.deleted(), l.Latest, contexts, names, l.RuleType, l.Offset, l.Limit)
}

// recallList is what List lists, from memory.
func (r *Registry) recallList(l listing) ([]stored, error) {
	all, err := r.remembered(func(name place) bool { return l.prefix.begins(name, l.every) || l.led(name) })
	if err != nil {
		return nil, err
	}
	var out []stored
	offset := l.Offset
	for _, st := range all {
		meant := slices.DeleteFunc(slices.Clone(st.versions), func(v numbered) bool { return !l.Which.means(v) })
		if l.Latest {
			meant = meant[max(0, len(meant)-1):]
		}
		if meant, err = r.recallRuled(st.place.context, meant, l.RuleType); err != nil {
			return nil, err
		}
		skipped := min(offset, len(meant))
		offset -= skipped
		for _, v := range meant[skipped:] {
			if len(out) == l.Limit {
				return out, nil
			}
			out = append(out, stored{st.place.context, st.place.name, int(v.version), int(v.schema), v.time(), v.deleted})
		}
	}
	return out, nil
}

// recallRuled leaves the versions that have a rule of a type; all, where it is
// "". Where a content is not in memory nobody can say what rules it has, and it
// refuses.
func (r *Registry) recallRuled(context string, versions []numbered, kind string) ([]numbered, error) {
	if kind == "" {
		return versions, nil
	}
	var out []numbered
	for _, v := range versions {
		c, ok := r.byID.peek(contentID{context, int(v.schema)})
		if !ok {
			return nil, errAway
		}
		if c.beside().ruleSet.has(kind) {
			out = append(out, v)
		}
	}
	return out, nil
}

// aliases lists the names that lead to each subject, sorted, but for its own.
func (r *Registry) aliases(ctx context.Context) (map[place][]place, error) {
	const q = `
		SELECT s.context, s.name, s.alias_context, s.alias_name
		  FROM schemas_subject s
		 WHERE s.alias_name IS NOT NULL AND (s.context, s.name) <> (s.alias_context, s.alias_name)
		 ORDER BY (CASE s.context WHEN '.' THEN s.name ELSE ':' || s.context || ':' || s.name END) COLLATE "C"`
	type row struct{ Context, Name, AliasContext, AliasName string }
	return either(ctx, r, func() (map[place][]place, error) {
		rows, err := postgres.Many[row](ctx, r.db, q)
		out := map[place][]place{}
		for _, a := range rows {
			to := place{a.AliasContext, a.AliasName}
			out[to] = append(out[to], place{a.Context, a.Name})
		}
		return out, err
	}, r.recallAliases)
}

// recallAliases is aliases from memory.
func (r *Registry) recallAliases() (map[place][]place, error) {
	all, err := r.subjects.known()
	out := map[place][]place{}
	for _, st := range all {
		if st.alias != nil && *st.alias != st.place {
			out[*st.alias] = append(out[*st.alias], st.place)
		}
	}
	for _, names := range out {
		slices.SortFunc(names, func(a, b place) int { return cmp.Compare(a.String(), b.String()) })
	}
	return out, err
}
