package protobuf

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// metaFile defines the options in which Confluent's tools write tags.
const metaFile = "confluent/meta.proto"

// metaNumber is the number of these options, of whatever element.
const metaNumber = 1088

// Entities implements format.Taggable: they are the messages of the file, and
// their fields.
func (s *Schema) Entities() []format.Tagged {
	var out []format.Tagged
	eachEntity(s.descriptor, func(e format.Entity, options func() proto.Message) {
		tags, _ := saidIn(options())
		out = append(out, format.Tagged{Entity: e, Tags: tags})
	})
	return out
}

// Retag implements format.Taggable. A tag is added once.
func (s *Schema) Retag(add, remove []format.Tagged) (string, error) {
	d := proto.CloneOf(s.descriptor)
	at := map[format.Entity]func() proto.Message{}
	eachEntity(d, func(e format.Entity, options func() proto.Message) { at[e] = options })
	for _, t := range slices.Concat(add, remove) {
		if at[t.Entity] == nil {
			return "", fault.New(fault.Invalid, codeInvalid,
				"nothing in the schema is called %q; a message is called by its full name, a field by that and its own name after a dot", fault.Cut(t.Path, maxFault))
		}
	}
	for _, t := range remove {
		o := at[t.Entity]()
		tags, _ := saidIn(o)
		setTags(o, slices.DeleteFunc(tags, func(tag string) bool { return slices.Contains(t.Tags, tag) }))
	}
	for _, t := range add {
		o := at[t.Entity]()
		tags, _ := saidIn(o)
		for _, tag := range t.Tags {
			if !slices.Contains(tags, tag) {
				tags = append(tags, tag)
			}
		}
		setTags(o, tags)
	}
	if len(add) > 0 && !slices.Contains(d.Dependency, metaFile) {
		d.Dependency = append(d.Dependency, metaFile)
	}
	return write(&Schema{file: s.file, descriptor: d}, false), nil
}

// eachEntity goes through the messages and fields of a file, each with a way to
// its options, which are made where it has none.
func eachEntity(d *descriptorpb.FileDescriptorProto, visit func(e format.Entity, options func() proto.Message)) {
	var messages func(scope string, list []*descriptorpb.DescriptorProto)
	messages = func(scope string, list []*descriptorpb.DescriptorProto) {
		for _, m := range list {
			if m.GetOptions().GetMapEntry() {
				continue
			}
			path := join(scope, m.GetName())
			visit(format.Entity{Path: path}, func() proto.Message {
				if m.Options == nil {
					m.Options = &descriptorpb.MessageOptions{}
				}
				return m.Options
			})
			for _, f := range m.Field {
				visit(format.Entity{Path: join(path, f.GetName()), Field: true}, func() proto.Message {
					if f.Options == nil {
						f.Options = &descriptorpb.FieldOptions{}
					}
					return f.Options
				})
			}
			messages(path, m.NestedType)
		}
	}
	messages(d.GetPackage(), d.MessageType)
}

// metaOf finds Confluent's option of an element: its own words on what the
// element is. Nil if it has none.
func metaOf(o proto.Message) (found protoreflect.FieldDescriptor) {
	o.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if f.IsExtension() && f.Number() == metaNumber && f.Message() != nil && f.Message().FullName() == "confluent.Meta" {
			found = f
		}
		return found == nil
	})
	return found
}

// saidIn reads the tags and the documentation of an element from its options.
func saidIn(o proto.Message) (tags []string, doc string) {
	option := metaOf(o)
	if option == nil {
		return nil, ""
	}
	m := o.ProtoReflect().Get(option).Message()
	list := m.Get(m.Descriptor().Fields().ByName("tags")).List()
	for i := range list.Len() {
		tags = append(tags, list.Get(i).String())
	}
	return tags, m.Get(m.Descriptor().Fields().ByName("doc")).String()
}

// setTags puts tags among the options of an element. An option that says
// nothing more is dropped.
func setTags(o proto.Message, tags []string) {
	option := metaOf(o)
	if option == nil && len(tags) == 0 {
		return
	}
	if option == nil {
		option = metaOption(o)
	}
	m := o.ProtoReflect().Mutable(option).Message()
	field := m.Descriptor().Fields().ByName("tags")
	m.Clear(field)
	for _, tag := range tags {
		m.Mutable(field).List().Append(protoreflect.ValueOfString(tag))
	}
	if proto.Size(m.Interface()) == 0 {
		o.ProtoReflect().Clear(option)
	}
}

// metaOption is the option for an element of a kind.
func metaOption(o proto.Message) protoreflect.FieldDescriptor {
	name := protoreflect.Name("message_meta")
	if _, ok := o.(*descriptorpb.FieldOptions); ok {
		name = "field_meta"
	}
	return dynamicpb.NewExtensionType(known(metaFile).Extensions().ByName(name)).TypeDescriptor()
}
