package protobuf

import (
	"iter"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// files pairs the messages of two files, first by name, then those that moved.
func (c *comparison) files() {
	now := map[string]protoreflect.MessageDescriptor{}
	written := messagesOf(c.writer.file)
	for _, m := range messagesOf(c.reader.file) {
		now[relative(m)] = m
	}
	was := map[string]bool{}
	for _, m := range written {
		was[relative(m)] = true
		if r := now[relative(m)]; r != nil {
			c.meet(r, m, relative(m))
		}
	}
	moved := c.moved(was)
	for _, m := range written {
		if now[relative(m)] != nil {
			continue
		}
		r := moved(m)
		if r == nil {
			c.tell(MessageRemoved, place{spot: spot{relative(m), c.writer.records[m.FullName()]}}, nil, m, relative(m), "the message %s is gone; keep it: records of it may be about", relative(m))
			continue
		}
		c.warn(MessageMoved, place{spot: spot{relative(m), c.pathOf(r, m, relative(m))}}, r, m, relative(m)+" to "+string(r.FullName()),
			"the message %s is now %s; programs that name it must be told", relative(m), r.FullName())
		c.meet(r, m, relative(m))
	}
}

// moved finds messages at their new places: the one of the simple name that was
// in no place before, or in an import the one of the full name.
func (c *comparison) moved(was map[string]bool) func(protoreflect.MessageDescriptor) protoreflect.MessageDescriptor {
	fresh := map[protoreflect.Name][]protoreflect.MessageDescriptor{}
	for _, r := range messagesOf(c.reader.file) {
		if !was[relative(r)] {
			fresh[r.Name()] = append(fresh[r.Name()], r)
		}
	}
	elsewhere := sync.OnceValue(func() map[protoreflect.FullName]protoreflect.MessageDescriptor {
		return imported(c.reader.file)
	})
	return func(m protoreflect.MessageDescriptor) protoreflect.MessageDescriptor {
		switch len(fresh[m.Name()]) {
		case 0:
			return elsewhere()[m.FullName()]
		case 1:
			return fresh[m.Name()][0]
		}
		return nil
	}
}

// imported lists the messages of everything that a file imports.
func imported(f protoreflect.FileDescriptor) map[protoreflect.FullName]protoreflect.MessageDescriptor {
	out := map[protoreflect.FullName]protoreflect.MessageDescriptor{}
	for in := range everyImport(f) {
		for _, m := range messagesOf(in) {
			out[m.FullName()] = m
		}
	}
	return out
}

// everyImport goes through what a file imports, and what that does.
func everyImport(f protoreflect.FileDescriptor) iter.Seq[protoreflect.FileDescriptor] {
	return func(yield func(protoreflect.FileDescriptor) bool) {
		seen := map[string]bool{f.Path(): true}
		for open := []protoreflect.FileDescriptor{f}; len(open) > 0; open = open[1:] {
			imports := open[0].Imports()
			for i := range imports.Len() {
				in := imports.Get(i).FileDescriptor
				if seen[in.Path()] {
					continue
				}
				seen[in.Path()] = true
				if !yield(in) {
					return
				}
				open = append(open, in)
			}
		}
	}
}
