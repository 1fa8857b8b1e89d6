package protobuf

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// write writes a file in its canonical text, or in its normal one.
func write(s *Schema, normal bool) string {
	p := newPrinter(s, normal)
	p.file(s.descriptor)
	return p.out.String()
}

// printer writes declarations in the language of .proto files. Each kind of
// declaration is a method; they go by the descriptor, so that a text and a
// serialized descriptor of the same file are written the same.
type printer struct {
	out      strings.Builder
	depth    int
	names    names
	scope    string // the full name of what is being written
	syntax   string
	comments map[string]string // by path in the descriptor
	normal   bool
}

// path is the place of an element in a descriptor: field numbers and indexes,
// as source locations have them.
type path []int32

func (p path) in(number, index int) path {
	return append(slices.Clip(p), int32(number), int32(index))
}

// key is a path as the key of a map.
func (p path) key() string {
	b := make([]byte, 0, 4*len(p))
	for _, n := range p {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return string(b)
}

// The numbers of descriptor.proto that places are made of.
const (
	fileMessages, fileEnums, fileServices, fileExtensions          = 4, 5, 6, 7
	messageFields, messageNested, messageEnums                     = 2, 3, 4
	messageExtensionRanges, messageExtensions, messageOneofs       = 5, 6, 8
	enumValues, serviceMethods                                     = 2, 2
	maxFieldNumber                                           int32 = 1<<29 - 1
	maxEnumNumber                                            int32 = 1<<31 - 1
)

func newPrinter(s *Schema, normal bool) *printer {
	p := &printer{names: namesOf(s.file), syntax: s.descriptor.GetSyntax(), comments: map[string]string{}, normal: normal}
	for _, l := range s.descriptor.GetSourceCodeInfo().GetLocation() {
		if c := commentOf(l.GetLeadingComments(), l.GetTrailingComments()); c != "" {
			p.comments[path(l.Path).key()] = c
		}
	}
	return p
}

// line writes one line, indented.
func (p *printer) line(format string, args ...any) {
	for range p.depth {
		p.out.WriteString("  ")
	}
	fmt.Fprintf(&p.out, format, args...)
	p.out.WriteByte('\n')
}

// block writes a declaration with what is inside it.
func (p *printer) block(name, head string, inside func()) {
	outer := p.scope
	if name != "" {
		p.scope = join(p.scope, name)
	}
	p.line("%s {", head)
	p.depth++
	inside()
	p.depth--
	p.line("}")
	p.scope = outer
}

func join(scope, name string) string {
	if scope == "" {
		return name
	}
	return scope + "." + name
}

// doc writes the comment of an element. The line before it is left empty: else
// it could be taken for the end of what stands there.
func (p *printer) doc(at path) {
	c, ok := p.comments[at.key()]
	if !ok {
		return
	}
	p.out.WriteByte('\n')
	for line := range strings.SplitSeq(c, "\n") {
		p.line("%s", strings.TrimRight("// "+line, " "))
	}
}

// uncommented is a canonical text without comments and the empty lines before
// them.
func uncommented(text string) string {
	return lines(text, func(line string) bool { return line != "" && !strings.HasPrefix(strings.TrimLeft(line, " "), "//") })
}

// comments are the comments of a canonical text.
func comments(text string) string {
	return lines(text, func(line string) bool { return strings.HasPrefix(strings.TrimLeft(line, " "), "//") })
}

func lines(text string, keep func(string) bool) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if keep(strings.TrimSuffix(line, "\n")) {
			out.WriteString(line)
		}
	}
	return out.String()
}

