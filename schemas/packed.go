package schemas

import (
	"bytes"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/klauspost/compress/s2"
)

// packed is a content as it is kept in memory, beside its id. The texts of
// schemas repeat themselves, and packed they take a fifth of the room. They are
// JSON strings already, as most are answered.
type packed struct {
	kind   string
	guid   uuid.UUID
	quoted []byte // the text
	more   *more  // nil for most
}

// more is what a content may have beside its text.
type more struct {
	references []Reference
	metadata   *Metadata
	ruleSet    *RuleSet
	weight     int // of all this, in bytes
}

// pack packs a content, whose text is UTF-8 as any that PostgreSQL keeps.
func pack(s Schema) packed {
	p := packed{kind: internType(s.Type), guid: s.GUID}
	quoted, _ := jsontext.AppendQuote(nil, s.Text)
	p.quoted = bytes.Clone(s2.EncodeBetter(nil, quoted)) // a buffer of the longest it could be would be kept
	if s.References != nil || s.Metadata != nil || s.RuleSet != nil {
		p.more = &more{s.References, s.Metadata, s.RuleSet, weightBeside(s)}
	}
	return p
}

// internType saves the memory of the name of a type that is known.
func internType(kind string) string {
	for known := range formats {
		if kind == known {
			return known
		}
	}
	return kind
}

// beside is what a content has beside its text.
func (p packed) beside() more {
	if p.more == nil {
		return more{}
	}
	return *p.more
}

// weight is what it takes in memory, in bytes.
func (p packed) weight() int {
	return 200 + len(p.quoted) + p.beside().weight
}

// schema is the content without its text.
func (p packed) schema(id contentID) Schema {
	b := p.beside()
	return Schema{Context: id.context, ID: id.id, Type: p.kind, References: b.references, Metadata: b.metadata, RuleSet: b.ruleSet, GUID: p.guid}
}

// unpack is the content as it is answered.
func (p packed) unpack(id contentID) (w warm, err error) {
	w.Schema = p.schema(id)
	if w.quoted, err = unpacked(nil, p.quoted); err != nil {
		return w, err
	}
	text, err := jsontext.AppendUnquote(nil, w.quoted)
	w.Text = string(text)
	return w, err
}

// unpacked appends what was packed.
func unpacked(into, packed []byte) ([]byte, error) {
	size, err := s2.DecodedLen(packed)
	if err != nil {
		return into, err
	}
	into = slices.Grow(into, size)
	_, err = s2.Decode(into[len(into):len(into)+size], packed)
	return into[:len(into)+size], err
}

// warm is a content as it is answered.
type warm struct {
	Schema
	quoted []byte // its text as JSON
}

// spelling is how the text of a schema is at hand that comes without it.
type spelling struct {
	quoted, packed []byte
}

// Spelling returns the registry for who answers in JSON. A schema that has
// nothing beside its text may come without the text, which AppendText writes
// from memory: that costs half of making a text to quote it.
func (r *Registry) Spelling() *Registry {
	own := *r
	own.spells = true
	return &own
}

// AppendText appends the text of a schema as a JSON string (RFC 8259 §7). Bytes
// that are no UTF-8 are replaced.
func (r *Registry) AppendText(into []byte, s Schema) ([]byte, error) {
	switch {
	case s.spelling.quoted != nil:
		return append(into, s.spelling.quoted...), nil
	case s.spelling.packed != nil:
		return unpacked(into, s.spelling.packed)
	}
	if w, ok := r.warm.get(contentID{s.Context, s.ID}); ok && w.Text == s.Text { // else it is shown in another form
		return append(into, w.quoted...), nil
	}
	into, _ = jsontext.AppendQuote(into, s.Text)
	return into, nil
}

// lately are ids that were asked for a moment ago, each at a place where others
// follow it.
type lately struct {
	seed maphash.Seed
	at   [1024]atomic.Uint64
}

// again notes an id, and reports whether it was there. That two ids are taken
// for one may be, and does no harm.
func (l *lately) again(id contentID) bool {
	sum := maphash.Comparable(l.seed, id)
	return l.at[sum%uint64(len(l.at))].Swap(sum) == sum
}

// at is the content behind an id, where it is in memory. What is asked for again
// soon is kept as it is answered; where everything is asked for now and then,
// that would cost more than it saves.
func (r *Registry) at(id contentID) (s Schema, ok bool, err error) {
	if f := r.fresh[id]; f != nil {
		return f.content, true, nil
	}
	if w, ok := r.warm.get(id); ok {
		return r.spelled(w), true, nil
	}
	mark := r.warm.mark()
	p, ok := r.byID.get(id)
	if !ok {
		return s, false, nil
	}
	again := r.asked.again(id)
	if again {
		id.context = intern(strings.Clone(id.context)) // it may be a piece of a request, which would be kept whole
	}
	if r.spells && p.more == nil && !again {
		s = p.schema(id)
		s.spelling.packed = p.quoted
		return s, true, nil
	}
	w, err := p.unpack(id)
	if err == nil && again {
		r.warm.putSince(mark, id, w, p.weight()+len(w.Text)+len(w.quoted))
	}
	return r.spelled(w), true, err
}

// spelled is a content for who asks.
func (r *Registry) spelled(w warm) Schema {
	if r.spells && w.References == nil && w.Metadata == nil && w.RuleSet == nil {
		w.Text, w.spelling.quoted = "", w.quoted
	}
	return w.Schema
}
