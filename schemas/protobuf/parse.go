package protobuf

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// Limits of a schema. Each is checked before work that grows with what it
// bounds.
const (
	// MaxBytes is the largest text, in bytes, and the largest of all that a file
	// imports.
	MaxBytes = 1 << 20
	// maxFaults is how many mistakes one answer tells of.
	maxFaults = 8
	// maxFault is how much of one mistake is told, in bytes.
	maxFault = 200
	// maxNames is how many bytes the full names of a file have together, roughly:
	// each has the names of all around it.
	maxNames = 16 << 20
)

const codeInvalid = "INVALID_SCHEMA"

// self is what a file is called that has no name: no import can be called so,
// and clients that take the serialized form give it a name of their own.
const self = "default"

// Read implements format.Read. The text is that of a .proto file, or a
// FileDescriptorProto in base64, as clients send it that have no parser: no
// text of a file that says anything is base64, too. A
// reference is called by the path of the import that it stands for; the files
// of google/protobuf, google/type and confluent need none.
func Read(text string, given []format.Reference) (format.Schema, error) {
	if len(text) > MaxBytes {
		return nil, fault.New(fault.TooLarge, "SCHEMA_TOO_LARGE", "the schema has %d bytes; at most %d are taken; split it into schemas that refer to one another", len(text), MaxBytes)
	}
	texts, err := gather(given)
	if err != nil {
		return nil, err
	}
	if b, err := base64.StdEncoding.DecodeString(text); err == nil && len(b) > 0 {
		if text, err = textOf(b, texts); err != nil {
			return nil, err
		}
	}
	s, err := read(text, texts)
	if err != nil {
		return nil, err
	}
	s.given = given
	return s, nil
}

// Bring is Read of a schema that was read before, as it was kept, for one that
// imports it: that is compiled with its text.
func Bring(text string, given []format.Reference) (format.Schema, error) {
	return &Schema{text: text, given: given}, nil
}

func read(text string, texts map[string]string) (*Schema, error) {
	s, l, err := understand(text, texts)
	if err != nil {
		return nil, err
	}
	if s.places, s.records, err = unfold(s.file, l); err != nil {
		return nil, err
	}
	return s, s.keeps(text)
}

// understand reads what a text says, and writes it in the canonical way.
func understand(text string, texts map[string]string) (*Schema, *layout, error) {
	l, err := scan(text)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := l.parse()
	if err != nil {
		return nil, nil, err
	}
	file, err := compile(protocompile.SearchResult{ParseResult: parsed}, l, texts, protocompile.SourceInfoStandard)
	if err != nil {
		return nil, nil, err
	}
	s := &Schema{file: file, descriptor: file.FileDescriptorProto()}
	s.text = write(s, false)
	return s, l, nil
}

// gather collects what references bring: the files by the path they are
// imported by, with everything these import. One path is one file; that of a
// known file is the known one, whatever is registered under its name.
func gather(given []format.Reference) (map[string]string, error) {
	b := brought{texts: map[string]string{}, seen: map[*Schema]bool{}}
	return b.texts, b.add(given)
}

// brought is what references bring, by path.
type brought struct {
	texts map[string]string
	total int // bytes of them
	seen  map[*Schema]bool
}

// add adds the files that references lead to. What many import is gone through
// once.
func (b *brought) add(given []format.Reference) error {
	for _, ref := range given {
		s := ref.Schema.(*Schema)
		if ref.Name == self {
			return fault.Bad("references."+ref.Name, codeInvalid, "no file can be imported by this name; import it by its path")
		}
		if err := b.file(ref.Name, s.text); err != nil {
			return err
		}
		if b.seen[s] {
			continue
		}
		b.seen[s] = true
		if err := b.add(s.given); err != nil {
			return err
		}
	}
	return nil
}

func (b *brought) file(path, text string) error {
	switch known, there := b.texts[path]; {
	case there && known != text:
		return fault.Bad("references", codeInvalid, "two of the schemas it refers to are imported as %q; refer to one version of it", fault.Cut(path, maxFault))
	case there:
		return nil
	}
	b.texts[path] = text
	if b.total += len(text); b.total > MaxBytes {
		return fault.Bad("references", codeInvalid, "the schemas it refers to have more than %d bytes together; import less", MaxBytes)
	}
	return nil
}

// parse reads the declarations of one file, without asking what they refer to.
func (l *layout) parse() (r parser.Result, err error) {
	m := &mistakes{l: l}
	defer func() {
		// The parser is not ours: a range of extensions that lacks its semicolon is
		// more than it bears. What it told before is what is wrong.
		if what := recover(); what != nil {
			r, err = nil, m.err(fmt.Errorf("the parser panicked: %v", what))
		}
	}()
	h := reporter.NewHandler(m.reporter())
	tree, err := parser.Parse(self, strings.NewReader(l.parsed), h)
	if err == nil {
		err = twice(tree)
	}
	if err != nil {
		return nil, m.err(err)
	}
	r, err = parser.ResultFromAST(tree, true, h)
	if err = m.err(err); err != nil {
		return nil, err
	}
	return r, bound(r.FileDescriptorProto())
}

