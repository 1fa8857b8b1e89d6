package schemas

import (
	"crypto/sha256"

	"github.com/flowmart/lethe/schemas/format"
)

// normal is a content as it is kept under normalize: its text is the one that
// depends least on how the schema was put into words.
func (c *content) normal() *content {
	n, ok := c.schema.(format.Normal)
	if !ok {
		return c
	}
	out := *c
	out.text, out.reworded = n.Normalized(), true
	out.body = digest(out.kind, out.text, out.references)
	out.hash = out.body
	return &out
}

// shapeOf is the hash of what a schema says, however it is put into words; the
// body's where its type knows no such thing.
func shapeOf(kind string, schema format.Schema, body [sha256.Size]byte) [sha256.Size]byte {
	s, ok := schema.(format.Shaped)
	if !ok {
		return body
	}
	text, ok := s.Shape()
	if !ok {
		return body
	}
	return digest(kind, text, nil)
}

// shapeHash is the hash of the shape, where it is another than the body's.
func (c *content) shapeHash() []byte {
	shape := c.shape()
	if shape == c.body {
		return nil
	}
	return shape[:]
}

// stands reports whether a content that was found by its shape may stand for
// this one: it must refer to the same, unless this one refers to nothing and
// brings the types itself.
func (c *content) stands(found Schema) bool {
	if p, ok := c.schema.(format.Particular); ok && !p.IsFoundAs(found.Text) {
		return false
	}
	if len(c.references) == 0 {
		return true
	}
	if len(c.references) != len(found.References) {
		return false
	}
	for i, t := range c.references {
		if t.Reference != found.References[i] {
			return false
		}
	}
	return true
}
