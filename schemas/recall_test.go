package schemas_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
)

// following is a replica that has read everything, and the pool it looks through.
func (b *bench) following(t *testing.T) (*schemas.Registry, *pgxpool.Pool) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	again := &acquiring{after: 1, do: stop} // the second look comes when all has been read
	replica, looks := schemas.New(b.db, time.Now), b.pool(t, 1, again)
	replica.LookThrough(looks, 1500*time.Millisecond)
	replica.Follow(ctx, func(err error) { t.Error(err) })
	return replica, looks
}

// blind has no look of a replica get through from now on.
func blind(t *testing.T, b *bench, replica *schemas.Registry, looks *pgxpool.Pool) {
	t.Helper()
	t.Cleanup(must(looks.Acquire(t.Context()))(t).Release)
	must(replica.Contexts(t.Context(), b.viewer, ""))(t)
	if replica.AsOf().IsZero() {
		t.Fatal("the database is not taken to be away")
	}
}

// While the database is away lists are answered from memory, each as the
// database would answer it.
func TestListsFromMemoryAreThoseOfTheDatabase(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	rng := rand.New(rand.NewPCG(3, 4))
	subjects := []string{"a", "ab", "B", ":.b:a", ":.b:c", ":.B:a", ":.c:ab", "é", "referrer", ":.b:referrer"}
	ruleSets := []*schemas.RuleSet{
		nil, {}, {EnableAt: "CEL"},
		{DomainRules: []schemas.Rule{{"name": "a", "type": "CEL"}, {"name": "b", "type": "ENCRYPT"}}},
		{MigrationRules: []schemas.Rule{{"name": "a", "type": "JSONATA"}}, EncodingRules: []schemas.Rule{{"name": "a", "type": []any{"CEL"}, "params": map[string]any{"type": "CEL"}}}},
	}
	must(0, b.SetLevel(ctx, b.admin, ":.__GLOBAL:", schemas.None))(t)
	for range 200 {
		subject := subjects[rng.IntN(len(subjects))]
		s := schemas.Submission{Subject: subject, Text: record(fmt.Sprintf("f%d?", rng.IntN(5)))}
		if rng.IntN(2) == 0 {
			s.Text = `{"type":"record","name":"Bill","fields":[{"name":"order","type":"shop.Order"}]}`
			s.References = []schemas.Reference{{Name: "shop.Order", Subject: ":.:ab", Version: -1}}
		}
		s.Metadata = &schemas.Metadata{Properties: map[string]string{"major": fmt.Sprint(rng.IntN(3))}}
		s.RuleSet = ruleSets[rng.IntN(len(ruleSets))]
		var err error
		switch rng.IntN(7) {
		case 6:
			alias := []string{"a-too", "x", ":.b:r", ":.b:x"}[rng.IntN(4)]
			_, err = b.SetConfig(ctx, b.admin, alias, schemas.Patch{"alias": must(json.Marshal(subject))(t)})
		case 0:
			_, err = b.DeleteVersion(ctx, b.admin, subject, 1+rng.IntN(3), false)
		case 1:
			_, err = b.DeleteVersion(ctx, b.admin, subject, 1+rng.IntN(3), true)
		case 2:
			_, err = b.DeleteSubject(ctx, b.admin, subject, rng.IntN(2) == 0)
		default:
			_, err = b.Register(ctx, b.admin, s)
		}
		if err != nil && len(fault.All(err)) == 0 {
			t.Fatal(err)
		}
	}
	replica, looks := b.following(t)
	blind(t, b, replica, looks)
	same := func(what string, of, from any, err error) {
		t.Helper()
		want, got := must(json.Marshal(of))(t), must(json.Marshal(from))(t)
		none := len(want)+len(got) <= len("[]null") // an empty list or none
		if err != nil || !none && string(want) != string(got) {
			t.Errorf("%s: the database says %s, memory %s %v", what, want, got, err)
		}
	}
	ruled, aliased := false, false
	whiches := []schemas.Which{schemas.Live, schemas.WithDeleted, schemas.OnlyDeleted}
	for _, which := range whiches {
		for _, prefix := range []string{"", ":*:", "a", ":*:a", ":.b:", ":.b:r", "nothing"} {
			from, err := replica.Subjects(ctx, b.viewer, prefix, which)
			same(fmt.Sprintf("subjects %q %d", prefix, which), must(b.Subjects(ctx, b.viewer, prefix, which))(t), from, err)
			for i := range 1 << 4 {
				l := schemas.Listing{Prefix: prefix, Which: which, Latest: i&1 > 0, Aliases: i&2 > 0, RuleType: []string{"", "CEL", "cel", "JSONATA"}[i>>2]}
				for _, window := range [][2]int{{0, -1}, {2, 3}, {100, 1}, {0, 0}} {
					l.Offset, l.Limit = window[0], window[1]
					want := must(b.List(ctx, b.viewer, l))(t)
					from, err := replica.List(ctx, b.viewer, l)
					same(fmt.Sprintf("versions %+v", l), want, from, err)
					ruled = ruled || l.RuleType != "" && len(want) > 1
					aliased = aliased || slices.ContainsFunc(want, func(v schemas.Version) bool { return v.Aliases != nil })
				}
			}
		}
	}
	if !ruled || !aliased {
		t.Errorf("some have rules: %t; some have aliases: %t", ruled, aliased)
	}
	all := must(b.List(ctx, b.viewer, schemas.Listing{Which: schemas.WithDeleted}))(t)
	if len(all) < 10 || len(must(b.Subjects(ctx, b.viewer, "", schemas.OnlyDeleted))(t)) == 0 {
		t.Fatalf("too little is left to compare: %d versions", len(all))
	}
	referred := 0
	for _, v := range all {
		for _, which := range whiches[:2] {
			from, err := replica.UsesOf(ctx, b.viewer, v.ID, v.Subject, which)
			same(fmt.Sprintf("uses of %s %d", v.Subject, v.ID), must(b.UsesOf(ctx, b.viewer, v.ID, v.Subject, which))(t), from, err)
			referrers := must(b.ReferencedBy(ctx, b.viewer, v.Subject, v.Version, schemas.WithDeleted))(t)
			back, err := replica.ReferencedBy(ctx, b.viewer, v.Subject, v.Version, schemas.WithDeleted)
			same("referrers of "+v.Subject, referrers, back, err)
			referred += len(referrers)
		}
		one, err := replica.ByGUID(ctx, b.viewer, v.GUID)
		same("guid", must(b.ByGUID(ctx, b.viewer, v.GUID))(t), one, err)
		several, err := replica.IDsByGUID(ctx, b.viewer, v.GUID)
		same("guid's ids", must(b.IDsByGUID(ctx, b.viewer, v.GUID))(t), several, err)
		byID, err := replica.ByID(ctx, b.viewer, v.ID, "a")
		if want, failed := b.ByID(ctx, b.viewer, v.ID, "a"); failed == nil {
			same("by id", want, byID, err)
		}
		shown, err := replica.Show(ctx, b.viewer, v.Schema, schemas.View{Form: "resolved"})
		same("resolved", must(b.Show(ctx, b.viewer, v.Schema, schemas.View{Form: "resolved"}))(t), shown, err)
		for _, major := range []string{"0", "1", "2"} {
			want, failed := b.WithProperties(ctx, b.viewer, v.Subject, map[string]string{"major": major}, schemas.Live)
			got, err := replica.WithProperties(ctx, b.viewer, v.Subject, map[string]string{"major": major}, schemas.Live)
			if failed == nil {
				same("with properties", want, got, err)
			} else {
				wants(t, err, "UNAVAILABLE")
			}
		}
	}
	if referred == 0 {
		t.Error("nothing refers to anything")
	}
	from, err := replica.Contexts(ctx, b.viewer, "")
	same("contexts", must(b.Contexts(ctx, b.viewer, ""))(t), from, err)
}

