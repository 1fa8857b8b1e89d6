package strict

import (
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Name is a name that refers to something, and where it stands.
type Name struct {
	Value string
	At    Mark
}

// Given reports whether there is a name.
func (n Name) Given() bool { return n.At.Line > 0 }

// Text reads a value, "" if the key is absent.
func (o Object) Text(key string) string {
	s, _ := o.Scalar(o.values[key])
	return s
}

// Need reads a value that must be there; what says what it is, or is empty.
func (o Object) Need(key, what string) string {
	if o.values == nil { // not keys and values at all, and said so
		return ""
	}
	s, ok := o.Scalar(o.values[key])
	if ok && s != "" {
		return s
	}
	if what != "" {
		what = "; it is " + what
	}
	o.Bad(o.Of(key), "REQUIRED", "%q is missing or empty%s", key, what)
	return ""
}

// Optional reads a value, nil if the key is absent or empty.
func (o Object) Optional(key string) *string {
	if s, ok := o.Scalar(o.values[key]); ok && s != "" {
		return &s
	}
	return nil
}

// Word reads a value, which is another where the key is absent or empty.
func (o Object) Word(key, otherwise string) string {
	if s := o.Text(key); s != "" {
		return s
	}
	return otherwise
}

// Name reads a name that refers to something.
func (o Object) Name(key string) Name {
	if s := o.Text(key); s != "" {
		return Name{s, MarkOf(o.values[key])}
	}
	return Name{}
}

// Whole reads a whole number, nil if the key is absent.
func (o Object) Whole(key string) *int64 {
	s, ok := o.Scalar(o.values[key])
	if !ok {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		o.Bad(MarkOf(o.values[key]), "NOT_A_NUMBER", "write a whole number for %q", key)
		return nil
	}
	return &n
}

// Count reads a whole number that fits an int, nil if the key is absent.
func (o Object) Count(key string) *int {
	n := o.Whole(key)
	if n == nil {
		return nil
	}
	if *n < 0 || *n > 1<<31-1 {
		o.Bad(MarkOf(o.values[key]), "OUT_OF_RANGE", "%q is too large or negative", key)
		return nil
	}
	i := int(*n)
	return &i
}

// Number reads a number, nil if the key is absent.
func (o Object) Number(key string) *float64 {
	s, ok := o.Scalar(o.values[key])
	if !ok {
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != f || f-f != 0 {
		o.Bad(MarkOf(o.values[key]), "NOT_A_NUMBER", "write a number for %q", key)
		return nil
	}
	return &f
}

// Yes reads true or false, nil if the key is absent.
func (o Object) Yes(key string) *bool {
	s, ok := o.Scalar(o.values[key])
	if !ok {
		return nil
	}
	if s != "true" && s != "false" {
		o.Bad(MarkOf(o.values[key]), "NOT_TRUE_OR_FALSE", "write true or false for %q", key)
		return nil
	}
	b := s == "true"
	return &b
}

// Date reads a day, nil if the key is absent.
func (o Object) Date(key string) *time.Time {
	s, ok := o.Scalar(o.values[key])
	if !ok {
		return nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		o.Bad(MarkOf(o.values[key]), "NOT_A_DAY", "write a day as 2026-11-23 for %q", key)
		return nil
	}
	return &t
}

// Items reads a list; a key that is absent or empty is an empty list.
func (o Object) Items(key string) []ast.Node {
	switch n := o.values[key].(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		return n.Values
	default:
		o.Bad(MarkOf(n), "NOT_A_LIST", "%q is a list: lines that begin with a dash", key)
		return nil
	}
}

// Some reads a list, or one value alone, as texts.
func (o Object) Some(key string) []string { return o.some(o.values[key]) }

func (r *Reader) some(n ast.Node) (out []string) {
	all := []ast.Node{n}
	if list, ok := n.(*ast.SequenceNode); ok {
		all = list.Values
	}
	for _, n := range all {
		if s, ok := r.Scalar(n); ok && s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Names reads a list of names, each of which stands in it once.
func (o Object) Names(key string) []Name {
	var out []Name
	for _, n := range o.Items(key) {
		s, ok := o.Scalar(n)
		if !ok || s == "" {
			o.Bad(MarkOf(n), "REQUIRED", "a name is missing here")
			continue
		}
		if slices.ContainsFunc(out, func(o Name) bool { return o.Value == s }) {
			o.Bad(MarkOf(n), "TWICE", "%q stands here twice", s)
			continue
		}
		out = append(out, Name{s, MarkOf(n)})
	}
	return out
}

// Texts reads a list of names without their places.
func (o Object) Texts(key string) []string {
	var out []string
	for _, n := range o.Names(key) {
		out = append(out, n.Value)
	}
	return out
}

// Pairs reads values by names that the file makes up.
func (o Object) Pairs(key string) map[string]string {
	var out map[string]string
	o.each(key, func(name string, n ast.Node) {
		if out == nil {
			out = map[string]string{}
		}
		out[name], _ = o.Scalar(n)
	})
	return out
}

// each reads what stands under names that the file makes up, each once.
func (o Object) each(key string, read func(name string, n ast.Node)) {
	n := o.values[key]
	if _, ok := n.(*ast.NullNode); n == nil || ok {
		return
	}
	pairs, ok := pairsOf(n)
	if !ok {
		o.Bad(MarkOf(n), "NOT_A_MAPPING", "%q is written as names and values", key)
		return
	}
	seen := map[string]bool{}
	for _, p := range pairs {
		name := p.Key.GetToken().Value
		if seen[name] {
			o.Bad(MarkOf(p.Key), "TWICE", "the name %q stands here twice; leave one", name)
			continue
		}
		seen[name] = true
		read(name, p.Value)
	}
}

// Lists reads lists of texts by names that the file makes up; one text may stand
// for a list of it.
func (o Object) Lists(key string) map[string][]string {
	var out map[string][]string
	o.each(key, func(name string, n ast.Node) {
		if out == nil {
			out = map[string][]string{}
		}
		out[name] = o.some(n)
	})
	return out
}
