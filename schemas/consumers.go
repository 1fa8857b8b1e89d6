package schemas

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog/dossier"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/contract"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/topic"
)

// consumer is a service that reads a subject's data, with all that is known of
// how: the schemas it declared to read with, the fields it declared to read,
// and what it was seen to do.
type consumer struct {
	service
	own      bool // the subject belongs to it
	readers  []contract.Reader
	declared []dossier.Consumer
	seen     []dossier.Reader
}

// consumers are those of a subject, and the groups that nobody knows.
type consumers struct {
	known    []consumer // by ref
	unknown  []dossier.Reader
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
	t := reading{}
	for _, dataset := range out.datasets {
		if err := s.readersOf(ctx, &t, dataset); err != nil {
			return out, err
		}
	}
	for _, n := range s.readings {
		c := t.at(service{id: n.ServiceID})
		c.readers = append(c.readers, n)
	}
	owners, err := s.belongsTo(ctx)
	if err != nil {
		return out, err
	}
	for _, o := range owners {
		t.at(o).own = true
	}
	out.unknown = t.unknown
	if out.known, err = t.named(ctx, s.db); err == nil {
		s.consumers = &out
	}
	return out, err
}

// reading gathers consumers by their service.
type reading struct {
	byService map[uuid.UUID]*consumer
	unknown   []dossier.Reader
}

// at is the consumer of a service, whose ref need not be known yet.
func (t *reading) at(s service) *consumer {
	if t.byService == nil {
		t.byService = map[uuid.UUID]*consumer{}
	}
	if t.byService[s.id] == nil {
		t.byService[s.id] = &consumer{}
	}
	c := t.byService[s.id]
	if c.ref == "" {
		c.service = s
	}
	return c
}

// readersOf gathers what the catalog knows of who reads a dataset. Readings that
// somebody explained are none.
func (s *scene) readersOf(ctx context.Context, t *reading, dataset uuid.UUID) error {
	file, err := s.file(ctx, dataset)
	for _, n := range file.Consumers {
		c := t.at(service{n.ServiceID, n.Service, n.Owner})
		c.declared = append(c.declared, n)
	}
	for _, o := range file.Readers {
		if o.ServiceID == nil {
			t.unknown = append(t.unknown, o)
			continue
		}
		c := t.at(service{*o.ServiceID, o.Service, o.Owner})
		c.seen = append(c.seen, o)
	}
	return err
}

// named lists the consumers by the refs of their services.
func (t *reading) named(ctx context.Context, db postgres.DB) ([]consumer, error) {
	var nameless []uuid.UUID
	for id, c := range t.byService {
		if c.ref == "" {
			nameless = append(nameless, id)
		}
	}
	found, err := services(ctx, db, nameless)
	for _, s := range found {
		t.byService[s.id].service = s
	}
	var out []consumer
	for _, c := range t.byService {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b consumer) int { return cmp.Compare(a.ref, b.ref) })
	return out, err
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
func (s *scene) harms(ctx context.Context, all consumers, before format.Schema, c *content, o format.Options) ([]harm, error) {
	var out []harm
	for _, one := range all.known {
		h := harm{consumer: one}
		for _, n := range one.readers {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			lost, err := s.unreadable(ctx, n, before, c, o)
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
			h.broken = append(h.broken, missed(fields, before, c.schema, s.of.Part)...)
		}
		if len(h.broken) > 0 || h.untold {
			out = append(out, h)
		}
	}
	return out, nil
}

// unreadable tells why a reader's schema could not read what is written with a
// content, and could read what is written now.
func (s *scene) unreadable(ctx context.Context, n contract.Reader, before format.Schema, c *content, o format.Options) ([]loss, error) {
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
	reader, err := s.readerSchema(ctx, n)
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
	for _, d := range readByOlder(found) {
		if !known[d.Kind+" "+d.Pointer] {
			out = append(out, loss{s.of.At(d.Path), who + " and could not read this one's data", d.Message})
		}
	}
	return out, nil
}

// readerSchema reads the schema that a consumer declared.
func (s *scene) readerSchema(ctx context.Context, n contract.Reader) (format.Schema, error) {
	sub := Submission{Type: n.Type, Text: n.Text}
	for _, ref := range n.References {
		sub.References = append(sub.References, Reference(ref))
	}
	c, err := s.r.read(ctx, s.db, s.place.context, sub)
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
func missed(paths []string, before, now format.Schema, of topic.Part) []loss {
	if before == nil {
		return nil
	}
	was, is := typesOf(before, of), typesOf(now, of)
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

func typesOf(s format.Schema, of topic.Part) map[string]string {
	out := map[string]string{}
	for _, f := range s.Places() {
		out[of.At(f.Path)] = f.Type
	}
	return out
}
