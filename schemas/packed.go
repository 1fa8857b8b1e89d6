package schemas

import (
	"bytes"

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

// weight is what it takes in memory, in bytes.
func (p packed) weight() int { return 500 + len(p.text) + 100*len(p.References) }

func (p packed) unpack() (Schema, error) {
	text, err := s2.Decode(nil, p.text)
	s := p.Schema
	s.Text = string(text)
	return s, err
}
