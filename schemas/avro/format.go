package avro

import (
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// Read is Parse as the registry wants it. A reference is called by the full
// name of a type that the schema it refers to knows; two of them may know one
// name only as one type.
func Read(text string, given []format.Reference) (format.Schema, error) {
	types := Types{}
	for _, ref := range given {
		known := ref.Schema.(registered).types
		if known[ref.Name] == nil {
			return nil, fault.Bad("references."+ref.Name, codeInvalid, "the schema it refers to defines no type of this name; a reference is called by the full name of the type")
		}
		for name, t := range known {
			if types[name] != nil && types[name] != t {
				return nil, fault.Bad("references", codeInvalid, "two of the schemas it refers to define the type %q; refer to one version of it", name)
			}
			types[name] = t
		}
	}
	s, err := Parse(text, types)
	if err != nil {
		return nil, err
	}
	return registered{s}, nil
}

// registered is a schema as the registry deals with it.
type registered struct{ *Schema }

// Places implements format.Schema.
func (s registered) Places() []format.Field { return s.Fields }

// CanRead implements format.Schema.
func (s registered) CanRead(writer format.Schema, _ format.Options) ([]format.Difference, error) {
	found, err := CanRead(s.Schema, writer.(registered).Schema)
	return inFormat(found), err
}

// Warnings implements format.Schema.
func (s registered) Warnings(writer format.Schema) []format.Difference {
	return inFormat(Warnings(s.Schema, writer.(registered).Schema))
}

func inFormat(found []Difference) []format.Difference {
	var out []format.Difference
	for _, d := range found {
		out = append(out, format.Difference{
			Kind: string(d.Kind), Path: d.Path, Pointer: d.Pointer, Message: d.Message, Detail: d.Detail, Reader: d.Reader, Writer: d.Writer,
		})
	}
	return out
}
