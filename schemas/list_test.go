package schemas_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas"
)

// A listing narrows by rules, and finds subjects by the names that lead to them,
// from the database and from memory alike.
func TestListings(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	must(0, b.SetLevel(ctx, b.admin, "", schemas.None))(t)
	rule := func(kind any) []schemas.Rule { return []schemas.Rule{{"name": "r", "type": kind}} }
	put := func(subject, field string, rules schemas.RuleSet) {
		t.Helper()
		must(b.Register(ctx, b.admin, schemas.Submission{Subject: subject, Text: record(field), RuleSet: &rules}))(t)
	}
	put("orders", "a", schemas.RuleSet{DomainRules: rule("CEL")})
	put("orders", "b", schemas.RuleSet{MigrationRules: rule("JSONATA"), EncodingRules: rule("ENCRYPT")})
	put("bills", "a", schemas.RuleSet{DomainRules: append(rule("ENCRYPT"), schemas.Rule{"name": "s", "type": "CEL", "params": map[string]any{"type": "DEEP"}})})
	put("bills", "b", schemas.RuleSet{EnableAt: "CEL"})
	put(":.eu:orders", "a", schemas.RuleSet{DomainRules: rule([]any{"CEL"})})
	put("feed", "a", schemas.RuleSet{}) // has versions, and is read as another
	for name, to := range map[string]string{"feed": "orders", "o-too": "orders", ":.eu:feed": ":.:orders", "loop": "loop", "lost": "nowhere", "eu-feed": ":.eu:orders"} {
		must(b.SetConfig(ctx, b.admin, name, schemas.Patch{"alias": []byte(`"` + to + `"`)}))(t)
	}
	replica, looks := b.following(t)
	blind(t, b, replica, looks)
	for _, c := range []struct {
		name string
		l    schemas.Listing
		want string // subject and version, aliases
	}{
		{"all", schemas.Listing{}, ":.eu:orders 1, bills 1, bills 2, feed 1, orders 1, orders 2"},
		{"a type", schemas.Listing{RuleType: "CEL"}, "bills 1, orders 1"},
		{"of migrations", schemas.Listing{RuleType: "JSONATA"}, "orders 2"},
		{"of an encoding", schemas.Listing{RuleType: "ENCRYPT"}, "bills 1, orders 2"},
		{"in small letters", schemas.Listing{RuleType: "cel"}, ""},
		{"within a rule", schemas.Listing{RuleType: "DEEP"}, ""},
		{"that cannot be", schemas.Listing{RuleType: "CEL\x00"}, ""},
		{"that is no text", schemas.Listing{RuleType: "\xff"}, ""},
		{"and a prefix", schemas.Listing{RuleType: "CEL", Prefix: "o"}, "orders 1"},
		{"a page of it", schemas.Listing{RuleType: "CEL", Offset: 1, Limit: 1}, "orders 1"},
		{"of the latest", schemas.Listing{RuleType: "CEL", Latest: true}, ""},
		{"of the latest, another", schemas.Listing{RuleType: "ENCRYPT", Latest: true}, "orders 2"},
		{"a prefix", schemas.Listing{Prefix: "f"}, "feed 1"},
		{"of an alias", schemas.Listing{Prefix: "f", Aliases: true}, "feed 1, orders 1 [:.eu:feed feed o-too], orders 2 [:.eu:feed feed o-too]"},
		{"of a name", schemas.Listing{Prefix: "ord", Aliases: true, Latest: true}, "orders 2 [:.eu:feed feed o-too]"},
		{"of an alias in a context", schemas.Listing{Prefix: ":.eu:f", Aliases: true, Latest: true}, "orders 2 [:.eu:feed feed o-too]"},
		{"of a context", schemas.Listing{Prefix: ":.eu:", Aliases: true, Latest: true}, ":.eu:orders 1 [eu-feed], orders 2 [:.eu:feed feed o-too]"},
		{"of an alias to a context", schemas.Listing{Prefix: "eu", Aliases: true}, ":.eu:orders 1 [eu-feed]"},
		{"in every context", schemas.Listing{Prefix: ":*:feed", Aliases: true, RuleType: "JSONATA"}, "orders 2 [:.eu:feed feed o-too]"},
		{"that leads nowhere", schemas.Listing{Prefix: "lo", Aliases: true}, ""},
		{"that is not asked for", schemas.Listing{Prefix: "eu"}, ""},
		{"nobody", schemas.Listing{Prefix: "b", Aliases: true, Limit: 1}, "bills 1"},
	} {
		for where, from := range map[string]*schemas.Registry{"the database": b.Registry, "memory": replica} {
			var got []string
			for _, v := range must(from.List(ctx, b.viewer, c.l))(t) {
				line := fmt.Sprint(v.Subject, " ", v.Version)
				if v.Aliases != nil {
					line += fmt.Sprint(" ", v.Aliases)
				}
				got = append(got, line)
			}
			if got := strings.Join(got, ", "); got != c.want {
				t.Errorf("%s, from %s: %q, want %q", c.name, where, got, c.want)
			}
		}
	}
	_, err := b.List(ctx, access.Principal{}, schemas.Listing{})
	wants(t, err, "UNAUTHENTICATED")
	// Who deletes a subject for good takes back that it is read as another.
	must(b.DeleteSubject(ctx, b.admin, "feed", false))(t)
	must(b.DeleteSubject(ctx, b.admin, "feed", true))(t)
	if v := must(b.List(ctx, b.viewer, schemas.Listing{Prefix: "orders", Aliases: true, Limit: 1}))(t); !slices.Equal(v[0].Aliases, []string{":.eu:feed", "o-too"}) {
		t.Errorf("%q", v[0].Aliases)
	}
}