// compile resolves what one file refers to, with what it imports from texts. The
// layout tells where mistakes are; nil for a descriptor.
func compile(root protocompile.SearchResult, l *layout, texts map[string]string, info protocompile.SourceInfoMode) (linker.Result, error) {
	m := &mistakes{l: l}
	c := protocompile.Compiler{
		Resolver:       resolver{root, texts},
		MaxParallelism: 1,
		SourceInfoMode: info,
		Reporter:       m.reporter(),
	}
	files, err := c.Compile(context.Background(), self)
	if err = m.err(err); err != nil {
		return nil, err
	}
	return files[0].(linker.Result), nil
}

// mistakes are what a compiler found wrong with a file.
type mistakes struct {
	l      *layout
	faults []error
}

func (m *mistakes) reporter() reporter.Reporter {
	return reporter.NewReporter(func(e reporter.ErrorWithPos) error {
		m.faults = append(m.faults, mistake(e, m.l))
		if len(m.faults) == maxFaults {
			return errEnough
		}
		return nil
	}, nil)
}

// err is what was found, or else what ended the compiler.
func (m *mistakes) err(err error) error {
	if len(m.faults) > 0 {
		return errors.Join(m.faults...)
	}
	if at, ok := errors.AsType[reporter.ErrorWithPos](err); ok {
		return mistake(at, m.l)
	}
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f
	}
	if err != nil {
		return fault.New(fault.Invalid, codeInvalid, "the schema cannot be read; see whether protoc reads it").With(err)
	}
	return nil
}

var errEnough = errors.New("enough mistakes were found")

// mistake puts what the compiler found into words, with its place.
func mistake(e reporter.ErrorWithPos, l *layout) *fault.Fault {
	if missing, ok := errors.AsType[*fault.Fault](e); ok {
		return missing
	}
	message := fault.Cut(e.Unwrap().Error(), maxFault)
	pos := e.GetPosition()
	switch {
	case pos.Filename != self:
		return fault.New(fault.Invalid, codeInvalid, "in the imported file %s: %s", fault.Cut(pos.Filename, maxFault), message)
	case pos.Line == 0 || l == nil:
		return fault.New(fault.Invalid, codeInvalid, "%s", message)
	}
	line, column := l.place(pos.Offset)
	return fault.New(fault.Invalid, codeInvalid, "%s", message).At(fmt.Sprintf(atLine, line, column))
}

// atLine is how the path of a fault says where in a text it is.
const atLine = "line %d, column %d"

// Locate reads a text in which to find what the paths of faults of Read name.
func Locate(text string) format.Locator {
	read := sync.OnceValues(func() (*layout, error) { return scan(text) })
	return func(path []string) (line, column int) {
		if len(path) == 0 {
			return 1, 1
		}
		if n, err := fmt.Sscanf(path[0], atLine, &line, &column); err == nil && n == 2 {
			return line, column
		}
		l, err := read()
		if err != nil || path[0] != "references" {
			return 1, 1
		}
		return l.quoted(strings.Join(path[1:], "."))
	}
}

// quoted finds a text in quotes.
func (l *layout) quoted(name string) (line, column int) {
	for _, quoted := range []string{`"` + name + `"`, "'" + name + "'"} {
		if at := strings.Index(l.parsed, quoted); at >= 0 {
			return l.place(at)
		}
	}
	return 1, 1
}

// resolver finds imports among the known files and the references. Nothing is
// fetched from anywhere.
type resolver struct {
	root  protocompile.SearchResult
	texts map[string]string
}

// FindFileByPath implements protocompile.Resolver.
func (r resolver) FindFileByPath(path string) (protocompile.SearchResult, error) {
	if path == self {
		return r.root, nil
	}
	if f := known(path); f != nil {
		return protocompile.SearchResult{Desc: f}, nil
	}
	if text, ok := r.texts[path]; ok {
		l, err := scan(text)
		if err != nil {
			return protocompile.SearchResult{}, err
		}
		return protocompile.SearchResult{Source: strings.NewReader(l.parsed)}, nil
	}
	return protocompile.SearchResult{}, fault.New(fault.Invalid, codeInvalid,
		"the file imports it, and there is no such reference; register it under a subject of its own, and refer to it by this name").At("references", fault.Cut(path, maxFault))
}

// textOf writes a serialized descriptor as a text. What else is wrong with it is
// told by the parser, which reads that text.
func textOf(b []byte, texts map[string]string) (string, error) {
	d := &descriptorpb.FileDescriptorProto{}
	if err := (proto.UnmarshalOptions{RecursionLimit: 3 * maxDepth}).Unmarshal(b, d); err != nil {
		return "", fault.New(fault.Invalid, codeInvalid, "the schema is in base64 and no FileDescriptorProto, or one that nests more than %d deep", maxDepth).With(err)
	}
	if err := bound(d); err != nil {
		return "", err
	}
	name := self
	d.Name, d.SourceCodeInfo = &name, nil
	nameInJSON(d.MessageType)
	file, err := compile(protocompile.SearchResult{Proto: d}, nil, texts, protocompile.SourceInfoNone)
	if err != nil {
		return "", err
	}
	// Names, numbers and ranges are checked before they are written as text.
	if _, err := protodesc.NewFile(file.FileDescriptorProto(), resolverOf(file)); err != nil {
		return "", fault.New(fault.Invalid, codeInvalid, "the descriptor is not sound: %s", fault.Cut(err.Error(), maxFault))
	}
	// Only now is it known which options the file and its imports define.
	whole := file.FileDescriptorProto()
	b, err = proto.Marshal(whole)
	if err == nil {
		whole = &descriptorpb.FileDescriptorProto{}
		err = proto.UnmarshalOptions{Resolver: resolverOf(file)}.Unmarshal(b, whole)
	}
	if err != nil {
		return "", fault.New(fault.Invalid, codeInvalid, "an option of the descriptor is not of the type that its definition says").With(err)
	}
	return write(&Schema{file: file, descriptor: whole}, false), nil
}

