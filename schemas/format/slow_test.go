package format_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/schemas/avro"
	"github.com/flowmart/lethe/schemas/ddl"
	"github.com/flowmart/lethe/schemas/detect"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/jsonschema"
	"github.com/flowmart/lethe/schemas/manifest"
	"github.com/flowmart/lethe/schemas/migration"
	"github.com/flowmart/lethe/schemas/protobuf"
	"github.com/flowmart/lethe/schemas/tables"
)

// language is what somebody may send texts in.
type language struct {
	name     string
	families []family
	most     int  // bytes of a text
	whole    bool // mistakes are told as one message
	// ready prepares what becomes of a text that follows another one: "" stands
	// for what is like it but for its types. What is registered already was read
	// before, and is kept as it is written.
	ready func(text, before string) (read func() error)
}

// read is all that is done with a text, at once.
func (l language) read(text string) error { return l.ready(text, "")() }

// mostScript is how much of scripts and changelogs is sent at once: a body.
const mostScript = 7 << 20

// languages are all of them. What is done with a text is what registering or
// pushing it does, but for the database: it is read, held against another one,
// and whatever is told of it is told.
func languages() []language {
	all := []language{
		{"Avro", slices.Concat(ofAvro, ofFieldsInAvro), 1 << 20, true, registered(avro.Read, "bytes")},
		{"JSON Schema", slices.Concat(ofJSON, ofFieldsInJSON), 1 << 20, true, registered(jsonschema.Read, "integer")},
		{"Protobuf", ofProtobuf, 1 << 20, true, registered(protobuf.Read, "int32")},
		{"DDL", ofDDL, mostScript, false, pushed(func(text string) (*tables.State, error) {
			d := ddl.New()
			err := d.Run(tables.Place{File: "f.sql"}, text)
			return d.State, err
		})},
		{"manifest", ofManifests, 1 << 20, false, func(text, _ string) func() error {
			return func() error {
				_, err := manifest.Read(manifest.Name, []byte(text))
				return err
			}
		}},
	}
	for _, file := range slices.Sorted(maps.Keys(ofMigrations)) {
		all = append(all, language{file, ofMigrations[file], mostScript, false, pushed(func(text string) (*tables.State, error) {
			s := migration.Source{Format: formats[file], Files: filesOf(file, text)}
			if s.Format == "liquibase" {
				s.Root = file
			}
			r, err := migration.Read(s)
			return r.State, err
		})})
	}
	return all
}

// filesOf takes a text apart where it is several files.
func filesOf(first, text string) (out []migration.File) {
	for i, part := range strings.Split(text, nextFile) {
		name := first
		if i > 0 {
			name, part, _ = strings.Cut(part, "\n")
		}
		out = append(out, migration.File{Path: name, Text: part})
	}
	return out
}

// pushed is all that becomes of a store: it is read, and what is no larger than a
// store may be is held in both directions against what it was before, against one
// in which all is called otherwise, and against none.
func pushed(read func(string) (*tables.State, error)) func(text, before string) func() error {
	return func(text, before string) func() error {
		if before == "" {
			before = text
		}
		others := []*tables.State{tables.New()}
		if was, err := read(before); err == nil && isStore(was) {
			others = append(others, tables.Of(was.All()), tables.Of(otherwise(was.All())))
		}
		return func() error {
			now, err := read(text)
			if err != nil || !isStore(now) {
				return err
			}
			for _, o := range others {
				tables.Diff(o, now)
				tables.Diff(now, o)
			}
			return nil
		}
	}
}

// isStore reports whether tables are no more than a store may have (STORE_TOO_LARGE).
func isStore(s *tables.State) bool {
	const mostTables, mostColumns = 2_000, 20_000
	n := 0
	for _, t := range s.All() {
		n += len(t.Columns)
	}
	return len(s.All()) <= mostTables && n <= mostColumns
}

// otherwise are tables whose columns have other names and types.
func otherwise(all []tables.Table) []tables.Table {
	for i, t := range all {
		all[i].Columns = slices.Clone(t.Columns)
		for j := range t.Columns {
			c := &all[i].Columns[j]
			c.Name, c.Type, c.Former = c.Name+"x", c.Type+"x", nil
		}
	}
	return all
}

// formats are those of the files of ofMigrations.
var formats = map[string]string{
	"changelog.xml": "liquibase", "changelog.yaml": "liquibase", "changelog.json": "liquibase", "changelog.sql": "liquibase",
	"1_goose.sql": "goose", "V1__flyway.sql": "flyway", "validators.json": "mongodb", "validators.js": "mongodb",
}

