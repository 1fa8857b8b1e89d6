package jsonschema

import (
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// Limits of a schema. Each is checked before work that could grow with what it
// bounds.
const (
	// maxBytes is the largest schema text, in bytes.
	maxBytes = 1 << 20
	// maxDepth is how deep brackets may nest in a schema text. An object within
	// an object takes two.
	maxDepth = 400
	// mostSchemas is how many schemas one text may hold, with those it refers to.
	mostSchemas = 50_000
	// maxFields is how many field paths a schema may unfold to. Definitions can
	// be used in many places, so a short text can unfold to a great many.
	maxFields = 10_000
	// maxPointer is the longest way to a schema, in bytes, and mostPointers how
	// many bytes they have together: each has the names of all around it.
	maxPointer   = 4000
	mostPointers = 16 << 20
	// maxURI is the longest $id, as it is after it was resolved, in bytes: all
	// within it are resolved against it.
	maxURI = 500
	// maxPath is the longest field path, in bytes.
	maxPath = 1000
)

const codeInvalid = "INVALID_SCHEMA"

// value is a JSON value that remembers the order of its members.
type value struct {
	kind    byte // '{' '[' '"' '0' 't' 'n': object, array, string, number, boolean, null
	at      int  // the byte of the text where it begins
	size    int  // how many bytes of the text it takes
	text    string
	truth   bool
	items   []*value
	members []member
	index   map[string]*value // of an object
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

// decode reads a text as one JSON value (RFC 8259). Size, depth and encoding
// are checked by one pass over the bytes, before any parser sees them.
func decode(text string) (*value, error) {
	if len(text) > maxBytes {
		return nil, fault.New(fault.TooLarge, "SCHEMA_TOO_LARGE", "the schema has %d bytes; at most %d are taken", len(text), maxBytes)
	}
	if !utf8.ValidString(text) {
		return nil, fault.New(fault.Invalid, codeInvalid, "the schema is not UTF-8 text")
	}
	if format.DeeperThan(text, maxDepth) {
		return nil, fault.New(fault.Invalid, codeInvalid, "the schema nests more than %d brackets deep; move the inner schemas to $defs and refer to them", maxDepth)
	}
	r := &reader{jsontext.NewDecoder(strings.NewReader(text)), text}
	v, err := r.value()
	if err == nil {
		if _, end := r.ReadToken(); !errors.Is(end, io.EOF) {
			err = errors.New("more text follows the schema")
		}
	}
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, jsontext.ErrDuplicateName):
		return nil, fault.New(fault.Invalid, codeInvalid, "a member stands twice in one object, at byte %d; readers disagree on which of the two counts: drop one", r.stopped(err))
	}
	return nil, fault.New(fault.Invalid, codeInvalid, "the schema is not JSON, at byte %d", r.stopped(err))
}

// reader reads the values of a text.
type reader struct {
	*jsontext.Decoder
	text string
}

// next is where the next token begins.
func (r *reader) next() int {
	at := int(r.InputOffset())
	return at + len(r.text[at:]) - len(strings.TrimLeft(r.text[at:], " \t\r\n,:"))
}

// stopped is where reading failed.
func (r *reader) stopped(err error) int {
	at := r.InputOffset()
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at = s.ByteOffset
	}
	return min(int(at), len(r.text))
}

func (r *reader) value() (*value, error) {
	v := &value{at: r.next()}
	token, err := r.ReadToken()
	if err != nil {
		return nil, err
	}
	switch v.kind = byte(token.Kind()); v.kind {
	case '{':
		err = r.object(v)
	case '[':
		err = r.array(v)
	case '"', '0':
		v.text = token.String()
	case 't', 'f':
		v.kind, v.truth = 't', token.Bool()
	}
	v.size = int(r.InputOffset()) - v.at
	return v, err
}

func (r *reader) array(v *value) error {
	for r.PeekKind() != ']' {
		item, err := r.value()
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
	}
	_, err := r.ReadToken()
	return err
}

func (r *reader) object(v *value) error {
	v.index = map[string]*value{}
	for r.PeekKind() != '}' {
		token, err := r.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		item, err := r.value()
		if err != nil {
			return err
		}
		v.members = append(v.members, member{name, item})
		v.index[name] = item
	}
	_, err := r.ReadToken()
	return err
}

// printer writes JSON without white space. Members stand in the order of the
// text, or sorted.
type printer struct {
	out    []byte
	sorted bool
	exact  bool // numbers by their value
	most   int  // how many bytes are wanted; 0 for all
}

func (p *printer) full() bool { return p.most > 0 && len(p.out) > p.most }

func (p *printer) write(v *value) {
	if p.full() {
		return
	}
	switch v.kind {
	case 'n':
		p.out = append(p.out, "null"...)
	case 't':
		p.out = append(p.out, map[bool]string{true: "true", false: "false"}[v.truth]...)
	case '0':
		p.number(v.text)
	case '"':
		p.text(v.text)
	case '[':
		p.out = append(p.out, '[')
		for i, item := range v.items {
			if i > 0 {
				p.out = append(p.out, ',')
			}
			p.write(item)
		}
		p.out = append(p.out, ']')
	case '{':
		p.object(v.members)
	}
}

func (p *printer) object(members []member) {
	if p.sorted {
		members = slices.Clone(members)
		slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	}
	p.out = append(p.out, '{')
	for i, m := range members {
		if i > 0 {
			p.out = append(p.out, ',')
		}
		p.text(m.name)
		p.out = append(p.out, ':')
		p.write(m.value)
	}
	p.out = append(p.out, '}')
}

func (p *printer) number(text string) {
	if p.exact && strings.ContainsAny(text, ".eE-") {
		if r, ok := rational(text); ok {
			text = r.RatString()
		}
	}
	p.out = append(p.out, text...)
}

// text writes a string and escapes no more than JSON asks for.
func (p *printer) text(s string) {
	p.out, _ = jsontext.AppendQuote(p.out, s) // fails on what is not UTF-8 alone, and decode let none pass
}

// compact writes a value whole, in the order of its text.
func compact(v *value) string {
	p := &printer{}
	p.write(v)
	return string(p.out)
}

// mostFragment is how much of a schema a difference shows, in bytes.
const mostFragment = 400

// fragment writes a part of a schema, cut.
func fragment(v *value) string {
	if v == nil {
		return ""
	}
	p := &printer{most: mostFragment}
	p.write(v)
	return cut(string(p.out), mostFragment)
}

// cut shortens a text to a number of bytes, and shows that it did.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}
