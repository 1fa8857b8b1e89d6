package protobuf

import (
	"fmt"

	"google.golang.org/protobuf/types/descriptorpb"
)

// inside writes the fields, messages and extensions of a place. Maps and groups
// bring messages with them, which count among the others: the number of a
// message is what stands in front of each record, so the order in which
// messages are declared is kept. But for that, fields come first.
type inside struct {
	p                              *printer
	at                             path                          // of the message; empty for the file
	message                        *descriptorpb.DescriptorProto // nil for the file
	messages                       []*descriptorpb.DescriptorProto
	extensions                     []*descriptorpb.FieldDescriptorProto
	messageNumber, extensionNumber int

	byName     map[string]int  // the messages, by full name
	members    map[int32][]int // the fields of each oneof
	field      int             // the next one to write
	extension  int             // likewise
	oneofsDone map[int32]bool
}

func (in *inside) fields() []*descriptorpb.FieldDescriptorProto {
	if in.message == nil {
		return nil
	}
	return in.message.Field
}

// write writes fields and messages, and those extensions that bring messages.
func (in *inside) write() {
	in.prepare()
	extending := map[int]int{} // message → the extension that brings it
	brought := map[int]bool{}
	for _, f := range in.fields() {
		brought[in.entry(f)] = true
	}
	for i, f := range in.extensions {
		if e := in.entry(f); e >= 0 {
			extending[e], brought[e] = i, true
		}
	}
	for i, m := range in.messages {
		if !brought[i] {
			in.upTo(i)
			in.p.message(m, in.at.in(in.messageNumber, i))
			continue
		}
		in.upTo(i + 1)
		if x, ok := extending[i]; ok {
			in.extend(x + 1)
		}
	}
	in.upTo(len(in.messages))
}

func (in *inside) prepare() {
	in.byName, in.members, in.oneofsDone = map[string]int{}, map[int32][]int{}, map[int32]bool{}
	for i, m := range in.messages {
		in.byName["."+join(in.p.scope, m.GetName())] = i
	}
	for i, f := range in.fields() {
		if inOneof(f) {
			in.members[f.GetOneofIndex()] = append(in.members[f.GetOneofIndex()], i)
		}
	}
}

// inOneof reports whether a field stands in a oneof that is written as one.
func inOneof(f *descriptorpb.FieldDescriptorProto) bool {
	return f.OneofIndex != nil && !f.GetProto3Optional()
}

// entry is which message a map or a group brings with it; -1 for none.
func (in *inside) entry(f *descriptorpb.FieldDescriptorProto) int {
	i, beside := in.byName[f.GetTypeName()]
	if beside && (f.GetType() == descriptorpb.FieldDescriptorProto_TYPE_GROUP || isEntry(in.messages[i])) {
		return i
	}
	return -1
}

func isEntry(m *descriptorpb.DescriptorProto) bool {
	return m.GetOptions().GetMapEntry() && len(m.Field) == 2
}

// upTo writes the fields that may stand before a message: those that come
// before any which brings a later one.
func (in *inside) upTo(message int) {
	for ; in.field < len(in.fields()); in.field++ {
		f := in.fields()[in.field]
		switch {
		case inOneof(f) && in.oneofsDone[f.GetOneofIndex()]:
			continue
		case in.first(f) >= message:
			return
		case inOneof(f):
			in.oneofsDone[f.GetOneofIndex()] = true
			in.oneof(int(f.GetOneofIndex()))
		default:
			in.one(f, in.at.in(messageFields, in.field), true)
		}
	}
}

// first is the first message that comes with a field, or with its oneof: -1 for
// none.
func (in *inside) first(f *descriptorpb.FieldDescriptorProto) int {
	if !inOneof(f) {
		return in.entry(f)
	}
	for _, i := range in.members[f.GetOneofIndex()] {
		if e := in.entry(in.fields()[i]); e >= 0 {
			return e
		}
	}
	return -1
}

func (in *inside) oneof(index int) {
	o := in.message.OneofDecl[index]
	in.p.doc(in.at.in(messageOneofs, index))
	in.p.block("", "oneof "+o.GetName(), func() {
		in.p.options(o.GetOptions())
		for _, i := range in.members[int32(index)] {
			in.one(in.fields()[i], in.at.in(messageFields, i), false)
		}
	})
}

// extend writes extensions up to one, those of one message together as long as
// they stand together.
func (in *inside) extend(to int) {
	for in.extension < to {
		extendee := in.extensions[in.extension].GetExtendee()
		in.p.block("", "extend "+in.p.named(extendee), func() {
			for ; in.extension < to && in.extensions[in.extension].GetExtendee() == extendee; in.extension++ {
				in.one(in.extensions[in.extension], in.at.in(in.extensionNumber, in.extension), true)
			}
		})
	}
}

// one writes one field, with a label where it may have one.
func (in *inside) one(f *descriptorpb.FieldDescriptorProto, at path, labelled bool) {
	p := in.p
	p.doc(at)
	label := ""
	if labelled {
		label = p.label(f)
	}
	i := in.entry(f)
	switch {
	case i < 0:
		p.line("%s", p.declaration(f, nil, label))
	case isEntry(in.messages[i]):
		p.line("%s", p.declaration(f, in.messages[i], label))
	default:
		group := in.messages[i]
		head := fmt.Sprintf("%sgroup %s = %d%s", label, group.GetName(), f.GetNumber(), p.brackets(f.GetOptions(), p.pseudo(f)...))
		p.block(group.GetName(), head, func() { p.body(group, in.at.in(in.messageNumber, i)) })
	}
}
