package format

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/flowmart/lethe/internal/fault"
)

// Limits of a schema that is written as JSON. Each is checked before work that
// could grow with what it bounds.
const (
	// MaxBytes is the largest schema text, in bytes.
	MaxBytes = 1 << 20
	// maxDepth is how deep brackets may nest in a schema text. One level of a
	// type within a type takes two to four.
	maxDepth = 400
)

const codeInvalid = "INVALID_SCHEMA"

// Value is a JSON value that remembers the order of its members, and where it
// stands.
type Value struct {
	Kind    byte // '{' '[' '"' '0' 't' 'n': object, array, string, number, boolean, null
	At      int  // the byte of the text where it begins
	Size    int  // how many bytes of the text it takes
	Text    string
	Truth   bool
	Items   []*Value
	Members []Member
	index   map[string]*Value // of an object with many members
}

// Member is a member of an object.
type Member struct {
	Name  string
	Value *Value
}

// fewMembers is how many are looked through one by one faster than in a map.
const fewMembers = 8

// Get finds a member of an object; nil if there is none.
func (v *Value) Get(name string) *Value {
	if v.index != nil {
		return v.index[name]
	}
	for _, m := range v.Members {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// Child finds a member, or an item of an array by its number, from 0; nil if there
// is none.
func (v *Value) Child(step string) *Value {
	if v.Kind == '[' {
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(v.Items) {
			return v.Items[i]
		}
	}
	return v.Get(step)
}

// KindName is what a person calls a value's kind.
func (v *Value) KindName() string {
	return map[byte]string{'{': "an object", '[': "an array", '"': "a string", '0': "a number", 't': "a boolean", 'n': "null"}[v.Kind]
}

// JSON says how a schema is written in JSON.
type JSON struct {
	// Flat is how to nest less deep.
	Flat string
	// Bare is what to know of a text that is no JSON from its first character on;
	// "" for nothing.
	Bare string
	// Halves lets an escape pass that is one half of a character; it becomes
	// U+FFFD.
	Halves bool
}

// Read reads a text as one JSON value (RFC 8259). Size, depth and encoding are
// checked by one pass over the bytes, before any parser sees them. A member that
// stands twice is refused: readers disagree on which of the two counts, and a
// tag could hide in the other.
func (j JSON) Read(text string) (*Value, error) {
	if len(text) > MaxBytes {
		return nil, fault.New(fault.TooLarge, "SCHEMA_TOO_LARGE", "the schema has %d bytes; at most %d are taken; split it into schemas that refer to one another", len(text), MaxBytes)
	}
	if !utf8.ValidString(text) {
		return nil, fault.New(fault.Invalid, codeInvalid, "the schema is not UTF-8 text")
	}
	if deeperThan(text, maxDepth) {
		return nil, fault.New(fault.Invalid, codeInvalid, "the schema nests more than %d brackets deep; %s", maxDepth, j.Flat)
	}
	r := j.reader(text)
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
	at, hint := r.stopped(err), ""
	if strings.TrimSpace(text[:at]) == "" {
		hint = j.Bare
	}
	return nil, fault.New(fault.Invalid, codeInvalid, "the schema is not JSON, at byte %d%s", at, hint)
}

// Locator finds the line and the column, from 1, of what the path of a fault names
// in a text.
type Locator func(path []string) (line, column int)

// Locate reads a text in which to find places. What is not there is placed at what
// it would be in; of a text that is not JSON, everything where it stops being so.
func (j JSON) Locate(text string) Locator {
	if len(text) > MaxBytes || !utf8.ValidString(text) || deeperThan(text, maxDepth) {
		return func([]string) (line, column int) { return 1, 1 }
	}
	l := LinesOf(text)
	r := j.reader(text)
	whole, err := r.value()
	if err != nil {
		at := min(r.stopped(err), max(0, len(text)-1))
		return func([]string) (line, column int) { return l.Place(at) }
	}
	return func(path []string) (line, column int) {
		v := whole
		for _, step := range path {
			inner := v.Child(step)
			if inner == nil {
				break
			}
			v = inner
		}
		return l.Place(v.At)
	}
}

func (j JSON) reader(text string) *jsonReader {
	return &jsonReader{jsontext.NewDecoder(strings.NewReader(text), jsontext.AllowInvalidUTF8(j.Halves)), text}
}

// jsonReader reads the values of a text.
type jsonReader struct {
	*jsontext.Decoder
	text string
}

// next is where the next token begins.
func (r *jsonReader) next() int {
	at := int(r.InputOffset())
	return at + len(r.text[at:]) - len(strings.TrimLeft(r.text[at:], " \t\r\n,:"))
}

// stopped is where reading failed.
func (r *jsonReader) stopped(err error) int {
	at := r.InputOffset()
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at = s.ByteOffset
	}
	return min(int(at), len(r.text))
}

func (r *jsonReader) value() (*Value, error) {
	v := &Value{At: r.next()}
	token, err := r.ReadToken()
	if err != nil {
		return nil, err
	}
	switch v.Kind = byte(token.Kind()); v.Kind {
	case '{':
		err = r.object(v)
	case '[':
		err = r.array(v)
	case '"', '0':
		v.Text = token.String()
	case 't', 'f':
		v.Kind, v.Truth = 't', token.Bool()
	}
	v.Size = int(r.InputOffset()) - v.At
	return v, err
}

func (r *jsonReader) array(v *Value) error {
	for r.PeekKind() != ']' {
		item, err := r.value()
		if err != nil {
			return err
		}
		v.Items = append(v.Items, item)
	}
	_, err := r.ReadToken()
	return err
}

func (r *jsonReader) object(v *Value) error {
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
		v.Members = append(v.Members, Member{name, item})
	}
	if len(v.Members) > fewMembers {
		v.index = make(map[string]*Value, len(v.Members))
		for _, m := range v.Members {
			v.index[m.Name] = m.Value
		}
	}
	_, err := r.ReadToken()
	return err
}
