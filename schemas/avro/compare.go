package avro

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

// DifferenceKind says why data cannot be read. The names are those of Apache
// Avro's SchemaCompatibility, which clients of registries know.
type DifferenceKind string

// The kinds of difference.
const (
	NameMismatch   DifferenceKind = "NAME_MISMATCH"
	TypeMismatch   DifferenceKind = "TYPE_MISMATCH"
	SizeMismatch   DifferenceKind = "FIXED_SIZE_MISMATCH"
	MissingSymbols DifferenceKind = "MISSING_ENUM_SYMBOLS"
	MissingBranch  DifferenceKind = "MISSING_UNION_BRANCH"
	MissingDefault DifferenceKind = "READER_FIELD_MISSING_DEFAULT_VALUE"
	AmbiguousAlias DifferenceKind = "READER_FIELD_MATCHES_SEVERAL"
	// JavaReader: the specification lets it pass, and so does Java's own check, but
	// its reader throws. It is told where nothing else is.
	JavaReader DifferenceKind = "JAVA_READER_FAILS"
)

// Difference is one reason why a reader cannot read what a writer wrote.
type Difference struct {
	Kind    DifferenceKind
	Path    string // field path, as in format.Field; "" for the whole
	Pointer string // as Java's: into the reader's schema, and into a union's branches on either side; "/" for the whole
	Message string // what differs and how to mend it
	Detail  string // the names in question
	Reader  string // what stands there in the reader's schema, in canonical text, cut
	Writer  string // and in the writer's

	reader, writer *Type
	field          *Field // of the reader, if the writer has none
}

const (
	mostDifferences = 50        // told of one comparison
	mostPointer     = 4000      // bytes of a pointer; what lies deeper is told without its beginning
	mostSteps       = 2_000_000 // taken by one comparison, some tenths of a second's worth
	aloneSteps      = 10        // that two records are worth without their fields
)

// CanRead lists every reason why data written with writer cannot be read with
// reader, by the schema resolution of the Avro specification and by what the
// reader of Apache Avro for Java makes of it; none means that it can. Only two
// schemas of extraordinary size make it fail.
func CanRead(reader, writer *Schema) ([]Difference, error) {
	c := &comparison{known: map[pair][]Difference{}, written: map[*Type]map[string]*Field{}, aliased: reader.aliased(), steps: mostSteps}
	found := c.read(reader.Root, writer.Root)
	if len(found) == 0 {
		found = c.java(reader.Root, writer.Root)
	}
	if c.steps <= 0 {
		return nil, fault.New(fault.Invalid, codeInvalid, "the schema is too large to compare with an earlier version; make its unions smaller")
	}
	return finish(reader, writer, found), nil
}

// finish writes out what is left open while differences are looked for: most
// that are found within a union are dropped.
func finish(reader, writer *Schema, found []Difference) []Difference {
	for i := range found {
		d := &found[i]
		if d.Pointer == "" {
			d.Pointer = "/"
		}
		d.Path = strings.TrimPrefix(d.Path, ".")
		d.Reader, d.Writer = fragment(reader, d.reader), fragment(writer, d.writer)
		if d.field != nil {
			d.Reader = fieldFragment(reader, d.field)
		}
	}
	return found
}

type pair struct{ reader, writer *Type }

// comparison remembers the pairs of types it has met. A pair that is met again
// inside itself is taken to be readable: a recursive type is readable unless
// something in it is not.
type comparison struct {
	known   map[pair][]Difference
	trail   []pair                      // pairs found readable, or under way, in the order they were met
	written map[*Type]map[string]*Field // the fields of the writer's records, by name
	aliased bool                        // whether any field of the reader has aliases
	steps   int                         // that are left
}

// read compares two types. Differences bear paths relative to them.
func (c *comparison) read(reader, writer *Type) []Difference {
	if c.steps--; c.steps <= 0 {
		return nil
	}
	if reader.Kind.primitive() && writer.Kind.primitive() {
		return c.differences(reader, writer)
	}
	p := pair{reader, writer}
	if found, met := c.known[p]; met {
		return found
	}
	mark := len(c.trail)
	c.known[p], c.trail = nil, append(c.trail, p)
	found := c.differences(reader, writer)
	if len(found) == 0 {
		return nil
	}
	// What was found readable since may have leaned on this pair being so.
	for _, later := range c.trail[mark:] {
		delete(c.known, later)
	}
	c.trail = c.trail[:mark]
	c.known[p] = found[:min(len(found), mostDifferences)]
	return c.known[p]
}

