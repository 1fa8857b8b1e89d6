package protobuf

import (
	"bytes"
	"fmt"

	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/options"
	"github.com/bufbuild/protocompile/reporter"
	"github.com/bufbuild/protocompile/sourceinfo"

	"github.com/flowmart/lethe/internal/fault"
)

// keeps makes sure that a schema can be kept: that its canonical text is within
// the limits, and read again says the same. What is written goes by the
// descriptor and the comments alone: where the descriptor is the same and there
// are no comments, so is the text that would be written of what was read again.
func (s *Schema) keeps(sent string) error {
	if sent == s.text {
		return nil
	}
	if len(s.text) > MaxBytes {
		return fault.New(fault.TooLarge, "SCHEMA_TOO_LARGE", "the schema has %d bytes as it would be kept; at most %d are taken; split it into schemas that refer to one another", len(s.text), MaxBytes)
	}
	again, err := s.again()
	if err != nil {
		return fault.New(fault.Invalid, codeInvalid, "the schema cannot be kept: written in the canonical way, %s", fault.Cut(err.Error(), maxFault)).With(err)
	}
	said := comments(s.text) == "" || write(again, false) == s.text
	if !said || !bytes.Equal(serialized(s), serialized(again)) {
		return fault.New(fault.Invalid, codeInvalid, "the schema cannot be kept: written in the canonical way it says something else; put it in simpler words")
	}
	return nil
}

// again reads the canonical text as far as it takes to know what it says. Its
// imports are those of the schema, which are not compiled once more.
func (s *Schema) again() (again *Schema, err error) {
	l, err := scan(s.text)
	if err != nil {
		return nil, err
	}
	parsed, err := l.parse()
	if err != nil {
		return nil, err
	}
	m := &mistakes{l: l}
	defer func() {
		if what := recover(); what != nil { // the linker is not ours either
			again, err = nil, m.err(fmt.Errorf("the linker panicked: %v", what))
		}
	}()
	h := reporter.NewHandler(m.reporter())
	file, err := linker.Link(parsed, s.imports(), nil, h)
	if err = m.err(err); err != nil {
		return nil, err
	}
	index, err := options.InterpretOptions(file, h)
	if err = m.err(err); err != nil {
		return nil, err
	}
	d := file.FileDescriptorProto()
	if comments(s.text) != "" {
		d.SourceCodeInfo = sourceinfo.GenerateSourceInfo(file.AST(), index)
	}
	return &Schema{file: file, descriptor: d}, nil
}

// imports are the files that a schema imports itself.
func (s *Schema) imports() linker.Files {
	var out linker.Files
	for _, path := range s.descriptor.GetDependency() {
		out = append(out, s.file.FindImportByPath(path))
	}
	return out
}
