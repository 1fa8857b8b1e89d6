package schemas

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/format"
)

// content is a submission that was read: what it says, and by which hash two
// contents are the same.
type content struct {
	kind       string
	text       string // canonical
	hash       [sha256.Size]byte
	references []target
	schema     format.Schema
	reworded   bool // the schema was read from another text (see normal)

	Metadata *Metadata
	RuleSet  *RuleSet
	metadata *string // as they are hashed and stored
	ruleSet  *string
	body     [sha256.Size]byte // the hash without them
	shape    func() [sha256.Size]byte
}

// target is a reference whose version is settled.
type target struct {
	Reference
	subjectID uuid.UUID
	schemaID  contentID
}

// What a schema may refer to, and how deep references may follow one another.
const (
	// longestReference is how long the name of one is at most, in bytes.
	longestReference = 1000
	mostLevels       = 10
	// What references lead to is read with the schema that has them: so many
	// schemas, and bytes of their texts.
	mostBrought      = 300
	mostBroughtBytes = 1 << 20
)

// weigh estimates the memory of a parsed schema from its text.
func weigh(text string) int { return 512 + 40*len(text) }

// read parses a submission to a context. What was read once is not parsed
// again: a producer that starts hands in the same bytes each time.
func (r *Registry) read(ctx context.Context, db postgres.DB, home string, s Submission) (*content, error) {
	if s.Type == "" {
		s.Type = Avro
	}
	read := formats[s.Type]
	if read == nil {
		return nil, unknownType(s.Type)
	}
	targets, err := r.resolve(ctx, db, home, s.References)
	if err != nil {
		return nil, err
	}
	key := sent(s.Type, s.Text, targets)
	if c, ok := r.texts.get(key); ok {
		return c, nil
	}
	given, err := r.referred(ctx, db, s.Type, targets)
	if err != nil {
		return nil, err
	}
	schema, err := read(s.Text, given)
	if err != nil {
		return nil, err
	}
	text := schema.Canonical()
	c := &content{kind: s.Type, text: text, hash: digest(s.Type, text, targets), references: targets, schema: schema}
	c.body = c.hash
	c.shape = sync.OnceValue(func() [sha256.Size]byte { return shapeOf(c.kind, schema, c.body) })
	r.texts.put(key, c, weigh(s.Text))
	return c, nil
}

func unknownType(kind string) error {
	known := Types()
	return fault.Bad("schemaType", "INVALID_SCHEMA", "%s", fault.Suggest("only schemas of the types "+strings.Join(known, ", ")+" are taken", kind, known))
}

// digest is the identity of a content. Each part is preceded by its length, so
// that no two contents spell the same bytes.
func digest(kind, text string, references []target) [sha256.Size]byte {
	return identity(kind, text, references, nil, nil)
}

func identity(kind, text string, references []target, metadata, ruleSet *string) (sum [sha256.Size]byte) {
	h := sha256.New()
	write(h, "lethe-schema/1")
	write(h, kind)
	write(h, text)
	for _, t := range references {
		write(h, t.Name)
		write(h, t.Subject)
		number(h, t.Version)
	}
	number(h, len(references))
	for _, said := range []*string{metadata, ruleSet} {
		if said == nil {
			write(h, "")
			continue
		}
		write(h, *said)
	}
	h.Sum(sum[:0])
	return sum
}

// sent is what a text read before is remembered by. A reference counts for
// what it leads to: once all is deleted for good, another schema may stand
// under the same number.
func sent(kind, text string, references []target) (sum [sha256.Size]byte) {
	h := sha256.New()
	known := digest(kind, text, references)
	h.Write(known[:])
	for _, t := range references {
		write(h, t.schemaID.context)
		number(h, t.schemaID.id)
		h.Write(t.subjectID[:])
	}
	h.Sum(sum[:0])
	return sum
}

func write(h hash.Hash, s string) {
	number(h, len(s))
	h.Write([]byte(s))
}

func number(h hash.Hash, n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}

// resolve settles which versions references mean. Each must exist and not be
// deleted. A subject that names no context is of the referrer's.
func (r *Registry) resolve(ctx context.Context, db postgres.DB, home string, references []Reference) ([]target, error) {
	if len(references) == 0 {
		return nil, nil
	}
	if len(references) > format.MostReferences {
		return nil, fault.Bad("references", "INVALID_SCHEMA", "a schema has at most %d references; refer to schemas that bring others along", format.MostReferences)
	}
	if db == postgres.DB(r.db) { // a unit of work reads by itself
		if err := r.subjects.exact(ctx); err != nil {
			return nil, err
		}
	}
	var out []target
	seen := map[string]bool{}
	for _, ref := range references {
		if ref.Name == "" || seen[ref.Name] || len(ref.Name) > longestReference {
			return nil, fault.Bad("references", "INVALID_SCHEMA", "each reference has a name of its own, the full name of the type it takes, in %d bytes at most", longestReference)
		}
		seen[ref.Name] = true
		unknown := fault.Bad("references."+ref.Name, "INVALID_SCHEMA", "there is no such version of the subject it refers to; register that first")
		p := from(home, ref.Subject)
		if _, err := placeToRead(p.String()); err != nil {
			return nil, unknown
		}
		st, err := r.subjectIn(ctx, db, p)
		if err != nil {
			return nil, err
		}
		v, ok := st.pick(ref.Version, Live)
		if !ok {
			return nil, unknown
		}
		ref.Subject, ref.Version = p.within(home), int(v.version)
		out = append(out, target{ref, st.id, contentID{p.context, int(v.schema)}})
	}
	return out, nil
}