func (c *comparison) differences(reader, writer *Type) []Difference {
	switch {
	case writer.Kind == aUnion:
		return c.writerUnion(reader, writer)
	case reader.Kind == aUnion:
		return c.readerUnion(reader, writer)
	case reader.Kind != writer.Kind:
		if promotes(writer.Kind, reader.Kind) {
			return nil
		}
		return []Difference{{Kind: TypeMismatch, reader: reader, writer: writer, Detail: leaf(writer) + " to " + leaf(reader),
			Message: fmt.Sprintf("the old type %s cannot be read as %s; keep the old type or add a new field with a default", leaf(writer), leaf(reader))}}
	}
	switch reader.Kind {
	case anArray:
		return under(c.read(reader.Items, writer.Items), "[]", "/items")
	case aMap:
		return under(c.read(reader.Items, writer.Items), "{}", "/values")
	case aFixed:
		return append(c.names(reader, writer), sizes(reader, writer)...)
	case anEnum:
		return append(c.names(reader, writer), c.symbols(reader, writer)...)
	case aRecord:
		return c.records(reader, writer)
	}
	return nil
}

// promotes lists the promotions of the specification.
func promotes(from, to Kind) bool {
	switch from {
	case anInt:
		return to == aLong || to == aFloat || to == aDouble
	case aLong:
		return to == aFloat || to == aDouble
	case aFloat:
		return to == aDouble
	case aString:
		return to == aBytes
	case aBytes:
		return to == aString
	}
	return false
}

// writerUnion: every branch may have been written, so each must be readable.
func (c *comparison) writerUnion(reader, writer *Type) []Difference {
	var out []Difference
	for i, branch := range writer.Oneof {
		found := c.read(reader, branch)
		if len(found) > 0 && reader.Kind == aUnion && !ambiguous(found) {
			found = []Difference{missing(reader, branch)}
		}
		out = append(out, under(found, "", "/"+strconv.Itoa(i))...)
		if len(out) > mostDifferences || c.steps <= 0 {
			break // no more are told
		}
	}
	return out
}

// readerUnion: one branch must be able to read what was written. A branch that
// cannot tell two fields apart is no branch to pass over: Java throws there.
func (c *comparison) readerUnion(reader, writer *Type) []Difference {
	for i, branch := range reader.Oneof {
		if c.apart(branch, writer) {
			continue
		}
		found := c.read(branch, writer)
		if len(found) == 0 {
			return nil
		}
		if ambiguous(found) {
			return under(found, "", "/"+strconv.Itoa(i))
		}
	}
	return []Difference{missing(reader, writer)}
}

// apart reports whether a branch cannot read another type, as is seen without
// looking inside: most branches of large unions are passed over by this.
func (c *comparison) apart(branch, writer *Type) bool {
	c.steps--
	if branch.Kind != writer.Kind {
		return !promotes(writer.Kind, branch.Kind)
	}
	if !branch.Kind.named() || c.named(branch, writer) {
		return false
	}
	// A record is looked into if its fields can be ambiguous, which takes aliases,
	// and is what it was found to be, if it was.
	_, met := c.known[pair{branch, writer}]
	return branch.Kind != aRecord || !c.aliased && !met
}

// aliased reports whether any field of a schema has aliases.
func (s *Schema) aliased() bool {
	for _, t := range s.types {
		if slices.ContainsFunc(t.Fields, func(f *Field) bool { return len(f.Aliases) > 0 }) {
			return true
		}
	}
	return false
}

func ambiguous(found []Difference) bool {
	return slices.ContainsFunc(found, func(d Difference) bool { return d.Kind == AmbiguousAlias })
}

func missing(reader, branch *Type) Difference {
	return Difference{Kind: MissingBranch, reader: reader, writer: branch, Detail: leaf(branch),
		Message: fmt.Sprintf("no branch of the union can read the old branch %s; keep that branch", leaf(branch))}
}

