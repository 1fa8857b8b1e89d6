package schemas

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/contract"
	"github.com/flowmart/lethe/schemas/format"
)

// consumer is a service that reads a subject's data, with all that is known of
// how: the schemas it declared to read with, the fields it declared to read,
// and what it was seen to do.
type consumer struct {
	service  catalog.Service
	owner    string // the ref of its team
	own      bool   // the subject belongs to it
	readers  []contract.Reader
	declared []catalog.Consumption
	seen     []catalog.ObservedRead
}

// consumers are those of a subject, and the groups that nobody knows.
type consumers struct {
	known    []consumer // by ref
	unknown  []catalog.ObservedRead
	datasets []uuid.UUID
}

// readers gathers who reads the subject's data.
func (s *scene) readers(ctx context.Context) (out consumers, err error) {
	if s.consumers != nil {
		return *s.consumers, nil
	}
	if out.datasets, err = s.ids(ctx); err != nil {
		return out, err
	}
	readers, err := contract.Readers(ctx, s.db, s.place.context, s.place.name)
	if err != nil {
		return out, err
	}
	t, err := s.readersOf(ctx, out.datasets)
	if err != nil {
		return out, err
	}
	for _, n := range readers {
		c := t.at(n.ServiceID)
		c.readers = append(c.readers, n)
	}
	owners, err := s.belongsTo(ctx)
	if err != nil {
		return out, err
	}
	for _, o := range owners {
		t.at(o.ID).own = true
	}
	out.unknown = t.unknown
	if out.known, err = s.named(ctx, t); err == nil {
		s.consumers = &out
	}
	return out, err
}

// reading gathers consumers by their service.
type reading struct {
	byService map[uuid.UUID]*consumer
	unknown   []catalog.ObservedRead
}

func (t *reading) at(service uuid.UUID) *consumer {
	if t.byService[service] == nil {
		t.byService[service] = &consumer{}
	}
	return t.byService[service]
}

// readersOf gathers what the catalog knows of who reads datasets. Readings that
// somebody explained are none.
func (s *scene) readersOf(ctx context.Context, datasets []uuid.UUID) (*reading, error) {
	t := &reading{byService: map[uuid.UUID]*consumer{}}
	if len(datasets) == 0 {
		return t, nil
	}
	declared, err := s.declared.of(ctx, s.db, datasets)
	if err != nil {
		return nil, err
	}
	for _, dataset := range datasets {
		for _, n := range declared[dataset] {
			c := t.at(n.ServiceID)
			c.declared = append(c.declared, n)
		}
	}
	seen, err := catalog.ObservedReads(ctx, s.db, datasets)
	for _, o := range seen {
		switch {
		case o.DismissalID != nil:
		case o.ServiceID == nil:
			t.unknown = append(t.unknown, o)
		default:
			c := t.at(*o.ServiceID)
			c.seen = append(c.seen, o)
		}
	}
	return t, err
}

// named gives consumers their services and those their owners.
func (s *scene) named(ctx context.Context, t *reading) ([]consumer, error) {
	var ids, teams []uuid.UUID
	for id := range t.byService {
		ids = append(ids, id)
	}
	services, err := s.services.of(ctx, s.db, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if owner := services[id].OwnerID; owner != nil {
			teams = append(teams, *owner)
		}
	}
	owners, err := s.teams.of(ctx, s.db, teams)
	if err != nil {
		return nil, err
	}
	var out []consumer
	for id, c := range t.byService {
		c.service = services[id]
		if c.service.OwnerID != nil {
			c.owner = owners[*c.service.OwnerID].Ref
		}
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b consumer) int { return cmp.Compare(a.service.Ref, b.service.Ref) })
	return out, nil
}

// harm is what a change does to a consumer.
type harm struct {
	consumer
	broken []loss // what it could not do any more
	untold bool   // it reads, and does not say what
}

// loss is one thing that a consumer could not do any more.
type loss struct {
	path string
	why  string
	mend string
}

