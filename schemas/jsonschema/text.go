package jsonschema

import (
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
	// mostSchemas is how many schemas one text may hold, with those it refers to.
	mostSchemas = 24_000
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

// value and member are those of the text.
type (
	value  = format.Value
	member = format.Member
)

// written is how a schema is written.
var written = format.JSON{Flat: "move the inner schemas to $defs and refer to them"}

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
	switch v.Kind {
	case 'n':
		p.out = append(p.out, "null"...)
	case 't':
		p.out = append(p.out, map[bool]string{true: "true", false: "false"}[v.Truth]...)
	case '0':
		p.number(v.Text)
	case '"':
		p.text(v.Text)
	case '[':
		p.out = append(p.out, '[')
		for i, item := range v.Items {
			if i > 0 {
				p.out = append(p.out, ',')
			}
			p.write(item)
		}
		p.out = append(p.out, ']')
	case '{':
		p.object(v.Members)
	}
}

func (p *printer) object(members []member) {
	if p.sorted {
		members = slices.Clone(members)
		slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.Name, b.Name) })
	}
	p.out = append(p.out, '{')
	for i, m := range members {
		if i > 0 {
			p.out = append(p.out, ',')
		}
		p.text(m.Name)
		p.out = append(p.out, ':')
		p.write(m.Value)
	}
	p.out = append(p.out, '}')
}

func (p *printer) number(text string) {
	if p.exact {
		text = worthOf(text)
	}
	p.out = append(p.out, text...)
}

// text writes a string and escapes no more than JSON asks for. Of one that is
// longer than all that is wanted it writes no more than that, and a rune that is
// cut is not within it.
func (p *printer) text(s string) {
	if wanted := p.most + utf8.UTFMax; p.most > 0 && len(s) > wanted {
		s = s[:wanted]
	}
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
	return fault.Cut(string(p.out), mostFragment)
}
