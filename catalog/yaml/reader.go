package yaml

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	goyaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/flowmart/lethe/internal/fault"
)

// The limits of a file. They bound the parser's time, which grows with the
// square of what nests on one line.
const (
	maxBytes      = 4 << 20
	maxFlowDepth  = 20
	maxLineTokens = 500
	maxMistakes   = 100
)

// mark is a place in the file.
type mark struct{ line, column int }

// place is where an entry and its keys stand.
type place struct {
	at   mark
	keys map[string]mark
}

// of finds where a key of an entry stands, or else the entry.
func (p place) of(key string) mark {
	if m, ok := p.keys[key]; ok {
		return m
	}
	return p.at
}

// name is a name in the file that refers to something.
type name struct {
	value string
	at    mark
}

func (n name) given() bool { return n.at.line > 0 }

// reader walks a file and gathers everything wrong with it.
type reader struct {
	file string
	vars func(string) (string, bool)
	errs []error
}

func (r *reader) bad(at mark, code, message string, args ...any) {
	if len(r.errs) < maxMistakes {
		r.errs = append(r.errs, mistake(r.file, at, code, message, args...))
	}
}

// mistake is a fault at a place of a file; its path is file, line and column.
func mistake(file string, at mark, code, message string, args ...any) *fault.Fault {
	f := fault.New(fault.Invalid, code, message, args...)
	f.Path = []string{file, strconv.Itoa(at.line), strconv.Itoa(at.column)}
	return f
}

// Lines writes each mistake of err as `file:line:column: CODE: what is wrong
// and how to mend it`, the way editors and terminals understand.
func Lines(err error) []string {
	faults := fault.All(err)
	if faults == nil && err != nil {
		return []string{err.Error()}
	}
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = fmt.Sprintf("%s: %s", f.Code, f.Message)
		if len(f.Path) > 0 {
			lines[i] = strings.Join(f.Path, ":") + ": " + lines[i]
		}
	}
	return lines
}

// tree reads the file into its one document, nil if it is empty.
func (r *reader) tree(data []byte) (body ast.Node) {
	if len(data) > maxBytes {
		r.bad(mark{1, 1}, "FILE_TOO_LARGE", "a catalog file has at most %d MiB; split it, each part can be imported alone", maxBytes>>20)
		return nil
	}
	defer func() {
		// The parser is not ours; what it cannot bear is still only a bad file.
		if recover() != nil {
			r.bad(mark{1, 1}, "BAD_YAML", "this cannot be read as YAML")
			body = nil
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if !r.bearable(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		at, message := mark{1, 1}, "this is not YAML"
		if y, ok := errors.AsType[goyaml.Error](err); ok {
			message = y.GetMessage()
			if t := y.GetToken(); t != nil && t.Position != nil {
				at = mark{t.Position.Line, t.Position.Column}
			}
		}
		r.bad(at, "BAD_YAML", "%s", message)
		return nil
	}
	if len(file.Docs) != 1 || file.Docs[0] == nil {
		r.bad(mark{1, 1}, "BAD_YAML", "a catalog file is one YAML document")
		return nil
	}
	return file.Docs[0].Body
}

// bearable refuses what a catalog file never needs, before the parser sees it.
func (r *reader) bearable(tokens token.Tokens) bool {
	depth, line, onLine, documents := 0, 0, 0, 0
	for _, t := range tokens {
		at := mark{t.Position.Line, t.Position.Column}
		if t.Position.Line != line {
			line, onLine = t.Position.Line, 0
		}
		onLine++
		switch t.Type {
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.DirectiveType, token.MappingKeyType:
			r.bad(at, "YAML_FEATURE", "anchors, aliases, tags, merges and complex keys are not used in catalog files; write it out, or put quotes around it")
			return false
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.DocumentHeaderType, token.DocumentEndType:
			documents++
		}
		if depth > maxFlowDepth || onLine > maxLineTokens || documents > 1 {
			r.bad(at, "YAML_TOO_DEEP", "brackets nest at most %d deep, a line has at most %d words, and a file has one document", maxFlowDepth, maxLineTokens)
			return false
		}
	}
	return true
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
	place
	values map[string]ast.Node
}

// object reads a mapping. An unknown key is a mistake; the nearest known one
// is named.
func (r *reader) object(n ast.Node, what string, known ...string) (object, bool) {
	o := object{reader: r, place: place{at: markOf(n), keys: map[string]mark{}}, values: map[string]ast.Node{}}
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		r.bad(o.at, "NOT_A_MAPPING", "%s is written as keys and values", what)
		o.values = nil
		return o, false
	}
	if len(pairs) > 0 {
		o.at = markOf(pairs[0].Key)
	}
	for _, p := range pairs {
		at, key := markOf(p.Key), p.Key.GetToken().Value
		switch {
		case !slices.Contains(known, key):
			r.bad(at, "UNKNOWN_KEY", "%s", fault.Suggest(fmt.Sprintf("%s has no key %q", what, key), key, known))
		case o.keys[key].line > 0:
			r.bad(at, "TWICE", "the key %q stands here twice", key)
		default:
			o.keys[key], o.values[key] = at, p.Value
		}
	}
	return o, true
}

// scalar reads a value as text, whatever type YAML takes it for: NO is Norway.
func (r *reader) scalar(n ast.Node) (string, bool) {
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
		r.bad(markOf(n), "NOT_TEXT", "write one value here, not a list or keys and values")
		return "", false
	}
	return r.expand(markOf(n), text)
}

