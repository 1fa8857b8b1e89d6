package avro

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// mostChecks bounds the work on the defaults of one schema: the branches of
// nested unions multiply.
const mostChecks = 200_000

// numberOf turns a default that is text into a number where the type is a
// floating one. Java has always taken it so, and reads the text by its own
// rules (Double.valueOf): 1f, 0x1p3 and Infinity are numbers, INF is not.
func numberOf(t *Type, v *value) *value {
	if v.Kind != '"' || !t.Kind.floating() {
		return v
	}
	s := strings.TrimFunc(v.Text, func(r rune) bool { return r <= ' ' })
	bare := strings.TrimPrefix(strings.TrimPrefix(s, "+"), "-")
	switch {
	case bare == "NaN":
		return &value{Kind: '"', Text: bare}
	case bare == "Infinity":
		return &value{Kind: '"', Text: strings.TrimPrefix(s, "+")}
	case bare == "" || !strings.ContainsRune("0123456789.", rune(bare[0])) || strings.Contains(bare, "_"):
		return v
	}
	if last := s[len(s)-1]; strings.IndexByte("fFdD", last) >= 0 {
		s = s[:len(s)-1]
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case math.IsInf(f, 1):
		return &value{Kind: '"', Text: "Infinity"}
	case math.IsInf(f, -1):
		return &value{Kind: '"', Text: "-Infinity"}
	case err != nil:
		return v
	}
	return &value{Kind: '0', Text: javaDouble(f)}
}

// unbounded reports whether a default is one of the words that stand for a
// floating number JSON cannot write. Within a larger default, or in a union,
// they are text.
func unbounded(f *Field) bool {
	v := f.fallback
	return f.Type.Kind.floating() && v.Kind == '"' && (v.Text == "NaN" || v.Text == "Infinity" || v.Text == "-Infinity")
}

// checkDefaults tests every default against its type. It runs when all types
// are complete, as a default may be of the record it stands in.
func (p *parser) checkDefaults() {
	c := &fitting{checks: mostChecks}
	relies := map[*Field][]*Field{}
	for _, d := range p.defaults {
		p.at = d.at
		if unbounded(d.field) {
			continue
		}
		c.relies = nil
		if !c.fits(d.field.Type, d.field.fallback) && c.checks > 0 {
			p.fail("the default of field %s is not a value of its type, %s", quote(d.field.Name), quote(describe(d.field.Type)))
		}
		if c.checks <= 0 {
			p.fail("the defaults of this schema take too long to check; make their unions or their values smaller")
			return
		}
		relies[d.field] = c.relies
	}
	inside := map[*Field]bool{} // of all: one default can lead to very many others
	for _, d := range p.defaults {
		if endless(d.field, relies, inside) {
			p.at = d.at
			p.fail("the default of field %s holds itself without end; give it the fields it leaves out, or another value", quote(d.field.Name))
			return
		}
	}
}

// endless reports whether a default leads to itself by the defaults of the
// fields that its value leaves out. A field that was left without being found
// endless is not looked at again.
func endless(f *Field, relies map[*Field][]*Field, inside map[*Field]bool) bool {
	if under, met := inside[f]; met {
		return under
	}
	inside[f] = true
	for _, next := range relies[f] {
		if endless(next, relies, inside) {
			return true
		}
	}
	inside[f] = false
	return false
}

// fitting is how far the check of defaults has come.
type fitting struct {
	checks int
	relies []*Field // fields whose own default stands in the one at hand
}

// fits reports whether a JSON value can be the default of a type. A default of
// a union may be of any branch, as the specification says since 1.12.
func (c *fitting) fits(t *Type, v *value) bool {
	c.checks -= 1 + len(v.Text)/100 // a long text can be tried on very many branches
	if c.checks <= 0 {
		return false
	}
	switch t.Kind {
	case aNull:
		return v.Kind == 'n'
	case aBoolean:
		return v.Kind == 't'
	case anInt:
		return wholeWithin(v, 32)
	case aLong:
		return wholeWithin(v, 64)
	case aFloat, aDouble:
		return finite(v)
	case aString:
		return v.Kind == '"'
	case aBytes:
		return v.Kind == '"' && bytesIn(v.Text) >= 0
	case aFixed:
		return v.Kind == '"' && bytesIn(v.Text) == t.Size
	case anEnum:
		return v.Kind == '"' && t.symbols[v.Text]
	case anArray:
		return v.Kind == '[' && !slices.ContainsFunc(v.Items, func(item *value) bool { return !c.fits(t.Items, item) })
	case aMap:
		return v.Kind == '{' && !slices.ContainsFunc(v.Members, func(m member) bool { return !c.fits(t.Items, m.Value) })
	case aRecord:
		return v.Kind == '{' && !slices.ContainsFunc(t.Fields, func(f *Field) bool { return !c.field(f, v.Get(f.Name)) })
	}
	return slices.ContainsFunc(t.Oneof, func(branch *Type) bool {
		mark := len(c.relies)
		if c.fits(branch, v) {
			return true
		}
		c.relies = c.relies[:mark]
		return false
	})
}

// field tests a field of a default record. One that the value leaves out takes
// its own default, which is tested where it stands.
func (c *fitting) field(f *Field, v *value) bool {
	if v == nil {
		c.checks--
		c.relies = append(c.relies, f)
		return f.HasDefault() && c.checks > 0
	}
	return c.fits(f.Type, v)
}

func wholeWithin(v *value, bits int) bool {
	if v.Kind != '0' {
		return false
	}
	_, err := strconv.ParseInt(v.Text, 10, bits)
	return err == nil
}

func finite(v *value) bool {
	if v.Kind != '0' {
		return false
	}
	_, err := strconv.ParseFloat(v.Text, 64)
	return err == nil
}

// bytesIn counts the bytes a default of bytes or fixed stands for: each
// character is one, from U+0000 to U+00FF. It returns −1 for others.
func bytesIn(s string) int {
	for _, r := range s {
		if r > 0xff {
			return -1
		}
	}
	return utf8.RuneCountInString(s)
}
