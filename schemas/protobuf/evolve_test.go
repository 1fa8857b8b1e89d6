package protobuf

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// What follows makes up files and changes to them, without a look at the rules
// of comparison.

type madeField struct {
	number int
	name   string
	label  string // "", optional, required, repeated
	kind   string // a scalar type, an enum or a message; of a map its value
	key    string // of a map
	oneof  string
}

type madeMessage struct {
	name   string
	fields []madeField
	within string // the message that it stands in; "" for none
}

type madeFile struct {
	syntax   string
	pkg      string
	messages []*madeMessage
	enums    map[string][]int
}

var scalars = []string{"int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool", "string", "bytes", "fixed32", "sfixed32", "fixed64", "sfixed64", "float", "double"}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func makeFile(r *rand.Rand) *madeFile {
	f := &madeFile{syntax: pick(r, []string{"proto2", "proto3", "proto3"}), pkg: "p", enums: map[string][]int{"E": {0, 1, 7}, "F": {0, 2}}}
	for i := range 1 + r.IntN(4) {
		f.messages = append(f.messages, &madeMessage{name: fmt.Sprint("M", i)})
	}
	for i, m := range f.messages {
		if i > 0 && r.IntN(3) == 0 {
			m.within = f.messages[r.IntN(i)].name
		}
		for range r.IntN(6) {
			f.addField(r, m)
		}
		f.join(m)
	}
	return f
}

// join puts fields of one oneof side by side, as a text must.
func (f *madeFile) join(m *madeMessage) {
	slices.SortStableFunc(m.fields, func(a, b madeField) int { return strings.Compare(a.oneof, b.oneof) })
}

func (f *madeFile) addField(r *rand.Rand, m *madeMessage) {
	number := 1 + r.IntN(12)
	if slices.ContainsFunc(m.fields, func(o madeField) bool { return o.number == number }) {
		return
	}
	x := madeField{number: number, name: fmt.Sprint("f", number), kind: f.anyKind(r)}
	x.label = f.anyLabel(r)
	switch r.IntN(6) {
	case 0:
		x.key, x.label = pick(r, []string{"int32", "int64", "string", "bool", "sint32"}), ""
	case 1:
		x.oneof, x.label = pick(r, []string{"o", "q"}), ""
	}
	m.fields = append(m.fields, x)
}

func (f *madeFile) anyKind(r *rand.Rand) string {
	switch r.IntN(5) {
	case 0:
		return pick(r, []string{"E", "F"})
	case 1:
		return pick(r, f.messages).name
	}
	return pick(r, scalars)
}

func (f *madeFile) anyLabel(r *rand.Rand) string {
	if f.syntax == "proto3" {
		return pick(r, []string{"", "", "optional", "repeated"})
	}
	return pick(r, []string{"optional", "optional", "required", "repeated"})
}

func (f *madeFile) clone() *madeFile {
	out := &madeFile{syntax: f.syntax, pkg: f.pkg, enums: map[string][]int{}}
	for name, values := range f.enums {
		out.enums[name] = slices.Clone(values)
	}
	for _, m := range f.messages {
		out.messages = append(out.messages, &madeMessage{name: m.name, fields: slices.Clone(m.fields), within: m.within})
	}
	return out
}

// alike are types that are often taken for one another.
var alike = [][]string{{"int32", "int64", "uint32", "uint64", "bool", "E", "F"}, {"sint32", "sint64"}, {"string", "bytes"}, {"fixed32", "sfixed32"}, {"fixed64", "sfixed64"}}

// evolve changes a file in one to three ways.
func (f *madeFile) evolve(r *rand.Rand) *madeFile {
	out := f.clone()
	for range 1 + r.IntN(3) {
		out.change(r)
	}
	for _, m := range out.messages {
		out.join(m)
	}
	return out
}

