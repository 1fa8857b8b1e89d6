package migration

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/ddl"
	"github.com/flowmart/lethe/schemas/tables"
)

// gooseName is how goose finds its migrations: a number, an underscore, a name.
var gooseName = regexp.MustCompile(`^(\d+)_.*\.(sql|go)$`)

// gooseMark is an annotation of goose: a comment that begins with +goose.
var gooseMark = regexp.MustCompile(`^\s*--\s*\+goose\s+(.*?)\s*$`)

// readGoose runs the upward half of goose's migrations by their numbers.
// https://pressly.github.io/goose/documentation/annotations/
func readGoose(s Source, d *ddl.Database) error {
	type numbered struct {
		File
		number []string
	}
	var all []numbered
	seen := map[string]string{}
	var faults []error
	for _, f := range byPath(s.Files) {
		m := gooseName.FindStringSubmatch(path.Base(f.Path))
		switch {
		case m == nil:
			continue
		case m[2] == "go":
			d.Blind(tables.Place{File: f.Path, Line: 1, Column: 1}, "a migration written in Go", "say what changes tables in a migration of SQL")
			continue
		}
		n := numbered{f, numbers(m[1])}
		if other := seen[n.number[0]]; other != "" {
			faults = append(faults, fault.New(fault.Invalid, "VERSION_TWICE", "this version is also that of %s; give one of them the next number", other).At(f.Path+":1:1"))
		}
		seen[n.number[0]] = f.Path
		all = append(all, n)
	}
	slices.SortStableFunc(all, func(a, b numbered) int { return compareNumbers(a.number, b.number) })
	fill := &filler{}
	for _, n := range all {
		text, err := upward(n.File, fill, s.Placeholders)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		faults = append(faults, d.Run(tables.Place{File: n.Path}, text))
	}
	return errors.Join(faults...)
}

// upward leaves of a migration what goes up; the lines of the rest are empty, so
// that places stay right. Where a statement has a beginning and an end of its
// own it needs no semicolon.
func upward(f File, fill *filler, values map[string]string) (string, error) {
	var b strings.Builder
	up, down, substitute := false, false, false
	for line := range strings.Lines(f.Text) {
		m := gooseMark.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			if !up || down {
				line = "\n"
			}
			if substitute {
				var err error
				if line, err = fill.fill(line, among(values), stay); err != nil {
					return "", placed(err, f)
				}
			}
			b.WriteString(line)
			continue
		}
		switch strings.ToLower(strings.Join(strings.Fields(m[1]), " ")) {
		case "up":
			up, down = true, false
		case "down":
			down = true
		case "envsub on":
			substitute = true
		case "envsub off":
			substitute = false
		case "statementend":
			if up && !down {
				b.WriteString(";")
			}
		}
		b.WriteString("\n")
	}
	if !up {
		return "", fault.New(fault.Invalid, "NO_UP", "a migration of goose begins with the line -- +goose Up").At(f.Path + ":1:1")
	}
	return b.String(), nil
}
