// Package migration reads the schema of a store from the files that a team
// keeps: scripts of SQL in the order in which they run, and the migrations of
// Flyway, goose and Liquibase, in the order in which those run them; and the
// validators of MongoDB's collections. What comes of them is one state of
// tables, with every step on the way and its place.
package migration

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/ddl"
	"github.com/flowmart/lethe/schemas/tables"
)

// File is a file of migrations.
type File struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// Source is everything that a team keeps about the tables of one store.
type Source struct {
	Format       string            `json:"format"`                 // one of Formats
	Placeholders map[string]string `json:"placeholders,omitempty"` // values of ${…} in Flyway's and Liquibase's files
	Root         string            `json:"root,omitempty"`         // the changelog that Liquibase begins with
	Contexts     []string          `json:"contexts,omitempty"`     // that Liquibase runs with; none: every change set runs
	Files        []File            `json:"files"`
}

// Result is what a source comes to.
type Result struct {
	State *tables.State
	Notes []ddl.Note // what was not read
}

// formats are the readers, by name.
var formats = map[string]func(Source, *ddl.Database) error{
	"sql": readSQL, "flyway": readFlyway, "goose": readGoose, "liquibase": readLiquibase, "mongodb": readMongo,
}

// Formats names what can be read.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// mostFiles bounds one source.
const mostFiles = 10_000

// mostOfAll is how many mistakes are told of all files together.
const mostOfAll = 500

// Read reads a source. Every mistake is told with its file, line and column,
// as far as reading went.
func Read(s Source) (Result, error) {
	read, known := formats[s.Format]
	if !known {
		return Result{}, fault.Bad("format", "UNKNOWN_FORMAT", "%s", fault.Suggest("the format is one of "+strings.Join(Formats(), ", "), s.Format, Formats()))
	}
	if len(s.Files) == 0 || len(s.Files) > mostFiles {
		return Result{}, fault.Bad("files", "OUT_OF_RANGE", "give 1 to %d files", mostFiles)
	}
	seen := map[string]bool{}
	for i, f := range s.Files {
		if err := f.named(i); err != nil {
			return Result{}, err
		}
		if seen[f.Path] {
			return Result{}, fault.Bad(fmt.Sprintf("files.%d.path", i), "TWICE", "give each file once: %s", f.Path)
		}
		seen[f.Path] = true
	}
	d := ddl.New()
	err := read(s, d)
	if all := fault.All(err); len(all) > mostOfAll {
		told := make([]error, mostOfAll)
		for i := range told {
			told[i] = all[i]
		}
		err = errors.Join(told...)
	}
	return Result{d.State, d.Notes}, err
}

// named refuses a file without a path that can be shown.
func (f File) named(i int) error {
	const longest = 500
	if f.Path == "" || len(f.Path) > longest || !utf8.ValidString(f.Path) || strings.ContainsFunc(f.Path, unicode.IsControl) {
		return fault.Bad(fmt.Sprintf("files.%d.path", i), "BAD_PATH", "the path of a file has 1 to %d bytes of UTF-8 and no control characters", longest)
	}
	return nil
}

// readSQL runs scripts in the order in which they were given.
func readSQL(s Source, d *ddl.Database) error { return runAll(d, s.Files) }

// runAll runs scripts one after the other, and gathers what is wrong with them.
func runAll(d *ddl.Database, files []File) error {
	var faults []error
	for _, f := range files {
		if err := d.Run(tables.Place{File: f.Path}, f.Text); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// byPath puts files in the order of their paths.
func byPath(files []File) []File {
	return slices.SortedStableFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
}
