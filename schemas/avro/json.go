package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// Limits of a schema. Each is checked before work that could grow with what it
// bounds.
const (
	// MaxBytes is the largest schema text, in bytes.
	MaxBytes = 1 << 20
	// maxDepth is how deep brackets may nest in a schema text. One level of
	// Avro nesting takes up to four brackets.
	maxDepth = 400
	// maxFields is how many field paths a schema may unfold to. Types can be
	// used in many places, so a short text can unfold to a great many.
	maxFields = 10_000
	// maxName is the longest full name, in bytes.
	maxName = 1000
)

// value is a JSON value that remembers the order of its members.
type value struct {
	kind    byte // '{' '[' '"' '0' 't' 'n': object, array, string, number, boolean, null
	text    string
	truth   bool
	items   []*value
	members []member
	index   map[string]*value // of an object
	at      int               // where it stands in the text: a byte of its first line
}

type member struct {
	name  string
	value *value
}

// get finds a member of an object; nil if there is none.
func (v *value) get(name string) *value { return v.index[name] }

// kindName is what a person calls a value's kind.
func (v *value) kindName() string {
	return map[byte]string{'{': "an object", '[': "an array", '"': "a string", '0': "a number", 't': "a boolean", 'n': "null"}[v.kind]
}

// decode reads a text as one JSON value. Size, depth and encoding are checked
// by one pass over the bytes, before any parser sees them.
func decode(text string) (*value, error) {
	if len(text) > MaxBytes {
		return nil, fault.New(fault.TooLarge, "SCHEMA_TOO_LARGE", "the schema has %d bytes; at most %d are taken", len(text), MaxBytes)
	}
	if !utf8.ValidString(text) {
		return nil, invalid(nil, "the schema is not UTF-8 text")
	}
	if format.DeeperThan(text, maxDepth) {
		return nil, invalid(nil, "the schema nests more than %d brackets deep; give the inner types names and refer to them", maxDepth)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	v, err := readValue(d)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("more text follows the schema")
		}
	}
	if err == nil {
		return v, nil
	}
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return nil, f
	}
	return nil, invalid(nil, "the schema is not JSON, at byte %d; a primitive type alone is written in quotes, like \"string\"", d.InputOffset())
}

func readValue(d *json.Decoder) (*value, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	at := int(d.InputOffset()) - 1
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return readObject(d, at)
		}
		return readArray(d, at)
	case string:
		return &value{kind: '"', text: t, at: at}, nil
	case json.Number:
		return &value{kind: '0', text: t.String(), at: at}, nil
	case bool:
		return &value{kind: 't', truth: t, at: at}, nil
	}
	return &value{kind: 'n', at: at}, nil
}

func readArray(d *json.Decoder, at int) (*value, error) {
	v := &value{kind: '[', at: at}
	for d.More() {
		item, err := readValue(d)
		if err != nil {
			return nil, err
		}
		v.items = append(v.items, item)
	}
	_, err := d.Token()
	return v, err
}

// readObject refuses a member that stands twice: readers disagree on which of
// the two counts, and a tag could hide in the other.
func readObject(d *json.Decoder, at int) (*value, error) {
	v := &value{kind: '{', index: map[string]*value{}, at: at}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		if v.index[name] != nil {
			return nil, invalid(nil, "the member %s stands twice in one object", quote(name))
		}
		item, err := readValue(d)
		if err != nil {
			return nil, err
		}
		v.members = append(v.members, member{name, item})
		v.index[name] = item
	}
	_, err := d.Token()
	return v, err
}
