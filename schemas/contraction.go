package schemas

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/contract"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/topic"
)

// SafeToContract tells whether a field, a column or a version can be taken
// away: no, if somebody declared to read it; unknown, if somebody reads the
// data who does not say what, or nobody has looked; else yes. It is for whoever
// may read the catalog.
func (r *Registry) SafeToContract(ctx context.Context, by access.Principal, q contract.Question) (contract.Answer, error) {
	if err := by.Require(catalog.Readers...); err != nil {
		return contract.Answer{}, err
	}
	if (q.Field == "") == (q.Version == 0) || (q.Subject == "") == (q.Dataset == uuid.Nil) || q.Dataset != uuid.Nil && q.Field == "" {
		return contract.Answer{}, fault.Bad("", "BAD_QUESTION", "ask about one field or one version of a subject, or one field of a dataset")
	}
	var found witnesses
	var err error
	switch {
	case q.Dataset != uuid.Nil:
		err = r.columnRead(ctx, &found, q)
	case q.Version != 0:
		err = r.versionRead(ctx, by, &found, q)
	default:
		err = r.fieldRead(ctx, &found, q)
	}
	return found.answer(), err
}

// witnesses gather reasons.
type witnesses struct{ all []contract.Witness }

func (w *witnesses) say(s contract.Safety, c consumer, format string, args ...any) {
	w.all = append(w.all, contract.Witness{Safety: s, Service: c.ref, Owner: c.owner, Reason: fmt.Sprintf(format, args...)})
}

// answer is the worst of the reasons.
func (w *witnesses) answer() contract.Answer {
	order := map[contract.Safety]int{contract.No: 0, contract.Unknown: 1, contract.Yes: 2}
	slices.SortStableFunc(w.all, func(a, b contract.Witness) int {
		return cmp.Or(order[a.Safety]-order[b.Safety], cmp.Compare(a.Service, b.Service), cmp.Compare(a.Group, b.Group))
	})
	out := contract.Answer{Safety: contract.Yes, Witnesses: w.all}
	if len(w.all) > 0 {
		out.Safety = w.all[0].Safety
	}
	return out
}

// fieldRead asks who reads a field of a subject.
func (r *Registry) fieldRead(ctx context.Context, w *witnesses, q contract.Question) error {
	p, err := placeToRead(q.Subject)
	if err != nil {
		return err
	}
	st, err := r.aliased(ctx, p)
	if err == nil && len(st.live()) == 0 {
		err = st.absent(p, Latest, Live)
	}
	if err != nil {
		return err
	}
	p = st.place
	around, err := r.sceneNow(ctx, r.db, p)
	if err != nil {
		return err
	}
	if err := r.everHad(ctx, st, around.of.Part, q.Field); err != nil {
		return err
	}
	all, err := around.readers(ctx)
	if err != nil {
		return err
	}
	for _, c := range all.known {
		if err := around.testify(ctx, w, c, q.Field); err != nil {
			return err
		}
	}
	return r.looked(ctx, w, all)
}

// everHad refuses a field that no version of a subject that lives has: data
// written with an old one may still be read.
func (r *Registry) everHad(ctx context.Context, st *state, of topic.Part, field string) error {
	known := map[string]string{}
	for _, v := range st.live() {
		if err := ctx.Err(); err != nil {
			return err // a thousand versions in memory are read without asking anybody
		}
		s, err := r.schemaOf(ctx, r.db, contentID{v.Context, v.SchemaID})
		if err != nil {
			return err
		}
		places := typesOf(s, of)
		if _, has := places[field]; has {
			return nil
		}
		maps.Copy(known, places)
	}
	return fault.Bad("field", "UNKNOWN_FIELD", "%s", fault.Suggest("no version of the subject has this field", field, slices.Sorted(maps.Keys(known))))
}

// testify says what a consumer has to do with a field.
func (s *scene) testify(ctx context.Context, w *witnesses, c consumer, field string) error {
	for _, n := range c.readers {
		if err := ctx.Err(); err != nil {
			return err
		}
		schema, err := s.readerSchema(ctx, n)
		if fault.KindOf(err) == fault.Invalid {
			w.say(contract.Unknown, c, "%s cannot be read any more: what it refers to was deleted", nameOf(n))
			continue
		}
		if err != nil {
			return err
		}
		if path, reads := readsField(schema, s.of.Part, field); reads {
			w.say(contract.No, c, "%s has %s", nameOf(n), path)
		}
	}
	if len(c.readers) == 0 {
		testifyFields(w, c, field)
	}
	return nil
}

