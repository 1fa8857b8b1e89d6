package protobuf

import (
	"cmp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

const (
	// maxFields is how many field paths a schema may unfold to. Messages can be
	// used in many places, so a short text can unfold to a great many.
	maxFields = 10_000
	// maxPath is the longest field path, in bytes.
	maxPath = 1000
)

// unfold lists every place that data can stand in. A record is one message of
// the file; which one, each record says for itself. Most files are written for
// one, and its fields are called by their names: that is the first message
// which stands in no other one. A further one is set apart, as the branch of a
// union is: <shop.Refund>.amount.
//
// It also returns where each message stands first.
func unfold(file protoreflect.FileDescriptor, text *layout) ([]format.Field, map[protoreflect.FullName]string, error) {
	w := &unfolding{
		file: file, text: text, open: map[protoreflect.FullName]bool{}, records: map[protoreflect.FullName]string{},
		said: map[protoreflect.Descriptor]said{},
	}
	for i, m := range rootsOf(file) {
		at := ""
		if i > 0 {
			at = "<" + string(m.FullName()) + ">"
		}
		if err := w.message(m, at); err != nil {
			return nil, nil, err
		}
	}
	return w.out, w.records, nil
}

// rootsOf lists the messages of a file that stand in no other: each can be a
// record. If all of them do, it is the first one.
func rootsOf(file protoreflect.FileDescriptor) []protoreflect.MessageDescriptor {
	all := messagesOf(file)
	inside := map[protoreflect.FullName]bool{}
	for _, m := range all {
		for i := range m.Fields().Len() {
			if inner := m.Fields().Get(i).Message(); inner != nil && inner.FullName() != m.FullName() {
				inside[inner.FullName()] = true
				if inner.IsMapEntry() && inner.Fields().ByNumber(2).Message() != nil {
					inside[inner.Fields().ByNumber(2).Message().FullName()] = true
				}
			}
		}
	}
	var out []protoreflect.MessageDescriptor
	for _, m := range all {
		if !inside[m.FullName()] {
			out = append(out, m)
		}
	}
	if len(out) == 0 && len(all) > 0 {
		out = all[:1]
	}
	return out
}

// messagesOf lists the messages of a file, each before those within it, but
// for the entries of maps.
func messagesOf(c container) []protoreflect.MessageDescriptor {
	var out []protoreflect.MessageDescriptor
	for i := range c.Messages().Len() {
		if m := c.Messages().Get(i); !m.IsMapEntry() {
			out = append(out, m)
			out = append(out, messagesOf(m)...)
		}
	}
	return out
}

type unfolding struct {
	file protoreflect.FileDescriptor
	text *layout
	out  []format.Field
	open map[protoreflect.FullName]bool // messages that we are inside of

	records map[protoreflect.FullName]string

	line, column int // of the field of this file that we are at, or in

	said map[protoreflect.Descriptor]said
}

// said is what a file says of a field or a message, wherever data of it stand.
type said struct {
	doc          string
	tags         []string
	line, column int // of a field of this file
}

// of is what is said of a field or a message. It is read once: it may be long, and
// the places many.
func (w *unfolding) of(d protoreflect.Descriptor) said {
	known, ok := w.said[d]
	if ok {
		return known
	}
	s := said{}
	switch d := d.(type) {
	case protoreflect.FieldDescriptor:
		s.tags, s.doc = saidIn(fieldOptions(d))
		l := d.ParentFile().SourceLocations().ByDescriptor(d)
		s.doc = cmp.Or(commentOf(l.LeadingComments, l.TrailingComments), s.doc)
		if d.ParentFile() == w.file {
			s.line, s.column = w.text.found(l.StartLine, l.StartColumn)
		}
	case protoreflect.MessageDescriptor:
		s.tags, s.doc = saidIn(messageOptions(d))
	}
	w.said[d] = s
	return s
}

func (w *unfolding) message(m protoreflect.MessageDescriptor, path string) error {
	if _, met := w.records[m.FullName()]; !met {
		w.records[m.FullName()] = path
	}
	w.open[m.FullName()] = true
	defer delete(w.open, m.FullName())
	for i := range m.Fields().Len() {
		if err := w.field(m.Fields().Get(i), path); err != nil {
			return err
		}
	}
	return nil
}

// field notes a field, and what is inside it.
func (w *unfolding) field(f protoreflect.FieldDescriptor, within string) error {
	of := w.of(f)
	if f.ParentFile() == w.file {
		w.line, w.column = of.line, of.column
	}
	at := format.Field{Path: string(f.Name()), Record: string(f.ContainingMessage().FullName()), Doc: of.doc, Tags: of.tags, Nullable: f.HasPresence()}
	if within != "" {
		at.Path = within + "." + at.Path
	}
	switch {
	case f.IsMap():
		at.Type, at.Opaque = "map", rawMap(f)
		if err := w.note(at); err != nil {
			return err
		}
		return w.value(f.MapValue(), format.Field{Path: at.Path + "{}", Record: at.Record})
	case f.IsList():
		at.Type = "repeated"
		if err := w.note(at); err != nil {
			return err
		}
		return w.value(f, format.Field{Path: at.Path + "[]", Record: at.Record})
	}
	return w.value(f, at)
}

// value notes a place for one value of a field's type.
func (w *unfolding) value(f protoreflect.FieldDescriptor, at format.Field) error {
	m := f.Message()
	switch {
	case m == nil:
		at.Type, at.Opaque = f.Kind().String(), f.Kind() == protoreflect.BytesKind
		return w.note(at)
	case leaves[m.FullName()].kind != "":
		leaf := leaves[m.FullName()]
		at.Type, at.Logical, at.Opaque, at.Nullable = leaf.kind, leaf.logical, leaf.opaque, at.Nullable || f.HasPresence()
		return w.note(at)
	}
	at.Type, at.Recursive = "message", w.open[m.FullName()]
	of := w.of(m)
	at.Tags, at.Doc = append(slices.Clip(at.Tags), of.tags...), cmp.Or(at.Doc, of.doc)
	if err := w.note(at); err != nil || at.Recursive {
		return err
	}
	return w.message(m, at.Path)
}

// leaf is a message of everyone's that stands for one value.
type leaf struct {
	kind    string
	logical string
	opaque  bool
}

var leaves = map[protoreflect.FullName]leaf{
	"google.protobuf.Any":         {"google.protobuf.Any", "", true},
	"google.protobuf.Struct":      {"google.protobuf.Struct", "", true},
	"google.protobuf.Value":       {"any", "", true},
	"google.protobuf.ListValue":   {"any", "", true},
	"google.protobuf.Empty":       {"message", "", false},
	"google.protobuf.FieldMask":   {"google.protobuf.FieldMask", "", false},
	"google.protobuf.Timestamp":   {"timestamp", "timestamp", false},
	"google.protobuf.Duration":    {"duration", "duration", false},
	"google.protobuf.DoubleValue": {"double", "", false},
	"google.protobuf.FloatValue":  {"float", "", false},
	"google.protobuf.Int64Value":  {"int64", "", false},
	"google.protobuf.UInt64Value": {"uint64", "", false},
	"google.protobuf.Int32Value":  {"int32", "", false},
	"google.protobuf.UInt32Value": {"uint32", "", false},
	"google.protobuf.BoolValue":   {"bool", "", false},
	"google.protobuf.StringValue": {"string", "", false},
	"google.protobuf.BytesValue":  {"bytes", "", true},
	"google.type.Date":            {"date", "date", false},
	"google.type.DateTime":        {"datetime", "datetime", false},
	"google.type.TimeOfDay":       {"time", "time", false},
	"google.type.Decimal":         {"decimal", "decimal", false},
	"google.type.Money":           {"money", "money", false},
	"google.type.LatLng":          {"point", "point", false},
	"confluent.type.Decimal":      {"decimal", "decimal", false},
	"confluent.type.Variant":      {"variant", "", true},
}

// rawMap reports whether a map is from free keys to free text or bytes.
func rawMap(f protoreflect.FieldDescriptor) bool {
	value := f.MapValue().Kind()
	return f.MapKey().Kind() == protoreflect.StringKind && (value == protoreflect.StringKind || value == protoreflect.BytesKind)
}

func (w *unfolding) note(at format.Field) error {
	if len(w.out) >= maxFields {
		return fault.New(fault.Invalid, codeInvalid, "the schema unfolds to more than %d field paths; it uses the same messages in too many places", maxFields)
	}
	if len(at.Path) > maxPath {
		return fault.New(fault.Invalid, codeInvalid, "a field path of the schema has more than %d characters; nest its messages less deep", maxPath)
	}
	if len(at.Tags) > format.MostTags {
		return fault.New(fault.Invalid, codeInvalid, "more than %d tags stand at one field and its type; keep those that say something", format.MostTags)
	}
	at.Line, at.Column = w.line, w.column
	w.out = append(w.out, at)
	return nil
}

// commentOf is what stands before and behind a declaration, line by line, as it
// is read again.
func commentOf(parts ...string) string {
	var lines []string
	for _, text := range parts {
		for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
			line = strings.TrimRight(strings.ReplaceAll(line, "\r", ""), " \t\v\f")
			if line != "" || len(lines) > 0 && lines[len(lines)-1] != "" {
				lines = append(lines, strings.TrimPrefix(line, " "))
			}
		}
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}
