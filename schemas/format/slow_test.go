package format_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/schemas/avro"
	"github.com/flowmart/lethe/schemas/ddl"
	"github.com/flowmart/lethe/schemas/format"
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
	read     func(text string) error
}

// languages are all of them. What is done with a text is what registering or
// pushing it does, but for the database: it is read, held against another one,
// and whatever is told of it is told.
func languages() []language {
	all := []language{
		{"Avro", ofAvro, 1 << 20, true, registered(avro.Read, "bytes")},
		{"JSON Schema", ofJSON, 1 << 20, true, registered(jsonschema.Read, "integer")},
		{"Protobuf", ofProtobuf, 1 << 20, true, registered(protobuf.Read, "int32")},
		{"DDL", ofDDL, 10 << 20, false, func(text string) error {
			d := ddl.New()
			err := d.Run(tables.Place{File: "f.sql"}, text)
			tables.Diff(tables.New(), d.State)
			tables.Diff(d.State, tables.New())
			return err
		}},
		{"manifest", ofManifests, 1 << 20, false, func(text string) error {
			_, err := manifest.Read(manifest.Name, []byte(text))
			return err
		}},
	}
	for _, file := range slices.Sorted(maps.Keys(ofMigrations)) {
		all = append(all, language{file, ofMigrations[file], 10 << 20, false, func(text string) error {
			s := migration.Source{Format: formats[file], Files: []migration.File{{Path: file, Text: text}}}
			if s.Format == "liquibase" {
				s.Root = file
			}
			r, err := migration.Read(s)
			if r.State != nil {
				tables.Diff(tables.New(), r.State)
				tables.Diff(r.State, tables.New())
			}
			return err
		}})
	}
	return all
}

// formats are those of the files of ofMigrations.
var formats = map[string]string{
	"changelog.xml": "liquibase", "changelog.yaml": "liquibase", "changelog.json": "liquibase", "changelog.sql": "liquibase",
	"1_goose.sql": "goose", "V1__flyway.sql": "flyway", "validators.json": "mongodb", "validators.js": "mongodb",
}

// registered is all that becomes of a schema when it follows one that is like
// it but for the type that stands for its strings, in both directions.
func registered(read format.Read, other string) func(string) error {
	return func(text string) error {
		s, err := read(text, nil)
		if err != nil {
			return err
		}
		before, err := read(strings.ReplaceAll(text, "string", other), nil)
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
		return err
	}
}

// taken is one text, and what it took.
type taken struct {
	family string
	n      int
	bytes  int
	cpu    time.Duration // of the whole process
	err    error
}

// slowest doubles a family until its texts are longer than any that is read,
// and finds the one that takes longest, and the largest that is sound.
func (l language) slowest(f family) (worst taken) {
	for n := 64; ; n *= 2 {
		text := f.of(n)
		if len(text) > l.most {
			return worst
		}
		var err error
		took := cputest.Process(func() { err = l.read(text) })
		if one := (taken{f.name, n, len(text), took, err}); one.cpu > worst.cpu {
			worst = one
		}
	}
}

// How long the slowest text of each language takes, of all families at all
// sizes that double: -v lists the slowest of each family.
func BenchmarkSlowest(b *testing.B) {
	for _, l := range languages() {
		b.Run(strings.ReplaceAll(l.name, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				var worst taken
				for _, f := range l.families {
					if !strings.Contains(f.name, os.Getenv("FAMILY")) {
						continue
					}
					one := l.slowest(f)
					b.Logf("%7.1f ms  %s, %d of them, %d KB: %.60v", ms(one.cpu), f.name, one.n, one.bytes>>10, fmt.Sprint(one.err))
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
