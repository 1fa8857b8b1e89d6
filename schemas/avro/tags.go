package avro

import (
	"slices"

	"github.com/flowmart/lethe/schemas/format"
)

// inlineTags is the property in which Confluent's tools write tags.
const inlineTags = "confluent:tags"

// Entities implements format.Taggable: they are the records that the schema
// defines itself, and their fields.
func (s *Schema) Entities() []format.Tagged {
	var out []format.Tagged
	s.eachEntity(func(e format.Entity, props *[]member) {
		out = append(out, format.Tagged{Entity: e, Tags: tagsIn(*props)})
	})
	return out
}

// Retag implements format.Taggable. A tag is added once.
func (s *Schema) Retag(add, remove []format.Tagged) (string, error) {
	own, err := Parse(s.Canonical(), s.given) // a copy to be changed
	if err != nil {
		return "", err
	}
	at := map[format.Entity]*[]member{}
	own.eachEntity(func(e format.Entity, props *[]member) { at[e] = props })
	for _, t := range slices.Concat(add, remove) {
		if at[t.Entity] == nil {
			return "", invalid(nil, "nothing in the schema is called %s; a record is called by its full name, a field by that and its own name after a dot", quote(t.Path))
		}
	}
	for e, tags := range byEntity(remove) {
		gone := map[string]bool{}
		for _, tag := range tags {
			gone[tag] = true
		}
		setTags(at[e], slices.DeleteFunc(tagsIn(*at[e]), func(tag string) bool { return gone[tag] }))
	}
	for e, tags := range byEntity(add) {
		setTags(at[e], distinct(append(tagsIn(*at[e]), tags...)))
	}
	return own.Canonical(), nil
}

// byEntity gathers the tags of each entity, in their order: one may be listed
// very often, and is written once.
func byEntity(list []format.Tagged) map[format.Entity][]string {
	out := map[format.Entity][]string{}
	for _, t := range list {
		out[t.Entity] = append(out[t.Entity], t.Tags...)
	}
	return out
}

func (s *Schema) eachEntity(visit func(format.Entity, *[]member)) {
	seen := s.namedElsewhere()
	var walk func(t *Type)
	walk = func(t *Type) {
		if seen[t] {
			return
		}
		seen[t] = true
		if t.Items != nil {
			walk(t.Items)
		}
		for _, branch := range t.Oneof {
			walk(branch)
		}
		if t.Kind != aRecord {
			return
		}
		visit(format.Entity{Path: t.Name}, &t.props)
		for _, f := range t.Fields {
			visit(format.Entity{Path: t.Name + "." + f.Name, Field: true}, &f.props)
			walk(f.Type)
		}
	}
	walk(s.Root)
}

// tagsIn reads the tags among properties. What is no list of texts is none.
func tagsIn(props []member) []string {
	var out []string
	for _, m := range props {
		if m.Name != inlineTags {
			continue
		}
		for _, item := range m.Value.Items {
			if item.Kind != '"' {
				return nil
			}
			out = append(out, item.Text)
		}
	}
	return out
}

// setTags puts tags among properties, in the place of those that were there.
func setTags(props *[]member, tags []string) {
	list := &value{Kind: '['}
	for _, tag := range tags {
		list.Items = append(list.Items, &value{Kind: '"', Text: tag})
	}
	i := slices.IndexFunc(*props, func(m member) bool { return m.Name == inlineTags })
	switch {
	case i < 0 && len(tags) > 0:
		*props = append(*props, member{Name: inlineTags, Value: list})
	case i >= 0 && len(tags) == 0:
		*props = slices.Delete(*props, i, i+1)
	case i >= 0:
		(*props)[i].Value = list
	}
}