func (p *printer) file(f *descriptorpb.FileDescriptorProto) {
	if p.syntax == "editions" {
		p.line("edition = %s;", quote(strings.TrimPrefix(f.GetEdition().String(), "EDITION_")))
	} else {
		p.line("syntax = %s;", quote(syntaxOf(f)))
	}
	if f.GetPackage() != "" {
		p.line("package %s;", f.GetPackage())
	}
	p.scope = f.GetPackage()
	for _, line := range p.imports(f) {
		p.line("%s", line)
	}
	p.options(f.GetOptions())
	in := &inside{p: p, messages: f.MessageType, extensions: f.Extension, messageNumber: fileMessages, extensionNumber: fileExtensions}
	in.write()
	for i, e := range f.EnumType {
		p.enum(e, path{fileEnums, int32(i)})
	}
	in.extend(len(f.Extension))
	for i, s := range f.Service {
		p.service(s, path{fileServices, int32(i)})
	}
}

func syntaxOf(f *descriptorpb.FileDescriptorProto) string {
	if f.GetSyntax() == "" {
		return "proto2"
	}
	return f.GetSyntax()
}

func (p *printer) imports(f *descriptorpb.FileDescriptorProto) []string {
	var lines []string
	for i, path := range f.Dependency {
		how := ""
		switch {
		case slices.Contains(f.PublicDependency, int32(i)):
			how = "public "
		case slices.Contains(f.WeakDependency, int32(i)):
			how = "weak "
		}
		lines = append(lines, fmt.Sprintf("import %s%s;", how, quote(path)))
	}
	if p.normal {
		slices.Sort(lines)
	}
	return lines
}

// options writes each option as a statement.
func (p *printer) options(o proto.Message) {
	for _, one := range p.optionsOf(o) {
		p.line("option %s;", one)
	}
}

// brackets are the options of a declaration that has no body.
func (p *printer) brackets(o proto.Message, first ...string) string {
	all := append(first, p.optionsOf(o)...)
	if len(all) == 0 {
		return ""
	}
	return " [" + strings.Join(all, ", ") + "]"
}

func (p *printer) message(m *descriptorpb.DescriptorProto, at path) {
	p.doc(at)
	p.block(m.GetName(), "message "+m.GetName(), func() { p.body(m, at) })
}

// body is what stands in a message or a group.
func (p *printer) body(m *descriptorpb.DescriptorProto, at path) {
	p.options(m.GetOptions())
	in := &inside{p: p, at: at, message: m, messages: m.NestedType, extensions: m.Extension, messageNumber: messageNested, extensionNumber: messageExtensions}
	in.write()
	for i, e := range m.EnumType {
		p.enum(e, at.in(messageEnums, i))
	}
	for i, r := range m.ExtensionRange {
		p.doc(at.in(messageExtensionRanges, i))
		p.line("extensions %s%s;", span(r.GetStart(), r.GetEnd()-1, maxFieldNumber), p.brackets(r.GetOptions()))
	}
	in.extend(len(m.Extension))
	var ranges []string
	for _, r := range m.ReservedRange {
		ranges = append(ranges, span(r.GetStart(), r.GetEnd()-1, maxFieldNumber))
	}
	p.reserved(ranges, m.ReservedName)
}

// reserved writes numbers and names that are not to be used again.
func (p *printer) reserved(ranges, names []string) {
	if len(ranges) > 0 {
		p.line("reserved %s;", strings.Join(ranges, ", "))
	}
	if len(names) == 0 {
		return
	}
	written := slices.Clone(names)
	if p.syntax != "editions" {
		for i, name := range names {
			written[i] = quote(name)
		}
	}
	p.line("reserved %s;", strings.Join(written, ", "))
}

func span(from, to, most int32) string {
	switch to {
	case from:
		return strconv.Itoa(int(from))
	case most:
		return fmt.Sprintf("%d to max", from)
	}
	return fmt.Sprintf("%d to %d", from, to)
}