// named reports whether two types of one kind go by one name. Namespaces do not
// count; of the aliases only the reader's do, and those in full.
func (c *comparison) named(reader, writer *Type) bool {
	if simpleName(reader.Name) == simpleName(writer.Name) {
		return true
	}
	c.steps -= len(reader.Aliases)
	return slices.Contains(reader.Aliases, writer.Name)
}

func (c *comparison) names(reader, writer *Type) []Difference {
	if c.named(reader, writer) {
		return nil
	}
	return []Difference{{Kind: NameMismatch, reader: reader, writer: writer, Pointer: "/name", Detail: writer.Name,
		Message: fmt.Sprintf("the name was %s; keep it, or add it to the aliases of %s", writer.Name, reader.Name)}}
}

func sizes(reader, writer *Type) []Difference {
	if reader.Size == writer.Size {
		return nil
	}
	return []Difference{{Kind: SizeMismatch, reader: reader, writer: writer, Pointer: "/size", Detail: fmt.Sprintf("%d to %d", writer.Size, reader.Size),
		Message: fmt.Sprintf("the size was %d bytes and is %d; keep it, or add a new field", writer.Size, reader.Size)}}
}

func (c *comparison) symbols(reader, writer *Type) []Difference {
	if reader.Default != nil {
		return nil
	}
	c.steps -= len(writer.Symbols)
	var lost []string
	for _, s := range writer.Symbols {
		if !reader.symbols[s] {
			lost = append(lost, s)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	list := strings.Join(lost[:min(len(lost), 20)], ", ")
	return []Difference{{Kind: MissingSymbols, reader: reader, writer: writer, Pointer: "/symbols", Detail: "[" + list + "]",
		Message: fmt.Sprintf("the symbols %s are gone; keep them, or give the enum a default", list)}}
}

func (c *comparison) records(reader, writer *Type) []Difference {
	c.steps -= aloneSteps
	out := c.names(reader, writer)
	written := c.written[writer]
	if written == nil {
		written = byName(writer)
		c.written[writer] = written
	}
	for i, f := range reader.Fields {
		found := c.field(f, reader, writer, written)
		out = append(out, under(found, "."+f.Name, "/fields/"+strconv.Itoa(i))...)
		if len(out) > mostDifferences || c.steps <= 0 {
			break
		}
	}
	return out
}

// field compares a reader's field with the written one of its name, or of one
// of its aliases. A written field that nobody asks for is skipped.
func (c *comparison) field(f *Field, reader, writer *Type, written map[string]*Field) []Difference {
	c.steps -= 1 + len(f.Aliases) + len(f.Name)/100 // what is told of a field says its name
	match := matches(f, written)
	switch {
	case len(match) > 1:
		return []Difference{{Kind: AmbiguousAlias, reader: reader, writer: writer, field: f, Detail: f.Name,
			Message: fmt.Sprintf("by its name and aliases, field %s is both %s and %s of the old schema; drop an alias", f.Name, match[0].Name, match[1].Name)}}
	case len(match) == 1:
		return under(c.read(f.Type, match[0].Type), "", "/type")
	case f.HasDefault():
		return nil
	}
	return []Difference{{Kind: MissingDefault, reader: reader, writer: writer, field: f, Detail: f.Name,
		Message: fmt.Sprintf("field %s is new and has no default; give it one, so that older data can be read", f.Name)}}
}

// matches lists the written fields that a reader's field goes by.
func matches(f *Field, written map[string]*Field) []*Field {
	var match []*Field
	for _, name := range append([]string{f.Name}, f.Aliases...) {
		if w := written[name]; w != nil && !slices.Contains(match, w) {
			match = append(match, w)
		}
	}
	return match
}

// byName indexes the fields of a record.
func byName(t *Type) map[string]*Field {
	fields := make(map[string]*Field, len(t.Fields))
	for _, f := range t.Fields {
		fields[f.Name] = f
	}
	return fields
}

// under moves differences below a place. They are copied: a pair's differences
// are told wherever the pair stands.
func under(found []Difference, path, pointer string) []Difference {
	out := slices.Clone(found)
	for i := range out {
		if len(out[i].Pointer) < mostPointer {
			out[i].Path = path + out[i].Path
			out[i].Pointer = pointer + out[i].Pointer
		}
	}
	return out
}
