package schemas

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/s2"
)

// packed is a content as it is kept in memory. The texts of schemas repeat
// themselves, and packed they take a fifth of the room.
type packed struct {
	Schema // without its text
	text   []byte
}

func pack(s Schema) packed {
	p := packed{s, bytes.Clone(s2.EncodeBetter(nil, []byte(s.Text)))} // a buffer of the longest it could be would be kept
	p.Text = ""
	return p
}

// warm is a content as it is answered.
type warm struct {
	Schema
	quoted []byte // its text as JSON
}

// Quoted is the text of a schema as a JSON string (RFC 8259 §7), which is not to
// be changed; nil where it is not at hand.
func (r *Registry) Quoted(s Schema) []byte {
	if w, ok := r.warm.get(contentID{s.Context, s.ID}); ok && w.Text == s.Text { // else it is shown in another form
		return w.quoted
	}
	return nil
}

// at is the content behind an id, where it is in memory. What is asked for again
// soon is kept as it is answered; where everything is asked for now and then,
// that would cost more than it saves.
func (r *Registry) at(id contentID) (s Schema, ok bool, err error) {
	if f := r.fresh[id]; f != nil {
		return f.content, true, nil
	}
	if w, ok := r.warm.get(id); ok {
		return w.Schema, true, nil
	}
	mark := r.warm.mark()
	p, ok := r.byID.get(id)
	if !ok {
		return s, false, nil
	}
	if s, err = p.unpack(); err != nil {
		return s, true, err
	}
	if _, again := r.asked.get(id); !again {
		r.asked.put(id, struct{}{}, 1)
		return s, true, nil
	}
	if as, err := jsontext.AppendQuote(nil, s.Text); err == nil {
		r.warm.putSince(mark, id, warm{s, as}, p.weight()+len(s.Text)+len(as))
	}
	return s, true, nil
}

// weight is what it takes in memory, in bytes.
func (p packed) weight() int { return 500 + len(p.text) + 100*len(p.References) }

func (p packed) unpack() (Schema, error) {
	text, err := s2.Decode(nil, p.text)
	s := p.Schema
	s.Text = string(text)
	return s, err
}
