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
	s.eachEntity(func(at format.Tagged, props *[]member) {
		at.Tags = tagsIn(*props)
		out = append(out, at)
	})
	return out
}

// Retag implements format.Taggable. A tag is added once.
func (s *Schema) Retag(add, remove []format.Tagged) (string, error) {
	own, err := Parse(s.Canonical(), s.given) // a copy to be changed
	if err != nil {
		return "", err
	}
	at := map[entity]*[]member{}
	own.eachEntity(func(t format.Tagged, props *[]member) { at[entityOf(t)] = props })
	for _, list := range [][]format.Tagged{add, remove} {
		for _, t := range list {
			if at[entityOf(t)] == nil {
				return "", invalid(nil, "nothing in the schema is called %s; a record is called by its full name, a field by that and its own name after a dot", quote(t.Path))
			}
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
func byEntity(list []format.Tagged) map[entity][]string {
	out := map[entity][]string{}
	for _, t := range list {
		out[entityOf(t)] = append(out[entityOf(t)], t.Tags...)
	}
	return out
}

// entity is what is tagged, whatever the tags.
type entity struct {
	path  string
	field bool
}

func entityOf(t format.Tagged) entity { return entity{t.Path, t.Field} }

func (s *Schema) eachEntity(visit func(format.Tagged, *[]member)) {
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
		visit(format.Tagged{Path: t.Name}, &t.props)
		for _, f := range t.Fields {
			visit(format.Tagged{Path: t.Name + "." + f.Name, Field: true}, &f.props)
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