// declaration is a field in one line.
func (p *printer) declaration(f *descriptorpb.FieldDescriptorProto, entry *descriptorpb.DescriptorProto, label string) string {
	kind := p.kind(f)
	if entry != nil {
		label, kind = "", fmt.Sprintf("map<%s, %s>", p.kind(entry.Field[0]), p.kind(entry.Field[1]))
	}
	return fmt.Sprintf("%s%s %s = %d%s;", label, kind, f.GetName(), f.GetNumber(), p.brackets(f.GetOptions(), p.pseudo(f)...))
}

func (p *printer) label(f *descriptorpb.FieldDescriptorProto) string {
	switch {
	case f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED:
		return "repeated "
	case p.syntax == "editions", p.syntax == "proto3" && !f.GetProto3Optional():
		return ""
	case f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REQUIRED:
		return "required "
	}
	return "optional "
}

func (p *printer) kind(f *descriptorpb.FieldDescriptorProto) string {
	if f.GetTypeName() != "" {
		return p.named(f.GetTypeName())
	}
	return strings.ToLower(strings.TrimPrefix(f.GetType().String(), "TYPE_"))
}

// named is how a type is called from where we are.
func (p *printer) named(full string) string {
	if p.normal {
		return full
	}
	return p.names.from(p.scope, strings.TrimPrefix(full, "."))
}

// pseudo are what stands among a field's options and is none.
func (p *printer) pseudo(f *descriptorpb.FieldDescriptorProto) []string {
	var out []string
	if f.DefaultValue != nil {
		out = append(out, "default = "+fallback(f))
	}
	if f.JsonName != nil && f.GetExtendee() == "" && f.GetJsonName() != jsonName(f.GetName()) {
		out = append(out, "json_name = "+quote(f.GetJsonName()))
	}
	return out
}

// fallback is a default as it is written.
func fallback(f *descriptorpb.FieldDescriptorProto) string {
	switch f.GetType() {
	case descriptorpb.FieldDescriptorProto_TYPE_STRING:
		return quote(f.GetDefaultValue())
	case descriptorpb.FieldDescriptorProto_TYPE_BYTES:
		return `"` + f.GetDefaultValue() + `"` // escaped already
	}
	return f.GetDefaultValue()
}

// jsonName is the name of a field in JSON, if none is given: that of protoc.
func jsonName(name string) string {
	var b strings.Builder
	up := false
	for _, r := range name {
		switch {
		case r == '_':
			up = true
		case up && 'a' <= r && r <= 'z':
			b.WriteRune(r - 'a' + 'A')
			up = false
		default:
			b.WriteRune(r)
			up = false
		}
	}
	return b.String()
}

func (p *printer) enum(e *descriptorpb.EnumDescriptorProto, at path) {
	p.doc(at)
	p.block("", "enum "+e.GetName(), func() {
		p.options(e.GetOptions())
		for i, v := range e.Value {
			p.doc(at.in(enumValues, i))
			p.line("%s = %d%s;", v.GetName(), v.GetNumber(), p.brackets(v.GetOptions()))
		}
		var ranges []string
		for _, r := range e.ReservedRange {
			ranges = append(ranges, span(r.GetStart(), r.GetEnd(), maxEnumNumber))
		}
		p.reserved(ranges, e.ReservedName)
	})
}

func (p *printer) service(s *descriptorpb.ServiceDescriptorProto, at path) {
	p.doc(at)
	p.block(s.GetName(), "service "+s.GetName(), func() {
		p.options(s.GetOptions())
		for i, m := range s.Method {
			p.doc(at.in(serviceMethods, i))
			head := fmt.Sprintf("rpc %s (%s%s) returns (%s%s)", m.GetName(),
				stream(m.GetClientStreaming()), p.named(m.GetInputType()), stream(m.GetServerStreaming()), p.named(m.GetOutputType()))
			if len(p.optionsOf(m.GetOptions())) == 0 {
				p.line("%s;", head)
				continue
			}
			p.block("", head, func() { p.options(m.GetOptions()) })
		}
	})
}

func stream(yes bool) string {
	if yes {
		return "stream "
	}
	return ""
}
