package protobuf

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// optionsOf writes options as name = value, those of the language before those
// that somebody defined, each by number. An option that no import defines is
// not known by name, and so is left out.
func (p *printer) optionsOf(o proto.Message) []string {
	var set []protoreflect.FieldDescriptor
	m := o.ProtoReflect()
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		// These are told by other words of the declaration.
		if f.FullName() != "google.protobuf.MessageOptions.map_entry" && f.Name() != "uninterpreted_option" {
			set = append(set, f)
		}
		return true
	})
	slices.SortFunc(set, func(a, b protoreflect.FieldDescriptor) int {
		if a.IsExtension() != b.IsExtension() {
			return map[bool]int{true: 1, false: -1}[a.IsExtension()]
		}
		return int(a.Number()) - int(b.Number())
	})
	var out []string
	for _, f := range set {
		name := string(f.Name())
		if f.IsExtension() {
			name = "(" + p.named("."+string(f.FullName())) + ")"
		}
		for _, v := range valuesOf(m, f) {
			out = append(out, name+" = "+v)
		}
	}
	return out
}

// valuesOf writes the values of a field, one or many.
func valuesOf(m protoreflect.Message, f protoreflect.FieldDescriptor) []string {
	v := m.Get(f)
	switch {
	case f.IsList():
		var out []string
		for i := range v.List().Len() {
			out = append(out, valueOf(f, v.List().Get(i)))
		}
		return out
	case f.IsMap():
		var out []string
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			out = append(out, fmt.Sprintf("{ key: %s value: %s }", valueOf(f.MapKey(), k.Value()), valueOf(f.MapValue(), v)))
			return true
		})
		slices.Sort(out)
		return out
	}
	return []string{valueOf(f, v)}
}

func valueOf(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch f.Kind() {
	case protoreflect.StringKind:
		return quote(v.String())
	case protoreflect.BytesKind:
		return quote(string(v.Bytes()))
	case protoreflect.EnumKind:
		if known := f.Enum().Values().ByNumber(v.Enum()); known != nil {
			return string(known.Name())
		}
		return strconv.Itoa(int(v.Enum()))
	case protoreflect.FloatKind:
		return float(v.Float(), 32)
	case protoreflect.DoubleKind:
		return float(v.Float(), 64)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return literal(v.Message())
	}
	return v.String()
}

func float(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(v, 'g', -1, 64)), "+")
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// literal writes a message as the value of an option.
func literal(m protoreflect.Message) string {
	var set []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		set = append(set, f)
		return true
	})
	slices.SortFunc(set, func(a, b protoreflect.FieldDescriptor) int { return int(a.Number()) - int(b.Number()) })
	var parts []string
	for _, f := range set {
		for _, v := range valuesOf(m, f) {
			parts = append(parts, f.TextName()+": "+v)
		}
	}
	if len(parts) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(parts, " ") + " }"
}

// quote writes a string as the language has it: what is no printable UTF-8 as
// octal bytes.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ' || r == 0x7f || r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\%03o`, s[i])
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	b.WriteByte('"')
	return b.String()
}

// fieldOptions are those of a field; never nil.
func fieldOptions(f protoreflect.FieldDescriptor) proto.Message {
	if o, ok := f.Options().(*descriptorpb.FieldOptions); ok && o != nil {
		return o
	}
	return &descriptorpb.FieldOptions{}
}

// messageOptions are those of a message; never nil.
func messageOptions(m protoreflect.MessageDescriptor) proto.Message {
	if o, ok := m.Options().(*descriptorpb.MessageOptions); ok && o != nil {
		return o
	}
	return &descriptorpb.MessageOptions{}
}
