package migration

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	goyaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/tables"
)

// node is a piece of a document in XML, YAML or JSON, in one form: an element
// with its attributes and children, a mapping with its members, a list with its
// items, or a value.
type node struct {
	name  string // "" for an item of a list
	value string
	list  bool
	kids  []*node
	at    tables.Place
	text  tables.Place // where the value begins, if it has lines of its own
}

// Bounds of a document: none that people write comes near.
const (
	deepest      = 100
	mostOnALine  = 2000
	mostWords    = 200_000 // of YAML, whose parser takes its time
	mostLines    = 30_000  // likewise
	largestNodes = 4 << 20
)

// kid finds a part by its name, or nil.
func (n *node) kid(name string) *node {
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// attr is the value of a part, "" if there is none.
func (n *node) attr(names ...string) string {
	for _, name := range names {
		if k := n.kid(name); k != nil && k.value != "" {
			return k.value
		}
	}
	return ""
}

// is reports whether a part says true.
func (n *node) is(name string) bool { return strings.EqualFold(n.attr(name), "true") }

// entries are the named things in a node: its elements in XML, and in YAML and
// JSON those of a list, each of which has one name.
func (n *node) entries(list string) []*node {
	if k := n.kid(list); k != nil && k.list {
		n = k
	}
	if !n.list {
		return n.kids
	}
	var out []*node
	for _, item := range n.kids {
		out = append(out, item.kids...)
	}
	return out
}

// all are the entries of one name.
func (n *node) all(list, name string) []*node {
	var out []*node
	for _, k := range n.entries(list) {
		if k.name == name && !k.list {
			out = append(out, k)
		}
	}
	return out
}

// document reads a file by its ending.
func document(f File) (n *node, err error) {
	if len(f.Text) > largestNodes {
		return nil, fault.New(fault.TooLarge, "FILE_TOO_LARGE", "a changelog has at most %d MiB; split it, and include the parts", largestNodes>>20).At(f.Path + ":1:1")
	}
	defer func() {
		// The parsers are not ours; what they cannot bear is still only a bad file.
		if recover() != nil {
			n, err = nil, fault.New(fault.Invalid, "BAD_DOCUMENT", "this cannot be read").At(f.Path+":1:1")
		}
	}()
	switch strings.ToLower(path.Ext(f.Path)) {
	case ".xml":
		return readXML(f)
	case ".json":
		return readJSON(f)
	}
	return readYAML(f)
}

// badDocument says why a document cannot be read. The words are partly those of
// parsers, which may repeat what they were given.
func badDocument(at tables.Place, message string, args ...any) error {
	const longest = 300
	return fault.New(fault.Invalid, "BAD_DOCUMENT", "%s", fault.Cut(fmt.Sprintf(message, args...), longest)).At(at.String())
}

func tooDeep(at tables.Place) error {
	return badDocument(at, "this is nested more than %d deep", deepest)
}

func readXML(f File) (*node, error) {
	// What version 1.1 of XML adds no changelog needs, and the reader knows 1.0.
	const newer, older = `<?xml version="1.1"`, `<?xml version="1.0"`
	if rest, ok := strings.CutPrefix(f.Text, newer); ok {
		f.Text = older + rest
	}
	d := xml.NewDecoder(strings.NewReader(f.Text))
	root := &node{at: tables.Place{File: f.Path, Line: 1, Column: 1}}
	open := []*element{{node: root}}
	for {
		line, column := d.InputPos()
		at, from := tables.Place{File: f.Path, Line: line, Column: column}, int(d.InputOffset())
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, badDocument(at, "this is not XML: %s", strings.TrimPrefix(err.Error(), "XML syntax error on "))
		}
		top := open[len(open)-1]
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{name: t.Name.Local, at: at}
			for _, a := range t.Attr {
				n.kids = append(n.kids, &node{name: a.Name.Local, value: a.Value, at: at})
			}
			top.node.kids = append(top.node.kids, n)
			if open = append(open, &element{node: n}); len(open) > deepest {
				return nil, tooDeep(at)
			}
		case xml.EndElement:
			top.node.value = top.said.String()
			open = open[:len(open)-1]
		case xml.CharData:
			if top.said.Len() == 0 {
				top.node.text = at
				if strings.HasPrefix(f.Text[min(from, len(f.Text)):], "<![CDATA[") {
					top.node.text.Column += len("<![CDATA[")
				}
			}
			top.said.Write(t)
		}
	}
}

// element is an element that has not ended, and the text in it so far.
type element struct {
	node *node
	said strings.Builder
}

// lines knows where each line of a file begins.
type lines struct {
	file string
	format.Lines
}

func linesOf(f File) lines { return lines{f.Path, format.LinesOf(f.Text)} }

// place is that of a byte.
func (l lines) place(at int) tables.Place {
	line, column := l.Place(at)
	return tables.Place{File: l.file, Line: line, Column: column}
}