// subjectIn is a subject as it is in memory or, for a unit of work, as only
// that may see it.
func (r *Registry) subjectIn(ctx context.Context, db postgres.DB, p place) (*state, error) {
	if st := r.rehearsed[p]; st != nil {
		return st, nil
	}
	if db == postgres.DB(r.db) {
		return r.subjects.subject(ctx, p)
	}
	return stateAt(ctx, db, p)
}

// referred reads the schemas that references lead to.
func (r *Registry) referred(ctx context.Context, db postgres.DB, kind string, targets []target) ([]format.Reference, error) {
	u := &unfolding{r: r, db: db, schemas: map[contentID]format.Schema{}, bounded: true}
	var out []format.Reference
	for _, t := range targets {
		stored, err := r.load(ctx, db, t.schemaID)
		if err != nil {
			return nil, err
		}
		if stored.Type != kind {
			return nil, fault.Bad("references."+t.Name, "INVALID_SCHEMA", "it leads to a schema of the type %s, and this one is of the type %s; refer to one of the same type", stored.Type, kind)
		}
		schema, err := u.read(ctx, t.schemaID, mostLevels, bringing)
		if err != nil {
			return nil, err
		}
		out = append(out, format.Reference{Name: t.Name, Schema: schema})
	}
	return out, nil
}

// schemaOf reads a registered schema, or remembers it.
func (r *Registry) schemaOf(ctx context.Context, db postgres.DB, id contentID) (format.Schema, error) {
	own := r.fresh[id]
	if own != nil && own.schema != nil {
		return own.schema, nil
	}
	if s, ok := r.parsed.get(id); ok {
		return s, nil
	}
	u := &unfolding{r: r, db: db, schemas: map[contentID]format.Schema{}}
	s, err := u.read(ctx, id, mostLevels, formats)
	if err != nil {
		return nil, err
	}
	if own != nil {
		own.schema = s
	} else {
		r.parsed.put(id, s, u.weight)
	}
	return s, nil
}

// unfolding follows references. A schema that is reached twice is read once,
// so that a format can tell two schemas apart by what they are.
type unfolding struct {
	r       *Registry
	db      postgres.DB
	schemas map[contentID]format.Schema
	bytes   int  // of their texts
	weight  int  // of them in memory
	bounded bool // the schema that refers to them is new
}

// room refuses what is more than a new schema may refer to.
func (u *unfolding) room(text string) error {
	u.bytes += len(text)
	if u.bounded && (len(u.schemas) >= mostBrought || u.bytes > mostBroughtBytes) {
		return fault.Bad("references", "INVALID_SCHEMA", "the schemas it refers to, with all that those refer to, are more than %d or have more than %d bytes together; refer to less", mostBrought, mostBroughtBytes)
	}
	return nil
}

// read reads a registered schema in one of the ways, and brings everything it
// refers to.
func (u *unfolding) read(ctx context.Context, id contentID, levels int, ways map[string]format.Read) (format.Schema, error) {
	if s := u.schemas[id]; s != nil {
		return s, nil
	}
	if levels == 0 {
		return nil, fault.Bad("references", "INVALID_SCHEMA", "references follow one another more than %d deep", mostLevels)
	}
	stored, err := u.r.load(ctx, u.db, id)
	if err == nil {
		err = u.room(stored.Text)
	}
	if err != nil {
		return nil, err
	}
	var given []format.Reference
	for _, ref := range stored.References {
		target, err := u.r.schemaAt(ctx, u.db, from(id.context, ref.Subject), ref.Version)
		if err != nil {
			return nil, err
		}
		inner, err := u.read(ctx, target, levels-1, bringing)
		if err != nil {
			return nil, err
		}
		given = append(given, format.Reference{Name: ref.Name, Schema: inner})
	}
	schema, err := ways[stored.Type](stored.Text, given)
	if err != nil {
		return nil, err
	}
	u.schemas[id] = schema
	u.weight += weigh(stored.Text)
	return schema, nil
}

// schemaAt finds the id behind a stored reference, which may meanwhile be to a
// deleted version.
func (r *Registry) schemaAt(ctx context.Context, db postgres.DB, p place, version int) (contentID, error) {
	if st := r.rehearsed[p]; st != nil {
		if v, ok := st.pick(version, WithDeleted); ok {
			return contentID{p.context, int(v.schema)}, nil
		}
	}
	if db == postgres.DB(r.db) {
		// What refers was read before this look, and what it refers to stays as
		// long as it does: memory has it, or is behind.
		if err := r.subjects.exact(ctx); err != nil {
			return contentID{}, err
		}
		st, err := r.subjectIn(ctx, db, p)
		if err != nil {
			return contentID{}, err
		}
		if v, ok := st.pick(version, WithDeleted); ok {
			return contentID{p.context, int(v.schema)}, nil
		}
	}
	const q = `
		SELECT v.schema_id
		  FROM schemas_subject s
		  JOIN schemas_version v ON v.subject_id = s.id
		 WHERE s.context = $1 AND s.name = $2 AND v.version = $3`
	id, err := postgres.Scalar[int](ctx, db, q, p.context, p.name, version)
	return contentID{p.context, id}, err
}
