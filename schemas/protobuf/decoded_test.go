package protobuf

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/flowmart/lethe/schemas/format"
)

var (
	pairsMade = flag.Int("pairs", 1000, "evolutions that TestDecodedData makes up")
	pairsSeed = flag.Uint64("seed", 1, "where TestDecodedData begins")
)

// What a verdict says is what happens: records written with the old file and
// read with the new one, by Google's decoder for Go, keep every value of every
// field that both have. Without a warning they keep it as it is; with one of a
// narrower type they keep what is left of it by the language guide ("the same
// effect as if you had cast the number to that type in C++"). A field that the
// reader does not have is not read, which the guide allows.
func TestDecodedData(t *testing.T) {
	t.Parallel()
	const records = 12
	var compatible, kept, called int
	for i := range *pairsMade {
		r := rand.New(rand.NewPCG(*pairsSeed, uint64(i)))
		old := makeFile(r)
		now := old.evolve(r)
		was, is := mustRead(t, old.String()), mustRead(t, now.String())
		found, err := is.CanRead(was, format.Options{})
		if err != nil {
			t.Fatal(err)
		}
		says := len(found) == 0
		warned := ofValues(is.Warnings(was))
		exact, cast := "", ""
		for range records {
			e, c := holdsData(r, is.file, was.file)
			exact, cast = exact+e, cast+c
		}
		if says {
			compatible++
		}
		if exact == "" {
			kept++
			if says {
				called++
			}
		}
		if says && (cast != "" || exact != "" && !warned) {
			t.Fatalf("pair %d is called compatible (warned: %v), and %s\n%s\n%s", i, warned, exact+cast, old, now)
		}
	}
	t.Logf("%d pairs: %d called compatible; every value kept in %d, of which %d (%.1f %%) are called compatible",
		*pairsMade, compatible, kept, called, 100*float64(called)/float64(max(kept, 1)))
	if compatible == 0 || kept == compatible && compatible == *pairsMade {
		t.Error("the pairs show nothing")
	}
}

// ofValues reports whether any warning is of values that come out as others.
func ofValues(warned []format.Difference) bool {
	for _, w := range warned {
		switch DifferenceKind(w.Kind) {
		case TypeNarrowed, RepeatedReadAsOne, ConstantRemoved, BytesReadAsString:
			return true
		}
	}
	return false
}

// holdsData writes a record of each old message and reads it as the new one. It
// returns what is not as it was, and what is not even as a cast leaves it.
func holdsData(r *rand.Rand, is, was protoreflect.FileDescriptor) (exact, cast string) {
	reader := map[protoreflect.Name]protoreflect.MessageDescriptor{}
	for _, m := range messagesOf(is) {
		reader[m.Name()] = m
	}
	for _, old := range messagesOf(was) {
		now := reader[old.Name()]
		if now == nil {
			return "a message is gone", "a message is gone"
		}
		written := dynamicpb.NewMessage(old)
		fill(r, written, 3)
		b, err := proto.MarshalOptions{AllowPartial: true}.Marshal(written)
		if err != nil {
			panic(err)
		}
		if (proto.UnmarshalOptions{}).Unmarshal(b, dynamicpb.NewMessage(old)) != nil {
			continue // the record is not whole: recursion through required fields was cut
		}
		read := dynamicpb.NewMessage(now)
		if err := proto.Unmarshal(b, read); err != nil {
			return err.Error(), err.Error()
		}
		var e, c comparer
		e.messages(written, read)
		c.cast = true
		c.messages(written, read)
		exact, cast = exact+e.out.String(), cast+c.out.String()
	}
	return exact, cast
}

