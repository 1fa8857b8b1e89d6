package jsonschema

import (
	"maps"
	"slices"
)

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
