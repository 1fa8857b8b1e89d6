// Package strict reads files of YAML that people write and programs obey: only
// the keys that are known, each once, no part of YAML that makes one text mean
// another, and every mistake at its line, with how to mend it. A value is read
// as text, whatever type YAML takes it for: NO is Norway.
package strict

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	goyaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/flowmart/lethe/internal/fault"
)

// The limits of a file. They bound the parser's time, which grows with the
// square of what nests on one line.
const (
	maxFlowDepth  = 20
	maxLineTokens = 500
	mostTokens    = 1_000_000
	maxMistakes   = 100
)

// Mark is a place in a file, from 1.
type Mark struct{ Line, Column int }

// MarkOf is where something stands.
func MarkOf(n ast.Node) Mark {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return Mark{1, 1}
	}
	p := n.GetToken().Position
	return Mark{p.Line, p.Column}
}

// Place is where keys and values, and each of the keys, stand.
type Place struct {
	At   Mark
	keys map[string]Mark
}

// Of finds where a key stands, or else the whole.
func (p Place) Of(key string) Mark {
	if m, ok := p.keys[key]; ok {
		return m
	}
	return p.At
}

// mostTold is how much of a name or a value a mistake shows, in bytes: what is
// wrong with one that is longer nobody sees at its end.
const mostTold = 300

// Mistake is a fault at a place of a file; its path is file, line and column.
func Mistake(file string, at Mark, code, message string, args ...any) *fault.Fault {
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			args[i] = fault.Cut(s, mostTold)
		}
	}
	f := fault.New(fault.Invalid, code, message, args...)
	f.Path = []string{file, strconv.Itoa(max(at.Line, 1)), strconv.Itoa(max(at.Column, 1))}
	return f
}

// Reader walks a file and gathers everything wrong with it.
type Reader struct {
	File string // what it is called in mistakes
	What string // what it is, such as "a manifest"
	Most int    // bytes that it may have
	// Less is what to do about one that has more.
	Less string
	// Expand puts values into a text, and reports whether it could; nil leaves
	// texts as they are.
	Expand func(at Mark, text string) (string, bool)

	errs []error
}

// full reports whether as many mistakes were noted as are told.
func (r *Reader) full() bool { return len(r.errs) >= maxMistakes }

// Bad notes a mistake.
func (r *Reader) Bad(at Mark, code, message string, args ...any) {
	if !r.full() {
		r.errs = append(r.errs, Mistake(r.File, at, code, message, args...))
	}
}

// Take notes the mistakes of another file, which this one names.
func (r *Reader) Take(other *Reader) { r.errs = append(r.errs, other.errs...) }

// Err joins the mistakes; nil if there are none.
func (r *Reader) Err() error { return errors.Join(r.errs...) }

// Tree reads the file into its one document, nil if it is empty.
func (r *Reader) Tree(data []byte) (body ast.Node) {
	start := Mark{1, 1}
	if len(data) > r.Most {
		r.Bad(start, "FILE_TOO_LARGE", "%s has at most %d MiB; %s", r.What, r.Most>>20, r.Less)
		return nil
	}
	defer func() {
		// The parser is not ours; what it cannot bear is still only a bad file.
		if recover() != nil {
			r.Bad(start, "BAD_YAML", "this cannot be read as YAML")
			body = nil
		}
	}()
	tokens, at, wrong := Tokens(string(data), mostTokens)
	if wrong != "" {
		r.Bad(at, "YAML_TOO_WIDE", "%s", wrong)
		return nil
	}
	if !r.bearable(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		message := "this is not YAML"
		if y, ok := errors.AsType[goyaml.Error](err); ok {
			message = y.GetMessage()
			if t := y.GetToken(); t != nil && t.Position != nil {
				start = Mark{t.Position.Line, t.Position.Column}
			}
		}
		r.Bad(start, "BAD_YAML", "%s", message)
		return nil
	}
	if len(file.Docs) != 1 || file.Docs[0] == nil {
		r.Bad(start, "BAD_YAML", "%s is one YAML document", r.What)
		return nil
	}
	return file.Docs[0].Body
}

// bearable refuses what such a file never needs, before the parser sees it.
func (r *Reader) bearable(tokens token.Tokens) bool {
	depth, line, onLine, documents := 0, 0, 0, 0
	for _, t := range tokens {
		at := Mark{t.Position.Line, t.Position.Column}
		if t.Position.Line != line {
			line, onLine = t.Position.Line, 0
		}
		onLine++
		switch t.Type {
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.DirectiveType, token.MappingKeyType:
			r.Bad(at, "YAML_FEATURE", "anchors, aliases, tags, merges and complex keys are not used in %s; write it out, or put quotes around it", r.What)
			return false
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.DocumentHeaderType, token.DocumentEndType:
			documents++
		}
		if depth > maxFlowDepth || onLine > maxLineTokens || documents > 1 {
			r.Bad(at, "YAML_TOO_DEEP", "brackets nest at most %d deep, a line has at most %d words, and a file has one document", maxFlowDepth, maxLineTokens)
			return false
		}
	}
	return true
}

// Object is keys and values, of which a file may have some keys only.
type Object struct {
	*Reader
	Place
	values map[string]ast.Node
}

// Object reads keys and values, and reports whether they are. An unknown key is
// a mistake; the nearest known one is named.
func (r *Reader) Object(n ast.Node, what string, known ...string) (Object, bool) {
	o := Object{Reader: r, Place: Place{At: MarkOf(n), keys: map[string]Mark{}}, values: map[string]ast.Node{}}
	pairs, ok := pairsOf(n)
	if !ok {
		r.Bad(o.At, "NOT_A_MAPPING", "%s is written as keys and values; its keys are %s", what, strings.Join(known, ", "))
		o.values = nil
		return o, false
	}
	if len(pairs) > 0 {
		o.At = MarkOf(pairs[0].Key)
	}
	for _, p := range pairs {
		at, key := MarkOf(p.Key), p.Key.GetToken().Value
		switch {
		case !slices.Contains(known, key) && r.full():
			return o, true // nothing more would be told
		case !slices.Contains(known, key):
			r.Bad(at, "UNKNOWN_KEY", "%s", unknown(what, key, known))
		case o.keys[key].Line > 0:
			r.Bad(at, "TWICE", "the key %q stands here twice; leave one", key)
		default:
			o.keys[key], o.values[key] = at, p.Value
		}
	}
	return o, true
}

func pairsOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// unknown names the key that was meant or, where none is near, all there are.
func unknown(what, key string, known []string) string {
	const most = 80
	said := fmt.Sprintf("%s has no key %q", what, fault.Cut(key, most))
	if fault.Nearest(key, known) != "" {
		return fault.Suggest(said, key, known)
	}
	return said + "; it has " + strings.Join(known, ", ")
}

// Has reports whether a key is there, whatever its value.
func (o Object) Has(key string) bool { return o.values[key] != nil }

// Value is what stands behind a key, nil for nothing.
func (o Object) Value(key string) ast.Node { return o.values[key] }

// Scalar reads a value as text, and reports whether there is one.
func (r *Reader) Scalar(n ast.Node) (string, bool) {
	var text string
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return "", false
	case *ast.StringNode:
		text = n.Value
	case *ast.LiteralNode:
		text = strings.TrimSuffix(n.Value.Value, "\n")
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		text = strings.TrimSpace(n.GetToken().Value)
	default:
		r.Bad(MarkOf(n), "NOT_TEXT", "write one value here, not a list or keys and values")
		return "", false
	}
	if r.Expand == nil {
		return text, true
	}
	return r.Expand(MarkOf(n), text)
}
