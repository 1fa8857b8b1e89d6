package jsonschema

import (
	"maps"
	"reflect"
	"slices"
)

// inObject, inArray and alone are where schemas stand within a schema.
var inObject = []string{"properties", "patternProperties", "dependentSchemas", "$defs"}
var inArray = []string{"anyOf", "oneOf", "allOf", "prefixItems"}
var alone = []string{"items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames", "unevaluatedProperties", "unevaluatedItems"}

// places lists every schema within a schema, itself first.
func places(s object) []object {
	out := []object{s}
	add := func(v any) {
		if inner, ok := v.(object); ok {
			out = append(out, places(inner)...)
		}
	}
	for _, k := range inObject {
		if all, ok := s[k].(object); ok {
			for _, name := range slices.Sorted(maps.Keys(all)) {
				add(all[name])
			}
		}
	}
	for _, k := range inArray {
		if all, ok := s[k].([]any); ok {
			for _, v := range all {
				add(v)
			}
		}
	}
	for _, k := range alone {
		add(s[k])
	}
	return out
}

// changed is a schema with one to three changes, each of which says something
// else.
func (m *maker) changed(s object) object {
	s = copied(s)
	for n := 1 + m.IntN(3); n > 0; {
		before := copied(s)
		m.change(pick(m, places(s)...))
		if !reflect.DeepEqual(before, copied(s)) {
			n--
		}
	}
	return s
}

func (m *maker) change(s object) {
	switch m.IntN(12) {
	case 0: // a keyword less
		if keys := slices.Sorted(maps.Keys(s)); len(keys) > 0 {
			if k := pick(m, keys...); k != "$schema" && k != "$defs" && k != "$ref" {
				delete(s, k)
			}
		}
	case 1: // a property more, or another one
		if p, ok := s["properties"].(object); ok {
			p[pick(m, names...)] = m.any(1)
		}
	case 2: // a property less
		if p, ok := s["properties"].(object); ok {
			delete(p, pick(m, names...))
		}
	case 3: // a wider type
		switch t := s["type"].(type) {
		case string:
			if more := pick(m, "null", "string", "number"); more != t {
				s["type"] = []any{t, more}
			}
			if t == "integer" && m.chance(2) {
				s["type"] = "number"
			}
		}
	case 4: // a bound moved
		for _, k := range []string{"maxLength", "minLength", "minimum", "maximum", "maxItems", "minItems", "maxProperties", "minProperties", "maxContains"} {
			if n, ok := s[k].(float64); ok {
				s[k] = max(0, n+pick(m, 1.0, 2, -1))
			}
		}
	case 5: // a branch more
		for _, k := range []string{"anyOf", "oneOf"} {
			if all, ok := s[k].([]any); ok {
				s[k] = append(all, m.any(1))
			}
		}
	case 6: // a branch less
		for _, k := range inArray {
			if all, ok := s[k].([]any); ok && len(all) > 1 {
				s[k] = all[:len(all)-1]
			}
		}
	case 7: // a value more, or less
		if all, ok := s["enum"].([]any); ok {
			if m.chance(2) && len(all) > 1 {
				s["enum"] = all[1:]
			} else if v := copied(m.plain()); !slices.Contains(all, v) {
				s["enum"] = append(all, v)
			}
		}
	case 8: // what must be there
		if m.chance(2) {
			delete(s, "required")
		} else if _, ok := s["properties"]; ok {
			s["required"] = m.some()
		}
	case 9: // a keyword of another schema
		other := m.schema(1)
		for _, k := range slices.Sorted(maps.Keys(other)) {
			if s["$ref"] == nil && k != "$ref" && m.chance(2) {
				s[k] = other[k]
			}
		}
	case 10: // a choice of what was alone
		if s["$schema"] == nil && s["$ref"] == nil {
			was := copied(s)
			clear(s)
			s[pick(m, "anyOf", "oneOf")] = []any{was, m.any(1)}
		}
	case 11: // a model closed or opened
		if _, ok := s["properties"]; ok {
			s["additionalProperties"] = pick[any](m, true, false, object{"type": "string"})
		}
	}
}
