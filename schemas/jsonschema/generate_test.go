package jsonschema

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
)

// object is a JSON object of a schema that is made up.
type object = map[string]any

// maker makes schemas up, changes them, and makes values up that are near to
// what they say.
type maker struct {
	*rand.Rand
	defs bool // whether definitions may be referred to
}

func newMaker(seed uint64) *maker { return &maker{rand.New(rand.NewPCG(seed, 7)), false} }

func (m *maker) chance(of int) bool { return m.IntN(of) == 0 }

func pick[T any](m *maker, from ...T) T { return from[m.IntN(len(from))] }

var names = []string{"a", "b", "c", "x1", "x2"}

// document makes up a whole schema of 2020-12, with definitions that may refer
// to themselves.
func (m *maker) document() object {
	m.defs = true
	s := m.schema(3)
	for s["$ref"] != nil { // at the top it would apply itself to itself
		s = m.schema(3)
	}
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["$defs"] = object{
		"tree": object{"type": "object", "properties": object{"v": m.scalar(), "next": object{"$ref": "#/$defs/tree"}}, "additionalProperties": pick[any](m, false, true)},
		"name": m.scalar(),
	}
	return s
}

func (m *maker) any(depth int) any {
	if m.chance(15) {
		return pick[any](m, true, true, false)
	}
	return m.schema(depth)
}

func (m *maker) schema(depth int) object {
	if depth == 0 {
		return m.scalar()
	}
	switch m.IntN(14) {
	case 0, 1, 2:
		return m.scalar()
	case 3, 4:
		return m.list(depth)
	case 5:
		return object{pick(m, "anyOf", "oneOf"): m.several(depth-1, 2+m.IntN(2))}
	case 6:
		return object{"allOf": m.several(depth-1, 2)}
	case 7:
		if m.defs {
			return object{"$ref": pick(m, "#/$defs/tree", "#/$defs/name")}
		}
	case 8:
		return object{"oneOf": []any{object{"type": "null"}, m.schema(depth - 1)}}
	}
	return m.record(depth)
}

func (m *maker) several(depth, n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = m.any(depth)
	}
	return out
}

func (m *maker) scalar() object {
	switch m.IntN(9) {
	case 0:
		return object{"type": "string"}
	case 1:
		return object{"type": "string", "maxLength": m.IntN(5)}
	case 2:
		return object{"type": "string", "minLength": m.IntN(3), "pattern": pick(m, "^x", "a$", "^[a-c]+$")}
	case 3:
		return object{"type": "integer", "minimum": m.IntN(6) - 3, "maximum": 1 + m.IntN(6)}
	case 4:
		return object{"type": pick(m, "number", "integer"), pick(m, "exclusiveMinimum", "minimum"): m.IntN(3), "multipleOf": pick(m, 0.5, 1, 2, 3)}
	case 5:
		return object{"enum": m.values()}
	case 6:
		return object{"const": m.plain()}
	case 7:
		return object{"type": []any{pick(m, "string", "integer"), "null"}}
	}
	return object{"type": pick(m, "boolean", "number", "integer", "null", "string")}
}

func (m *maker) plain() any {
	return pick[any](m, nil, true, false, 0, 1, 2, -1, 0.5, "", "a", "x", "xa", "abc")
}

func (m *maker) values() []any {
	out := []any{}
	for range 1 + m.IntN(4) {
		if v := m.plain(); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func (m *maker) list(depth int) object {
	s := object{"type": "array"}
	if m.chance(2) {
		s["items"] = m.any(depth - 1)
	}
	if m.chance(3) {
		s["prefixItems"] = m.several(depth-1, 1+m.IntN(2))
	}
	if m.chance(4) {
		s["maxItems"] = m.IntN(4)
	}
	if m.chance(4) {
		s["minItems"] = m.IntN(3)
	}
	if m.chance(6) {
		s["uniqueItems"] = true
	}
	if m.chance(6) {
		s["contains"] = m.any(0)
		if m.chance(2) {
			s["maxContains"] = 1 + m.IntN(2)
		}
		if m.chance(3) {
			s["minContains"] = m.IntN(3)
		}
	}
	if m.chance(10) {
		s["unevaluatedItems"] = m.any(0)
	}
	return s
}

func (m *maker) record(depth int) object {
	s := object{"properties": m.properties(depth)}
	if !m.chance(6) {
		s["type"] = "object"
	}
	if m.chance(2) {
		s["additionalProperties"] = false
	} else if m.chance(3) {
		s["additionalProperties"] = m.any(0)
	}
	if m.chance(2) {
		s["required"] = m.some()
	}
	if m.chance(5) {
		s["patternProperties"] = object{pick(m, "^x", "^[ab]$", "1$"): m.any(depth - 1)}
	}
	if m.chance(12) {
		s["propertyNames"] = pick(m, object{"maxLength": 1}, object{"pattern": "^x"}, object{"enum": []any{"a", "b"}})
	}
	if m.chance(10) {
		s["maxProperties"] = m.IntN(4)
	}
	if m.chance(10) {
		s["minProperties"] = m.IntN(3)
	}
	if m.chance(8) {
		s["dependentRequired"] = object{pick(m, names...): m.some()}
	}
	if m.chance(10) {
		s["dependentSchemas"] = object{pick(m, names...): m.any(depth - 1)}
	}
	if m.chance(10) {
		s["if"], s["then"], s["else"] = object{"required": m.some()}, m.any(depth-1), m.any(depth-1)
	}
	if m.chance(10) {
		s["not"] = pick[any](m, object{"required": m.some()}, m.any(depth-1))
	}
	if m.chance(10) {
		s["unevaluatedProperties"] = m.any(0)
	}
	return s
}

func (m *maker) properties(depth int) object {
	out := object{}
	for range m.IntN(4) {
		out[pick(m, names...)] = m.any(depth - 1)
	}
	return out
}

func (m *maker) some() []any {
	out := []any{}
	for _, n := range names {
		if m.chance(4) {
			out = append(out, n)
		}
	}
	return out
}

func copied[T any](v T) T {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var out T
	if err := json.Unmarshal(text, &out); err != nil {
		panic(err)
	}
	return out
}

// older writes a schema of 2020-12 as one of draft-07, where it can say the
// same or something like it.
func older(s any) any {
	o, ok := s.(object)
	if !ok {
		return s
	}
	out := object{}
	for _, k := range slices.Sorted(maps.Keys(o)) {
		v := o[k]
		switch k {
		case "$schema":
			out[k] = "http://json-schema.org/draft-07/schema#"
		case "$ref":
			out[k] = "#/definitions/" + v.(string)[len("#/$defs/"):]
		case "$defs", "properties", "patternProperties", "dependentSchemas", "dependentRequired":
			all := object{}
			for name, one := range v.(object) {
				all[name] = older(one)
			}
			if name := map[string]string{"$defs": "definitions", "dependentSchemas": "dependencies", "dependentRequired": "dependencies"}[k]; name != "" {
				k = name
			}
			out[k] = all
		case "prefixItems", "anyOf", "oneOf", "allOf":
			all := []any{}
			for _, one := range v.([]any) {
				all = append(all, older(one))
			}
			if k == "prefixItems" {
				k = "items"
				if rest, ok := o["items"]; ok {
					out["additionalItems"] = older(rest)
				}
			}
			out[k] = all
		case "items":
			if o["prefixItems"] == nil {
				out[k] = older(v)
			}
		case "minContains", "maxContains", "unevaluatedItems", "unevaluatedProperties":
		default:
			out[k] = older(v)
		}
	}
	return out
}