// testifyFields says what a consumer without a schema has to do with a field.
func testifyFields(w *witnesses, c consumer, field string) {
	fields, told := c.fields()
	if i := slices.IndexFunc(fields, func(f string) bool { return overlap(f, field) }); i >= 0 {
		w.say(contract.No, c, "it declared that it reads %s", fields[i])
		return
	}
	switch {
	case told || c.own && len(c.declared) == 0:
	case len(c.declared) > 0:
		w.say(contract.Unknown, c, "it declared that it reads this data, and not which fields")
	case len(c.seen) > 0:
		o := c.seen[0]
		w.all = append(w.all, contract.Witness{Safety: contract.Unknown, Service: c.ref, Owner: c.owner, Group: o.Group,
			Reason: "it was seen reading this data until " + o.LastSeen.UTC().Format(time.DateOnly) + ", and declared nothing"})
	}
}

func nameOf(n contract.Reader) string {
	s := "the schema it reads with"
	if n.Version != nil {
		s = fmt.Sprintf("version %d, which it reads with,", *n.Version)
	}
	if n.Name != "" {
		s += " in " + n.Name
	}
	return s
}

// readsField finds the place at which a reader's schema takes a field: itself,
// one inside of it, or one that had its name.
func readsField(s format.Schema, of topic.Part, field string) (string, bool) {
	last := lastOf(field)
	for _, f := range s.Places() {
		path := of.At(f.Path)
		if path == field || slices.Contains(gate.Enclosing(path), field) {
			return path, true
		}
		if len(f.Aliases) > 0 && renamed(path, last) == field && slices.Contains(f.Aliases, last) {
			return path, true
		}
	}
	return "", false
}

// lastOf is the last name of a path, "" if there is none.
func lastOf(path string) string {
	q, err := fieldpath.Parse(path)
	if err != nil || len(q.Steps) == 0 {
		return ""
	}
	return q.Steps[len(q.Steps)-1].Name
}

// renamed is a path with another last name.
func renamed(path, name string) string {
	q, err := fieldpath.Parse(path)
	if err != nil || len(q.Steps) == 0 {
		return ""
	}
	q.Steps[len(q.Steps)-1].Name = name
	return q.String()
}

// overlap reports whether one path is or lies in the other.
func overlap(a, b string) bool {
	return a == b || slices.Contains(gate.Enclosing(a), b) || slices.Contains(gate.Enclosing(b), a)
}

// looked adds what nobody knows: groups that are nobody's, and topics that
// nobody has looked at.
func (r *Registry) looked(ctx context.Context, w *witnesses, all consumers) error {
	for _, o := range all.unknown {
		reason := "it was seen reading this data until " + o.LastSeen.UTC().Format(time.DateOnly) + ", and nobody knows whose it is"
		if o.Gone {
			reason += "; it has not been seen for a week: explain it with dismissReader if it has gone"
		}
		w.all = append(w.all, contract.Witness{Safety: contract.Unknown, Group: o.Group, Reason: reason})
	}
	if len(all.datasets) == 0 {
		w.say(contract.Unknown, consumer{}, "no topic of the catalog explains this subject, so that nobody could be seen reading it")
	}
	topics, err := catalog.TopicsByDataset(ctx, r.db, all.datasets)
	for _, id := range all.datasets {
		if t := topics[id]; t.ObservedAt == nil {
			w.say(contract.Unknown, consumer{}, "nobody has looked who reads the topic on the cluster %s", cmp.Or(t.Cluster, "of this subject"))
		}
	}
	return err
}

// versionRead asks who reads with a version, and whether data written with it
// is still there.
func (r *Registry) versionRead(ctx context.Context, by access.Principal, w *witnesses, q contract.Question) error {
	v, err := r.Version(ctx, by, q.Subject, q.Version, Live)
	if err != nil {
		return err
	}
	ids, err := r.ReferencedBy(ctx, by, v.Subject, v.Version, Live)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		w.say(contract.No, consumer{}, "%d other schemas refer to it", len(ids))
	}
	around, err := r.sceneNow(ctx, r.db, split(v.Subject))
	if err != nil {
		return err
	}
	all, err := around.readers(ctx)
	if err != nil {
		return err
	}
	for _, c := range all.known {
		for _, n := range c.readers {
			if n.Version != nil && *n.Version == v.Version || n.Type == v.Type && n.Text == v.Text {
				w.say(contract.No, c, "%s is this one", nameOf(n))
			}
		}
		if len(c.readers) == 0 && !c.own && len(c.declared)+len(c.seen) > 0 {
			w.say(contract.Unknown, c, "it reads this data and does not say with which schema")
		}
	}
	if err := r.looked(ctx, w, all); err != nil {
		return err
	}
	return r.dataLeft(ctx, by, w, v, all.datasets)
}