// A list by rules is complete or refused: of what is not in memory nobody knows
// what rules it has.
func TestAListByRulesIsCompleteOrRefused(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.admin, "a", record("a"))
	replica, looks := b.following(t)
	b.put(t, b.admin, "b", record("b"))
	must(replica.Versions(ctx, b.viewer, "b", schemas.Live))(t) // it knows the version, and not its content
	blind(t, b, replica, looks)
	_, err := replica.List(ctx, b.viewer, schemas.Listing{RuleType: "CEL"})
	wants(t, err, "UNAVAILABLE")
	if v := must(replica.List(ctx, b.viewer, schemas.Listing{Prefix: "a", RuleType: "CEL"}))(t); len(v) != 0 {
		t.Errorf("%+v", v)
	}
}

// A list of more than 64 MiB is refused, not cut, from the database and from memory;
// parts of it are answered. Each text is 50 bytes short of 1 MiB, and weighs 300
// bytes more: 64 of them are more than 64 MiB.
func TestAListIsNotTooLarge(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	doc := func(letters int) string {
		return `{"type":"record","name":"R","doc":"` + strings.Repeat("x", letters) + `","fields":[]}`
	}
	const whole = 1<<20 - 100
	for i := range 65 {
		b.put(t, b.admin, fmt.Sprintf("a-%02d", i), doc(whole))
	}
	b.put(t, b.admin, "b", doc(1))
	replica, looks := b.following(t)
	blind(t, b, replica, looks)
	for _, c := range []struct {
		name string
		l    schemas.Listing
		want int // 0 where it is refused
	}{
		{"all", schemas.Listing{}, 0},
		{"of a prefix", schemas.Listing{Prefix: "a"}, 0},
		{"of a longer one", schemas.Listing{Prefix: "a-0"}, 10},
		{"as many as fit", schemas.Listing{Limit: 63}, 63},
		{"the rest", schemas.Listing{Offset: 63}, 3},
	} {
		for where, from := range map[string]*schemas.Registry{"the database": b.Registry, "memory": replica} {
			got, err := from.List(ctx, b.viewer, c.l)
			switch {
			case c.want > 0 && (err != nil || len(got) != c.want):
				t.Errorf("%s, from %s: %d, %v, want %d", c.name, where, len(got), err, c.want)
			case c.want == 0:
				wants(t, err, "LIST_TOO_LARGE")
			}
		}
	}
}

// One version is answered however large it is: 230,000 empty objects in a rule are
// 690 KB of JSON, and take 300 bytes each in memory.
func TestALargeVersionIsListedAlone(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	var many []any
	for range 230_000 {
		many = append(many, map[string]any{})
	}
	rules := &schemas.RuleSet{DomainRules: []schemas.Rule{{"name": "r", "params": many}}}
	must(b.Register(ctx, b.admin, schemas.Submission{Subject: "a", Text: record("a"), RuleSet: rules}))(t)
	b.put(t, b.admin, "b", record("a"))
	if v := must(b.List(ctx, b.viewer, schemas.Listing{Prefix: "a"}))(t); len(v) != 1 {
		t.Errorf("%d versions", len(v))
	}
	_, err := b.List(ctx, b.viewer, schemas.Listing{})
	wants(t, err, "LIST_TOO_LARGE")
}