var variable = regexp.MustCompile(`\$?\$\{([^}]*)\}`)

// expand puts the values of ${NAME} into a text; $${ stands for itself.
func (r *reader) expand(at mark, text string) (string, bool) {
	good := true
	text = variable.ReplaceAllStringFunc(text, func(v string) string {
		if strings.HasPrefix(v, "$$") {
			return v[1:]
		}
		key := v[2 : len(v)-1]
		value, ok := r.vars(key)
		if !ok {
			good = false
			r.bad(at, "VARIABLE_NOT_SET", "the variable %s has no value; set it in the environment of the import", key)
		}
		return value
	})
	return text, good
}

// text reads a value, "" if the key is absent.
func (o object) text(key string) string {
	s, _ := o.scalar(o.values[key])
	return s
}

// need reads a value that must be there.
func (o object) need(key string) string {
	if o.values == nil { // not an object at all, and said so
		return ""
	}
	s, ok := o.scalar(o.values[key])
	if !ok || s == "" {
		o.bad(o.of(key), "REQUIRED", "%q is missing or empty", key)
	}
	return s
}

// optional reads a value, nil if the key is absent or empty.
func (o object) optional(key string) *string {
	if s, ok := o.scalar(o.values[key]); ok && s != "" {
		return &s
	}
	return nil
}

// word reads a value of a closed list in capitals, which the catalog checks.
func (o object) word(key, otherwise string) string {
	if s, ok := o.scalar(o.values[key]); ok && s != "" {
		return s
	}
	return otherwise
}

// ref reads a name that refers to something.
func (o object) ref(key string) name {
	if s, ok := o.scalar(o.values[key]); ok && s != "" {
		return name{s, markOf(o.values[key])}
	}
	return name{}
}

// whole reads a whole number, nil if the key is absent.
func (o object) whole(key string) *int64 {
	s, ok := o.scalar(o.values[key])
	if !ok {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		o.bad(markOf(o.values[key]), "NOT_A_NUMBER", "write a whole number for %q", key)
		return nil
	}
	return &n
}

// count reads a whole number that fits an int, nil if the key is absent.
func (o object) count(key string) *int {
	n := o.whole(key)
	if n == nil {
		return nil
	}
	if *n < 0 || *n > 1<<31-1 {
		o.bad(markOf(o.values[key]), "OUT_OF_RANGE", "%q is too large or negative", key)
		return nil
	}
	i := int(*n)
	return &i
}

// number reads a number, nil if the key is absent.
func (o object) number(key string) *float64 {
	s, ok := o.scalar(o.values[key])
	if !ok {
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != f || f-f != 0 {
		o.bad(markOf(o.values[key]), "NOT_A_NUMBER", "write a number for %q", key)
		return nil
	}
	return &f
}

// yes reads true or false, nil if the key is absent.
func (o object) yes(key string) *bool {
	s, ok := o.scalar(o.values[key])
	if !ok {
		return nil
	}
	if s != "true" && s != "false" {
		o.bad(markOf(o.values[key]), "NOT_TRUE_OR_FALSE", "write true or false for %q", key)
		return nil
	}
	b := s == "true"
	return &b
}

// date reads a day, nil if the key is absent.
func (o object) date(key string) *time.Time {
	s, ok := o.scalar(o.values[key])
	if !ok {
		return nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		o.bad(markOf(o.values[key]), "NOT_A_DAY", "write a day as 2026-11-23 for %q", key)
		return nil
	}
	return &t
}

// items reads a list; a key that is absent or empty is an empty list.
func (o object) items(key string) []ast.Node {
	switch n := o.values[key].(type) {
	case nil, *ast.NullNode:
		return nil
	case *ast.SequenceNode:
		return n.Values
	default:
		o.bad(markOf(n), "NOT_A_LIST", "%q is a list: lines that begin with a dash", key)
		return nil
	}
}

// names reads a list of names.
func (o object) names(key string) []name {
	var out []name
	for _, n := range o.items(key) {
		s, ok := o.scalar(n)
		if !ok || s == "" {
			o.bad(markOf(n), "REQUIRED", "a name is missing here")
			continue
		}
		if slices.ContainsFunc(out, func(o name) bool { return o.value == s }) {
			o.bad(markOf(n), "TWICE", "%q stands here twice", s)
			continue
		}
		out = append(out, name{s, markOf(n)})
	}
	return out
}

func (o object) texts(key string) []string {
	var out []string
	for _, n := range o.names(key) {
		out = append(out, n.value)
	}
	return out
}

// networks reads a list of networks in CIDR form.
func (o object) networks(key string) []netip.Prefix {
	var out []netip.Prefix
	for _, n := range o.names(key) {
		p, err := netip.ParsePrefix(n.value)
		if err != nil {
			o.bad(n.at, "BAD_NETWORK", "write a network in CIDR form, such as 10.20.0.0/16")
			continue
		}
		out = append(out, p.Masked())
	}
	return out
}