// harms tells what a new content does to each consumer, against the version
// before. What a consumer could not do before is not the change's doing.
func (r *Registry) harms(ctx context.Context, db postgres.DB, p place, all consumers, before format.Schema, c *content, o format.Options) ([]harm, error) {
	var out []harm
	for _, one := range all.known {
		h := harm{consumer: one}
		for _, n := range one.readers {
			lost, err := r.unreadable(ctx, db, p, n, before, c, o)
			if fault.KindOf(err) == fault.Invalid { // what it refers to was deleted
				h.untold = true
				continue
			}
			if err != nil {
				return nil, err
			}
			h.broken = append(h.broken, lost...)
		}
		if len(one.readers) == 0 {
			fields, told := one.fields()
			h.untold = !told && !one.own
			h.broken = append(h.broken, missed(fields, before, c.schema, p)...)
		}
		if len(h.broken) > 0 || h.untold {
			out = append(out, h)
		}
	}
	return out, nil
}

// unreadable tells why a reader's schema could not read what is written with a
// content, and could read what is written now.
func (r *Registry) unreadable(ctx context.Context, db postgres.DB, p place, n contract.Reader, before format.Schema, c *content, o format.Options) ([]loss, error) {
	who := "it reads with a schema of its own"
	if n.Name != "" {
		who = fmt.Sprintf("%s reads with a schema of its own", n.Name)
	}
	if n.Version != nil {
		who = strings.Replace(who, "a schema of its own", fmt.Sprintf("version %d", *n.Version), 1)
	}
	if n.Type != c.kind {
		return []loss{{"", who + ", and this is another type of schema", otherType(c.kind, n.Type).Message}}, nil
	}
	reader, err := r.readerSchema(ctx, db, p, n)
	if err != nil {
		return nil, err
	}
	found, err := reader.CanRead(c.schema, o)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	if before != nil {
		old, err := reader.CanRead(before, o)
		if err != nil {
			return nil, err
		}
		for _, d := range old {
			known[d.Kind+" "+d.Pointer] = true
		}
	}
	var out []loss
	for _, d := range found {
		if !known[d.Kind+" "+d.Pointer] {
			out = append(out, loss{inPart(d.Path, p), who + " and could not read this one's data", d.Message})
		}
	}
	return out, nil
}

// readerSchema reads the schema that a consumer declared.
func (r *Registry) readerSchema(ctx context.Context, db postgres.DB, p place, n contract.Reader) (format.Schema, error) {
	s := Submission{Type: n.Type, Text: n.Text}
	for _, ref := range n.References {
		s.References = append(s.References, Reference(ref))
	}
	c, err := r.read(ctx, db, p.context, s)
	if err != nil {
		return nil, err
	}
	return c.schema, nil
}

// fields are the paths that a consumer declared to read, and whether it said so
// of each dataset that it declared.
func (c consumer) fields() (paths []string, told bool) {
	told = len(c.declared) > 0
	for _, n := range c.declared {
		told = told && n.Fields != nil
		paths = append(paths, n.Fields...)
	}
	slices.Sort(paths)
	return slices.Compact(paths), told
}

// missed tells which fields that somebody reads were there and are not any
// more, or are of another type.
func missed(paths []string, before, now format.Schema, p place) []loss {
	if before == nil {
		return nil
	}
	was, is := typesOf(before, p), typesOf(now, p)
	var out []loss
	for _, path := range paths {
		old, there := was[path]
		switch t, still := is[path]; {
		case there && !still:
			out = append(out, loss{path, "it declared that it reads the field, which would be gone", "leave the field until it says that it reads it no more"})
		case there && t != old:
			out = append(out, loss{path, fmt.Sprintf("it declared that it reads the field, which would be %s and was %s", t, old), "add a field of another name beside it"})
		}
	}
	return out
}

func typesOf(s format.Schema, p place) map[string]string {
	out := map[string]string{}
	for _, f := range s.Places() {
		out[inPart(f.Path, p)] = f.Type
	}
	return out
}
