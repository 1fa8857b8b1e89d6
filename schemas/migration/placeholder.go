package migration

import (
	"regexp"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

// placeholder is how Flyway, goose and Liquibase write that a value goes here.
var placeholder = regexp.MustCompile(`\$\{([^{}\s]{1,100})\}`)

// mostFilled bounds what values add to the files of a source: a value of values
// of values grows fast.
const mostFilled = 4 << 20

// filler puts values in the place of placeholders.
type filler struct {
	added int
	told  int // of mostOfAll
}

// fill fills a text. What has no value stays, and missing is told of it and where
// it stands.
func (f *filler) fill(text string, value func(name string) (string, bool), missing func(found string, at int)) (string, error) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	before := f.added
	var b strings.Builder
	end := 0
	for _, at := range placeholder.FindAllStringIndex(text, -1) {
		b.WriteString(text[end:at[0]])
		b.WriteString(f.filled(text[at[0]:at[1]], at[0], value, missing))
		end = at[1]
	}
	b.WriteString(text[end:])
	if before <= mostFilled && f.added > mostFilled {
		return b.String(), fault.New(fault.TooLarge, "VALUES_TOO_LARGE", "the values of placeholders add more than %d MiB to the files; write out what is long, or leave it out", mostFilled>>20)
	}
	return b.String(), nil
}

// filled is what goes in the place of a placeholder.
func (f *filler) filled(found string, at int, value func(name string) (string, bool), missing func(string, int)) string {
	v, ok := value(found[2 : len(found)-1])
	if !ok {
		missing(found, at)
		return found
	}
	if f.added += len(v); f.added > mostFilled {
		return found
	}
	return v
}

// stay is for a placeholder that may be without a value.
func stay(string, int) {}

// among looks values up.
func among(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	}
}

// placed points a fault at a file, if it says no place itself.
func placed(err error, f File) error {
	for _, bad := range fault.All(err) {
		if len(bad.Path) == 0 {
			return bad.At(f.Path + ":1:1")
		}
	}
	return err
}
