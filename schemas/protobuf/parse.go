package protobuf

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
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
	// maxDepth is how deep brackets may nest in a text, and messages in a
	// descriptor. protoc itself takes 32 messages in one another.
	maxDepth = 100
	// maxFaults is how many mistakes one answer tells of.
	maxFaults = 20
	// maxFault is how much of one mistake is told, in bytes.
	maxFault = 300
)

const codeInvalid = "INVALID_SCHEMA"

// self is what a file is called that has no name: no import can be called so,
// and clients that take the serialized form give it a name of their own.
const self = "default"

// Read implements format.Read. The text is that of a .proto file, or a
// FileDescriptorProto in base64, as clients send it that have no parser. A
// reference is called by the path of the import that it stands for; the files
// of google/protobuf, google/type and confluent need none.
func Read(text string, given []format.Reference) (format.Schema, error) {
	if len(text) > MaxBytes {
		return nil, fault.New(fault.TooLarge, "SCHEMA_TOO_LARGE", "the schema has %d bytes; at most %d are taken", len(text), MaxBytes)
	}
	texts, err := gather(given)
	if err != nil {
		return nil, err
	}
	if d, ok := decoded(text); ok {
		if text, err = textOf(d, texts); err != nil {
			return nil, err
		}
	}
	return read(text, texts)
}

func read(text string, texts map[string]string) (*Schema, error) {
	if err := check(text); err != nil {
		return nil, err
	}
	file, err := compile(protocompile.SearchResult{Source: strings.NewReader(text)}, texts)
	if err != nil {
		return nil, err
	}
	s := &Schema{file: file, descriptor: file.FileDescriptorProto(), texts: texts}
	if s.places, err = unfold(file); err != nil {
		return nil, err
	}
	s.text = write(s, false)
	return s, nil
}

// gather collects what references bring: the files by the path they are
// imported by, with everything these import. One path is one file.
func gather(given []format.Reference) (map[string]string, error) {
	texts := map[string]string{}
	total := 0
	add := func(path, text string) error {
		switch known, there := texts[path]; {
		case there && known != text:
			return fault.Bad("references", codeInvalid, "two of the schemas it refers to are imported as %q; refer to one version of it", cut(path, maxFault))
		case there:
			return nil
		}
		texts[path] = text
		if total += len(text); total > MaxBytes {
			return fault.Bad("references", codeInvalid, "the schemas it refers to have more than %d bytes together; import less", MaxBytes)
		}
		return nil
	}
	for _, ref := range given {
		s := ref.Schema.(*Schema)
		if known(ref.Name) != nil || ref.Name == self {
			return nil, fault.Bad("references."+ref.Name, codeInvalid, "this file is known without a reference, or is nobody's to define; leave the reference out")
		}
		if err := add(ref.Name, s.text); err != nil {
			return nil, err
		}
		for path, text := range s.texts {
			if err := add(path, text); err != nil {
				return nil, err
			}
		}
	}
	return texts, nil
}

// check bounds a text by one pass over its bytes, before any parser sees it.
func check(text string) error {
	if !utf8.ValidString(text) {
		return fault.New(fault.Invalid, codeInvalid, "the schema is not UTF-8 text")
	}
	if strings.TrimSpace(text) == "" {
		return fault.New(fault.Invalid, codeInvalid, "the schema is empty")
	}
	if deep(text) {
		return fault.New(fault.Invalid, codeInvalid, "the schema nests more than %d deep", maxDepth)
	}
	return nil
}

// deep reports whether brackets nest too deep, not counting those in strings
// and comments.
func deep(text string) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[', '<', '(':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']', '>', ')':
			depth--
		case '"', '\'':
			i = pastString(text, i)
		case '/':
			i = pastComment(text, i)
		}
	}
	return false
}

// pastString finds the end of a string, or of the line that it cannot pass.
func pastString(text string, at int) int {
	quote := text[at]
	for at++; at < len(text) && text[at] != quote && text[at] != '\n'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at
}

func pastComment(text string, at int) int {
	end := ""
	switch {
	case strings.HasPrefix(text[at:], "//"):
		end = "\n"
	case strings.HasPrefix(text[at:], "/*"):
		end = "*/"
	default:
		return at
	}
	n := strings.Index(text[at+2:], end)
	if n < 0 {
		return len(text)
	}
	return at + 2 + n + len(end) - 1
}