// fill sets fields to values at the edges of their types.
func fill(r *rand.Rand, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Cardinality() != protoreflect.Required && r.IntN(4) == 0 || f.ContainingOneof() != nil && r.IntN(2) == 0 {
			continue
		}
		switch {
		case f.IsMap():
			for range r.IntN(3) {
				if v, ok := anyValue(r, f.MapValue(), func() protoreflect.Value { return m.NewField(f).Map().NewValue() }, depth); ok {
					k, _ := anyValue(r, f.MapKey(), nil, depth)
					m.Mutable(f).Map().Set(k.MapKey(), v)
				}
			}
		case f.IsList():
			for range r.IntN(4) {
				if v, ok := anyValue(r, f, func() protoreflect.Value { return m.NewField(f).List().NewElement() }, depth); ok {
					m.Mutable(f).List().Append(v)
				}
			}
		default:
			if v, ok := anyValue(r, f, func() protoreflect.Value { return m.NewField(f) }, depth); ok {
				m.Set(f, v)
			}
		}
	}
}

func anyValue(r *rand.Rand, f protoreflect.FieldDescriptor, fresh func() protoreflect.Value, depth int) (protoreflect.Value, bool) {
	whole := pick(r, []int64{0, 1, -1, 2, 300, math.MaxInt32, math.MinInt32, math.MaxUint32, math.MaxInt64, math.MinInt64, r.Int64()})
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.IntN(2) == 1), true
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(r.IntN(values.Len())).Number()), true
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(whole)), true
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(whole), true
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(whole)), true
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(whole)), true
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(whole) / 3), true
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(whole) / 3), true
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(pick(r, []string{"", "a", "Grüße", strings.Repeat("x", 200)})), true
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(pick(r, []string{"", "b", "größer"}))), true
	}
	if depth == 0 {
		return protoreflect.Value{}, false
	}
	v := fresh()
	fill(r, v.Message(), depth-1)
	return v, true
}

// comparer notes the values that a reader has otherwise than they were written.
type comparer struct {
	cast bool
	out  strings.Builder
}

func (c *comparer) lost(f protoreflect.FieldDescriptor, what string) {
	fmt.Fprintf(&c.out, "%s: %s; ", f.FullName(), what)
}

func (c *comparer) messages(written, read protoreflect.Message) {
	written.Range(func(w protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		r := read.Descriptor().Fields().ByNumber(w.Number())
		switch {
		case r == nil:
		case w.IsMap() != r.IsMap():
			c.lost(w, "a map no more, or a map now")
		case w.IsMap():
			c.maps(w, r, v.Map(), read.Get(r).Map())
		case w.IsList():
			c.lists(w, r, v.List(), read, r.IsList())
		case r.IsList():
			c.lists(w, r, one{v}, read, true)
		default:
			c.values(w, r, v, read.Get(r), read.Has(r))
		}
		return true
	})
}

// one is a list of one value.
type one struct{ v protoreflect.Value }

func (o one) Len() int                   { return 1 }
func (o one) Get(int) protoreflect.Value { return o.v }
func (c *comparer) maps(w, r protoreflect.FieldDescriptor, written, read protoreflect.Map) {
	written.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		key, ok := asKind(w.MapKey(), r.MapKey(), k.Value(), c.cast)
		switch {
		case !ok:
			c.lost(w, "another key")
		case c.cast && narrows(w, r):
			// Keys may fall together, and then one value is left; or the value
			// is of an enum that does not know it.
		case !read.Has(key.MapKey()):
			c.lost(w, "a key is gone")
		default:
			c.values(w.MapValue(), r.MapValue(), v, read.Get(key.MapKey()), true)
		}
		return true
	})
}

func narrows(w, r protoreflect.FieldDescriptor) bool {
	return w.MapKey().Kind() != r.MapKey().Kind() || r.MapValue().Kind() == protoreflect.EnumKind
}

type list interface {
	Len() int
	Get(int) protoreflect.Value
}

func (c *comparer) lists(w, r protoreflect.FieldDescriptor, written list, read protoreflect.Message, many bool) {
	if !many {
		if written.Len() > 1 && !c.cast {
			c.lost(w, "only the last of several is left")
		} else if r.Message() == nil { // of messages, all are merged
			c.values(w, r, written.Get(written.Len()-1), read.Get(r), read.Has(r))
		}
		return
	}
	got := read.Get(r).List()
	if got.Len() != written.Len() {
		if !c.cast || r.Kind() != protoreflect.EnumKind || !r.Enum().IsClosed() {
			c.lost(w, "there are more or fewer")
		}
		return
	}
	for i := range got.Len() {
		c.values(w, r, written.Get(i), got.Get(i), true)
	}
}

