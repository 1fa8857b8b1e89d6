// Package protobuf understands Protocol Buffers: it reads the text of a .proto
// file, or a descriptor that was serialized, writes either in one canonical
// way, names the fields, and tells whether data written with one file can be
// read with another.
//
// A file is read by protocompile, which knows the language; what it imports
// comes from the schemas that it refers to, and nowhere else. The canonical
// text, the comparison and the fields are ours. The rules of comparison are
// those of the wire: numbers and types count, names mostly do not.
package protobuf

import (
	"encoding/base64"

	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/flowmart/lethe/schemas/format"
)

// Schema is a file that was read. It never changes.
type Schema struct {
	file       linker.Result
	descriptor *descriptorpb.FileDescriptorProto
	text       string             // canonical
	given      []format.Reference // what it imports
	places     []format.Field
	records    map[protoreflect.FullName]string // the path of the place where a message stands first
}

var _ interface {
	format.Schema
	format.Normal
	format.Shaped
	format.Particular
	format.Printed
	format.Taggable
} = (*Schema)(nil)

// Canonical implements format.Schema. The order of imports, messages, fields
// and values is that of the file, as are comments before and behind them; the
// kinds of declaration stand one after the other, and white space and other
// comments are gone.
func (s *Schema) Canonical() string { return s.text }

// Normalized implements format.Normal: imports are sorted and types are called
// by their full name. Options are sorted in either text. Where that is too large
// to be read again, it is the canonical text.
func (s *Schema) Normalized() string {
	if text := write(s, true); len(text) <= MaxBytes {
		return text
	}
	return s.text
}

// Shape implements format.Shaped: what is left without comments, which
// descriptors do not have.
func (s *Schema) Shape() (string, bool) { return uncommented(s.Normalized()), true }

// IsFoundAs implements format.Particular. Comments are part of a schema, and who
// sends none asks for the schema whatever is said in it.
func (s *Schema) IsFoundAs(text string) bool {
	said := comments(s.text)
	return said == "" || said == comments(text)
}

// asDescriptor is what clients call the form of a descriptor.
const asDescriptor = "serialized"

// FormOf names the form, as Print has it, that a text is in; "" for that of a
// file.
func FormOf(text string) string {
	if _, err := base64.StdEncoding.DecodeString(text); err != nil || text == "" {
		return ""
	}
	return asDescriptor
}

// withoutExtensions is what clients call the form without extensions.
const withoutExtensions = "ignore_extensions"

// Print implements format.Printed: as a FileDescriptorProto in base64, without
// comments, for clients that have no parser; or as a text without what extends
// messages and without options of one's own, for those that cannot resolve
// them.
func (s *Schema) Print(form string) (string, bool) {
	switch form {
	case asDescriptor:
		return base64.StdEncoding.EncodeToString(serialized(s)), true
	case withoutExtensions:
		d := proto.CloneOf(s.descriptor)
		unextended(d.ProtoReflect())
		return write(&Schema{file: s.file, descriptor: d}, false), true
	}
	return "", false
}

// unextended drops extensions from a descriptor, and options that are such.
func unextended(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsExtension(), f.Name() == "extension" && f.Message().Name() == "FieldDescriptorProto":
			m.Clear(f)
		case f.Message() != nil && f.IsList():
			for i := range v.List().Len() {
				unextended(v.List().Get(i).Message())
			}
		case f.Message() != nil && !f.IsMap():
			unextended(v.Message())
		}
		return true
	})
}

func serialized(s *Schema) []byte {
	bare := &descriptorpb.FileDescriptorProto{}
	s.descriptor.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Name() != "source_code_info" {
			bare.ProtoReflect().Set(f, v)
		}
		return true
	})
	b, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(bare)
	if err != nil {
		return nil // it was read from such bytes, or could have been
	}
	return b
}

// Places implements format.Schema.
func (s *Schema) Places() []format.Field { return s.places }
