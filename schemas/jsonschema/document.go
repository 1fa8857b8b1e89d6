package jsonschema

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"

	"github.com/flowmart/lethe/schemas/format"
)

// draft is a version of the specification, by its year or number.
type draft int

const (
	draft4    draft = 4
	draft6    draft = 6
	draft7    draft = 7
	draft2019 draft = 2019
	draft2020 draft = 2020
)

// draftOf reads a $schema. One that it does not know says nothing: draft-07
// holds where nothing is said, as in Confluent's registry.
func draftOf(uri string, otherwise draft) draft {
	_, name, _ := strings.Cut(strings.TrimRight(uri, "#"), "://json-schema.org/")
	switch name {
	case "draft-03/schema", "draft-04/schema":
		return draft4
	case "draft-06/schema":
		return draft6
	case "draft-07/schema":
		return draft7
	case "draft/2019-09/schema":
		return draft2019
	case "draft/2020-12/schema", "schema":
		return draft2020
	}
	return otherwise
}

// ofSpecification reports whether a URI names a schema of the specification
// itself. Such a one is not looked into.
func ofSpecification(uri string) bool {
	_, name, ok := strings.Cut(uri, "://json-schema.org/")
	return ok && (strings.HasPrefix(name, "draft") || name == "schema")
}

// document is a schema text with where its parts can be found. It never
// changes once it is made.
type document struct {
	root    *value
	base    string           // the root's $id, or ""
	parts   map[string]part  // by URI: what has an $id; with a fragment: what has an anchor
	scopes  map[*value]scope // what holds inside of those that have a $schema or an $id
	dynamic map[string]int   // how often a $dynamicAnchor stands there
	sum     string           // stands for the whole text, where a $dynamicRef may depend on all of it
	given   []reference
}

// reference is another document, by the name that it is called by here.
type reference struct {
	name, uri string // as it is written, and resolved
	doc       *document
}

// part is a schema with what holds outside of it.
type part struct {
	v     *value
	outer scope
}

// scope is what holds at a place of a document.
type scope struct {
	doc   *document
	base  string // URI against which references are resolved
	draft draft
}

func newDocument(root *value, given []format.Reference) *document {
	d := &document{root: root, parts: map[string]part{}, scopes: map[*value]scope{}, dynamic: map[string]int{}}
	d.index(root, d.scope(), false)
	d.base = d.scope().within(root).base
	d.parts[d.base] = part{root, d.scope()}
	for _, g := range given {
		name := withoutFragment(g.Name)
		d.given = append(d.given, reference{name, join(d.base, name), g.Schema.(*schema).doc})
	}
	for _, times := range d.dynamic {
		if times > 1 && d.sum == "" {
			d.sum = fmt.Sprintf("%x", sha256.Sum256([]byte(compact(root))))
		}
	}
	return d
}

// scope is what holds outside of the root.
func (d *document) scope() scope { return scope{d, "", draft7} }

// within is what holds inside of a schema that may have a $schema or an $id of
// its own. Nothing is resolved against a base that is too long: no schema within
// it is taken.
func (s scope) within(v *value) scope {
	if len(s.base) > maxURI {
		return s
	}
	if named := v.Get("$schema"); named != nil && named.Kind == '"' {
		s.draft = draftOf(named.Text, s.draft)
	}
	if id := s.id(v); id != "" && !strings.HasPrefix(id, "#") {
		s.base = withoutFragment(join(s.base, id))
	}
	return s
}

// id is the $id of a schema, or "". Beside a $ref it counts from 2019-09 on.
func (s scope) id(v *value) string {
	name := "$id"
	if s.draft == draft4 {
		name = "id"
	}
	id := v.Get(name)
	if id == nil || id.Kind != '"' || s.draft < draft2019 && v.Get("$ref") != nil {
		return ""
	}
	return id.Text
}

// index notes every schema with an $id or an anchor, and the scope within it:
// pointers that lead through it are many. What is only quoted as a value has no
// name by which it can be referred to.
func (d *document) index(v *value, outer scope, quoted bool) {
	for _, item := range v.Items {
		d.index(item, outer, quoted)
	}
	if v.Kind != '{' {
		return
	}
	s := outer.within(v)
	if s != outer {
		d.scopes[v] = s
	}
	if len(s.base) > maxURI {
		return // nothing in it can be referred to; where it is a schema, it is refused
	}
	if !quoted {
		d.names(v, s, outer)
	}
	for _, m := range v.Members {
		switch m.Name {
		case "enum", "const", "default", "examples":
			d.index(m.Value, s, true)
		default:
			d.index(m.Value, s, quoted)
		}
	}
}

// names notes what a schema can be referred to by.
func (d *document) names(v *value, s, outer scope) {
	if s.base != outer.base {
		d.parts[s.base] = part{v, outer}
	}
	d.anchors(v, s, part{v, outer})
}

func (d *document) anchors(v *value, s scope, here part) {
	names := []string{"$anchor", "$dynamicAnchor"}
	if s.draft < draft2019 {
		names = nil
		if id := s.id(v); strings.HasPrefix(id, "#") {
			d.parts[s.base+id] = here
		}
	}
	for _, name := range names {
		if anchor := v.Get(name); anchor != nil && anchor.Kind == '"' {
			d.parts[s.base+"#"+anchor.Text] = here
			if name == "$dynamicAnchor" {
				d.dynamic[anchor.Text]++
			}
		}
	}
}

// find looks a reference up: in the document itself, then among those it was
// given. It also tells where in its document the schema stands.
func (s scope) find(ref string) (found part, at string, ok bool) {
	target, fragment, _ := strings.Cut(ref, "#")
	uri := s.base
	if target != "" {
		uri = withoutFragment(join(s.base, target))
	}
	if _, here := s.doc.parts[uri]; here {
		return s.doc.inside(uri, fragment)
	}
	for _, g := range s.doc.given {
		if g.name == target || g.name == uri || g.uri == uri {
			return g.doc.inside(g.doc.base, fragment)
		}
	}
	for _, g := range s.doc.given {
		if _, there := g.doc.parts[uri]; there && uri != "" {
			return g.doc.inside(uri, fragment)
		}
	}
	return part{}, "", false
}

// inside follows a fragment within a part of a document: an anchor, or a JSON
// pointer (RFC 6901).
func (d *document) inside(uri, fragment string) (found part, at string, ok bool) {
	if plain, err := url.PathUnescape(fragment); err == nil {
		fragment = plain
	}
	if fragment != "" && !strings.HasPrefix(fragment, "/") {
		found, ok = d.parts[uri+"#"+fragment]
		return found, "#" + fragment, ok
	}
	found = d.parts[uri]
	if fragment == "" {
		return found, "#", true
	}
	for step := range strings.SplitSeq(fragment[1:], "/") {
		if s, other := d.scopes[found.v]; other {
			found.outer = s
		}
		if found.v = found.v.Child(unescaped(step)); found.v == nil {
			return found, "", false
		}
	}
	return found, "#" + fragment, true
}

// join resolves a reference against a base (RFC 3986). What is no URI is taken
// as it is written.
func join(base, ref string) string {
	if base == "" || ref == "" {
		return base + ref
	}
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	joined, err := b.Parse(ref)
	if err != nil {
		return ref
	}
	return joined.String()
}

func withoutFragment(uri string) string {
	uri, _, _ = strings.Cut(uri, "#")
	return uri
}