func readJSON(f File) (*node, error) {
	d := json.NewDecoder(strings.NewReader(f.Text))
	d.UseNumber()
	root := &node{}
	return root, (&jsonReader{d, f.Text, linesOf(f)}).value(root, 0)
}

// jsonReader reads JSON value by value, and knows where each stands.
type jsonReader struct {
	*json.Decoder
	text  string
	lines lines
}

// at is the place of the token that comes next.
func (r *jsonReader) at() tables.Place {
	i := int(r.InputOffset())
	for i < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[i]) >= 0 {
		i++
	}
	return r.lines.place(i)
}

func (r *jsonReader) value(n *node, depth int) error {
	if n.at = r.at(); depth > deepest {
		return tooDeep(n.at)
	}
	t, err := r.token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return r.object(n, depth)
	case json.Delim('['):
		return r.list(n, depth)
	case nil:
	default:
		n.value = fmt.Sprint(t)
	}
	return nil
}

func (r *jsonReader) object(n *node, depth int) error {
	for r.More() {
		begins := r.at()
		key, err := r.token()
		if err != nil {
			return err
		}
		k := &node{name: fmt.Sprint(key)}
		if err := r.value(k, depth+1); err != nil {
			return err
		}
		k.at = begins
		n.kids = append(n.kids, k)
	}
	_, err := r.token()
	return err
}

func (r *jsonReader) list(n *node, depth int) error {
	n.list = true
	for r.More() {
		k := &node{}
		if err := r.value(k, depth+1); err != nil {
			return err
		}
		n.kids = append(n.kids, k)
	}
	_, err := r.token()
	return err
}

func (r *jsonReader) token() (json.Token, error) {
	begins := r.at()
	t, err := r.Token()
	if err != nil {
		return nil, badDocument(begins, "this is not JSON: %v", err)
	}
	return t, nil
}

func readYAML(f File) (*node, error) {
	first := tables.Place{File: f.Path, Line: 1, Column: 1}
	if strings.Count(f.Text, "\n") > mostLines {
		return nil, fault.New(fault.TooLarge, "FILE_TOO_LARGE", "a changelog in YAML has at most %d lines; split it, and include the parts", mostLines).At(first.String())
	}
	tokens, at, wrong := strict.Tokens(f.Text, mostWords)
	if wrong != "" {
		return nil, badDocument(tables.Place{File: f.Path, Line: at.Line, Column: at.Column}, "%s", wrong)
	}
	depth, line, onLine := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, onLine = t.Position.Line, 0
		}
		onLine++
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return nil, badDocument(tables.Place{File: f.Path, Line: t.Position.Line, Column: t.Position.Column}, "anchors and aliases are not read here; write out what they stand for")
		}
		if depth > deepest || onLine > mostOnALine {
			return nil, tooDeep(tables.Place{File: f.Path, Line: t.Position.Line, Column: t.Position.Column})
		}
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		message := "this is not YAML"
		if y, ok := errors.AsType[goyaml.Error](err); ok {
			message += ": " + y.GetMessage()
			if t := y.GetToken(); t != nil && t.Position != nil {
				first.Line, first.Column = t.Position.Line, t.Position.Column
			}
		}
		return nil, badDocument(first, "%s", message)
	}
	root := &node{at: first}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if err := fromYAML(root, doc.Body, f.Path, 0); err != nil {
			return nil, err
		}
	}
	return root, nil
}

func fromYAML(n *node, from ast.Node, file string, depth int) error {
	if p := from.GetToken().Position; p != nil {
		n.at = tables.Place{File: file, Line: p.Line, Column: p.Column}
	}
	if depth > deepest {
		return tooDeep(n.at)
	}
	switch from := from.(type) {
	case *ast.MappingNode:
		for _, pair := range from.Values {
			if err := memberYAML(n, pair, file, depth); err != nil {
				return err
			}
		}
	case *ast.MappingValueNode:
		return memberYAML(n, from, file, depth)
	case *ast.SequenceNode:
		n.list = true
		for _, item := range from.Values {
			k := &node{}
			if err := fromYAML(k, item, file, depth+1); err != nil {
				return err
			}
			n.kids = append(n.kids, k)
		}
	case *ast.LiteralNode:
		n.value = from.Value.Value
	case *ast.StringNode:
		n.value = from.Value
	case *ast.TagNode:
		return fromYAML(n, from.Value, file, depth+1)
	case *ast.NullNode:
	default:
		n.value = from.String()
	}
	return nil
}

func memberYAML(n *node, pair *ast.MappingValueNode, file string, depth int) error {
	k := &node{}
	if pair.Value != nil {
		if err := fromYAML(k, pair.Value, file, depth+1); err != nil {
			return err
		}
	}
	k.name = strings.Trim(pair.Key.String(), `"'`)
	if p := pair.Key.GetToken().Position; p != nil {
		k.at = tables.Place{File: file, Line: p.Line, Column: p.Column}
	}
	n.kids = append(n.kids, k)
	return nil
}
