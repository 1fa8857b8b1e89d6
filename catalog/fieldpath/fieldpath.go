// Package fieldpath is the one way Lethe writes the place of a field in a
// dataset or a schema:
//
//	customer.address.street   fields of records, outermost first
//	items[].sku               the items of an array
//	labels{}                  the values of a map
//	payment<shop.Card>.number a branch of a union
//	#key.customerId           the key of a Kafka record; #key alone if it is no record
//	#value                    the value of a Kafka record, if it is no record
//	#header.trace-id          a header of a Kafka record
//
// A character with a meaning of its own is written with a backslash before it:
// a\.b is one name.
package fieldpath

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/fault"
)

// Path is a field path taken apart.
type Path struct {
	Part  string // "" (the value), "#key", "#value" or "#header"
	Steps []Step
}

// Step is one name of a path with what follows it.
type Step struct {
	Name     string   // "" only for the first step of a value that is no record
	Suffixes []string // "[]", "{}" or "<Full.Name>", in order
}

// Longest is the longest path, in bytes.
const Longest = 1000

const special = `.[]{}<>#\`

// Parse takes a path apart, or says where it stops being one.
func Parse(s string) (Path, error) {
	if len(s) == 0 || len(s) > Longest || !utf8.ValidString(s) {
		return Path{}, bad("a field path has 1 to %d bytes of UTF-8", Longest)
	}
	p, rest, err := part(s)
	if err != nil || rest == "" {
		return p, err
	}
	p.Steps = slices.Grow(p.Steps, 1+strings.Count(rest, "."))
	for {
		var step Step
		if step, rest, err = readStep(rest); err != nil {
			return Path{}, err
		}
		if step.Name == "" && (len(p.Steps) > 0 || len(step.Suffixes) == 0) {
			return Path{}, bad("a name is missing before or after a dot, at byte %d", len(s)-len(rest)+1)
		}
		p.Steps = append(p.Steps, step)
		if rest == "" {
			return p, nil
		}
		if rest[0] != '.' {
			return Path{}, bad("expected a dot at byte %d; a special character of a name is written with a backslash before it", len(s)-len(rest)+1)
		}
		rest = rest[1:]
	}
}

// part reads the prefix that says which part of a Kafka record is meant.
func part(s string) (Path, string, error) {
	if s[0] != '#' {
		return Path{}, s, nil
	}
	head, rest, dotted := strings.Cut(s, ".")
	switch {
	case head == "#key" && dotted == (rest != ""), head == "#value" && !dotted:
		return Path{Part: head}, rest, nil
	case head == "#header" && rest != "":
		step, left, err := readStep(rest)
		if err != nil || left != "" || len(step.Suffixes) > 0 || step.Name == "" {
			return Path{}, "", bad("a header is one name; write a dot in it as \\.")
		}
		return Path{Part: head, Steps: []Step{step}}, "", nil
	}
	return Path{}, "", bad("# begins #key, #key., #value or #header.; a name that begins with # is written \\#")
}

// readStep reads a name and what follows it up to the next dot.
func readStep(s string) (Step, string, error) {
	name, rest, err := readName(s)
	if err != nil {
		return Step{}, "", err
	}
	step := Step{Name: name}
	for rest != "" && rest[0] != '.' {
		suffix, after, ok := readSuffix(rest)
		if !ok {
			return Step{}, "", bad("after a name stand [] for array items, {} for map values or <Name> for a branch of a union")
		}
		step.Suffixes = append(step.Suffixes, suffix)
		rest = after
	}
	return step, rest, nil
}

// readName reads a name up to what has a meaning of its own. Most names have no
// backslash, and are a piece of the path.
func readName(s string) (name, rest string, err error) {
	i, marked := 0, false
	for i < len(s) && strings.IndexByte(special[:len(special)-1], s[i]) < 0 {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == '\\' {
			if i+1 == len(s) || strings.IndexByte(special, s[i+1]) < 0 {
				return "", "", bad("a backslash stands only before one of %s", special)
			}
			marked, size = true, 2
		}
		if unicode.IsControl(r) {
			return "", "", bad("a field path has no control characters")
		}
		i += size
	}
	if marked {
		return unescape(s[:i]), s[i:], nil
	}
	return s[:i], s[i:], nil
}

// unescape is a name without the backslashes before its characters.
func unescape(written string) string {
	var name strings.Builder
	for i := 0; i < len(written); i++ {
		if written[i] == '\\' {
			i++
		}
		name.WriteByte(written[i])
	}
	return name.String()
}

func readSuffix(s string) (suffix, rest string, ok bool) {
	if strings.HasPrefix(s, "[]") || strings.HasPrefix(s, "{}") {
		return s[:2], s[2:], true
	}
	end := strings.IndexByte(s, '>')
	if s[0] != '<' || end < 2 || !typeName(s[1:end]) {
		return "", s, false
	}
	return s[:end+1], s[end+1:], true
}

// typeName is a full name of Avro or Protobuf: names with dots between.
func typeName(s string) bool {
	for name := range strings.SplitSeq(s, ".") {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			return false
		}
	}
	return true
}

// String writes the path in its one form.
func (p Path) String() string {
	parts := make([]string, 0, len(p.Steps)+1)
	if p.Part != "" {
		parts = append(parts, p.Part)
	}
	for _, s := range p.Steps {
		parts = append(parts, Escape(s.Name)+strings.Join(s.Suffixes, ""))
	}
	return strings.Join(parts, ".")
}

// Outer is what a field path lies in, which is how its text begins: the path
// without its last suffix, or without its last name where that has none; "" where
// nothing is left.
func Outer(path string) string {
	last := len(path) - 1
	if last > 0 && !escaped(path, last) {
		switch path[last] {
		case ']', '}':
			return path[:last-1]
		case '>':
			return path[:max(strings.LastIndexByte(path, '<'), 0)]
		}
	}
	for i := last; i >= 0; i-- {
		if path[i] == '.' && !escaped(path, i) {
			return path[:i]
		}
	}
	return ""
}

// Split cuts a field path before its last name, as it is written, and behind it.
func Split(path string) (in, name, suffixes string) {
	for rest := path; rest != ""; {
		outer := Outer(rest)
		switch rest[len(outer)] {
		case '[', '{', '<':
			rest = outer
		case '.':
			return outer, rest[len(outer)+1:], path[len(rest):]
		default:
			return "", rest, path[len(rest):]
		}
	}
	return "", "", path
}

// escaped reports whether a character of a path has a backslash of its own.
func escaped(path string, at int) bool {
	before := strings.TrimRight(path[:at], `\`)
	return (at-len(before))%2 == 1
}

// Escape writes any name so that it is one name of a path.
func Escape(name string) string {
	var b strings.Builder
	for _, r := range name {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func bad(message string, args ...any) error {
	return fault.Bad("path", "BAD_FIELD_PATH", message, args...)
}
