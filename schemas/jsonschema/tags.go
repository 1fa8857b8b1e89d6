package jsonschema

import (
	"slices"
	"strconv"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// inlineTags is the keyword in which Confluent's tools write tags.
const inlineTags = "confluent:tags"

// Entities implements format.Taggable: they are the objects that the schema
// describes itself, and their properties. Paths are Confluent's: "object.a" is a
// property, "object.a.object" what it is a record of, "array" leads to items,
// "oneof.0" to a branch, "object.definitions.B" to a definition.
func (s *schema) Entities() []format.Tagged {
	var out []format.Tagged
	s.eachEntity(func(e format.Entity, v *value) { out = append(out, format.Tagged{Entity: e, Tags: tagsIn(v)}) })
	return out
}

// Retag implements format.Taggable. A tag is added once: of those that speak of a
// tag at one place, the last one holds.
func (s *schema) Retag(add, remove []format.Tagged) (string, error) {
	at := map[format.Entity]*value{}
	s.eachEntity(func(e format.Entity, v *value) { at[e] = v })
	last := map[*value]map[string]int{}
	for i, t := range slices.Concat(remove, add) {
		v := at[t.Entity]
		if v == nil {
			return "", fault.New(fault.Invalid, codeInvalid, "nothing in the schema is called %s; a property is called like object.address.object.city, and what it is a record of like object.address.object", quote(t.Path))
		}
		if last[v] == nil {
			last[v] = map[string]int{}
		}
		for _, tag := range t.Tags {
			last[v][tag] = i
		}
	}
	tags := map[*value][]string{}
	for v, spoken := range last {
		tags[v] = slices.DeleteFunc(tagsIn(v), func(tag string) bool {
			_, changed := spoken[tag]
			return changed
		})
	}
	for i, t := range add {
		v := at[t.Entity]
		for _, tag := range t.Tags {
			if last[v][tag] == len(remove)+i {
				tags[v] = append(tags[v], tag)
			}
		}
	}
	return compact(retagged(s.doc.root, tags)), nil
}

// tagsIn reads the tags of a schema. What is no list of texts is none.
func tagsIn(v *value) []string {
	list := v.Get(inlineTags)
	if list == nil {
		return nil
	}
	var out []string
	for _, item := range list.Items {
		if item.Kind != '"' {
			return nil
		}
		out = append(out, item.Text)
	}
	return out
}

// retagged is a value with other tags at some of the schemas in it.
func retagged(v *value, tags map[*value][]string) *value {
	out := &value{Kind: v.Kind, Text: v.Text, Truth: v.Truth}
	for _, item := range v.Items {
		out.Items = append(out.Items, retagged(item, tags))
	}
	now, changed := tags[v]
	list := &value{Kind: '['}
	for _, tag := range now {
		list.Items = append(list.Items, &value{Kind: '"', Text: tag})
	}
	for _, m := range v.Members {
		switch {
		case m.Name != inlineTags || !changed:
			out.Members = append(out.Members, member{Name: m.Name, Value: retagged(m.Value, tags)})
		case len(now) > 0:
			out.Members = append(out.Members, member{Name: inlineTags, Value: list})
		}
	}
	if len(now) > 0 && v.Get(inlineTags) == nil {
		out.Members = append(out.Members, member{Name: inlineTags, Value: list})
	}
	return out
}

// eachEntity visits everything that can be tagged, in the order of the text. A
// definition is visited where it stands, not where it is referred to.
func (s *schema) eachEntity(visit func(format.Entity, *value)) {
	seen := map[*node]bool{}
	var walk func(n *node, path string)
	each := func(all []*node, path string) {
		for i, one := range all {
			walk(one, path+strconv.Itoa(i)+".")
		}
	}
	walk = func(n *node, path string) {
		if n == nil || seen[n] || n.raw.Kind != '{' || len(path) > maxPath {
			return
		}
		seen[n] = true
		inner := path
		if len(n.object.properties) > 0 || n.types&isObject != 0 {
			visit(format.Entity{Path: path + "object"}, n.raw)
			inner = path + "object."
		}
		for _, p := range n.object.properties {
			if p.schema.raw.Kind == '{' {
				visit(format.Entity{Path: inner + p.name, Field: true}, p.schema.raw)
				walk(p.schema, inner+p.name+".")
			}
		}
		for _, item := range n.items() {
			walk(item, path+"array.")
		}
		each(n.allOf, path+"allof.")
		each(n.anyOf, path+"anyof.")
		each(n.oneOf, path+"oneof.")
		walk(n.not, path+"not.")
		walk(n.when, path+"conditional.if.")
		walk(n.then, path+"conditional.then.")
		walk(n.otherwise, path+"conditional.else.")
		for _, name := range []string{"definitions", "$defs"} {
			if all := n.raw.Get(name); all != nil {
				for _, m := range all.Members {
					walk(s.nodes[m.Value], inner+name+"."+m.Name+".")
				}
			}
		}
	}
	walk(s.root, "")
}
