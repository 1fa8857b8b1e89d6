package migration

import (
	"cmp"
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/ddl"
	"github.com/flowmart/lethe/schemas/tables"
)

// flywayName is how Flyway finds its migrations: a prefix, a version of numbers
// with dots or underscores between, two underscores and a description.
var flywayName = regexp.MustCompile(`^([VUB])(\d+(?:[._]\d+)*)(?:__(.*))?\.sql$|^(R)__(.*)\.sql$`)

// versioned is a migration of Flyway that runs once.
type versioned struct {
	File
	kind    string
	version []string // its numbers, without leading zeros
}

// readFlyway runs what Flyway would run in an empty database, in its order: from
// the latest baseline on the versions, then the repeatable ones by their
// descriptions. Undo migrations run only by hand.
// https://documentation.red-gate.com/fd/migrations-184127470.html
func readFlyway(s Source, d *ddl.Database) error {
	var run []versioned
	var repeat []File
	seen := map[string]string{}
	var faults []error
	for _, f := range byPath(s.Files) {
		name := path.Base(f.Path)
		m := flywayName.FindStringSubmatch(name)
		switch {
		case m == nil && (strings.HasSuffix(name, ".sql") || strings.HasSuffix(name, ".java")):
			d.Unread(tables.Place{File: f.Path, Line: 1, Column: 1}, "this is no migration by its name, so it is not read", "call it V2__what_it_does.sql, or leave it out")
		case m == nil || m[1] == "U":
		case m[4] == "R":
			repeat = append(repeat, f)
		default:
			v := versioned{f, m[1], numbers(m[2])}
			key := m[1] + strings.Join(v.version, ".")
			if other := seen[key]; other != "" {
				faults = append(faults, fault.New(fault.Invalid, "VERSION_TWICE", "this version is also that of %s; give one of them the next number", other).At(f.Path+":1:1"))
			}
			seen[key] = f.Path
			run = append(run, v)
		}
	}
	slices.SortStableFunc(run, func(a, b versioned) int {
		return cmp.Or(compareNumbers(a.version, b.version), cmp.Compare(a.kind, b.kind))
	})
	if i := lastBaseline(run); i >= 0 {
		base := run[i]
		run = slices.DeleteFunc(run[i:], func(v versioned) bool { return v.kind != "B" && compareNumbers(v.version, base.version) == 0 })
	}
	slices.SortStableFunc(repeat, func(a, b File) int { return cmp.Compare(path.Base(a.Path), path.Base(b.Path)) })
	fill := &filler{}
	for _, v := range run {
		faults = append(faults, s.run(d, fill, v.File))
	}
	for _, f := range repeat {
		faults = append(faults, s.run(d, fill, f))
	}
	return errors.Join(faults...)
}

// run runs a file with the values of its placeholders.
func (s Source) run(d *ddl.Database, fill *filler, f File) error {
	own := map[string]string{"flyway:defaultSchema": "public", "flyway:user": "flyway", "flyway:database": "flyway", "flyway:table": "flyway_schema_history",
		"flyway:filename": path.Base(f.Path), "flyway:timestamp": "2000-01-01 00:00:00", "flyway:workingDirectory": "/", "flyway:environment": ""}
	text, err := filled(f, fill, func(name string) (string, bool) {
		if v, ok := s.Placeholders[name]; ok {
			return v, true
		}
		v, ok := own[name]
		return v, ok
	})
	if err != nil {
		return err
	}
	return d.Run(tables.Place{File: f.Path}, text)
}

// filled puts values in the place of ${…}. One without a value is a mistake, but
// in the comment of a line.
func filled(f File, fill *filler, value func(string) (string, bool)) (string, error) {
	const most = 20 // mistakes told of one file, as of a script
	if !strings.Contains(f.Text, "${") {
		return f.Text, nil
	}
	var faults []error
	var b strings.Builder
	line := 0
	for text := range strings.Lines(f.Text) {
		line++
		comment := strings.Index(text, "--")
		done, err := fill.fill(text, value, func(found string, at int) {
			if len(faults) < most && fill.told < mostOfAll && (comment < 0 || at < comment) {
				fill.told++
				found = strings.ToValidUTF8(found, "�")
				faults = append(faults, fault.New(fault.Invalid, "PLACEHOLDER_UNKNOWN", "the placeholder %s has no value; give it with --placeholder %s=…", found, found[2:len(found)-1]).
					At(tables.Place{File: f.Path, Line: line, Column: at + 1}.String()))
			}
		})
		if err != nil {
			return "", placed(err, f)
		}
		b.WriteString(done)
	}
	return b.String(), errors.Join(faults...)
}

// lastBaseline is where the latest baseline stands, −1 if there is none.
func lastBaseline(run []versioned) int {
	for i, v := range slices.Backward(run) {
		if v.kind == "B" {
			return i
		}
	}
	return -1
}

func numbers(version string) []string {
	out := strings.FieldsFunc(version, func(r rune) bool { return r == '.' || r == '_' })
	for i, n := range out {
		if out[i] = strings.TrimLeft(n, "0"); out[i] == "" {
			out[i] = "0"
		}
	}
	for len(out) > 1 && out[len(out)-1] == "0" {
		out = out[:len(out)-1] // 1.0 is 1
	}
	return out
}

// compareNumbers compares versions number by number, however long they are.
func compareNumbers(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if c := cmp.Or(cmp.Compare(len(a[i]), len(b[i])), cmp.Compare(a[i], b[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}