// compile reads one file, with what it imports from texts.
func compile(root protocompile.SearchResult, texts map[string]string) (linker.Result, error) {
	var faults []error
	tell := func(e reporter.ErrorWithPos) error {
		faults = append(faults, mistake(e))
		if len(faults) == maxFaults {
			return errEnough
		}
		return nil
	}
	c := protocompile.Compiler{
		Resolver:       resolver{root, texts},
		MaxParallelism: 1,
		SourceInfoMode: protocompile.SourceInfoStandard,
		Reporter:       reporter.NewReporter(tell, nil),
	}
	files, err := c.Compile(context.Background(), self)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if at, ok := errors.AsType[reporter.ErrorWithPos](err); ok {
		return nil, mistake(at)
	}
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return nil, f
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, codeInvalid, "the schema cannot be read; see whether protoc reads it").With(err)
	}
	return files[0].(linker.Result), nil
}

var errEnough = errors.New("enough mistakes were found")

// mistake puts what the compiler found into words, with its place.
func mistake(e reporter.ErrorWithPos) *fault.Fault {
	message := e.Unwrap().Error()
	if missing, ok := errors.AsType[*fault.Fault](e); ok {
		message = missing.Message
	}
	pos := e.GetPosition()
	where := ""
	if pos.Filename != self {
		where = "in the imported file " + pos.Filename + ", "
	}
	if pos.Line > 0 {
		where += fmt.Sprintf("line %d, column %d: ", pos.Line, pos.Col)
	}
	return fault.New(fault.Invalid, codeInvalid, "%s", cut(where+strings.ToValidUTF8(message, "�"), maxFault))
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
		return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
	}
	return protocompile.SearchResult{}, fault.Bad("references", codeInvalid,
		"the import %q is not among the references; register that file under a subject of its own, and refer to it by this name", cut(path, maxFault/2))
}

// decoded reads a descriptor in base64. No .proto text is one: its first
// statement has a character that base64 has not.
func decoded(text string) (*descriptorpb.FileDescriptorProto, bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, false
	}
	d := &descriptorpb.FileDescriptorProto{}
	if err := (proto.UnmarshalOptions{RecursionLimit: 3 * maxDepth}).Unmarshal(b, d); err != nil {
		return nil, false
	}
	return d, true
}

// textOf writes a descriptor as a text. What the parser would refuse is told by
// the parser, which reads the text next.
func textOf(d *descriptorpb.FileDescriptorProto, texts map[string]string) (string, error) {
	name := self
	d.Name, d.SourceCodeInfo = &name, nil
	if nests(d.MessageType, maxDepth) {
		return "", fault.New(fault.Invalid, codeInvalid, "the schema nests more than %d deep", maxDepth)
	}
	file, err := compile(protocompile.SearchResult{Proto: d}, texts)
	if err != nil {
		return "", err
	}
	// Names, numbers and ranges are checked before they are written as text.
	if _, err := protodesc.NewFile(file.FileDescriptorProto(), resolverOf(file)); err != nil {
		return "", fault.New(fault.Invalid, codeInvalid, "the descriptor is not sound: %s", cut(err.Error(), maxFault))
	}
	// Only now is it known which options the file and its imports define.
	whole := file.FileDescriptorProto()
	b, err := proto.Marshal(whole)
	if err == nil {
		whole = &descriptorpb.FileDescriptorProto{}
		err = proto.UnmarshalOptions{Resolver: resolverOf(file)}.Unmarshal(b, whole)
	}
	if err != nil {
		return "", fault.New(fault.Invalid, codeInvalid, "an option of the descriptor is not of the type that its definition says").With(err)
	}
	return write(&Schema{file: file, descriptor: whole}, false), nil
}

// nests reports whether messages stand in one another more than so deep.
func nests(messages []*descriptorpb.DescriptorProto, most int) bool {
	for _, m := range messages {
		if most == 0 || nests(m.NestedType, most-1) {
			return true
		}
	}
	return false
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

// cut shortens a text to a number of bytes, and shows that it did.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// relative is a full name within its package.
func relative(d protoreflect.Descriptor) string {
	name, within := string(d.FullName()), string(d.ParentFile().Package())
	if within == "" {
		return name
	}
	return strings.TrimPrefix(name, within+".")
}