func (f *madeFile) change(r *rand.Rand) {
	m := pick(r, f.messages)
	switch r.IntN(15) {
	case 0, 1:
		f.addField(r, m)
		return
	case 2:
		e := pick(r, []string{"E", "F"})
		f.enums[e] = [][]int{{0}, {0, 1}, {0, 2}, {0, 1, 7, 9}}[r.IntN(4)]
		return
	case 3:
		f.messages = append(f.messages, &madeMessage{name: fmt.Sprint("N", r.IntN(100), "x", len(f.messages)), fields: slices.Clone(m.fields)})
		return
	case 4:
		slices.Reverse(f.messages)
		return
	case 5:
		for i := range m.fields {
			if x := &m.fields[i]; x.key == "" && x.label != "repeated" && r.IntN(2) == 0 {
				x.oneof, x.label = "y", ""
			}
		}
		return
	case 6:
		if m.within == "" && m.name != "M0" && !slices.ContainsFunc(f.messages, func(o *madeMessage) bool { return o.within == m.name }) {
			m.within = "M0"
		} else {
			m.within = ""
		}
		return
	}
	if len(m.fields) == 0 {
		return
	}
	i := r.IntN(len(m.fields))
	x := &m.fields[i]
	switch r.IntN(9) {
	case 0:
		m.fields = slices.Delete(m.fields, i, i+1)
	case 1:
		x.name = fmt.Sprint("g", x.number)
	case 2:
		x.kind = f.anyKind(r)
	case 3, 4:
		for _, group := range alike {
			if slices.Contains(group, x.kind) {
				x.kind = pick(r, group)
			}
		}
	case 5:
		if x.oneof == "" && x.key == "" {
			x.label = f.anyLabel(r)
		}
	case 6:
		if x.key == "" && x.label != "repeated" {
			x.oneof, x.label = pick(r, []string{"o", "q", "z"}), ""
		}
	case 7:
		if x.oneof != "" {
			x.oneof, x.label = "", map[string]string{"proto2": "optional", "proto3": ""}[f.syntax]
		}
	case 8:
		if x.key != "" {
			x.key = pick(r, []string{"int32", "int64", "uint32", "string", "bool"})
		}
	}
}

func (f *madeFile) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "syntax = %q; package %s;\n", f.syntax, f.pkg)
	for _, name := range []string{"E", "F"} {
		fmt.Fprintf(&b, "enum %s {", name)
		for _, n := range f.enums[name] {
			fmt.Fprintf(&b, " %s_%d = %d;", name, n, n)
		}
		b.WriteString(" }\n")
	}
	for _, m := range f.messages {
		if m.within == "" {
			f.write(&b, m)
		}
	}
	return b.String()
}

func (f *madeFile) write(b *strings.Builder, m *madeMessage) {
	fmt.Fprintf(b, "message %s {\n", m.name)
	for _, inner := range f.messages {
		if inner.within == m.name {
			f.write(b, inner)
		}
	}
	for i, x := range m.fields {
		if x.oneof != "" && (i == 0 || m.fields[i-1].oneof != x.oneof) {
			fmt.Fprintf(b, "  oneof %s {\n", x.oneof)
		}
		kind := f.path(x.kind)
		if x.key != "" {
			kind = fmt.Sprintf("map<%s, %s>", x.key, kind)
		}
		fmt.Fprintf(b, "  %s %s %s = %d;\n", x.label, kind, x.name, x.number)
		if x.oneof != "" && (i == len(m.fields)-1 || m.fields[i+1].oneof != x.oneof) {
			b.WriteString("  }\n")
		}
	}
	b.WriteString("}\n")
}

// path is how a type is called from anywhere.
func (f *madeFile) path(kind string) string {
	i := slices.IndexFunc(f.messages, func(m *madeMessage) bool { return m.name == kind })
	switch {
	case i < 0:
		return kind
	case f.messages[i].within == "":
		return ".p." + kind
	}
	return f.path(f.messages[i].within) + "." + kind
}
