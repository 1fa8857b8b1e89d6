package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	goyaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/flowmart/lethe/internal/fault"
)

const (
	maxBytes    = 1 << 20
	maxMistakes = 100
)

// mark is a place in the file, from 1.
type mark struct{ line, column int }

// reader walks the file and gathers everything wrong with it.
type reader struct {
	file string
	errs []error
}

func (r *reader) bad(at mark, code, message string, args ...any) {
	if len(r.errs) < maxMistakes {
		r.errs = append(r.errs, mistake(r.file, at, code, message, args...))
	}
}

func (r *reader) err() error { return errors.Join(r.errs...) }

// mistake is a fault at a place of a file; its path is file, line and column.
func mistake(file string, at mark, code, message string, args ...any) error {
	f := fault.New(fault.Invalid, code, message, args...)
	f.Path = []string{file, strconv.Itoa(max(at.line, 1)), strconv.Itoa(max(at.column, 1))}
	return f
}

// tree reads the file into its one document.
func (r *reader) tree(text []byte) (body ast.Node) {
	start := mark{1, 1}
	if len(text) > maxBytes {
		r.bad(start, "FILE_TOO_LARGE", "a manifest has at most %d MiB; name files by patterns", maxBytes>>20)
		return nil
	}
	defer func() {
		// The parser is not ours; what it cannot bear is still only a bad file.
		if recover() != nil {
			r.bad(start, "BAD_YAML", "this cannot be read as YAML")
			body = nil
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		message := "this is not YAML"
		if y, ok := errors.AsType[goyaml.Error](err); ok {
			message = y.GetMessage()
			if t := y.GetToken(); t != nil && t.Position != nil {
				start = mark{t.Position.Line, t.Position.Column}
			}
		}
		r.bad(start, "BAD_YAML", "%s", message)
		return nil
	}
	if len(file.Docs) != 1 || file.Docs[0] == nil || file.Docs[0].Body == nil {
		r.bad(start, "BAD_YAML", "a manifest is one YAML document, and not an empty one")
		return nil
	}
	return file.Docs[0].Body
}

func markOf(n ast.Node) mark {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return mark{1, 1}
	}
	p := n.GetToken().Position
	return mark{p.Line, p.Column}
}

// object is a mapping with the keys it may have.
type object struct {
	*reader
	at     mark
	keys   map[string]mark
	values map[string]ast.Node
	read   bool
}

// of finds where a key stands, or else where the object does.
func (o object) of(key string) mark {
	if m, ok := o.keys[key]; ok {
		return m
	}
	return o.at
}

// object reads a mapping. An unknown key is a mistake; the nearest known one
// is named.
func (r *reader) object(n ast.Node, what string, known []string) object {
	o := object{reader: r, at: markOf(n), keys: map[string]mark{}, values: map[string]ast.Node{}}
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		r.bad(o.at, "NOT_A_MAPPING", "%s is written as keys and values; its keys are %s", what, strings.Join(known, ", "))
		return o
	}
	o.read = true
	if len(pairs) > 0 {
		o.at = markOf(pairs[0].Key)
	}
	for _, p := range pairs {
		at, key := markOf(p.Key), p.Key.GetToken().Value
		switch {
		case !slices.Contains(known, key):
			r.bad(at, "UNKNOWN_KEY", "%s", fault.Suggest(fmt.Sprintf("%s has no key %q; it has %s", what, key, strings.Join(known, ", ")), key, known))
		case o.keys[key].line > 0:
			r.bad(at, "TWICE", "the key %q stands here twice; leave one", key)
		default:
			o.keys[key], o.values[key] = at, p.Value
		}
	}
	return o
}

// scalar reads a value as text, whatever type YAML takes it for: the policy OFF
// is no boolean.
func (r *reader) scalar(n ast.Node) string {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return ""
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return strings.TrimSuffix(n.Value.Value, "\n")
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return strings.TrimSpace(n.GetToken().Value)
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		r.bad(markOf(n), "YAML_FEATURE", "anchors, aliases and tags are not used in a manifest; write it out, or put quotes around it")
	default:
		r.bad(markOf(n), "NOT_TEXT", "write one value here, not a list or keys and values")
	}
	return ""
}

// text reads a value, "" if the key is absent.
func (o object) text(key string) string { return o.scalar(o.values[key]) }

// need reads a value that must be there.
func (o object) need(key, what string) string {
	s := o.text(key)
	if s == "" && o.read {
		o.bad(o.of(key), "REQUIRED", "%q is missing or empty; it is %s", key, what)
	}
	return s
}

// list reads a list; a single value is one of one.
func (o object) list(key string) []ast.Node {
	switch n := o.values[key].(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		return n.Values
	default:
		return []ast.Node{n}
	}
}

// texts reads a list of values.
func (o object) texts(key string) (out []string) {
	for _, n := range o.list(key) {
		if s := o.scalar(n); s != "" {
			out = append(out, s)
		}
	}
	return out
}
