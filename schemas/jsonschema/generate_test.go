package jsonschema

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
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

// keywordsWithSchemas are where schemas stand within a schema.
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

// value makes up a value that a schema may let pass. What refers is looked up
// in the document.
func (m *maker) value(s any, doc object, depth int) any {
	o, ok := s.(object)
	if !ok || depth <= 0 || m.chance(12) {
		return m.loose(min(depth, 2))
	}
	if ref, ok := o["$ref"].(string); ok {
		return m.value(doc["$defs"].(object)[ref[len("#/$defs/"):]], doc, depth-1)
	}
	for _, k := range []string{"anyOf", "oneOf", "allOf"} {
		if all, ok := o[k].([]any); ok && !m.chance(8) {
			v := m.value(pick(m, all...), doc, depth)
			if k == "allOf" || o["properties"] != nil {
				for _, part := range append(all, object{"properties": o["properties"]}) {
					v = merge(v, m.value(part, doc, depth-1))
				}
			}
			return v
		}
	}
	if all, ok := o["enum"].([]any); ok {
		return pick(m, all...)
	}
	if v, ok := o["const"]; ok {
		return v
	}
	return m.typed(o, doc, depth)
}

func merge(a, b any) any {
	x, ok := a.(object)
	y, fine := b.(object)
	if !ok || !fine {
		return a
	}
	x = maps.Clone(x)
	for k, v := range y {
		if x[k] == nil {
			x[k] = v
		}
	}
	return x
}

func (m *maker) typed(o, doc object, depth int) any {
	kind, _ := o["type"].(string)
	if all, ok := o["type"].([]any); ok {
		kind, _ = pick(m, all...).(string)
	}
	if kind == "" && (o["properties"] != nil || o["required"] != nil) {
		kind = "object"
	}
	switch kind {
	case "object":
		return m.filled(o, doc, depth)
	case "array":
		out := []any{}
		prefix, _ := o["prefixItems"].([]any)
		for i := range m.IntN(4) {
			if i < len(prefix) {
				out = append(out, m.value(prefix[i], doc, depth-1))
				continue
			}
			out = append(out, m.value(pick(m, o["items"], o["items"], o["contains"]), doc, depth-1))
		}
		return out
	case "string":
		return pick[any](m, "", "a", "x", "xa", "abc", "xyz", "abab", "xabca")
	case "integer", "number":
		return pick[any](m, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 0.5, 1.5, 2.5)
	case "boolean":
		return m.chance(2)
	case "null":
		return nil
	}
	return m.loose(2)
}

func (m *maker) filled(o, doc object, depth int) any {
	out := object{}
	properties, _ := o["properties"].(object)
	patterns, _ := o["patternProperties"].(object)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if m.chance(2) {
			out[name] = m.value(properties[name], doc, depth-1)
		}
	}
	required, _ := o["required"].([]any)
	for _, name := range required {
		if name := name.(string); out[name] == nil {
			out[name] = m.value(properties[name], doc, depth-1)
		}
	}
	if m.chance(3) {
		name := pick(m, names...)
		if out[name] == nil && properties[name] == nil {
			out[name] = m.value(o["additionalProperties"], doc, depth-1)
			for _, p := range slices.Sorted(maps.Keys(patterns)) {
				if m.chance(2) {
					out[name] = m.value(patterns[p], doc, depth-1)
				}
			}
		}
	}
	return out
}

// loose makes up any value.
func (m *maker) loose(depth int) any {
	if depth <= 0 || !m.chance(4) {
		return m.plain()
	}
	if m.chance(2) {
		out := []any{}
		for range m.IntN(3) {
			out = append(out, m.loose(depth-1))
		}
		return out
	}
	out := object{}
	for range m.IntN(3) {
		out[pick(m, names...)] = m.loose(depth - 1)
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