// nameInJSON gives fields the JSON names that protoc would: descriptors that are
// made at run time lack them, and the compiler takes that for one name.
func nameInJSON(messages []*descriptorpb.DescriptorProto) {
	for _, m := range messages {
		for _, f := range m.Field {
			if f.GetJsonName() == "" {
				name := jsonName(f.GetName())
				f.JsonName = &name
			}
		}
		nameInJSON(m.NestedType)
	}
}

// bound refuses what would take long to resolve, and a descriptor that no text
// could be.
func bound(d *descriptorpb.FileDescriptorProto) error {
	within := len(d.GetPackage())
	b := &burden{total: len(d.EnumType) + len(d.Extension) + len(d.Dependency), names: len(d.Extension) * within}
	b.enums(d.EnumType, within)
	b.messages(d.MessageType, maxDepth, within)
	b.services(d.Service, within)
	switch {
	case b.deep:
		return fault.New(fault.Invalid, codeInvalid, "the schema nests more than %d deep", maxDepth)
	case b.total > 2*maxDeclarations:
		return tooMany()
	case b.names > maxNames:
		return fault.New(fault.Invalid, codeInvalid, "the names of the schema are too long, with those of all around them; give its messages shorter ones, or nest them less deep")
	case b.nameless:
		return fault.New(fault.Invalid, codeInvalid, "the name of a map has no letter and no digit; give it one: the message that stands for the map's entries is called after it")
	case b.oneofs > maxOneofs*maxOneofs:
		return fault.New(fault.Invalid, codeInvalid, "messages of the schema have thousands of optional fields or oneofs each; one message alone may have %d: split them", maxOneofs)
	}
	return nil
}

// burden is how much there is in a descriptor.
type burden struct {
	total  int // of declarations
	names  int // in bytes
	oneofs int // times the fields of their messages
	deep   bool
	// nameless is whether there is a map whose entries the compiler has no name
	// for: it capitalizes what is left of the map's without underscores.
	nameless bool
}

// enums adds enums, within a full name of so many bytes.
func (b *burden) enums(list []*descriptorpb.EnumDescriptorProto, within int) {
	for _, e := range list {
		b.total += len(e.Value) + len(e.ReservedRange)
		b.names += (1 + len(e.Value)) * within
	}
}

// services adds services and their calls, likewise.
func (b *burden) services(list []*descriptorpb.ServiceDescriptorProto, within int) {
	for _, s := range list {
		b.total += 1 + len(s.Method)
		b.names += (1 + len(s.Method)) * (within + 1 + len(s.GetName()))
	}
}

// messages adds messages and what stands in them, likewise.
func (b *burden) messages(list []*descriptorpb.DescriptorProto, most, within int) {
	b.total, b.deep = b.total+len(list), b.deep || most == 0 && len(list) > 0
	if b.deep || b.total > 2*maxDeclarations {
		return
	}
	for _, m := range list {
		b.nameless = b.nameless || strings.HasPrefix(m.GetName(), "\uFFFD")
		b.total += len(m.Field) + len(m.Extension) + len(m.OneofDecl) + len(m.ReservedRange) + len(m.ExtensionRange) + len(m.EnumType)
		b.oneofs += len(m.OneofDecl) * len(m.Field)
		inside := within + 1 + len(m.GetName())
		b.names += (1 + len(m.Field) + len(m.Extension) + len(m.OneofDecl) + len(m.EnumType)) * inside
		b.enums(m.EnumType, inside)
		b.messages(m.NestedType, most-1, inside)
	}
}

// resolverOf finds the types of a file and everything it imports.
func resolverOf(file linker.File) linker.Resolver {
	all := linker.Files{file}
	seen := map[string]bool{file.Path(): true}
	for i := 0; i < len(all); i++ {
		imports := all[i].Imports()
		for j := range imports.Len() {
			path := imports.Get(j).Path()
			if f := all[i].FindImportByPath(path); f != nil && !seen[path] {
				seen[path] = true
				all = append(all, f)
			}
		}
	}
	return all.AsResolver()
}

// relative is a full name within its package.
func relative(d protoreflect.Descriptor) string {
	name, within := string(d.FullName()), string(d.ParentFile().Package())
	if within == "" {
		return name
	}
	return strings.TrimPrefix(name, within+".")
}