// What memory does not have is not denied while the database is away: it may
// have been registered right before, through another replica. Nor is anything
// taken that would change something.
func TestNothingIsDeniedWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	v := b.put(t, b.admin, "s", record("id"))
	b.put(t, b.admin, "deleted", record("id"))
	must(b.DeleteSubject(ctx, b.admin, "deleted", false))(t)
	replica, looks := b.following(t)
	blind(t, b, replica, looks)
	by := b.admin
	for what, ask := range map[string]func() error{
		"another version": func() error { _, err := replica.Version(ctx, by, "s", 2, schemas.Live); return err },
		"another subject": func() error { _, err := replica.Version(ctx, by, "t", schemas.Latest, schemas.Live); return err },
		"its versions":    func() error { _, err := replica.Versions(ctx, by, "t", schemas.Live); return err },
		"another id":      func() error { _, err := replica.ByID(ctx, by, v.ID+100, ""); return err },
		"its uses":        func() error { _, err := replica.UsesOf(ctx, by, v.ID+100, "", schemas.Live); return err },
		"another guid":    func() error { _, err := replica.ByGUID(ctx, by, uuid.Max); return err },
		"its ids":         func() error { _, err := replica.IDsByGUID(ctx, by, uuid.Max); return err },
		"a lookup": func() error {
			_, err := replica.Lookup(ctx, by, schemas.Submission{Subject: "s", Text: record("other")}, schemas.Live)
			return err
		},
		"a lookup in another subject": func() error {
			_, err := replica.Lookup(ctx, by, schemas.Submission{Subject: "t", Text: record("id")}, schemas.Live)
			return err
		},
		"properties": func() error {
			_, err := replica.WithProperties(ctx, by, "s", map[string]string{"a": "b"}, schemas.Live)
			return err
		},
		"a registration": func() error {
			_, err := replica.Register(ctx, by, schemas.Submission{Subject: "s", Text: record("id", "f?")})
			return err
		},
		"a level":        func() error { return replica.SetLevel(ctx, by, "s", schemas.Full) },
		"a mode":         func() error { return replica.SetMode(ctx, by, "", schemas.ReadOnly, false) },
		"a deletion":     func() error { _, err := replica.DeleteSubject(ctx, by, "s", false); return err },
		"a context":      func() error { return replica.DeleteContext(ctx, by, ".c") },
		"a mode's end":   func() error { _, err := replica.DeleteMode(ctx, by, "s", false); return err },
		"a level's end":  func() error { _, err := replica.DeleteConfig(ctx, by, "s"); return err },
		"the highest id": func() error { _, err := replica.MaxID(ctx, by, ""); return err },
	} {
		if err := ask(); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := replica.Version(ctx, by, "deleted", schemas.Latest, schemas.Live)
	wants(t, err, "SUBJECT_NOT_FOUND")
	_, err = replica.Version(ctx, by, "deleted", 1, schemas.Live)
	wants(t, err, "SUBJECT_NOT_FOUND")
	if v := must(replica.Version(ctx, by, "deleted", 1, schemas.WithDeleted))(t); !v.Deleted {
		t.Errorf("%+v", v)
	}
}

// Lists are complete or refused: where a subject has yet to be read anew nobody
// knows what is not there.
func TestListsAreCompleteOrRefused(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.admin, "s", record("id"))
	must(0, b.SetLevel(ctx, b.admin, "s", schemas.Full))(t)
	replica, looks := b.following(t)
	known := time.Now()
	must(0, b.SetLevel(ctx, b.admin, "", schemas.Forward))(t) // has s read anew
	for range 2 {
		must(replica.Mode(ctx, b.viewer, ""))(t) // it learns of that, and looks again
	}
	t.Cleanup(must(looks.Acquire(ctx))(t).Release)
	must(replica.Versions(ctx, b.viewer, "s", schemas.Live))(t)
	if at := replica.AsOf(); at.IsZero() || at.After(known) {
		t.Errorf("what was read before %s is answered as of %s", known, at)
	}
	_, err := replica.Subjects(ctx, b.viewer, "", schemas.Live)
	wants(t, err, "UNAVAILABLE")
}
