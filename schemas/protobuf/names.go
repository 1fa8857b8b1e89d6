package protobuf

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// names are the names that could be meant in a file, to tell whether a short
// one is understood.
type names map[string]bool

// namesOf collects every name of a file, and those that imports bring to its
// packages.
func namesOf(f protoreflect.FileDescriptor) names {
	n := names{}
	n.file(f, true)
	for in := range everyImport(f) {
		n.file(in, false)
	}
	return n
}

func (n names) file(f protoreflect.FileDescriptor, whole bool) {
	for name := f.Package(); name != ""; name = name.Parent() {
		n[string(name)] = true
	}
	n.within(f, whole)
	for i := range f.Services().Len() {
		s := f.Services().Get(i)
		n[string(s.FullName())] = true
		for j := range s.Methods().Len() {
			n[string(s.Methods().Get(j).FullName())] = true
		}
	}
}

// container is a file or a message.
type container interface {
	Messages() protoreflect.MessageDescriptors
	Enums() protoreflect.EnumDescriptors
	Extensions() protoreflect.ExtensionDescriptors
}

func (n names) within(c container, whole bool) {
	for i := range c.Enums().Len() {
		e := c.Enums().Get(i)
		n[string(e.FullName())] = true
		for j := range e.Values().Len() {
			n[string(e.Values().Get(j).FullName())] = true
		}
	}
	for i := range c.Extensions().Len() {
		n[string(c.Extensions().Get(i).FullName())] = true
	}
	for i := range c.Messages().Len() {
		m := c.Messages().Get(i)
		n[string(m.FullName())] = true
		if !whole {
			continue
		}
		for j := range m.Fields().Len() {
			n[string(m.Fields().Get(j).FullName())] = true
		}
		for j := range m.Oneofs().Len() {
			n[string(m.Oneofs().Get(j).FullName())] = true
		}
		n.within(m, true)
	}
}

// from is the shortest way to call a full name within a scope: without what it
// has in common with the scope, unless the rest would mean something else.
func (n names) from(scope, full string) string {
	for outer := scope; outer != ""; outer = outer[:max(0, strings.LastIndexByte(outer, '.'))] {
		if short, ok := strings.CutPrefix(full, outer+"."); ok {
			return n.safe(scope, outer, short, full)
		}
	}
	return n.safe(scope, "", full, full)
}

// safe returns a short name if its first part means the same in every scope
// between, and else the full name from the root.
func (n names) safe(scope, outer, short, full string) string {
	first, _, _ := strings.Cut(short, ".")
	for inner := scope; len(inner) > len(outer); inner = inner[:max(0, strings.LastIndexByte(inner, '.'))] {
		if n[inner+"."+first] {
			return "." + full
		}
	}
	return short
}