// dataLeft tells whether data written with a version may still be in its
// topics: as long as it is the latest, and then for the topic's retention.
func (r *Registry) dataLeft(ctx context.Context, by access.Principal, w *witnesses, v Version, datasets []uuid.UUID) error {
	numbers, err := r.Versions(ctx, by, v.Subject, Live)
	if err != nil {
		return err
	}
	i := slices.Index(numbers, v.Version)
	if i < 0 || i == len(numbers)-1 {
		w.say(contract.No, consumer{}, "it is the latest version; producers write with it")
		return nil
	}
	next, err := r.Version(ctx, by, v.Subject, numbers[i+1], Live)
	if err != nil {
		return err
	}
	topics, err := catalog.TopicsByDataset(ctx, r.db, datasets)
	for _, id := range datasets {
		t := topics[id]
		switch {
		case t.ObservedAt == nil: // said already
		case t.RetentionMs == nil || *t.RetentionMs < 0 || t.CleanupPolicy == nil || *t.CleanupPolicy != "delete":
			w.say(contract.Unknown, consumer{}, "the topic on the cluster %s keeps records without a bound, and may hold some that were written with it", t.Cluster)
		default:
			until := next.RegisteredAt.Add(time.Duration(*t.RetentionMs) * time.Millisecond)
			if until.After(r.now()) {
				w.say(contract.No, consumer{}, "records written with it are kept until %s at least", until.UTC().Format(time.DateOnly))
			}
		}
	}
	return err
}

// columnRead asks who reads a field of a dataset that has no schema here, such
// as a column of a table.
func (r *Registry) columnRead(ctx context.Context, w *witnesses, q contract.Question) error {
	found, err := catalog.DatasetsByID(ctx, r.db, []uuid.UUID{q.Dataset})
	if err != nil {
		return err
	}
	d, ok := found[q.Dataset]
	if !ok {
		return fault.Missing("dataset", "there is no such dataset")
	}
	fields, err := catalog.FieldsByDataset(ctx, r.db, []uuid.UUID{d.ID})
	if err != nil {
		return err
	}
	var paths []string
	for _, f := range fields[d.ID] {
		paths = append(paths, f.Path)
	}
	if !slices.Contains(paths, q.Field) {
		return fault.Bad("field", "UNKNOWN_FIELD", "%s", fault.Suggest("the dataset has no such field", q.Field, paths))
	}
	return r.tableRead(ctx, r.db, w, d, q.Field)
}

func (r *Registry) tableRead(ctx context.Context, db postgres.DB, w *witnesses, d catalog.Dataset, field string) error {
	around := r.scene(db, place{}, nil)
	t := reading{}
	if err := around.readersOf(ctx, &t, d.ID); err != nil {
		return err
	}
	owner, err := serviceOf(ctx, db, d)
	if err != nil {
		return err
	}
	if owner != nil {
		t.at(service{id: *owner}).own = true
	}
	shared := map[uuid.UUID]bool{}
	if d.StoreID != nil {
		readers, err := catalog.ReadersByStore(ctx, db, []uuid.UUID{*d.StoreID})
		if err != nil {
			return err
		}
		for _, n := range readers[*d.StoreID] {
			t.at(service{id: n.ServiceID})
			shared[n.ServiceID] = true
		}
	}
	known, err := t.named(ctx, db)
	for _, c := range known {
		if len(c.declared) == 0 && len(c.seen) == 0 && shared[c.id] {
			w.say(contract.Unknown, c, "it declared that it reads the store, and not which tables and columns")
			continue
		}
		testifyFields(w, c, field)
	}
	for _, o := range t.unknown {
		w.all = append(w.all, contract.Witness{Safety: contract.Unknown, Group: o.Group, Reason: "it was seen reading this data, and nobody knows whose it is"})
	}
	if len(w.all) == 0 {
		w.say(contract.Yes, consumer{}, "nobody declared that they read it; reads of a store are not observed")
	}
	return err
}