// registered is all that becomes of a schema when it follows one that is kept, in
// both directions, and what the gate says of its fields.
func registered(read format.Read, other string) func(text, before string) func() error {
	return func(text, before string) func() error {
		if before == "" {
			before = strings.ReplaceAll(text, "string", other)
		}
		if was, err := read(before, nil); err == nil {
			before = was.Canonical()
		}
		return func() error {
			s, err := read(text, nil)
			if err != nil {
				return err
			}
			before, err := read(before, nil)
			if err != nil {
				before = s
			}
			s.Warnings(before)
			_, err = s.CanRead(before, format.Options{})
			if _, back := before.CanRead(s, format.Options{}); err == nil {
				err = back
			}
			if n, ok := s.(format.Shaped); ok {
				n.Shape()
			}
			if t, ok := s.(format.Taggable); ok {
				t.Entities()
			}
			if tagged(s) || tagged(before) {
				return errors.Join(err, errTags)
			}
			gate.Check(gate.Change{Old: fieldsOf(before), New: fieldsOf(s), Policy: gate.Enforce})
			return err
		}
	}
}

var errTags = errors.New("too many tags together")

// tagged reports whether the places of a schema have more tags than they may.
func tagged(s format.Schema) bool {
	n := 0
	for _, f := range s.Places() {
		n += len(f.Tags)
	}
	return n > format.MostTagsInAll
}

// fieldsOf are the places of a schema as the gate takes them.
func fieldsOf(s format.Schema) (out []gate.Field) {
	for _, f := range s.Places() {
		of := detect.Field{Record: f.Record, Path: f.Path, Type: f.Type, Logical: f.Logical, Doc: f.Doc, Opaque: f.Opaque}
		out = append(out, gate.Field{Field: of, Tags: f.Tags, Aliases: f.Aliases})
	}
	return out
}

// imported is what becomes of a small file that imports one.
func imported(text, _ string) func() error {
	const small = `syntax = "proto3"; package small; import "a.proto"; message Small { string a = 1; }`
	large, err := protobuf.Read(text, nil)
	if err != nil {
		return func() error { return err }
	}
	return func() error {
		given := []format.Reference{{Name: "a.proto", Schema: large}}
		s, err := protobuf.Read(small, given)
		if err != nil {
			return err
		}
		before, err := protobuf.Read(strings.ReplaceAll(small, "string", "int32"), given)
		if err != nil {
			return err
		}
		_, err = s.CanRead(before, format.Options{})
		return err
	}
}

// taken is one text, and what it took.
type taken struct {
	family string
	n      int
	bytes  int
	cpu    time.Duration // of the whole process
	clock  time.Duration
	err    error
}

// take reads one text of a family, unless it is longer than any that is read. No
// text is shorter than what it has many of.
func (l language) take(f family, n int) (one taken, fits bool) {
	if n > l.most {
		return one, false
	}
	text, before := f.of(n), ""
	if f.was != nil {
		before = f.was(n)
	}
	if max(len(text), len(before)) > l.most {
		return one, false
	}
	read := l.ready(text, before)
	runtime.GC()
	one = taken{family: f.name, n: n, bytes: len(text)}
	one.cpu = cputest.Process(func() {
		began := time.Now()
		one.err = read()
		one.clock = time.Since(began)
	})
	return one, true
}

// slowest doubles a family until its texts are longer than any that is read, and
// goes on from the largest that is taken in quarters: what is refused for its
// size is slowest just before it is. It finds the text that takes longest.
func (l language) slowest(f family) (worst taken) {
	largest := 64
	try := func(n int) (fits bool) {
		one, fits := l.take(f, n)
		if fits && one.err == nil {
			largest = max(largest, n)
		}
		if one.cpu > worst.cpu {
			worst = one
		}
		return fits
	}
	n := 64
	for try(n) {
		n *= 2
	}
	for _, from := range slices.Compact([]int{largest, n / 2}) {
		for quarters := 5; quarters < 8 && try(from*quarters/4); quarters++ {
		}
	}
	return worst
}

// How long the slowest text of each language takes, of all families at all
// sizes that double: -v lists the slowest of each family.
func BenchmarkSlowest(b *testing.B) {
	for _, l := range append(languages(), language{"imports of Protobuf", ofProtobuf, 1 << 20, true, imported}) {
		b.Run(strings.ReplaceAll(l.name, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				var worst taken
				for _, f := range l.families {
					if !strings.Contains(f.name, os.Getenv("FAMILY")) {
						continue
					}
					one := l.slowest(f)
					b.Logf("%7.1f ms (%.1f on the clock)  %s, %d of them, %d KB: %.60v", ms(one.cpu), ms(one.clock), f.name, one.n, one.bytes>>10, fmt.Sprint(one.err))
					if one.cpu > worst.cpu {
						worst = one
					}
				}
				b.ReportMetric(ms(worst.cpu), "ms")
				b.Logf("the slowest: %s, %d of them", worst.family, worst.n)
			}
		})
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
