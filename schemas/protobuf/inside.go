package protobuf

import (
	"slices"

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

	field, extension int // the next ones to write
	oneofs           map[int32]bool
}

func (in *inside) fields() []*descriptorpb.FieldDescriptorProto {
	if in.message == nil {
		return nil
	}
	return in.message.Field
}

func (in *inside) write() {
	in.oneofs = map[int32]bool{}
	brought := in.brought()
	for i, m := range in.messages {
		if !brought[i] {
			in.upTo(i)
			in.p.message(m, in.at.in(in.messageNumber, i))
			continue
		}
		in.upTo(i + 1)
		for in.extension < len(in.extensions) && slices.ContainsFunc(in.extensions[in.extension:], func(f *descriptorpb.FieldDescriptorProto) bool { return in.entry(f) == i }) {
			in.extend(in.extension + 1)
		}
	}
	in.upTo(len(in.messages))
}

// entry is which message a field brings with it; -1 for none.
func (in *inside) entry(f *descriptorpb.FieldDescriptorProto) int {
	return entryOf(f, in.messages, in.p.scope)
}

// brought are the messages that come with a field or an extension.
func (in *inside) brought() map[int]bool {
	out := map[int]bool{}
	for _, f := range slices.Concat(in.fields(), in.extensions) {
		if i := in.entry(f); i >= 0 {
			out[i] = true
		}
	}
	return out
}

// upTo writes the fields that may stand before a message: those that come
// before any which brings a later one.
func (in *inside) upTo(message int) {
	for ; in.field < len(in.fields()); in.field++ {
		f := in.fields()[in.field]
		oneof := f.OneofIndex != nil && !f.GetProto3Optional()
		switch {
		case oneof && in.oneofs[f.GetOneofIndex()]:
			continue
		case in.last(f, oneof) >= message:
			return
		case oneof:
			in.oneofs[f.GetOneofIndex()] = true
			in.p.oneof(in.message, int(f.GetOneofIndex()), in.at)
		default:
			in.p.field(f, in.messages, in.at, in.at.in(messageFields, in.field), true)
		}
	}
}

// last is the last message that comes with a field, or with the first of those
// of its oneof that bring any: -1 for none.
func (in *inside) last(f *descriptorpb.FieldDescriptorProto, oneof bool) int {
	if !oneof {
		return in.entry(f)
	}
	for _, other := range in.fields() {
		if other.OneofIndex != nil && other.GetOneofIndex() == f.GetOneofIndex() && in.entry(other) >= 0 {
			return in.entry(other)
		}
	}
	return -1
}

// extend writes extensions up to one, those of one message together as long as
// they stand together.
func (in *inside) extend(to int) {
	for in.extension < to {
		extendee := in.extensions[in.extension].GetExtendee()
		in.p.block("", "extend "+in.p.named(extendee), func() {
			for ; in.extension < to && in.extensions[in.extension].GetExtendee() == extendee; in.extension++ {
				in.p.field(in.extensions[in.extension], in.messages, in.at, in.at.in(in.extensionNumber, in.extension), true)
			}
		})
	}
}

// entryOf is which of the messages at a place a map or a group brings with it;
// -1 for none.
func entryOf(f *descriptorpb.FieldDescriptorProto, nested []*descriptorpb.DescriptorProto, scope string) int {
	group := f.GetType() == descriptorpb.FieldDescriptorProto_TYPE_GROUP
	if !group && f.GetLabel() != descriptorpb.FieldDescriptorProto_LABEL_REPEATED {
		return -1
	}
	return slices.IndexFunc(nested, func(n *descriptorpb.DescriptorProto) bool {
		isEntry := n.GetOptions().GetMapEntry() && len(n.Field) == 2
		return (group || isEntry) && f.GetTypeName() == "."+join(scope, n.GetName())
	})
}