func (c *comparer) values(w, r protoreflect.FieldDescriptor, written, read protoreflect.Value, has bool) {
	if w.Message() != nil && r.Message() != nil {
		if !has {
			c.lost(w, "the message is gone")
			return
		}
		c.messages(written.Message(), read.Message())
		return
	}
	want, ok := asKind(w, r, written, c.cast)
	if !ok {
		c.lost(w, "it is another kind")
		return
	}
	if r.Kind() == protoreflect.EnumKind && r.Enum().IsClosed() && r.Enum().Values().ByNumber(want.Enum()) == nil && c.cast {
		return // a closed enum does not keep it
	}
	if r.HasPresence() && !has || !same2(want, read) {
		c.lost(w, fmt.Sprintf("%v became %v", written, read))
	}
}

func same2(a, b protoreflect.Value) bool {
	if x, ok := a.Interface().([]byte); ok {
		y, ok := b.Interface().([]byte)
		return ok && bytes.Equal(x, y)
	}
	return a.Equal(b)
}

// asKind is a value of one kind as another: what the bytes it is written as mean
// there. Without cast it must mean the same number.
func asKind(w, r protoreflect.FieldDescriptor, v protoreflect.Value, cast bool) (protoreflect.Value, bool) {
	switch w.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		text := fmt.Sprintf("%s", v.Interface())
		switch r.Kind() {
		case protoreflect.StringKind:
			return protoreflect.ValueOfString(text), true
		case protoreflect.BytesKind:
			return protoreflect.ValueOfBytes([]byte(text)), true
		}
		return v, false
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return v, w.Kind() == r.Kind()
	}
	raw, how := encode(w.Kind(), v)
	out, as := decode(r.Kind(), raw)
	if how != as {
		return v, false
	}
	if !cast && number(w.Kind(), v) != number(r.Kind(), out) {
		return v, false
	}
	return out, true
}

// encode is what the encoding page of protobuf.dev says a number is written as.
func encode(k protoreflect.Kind, v protoreflect.Value) (uint64, string) {
	switch k {
	case protoreflect.BoolKind:
		return protowire.EncodeBool(v.Bool()), "varint"
	case protoreflect.EnumKind:
		return uint64(int64(v.Enum())), "varint"
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return uint64(v.Int()), "varint"
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return v.Uint(), "varint"
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return protowire.EncodeZigZag(v.Int()), "zigzag"
	case protoreflect.Fixed32Kind:
		return v.Uint(), "32"
	case protoreflect.Sfixed32Kind:
		return uint64(uint32(v.Int())), "32"
	case protoreflect.Fixed64Kind:
		return v.Uint(), "64"
	case protoreflect.Sfixed64Kind:
		return uint64(v.Int()), "64"
	}
	return 0, k.String()
}

func decode(k protoreflect.Kind, raw uint64) (protoreflect.Value, string) {
	switch k {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(raw != 0), "varint"
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(int32(raw))), "varint"
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(raw)), "varint"
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(raw)), "varint"
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(raw)), "varint"
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(raw), "varint"
	case protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(int32(protowire.DecodeZigZag(raw & math.MaxUint32))), "zigzag"
	case protoreflect.Sint64Kind:
		return protoreflect.ValueOfInt64(protowire.DecodeZigZag(raw)), "zigzag"
	case protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(raw)), "32"
	case protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(raw)), "32"
	case protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(raw), "64"
	case protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(raw)), "64"
	}
	return protoreflect.Value{}, "none"
}

// number is a value as a number, whatever its type.
func number(k protoreflect.Kind, v protoreflect.Value) string {
	switch k {
	case protoreflect.BoolKind:
		return fmt.Sprint(protowire.EncodeBool(v.Bool()))
	case protoreflect.EnumKind:
		return fmt.Sprint(int32(v.Enum()))
	}
	return fmt.Sprint(v.Interface())
}
