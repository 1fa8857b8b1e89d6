package protobuf

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// oneofs compares which fields exclude one another. Where the reader thinks so
// and the writer did not, data can hold both, and the reader drops one.
func (c *comparison) oneofs(r, w protoreflect.MessageDescriptor, at spot) {
	names := map[protoreflect.Name]bool{}
	for i := range r.Oneofs().Len() {
		if o := r.Oneofs().Get(i); oneofOf(o.Fields().Get(0)) != nil {
			names[o.Name()] = true
			c.joined(o, w, at)
		}
	}
	for i := range w.Oneofs().Len() {
		if o := w.Oneofs().Get(i); oneofOf(o.Fields().Get(0)) != nil {
			c.left(o, r, names[o.Name()], at)
		}
	}
}

// oneofOf is the oneof of a field; nil if it is in none. That of proto3's
// optional is none, and of nothing else in a oneof is the word written. The
// oneof itself knows, too, but goes through all fields of the message to tell.
func oneofOf(f protoreflect.FieldDescriptor) protoreflect.OneofDescriptor {
	if o := f.ContainingOneof(); o != nil && !f.HasOptionalKeyword() {
		return o
	}
	return nil
}

// joined looks at the fields of a reader's oneof that the writer knows. One
// alone may have joined; two must have excluded one another before.
func (c *comparison) joined(o protoreflect.OneofDescriptor, w protoreflect.MessageDescriptor, at spot) {
	from := map[protoreflect.FullName]bool{} // oneofs they were in
	var free []protoreflect.FieldDescriptor  // those that were in none
	here := place{spot: at, last: string(o.Name())}
	for i := range o.Fields().Len() {
		f := o.Fields().Get(i)
		old := c.field(w, f.Number())
		if old == nil {
			continue
		}
		here.field = string(f.Name())
		if was := oneofOf(old); was != nil {
			from[was.FullName()] = true
		} else {
			free = append(free, old)
		}
		if len(from)+len(free) > 1 {
			break // this is the one that was not excluded from the others
		}
	}
	switch {
	case len(free) > 1:
		c.tell(SeveralMovedToOneof, here, nil, nil, string(free[0].Name())+", "+string(free[1].Name()),
			"the fields %s and %s exclude one another now and did not before; older data may hold both; move one, or add new fields", free[0].Name(), free[1].Name())
	case len(from) > 1 || len(from) == 1 && len(free) > 0:
		c.tell(MovedToOneof, here, nil, nil, string(o.Name()),
			"the field has moved to the oneof %s, which excludes it from fields it was not excluded from; older data may hold both; leave it where it was", o.Name())
	}
}

// left looks for fields that are gone from a writer's oneof while the oneof
// stays, by its name or with any of its fields: who reads cannot tell an unset oneof from one that held them.
func (c *comparison) left(o protoreflect.OneofDescriptor, r protoreflect.MessageDescriptor, stays bool, at spot) {
	var gone []protoreflect.FieldDescriptor
	for i := range o.Fields().Len() {
		old := o.Fields().Get(i)
		now := c.field(r, old.Number())
		if now == nil {
			gone = append(gone, old)
			continue
		}
		stays = stays || oneofOf(now) != nil
	}
	if !stays {
		return
	}
	for _, f := range gone {
		c.tell(OneofFieldRemoved, placeOf(f, at), nil, f, fmt.Sprintf("%s of %s", f.Name(), o.Name()),
			"the field %s is gone from the oneof %s; keep it: older data may hold it", f.Name(), o.Name())
	}
}
