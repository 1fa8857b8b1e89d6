package avro

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

// Parse faults carry this code; REST turns it into 42201.
const codeInvalid = "INVALID_SCHEMA"

func invalid(path []string, format string, args ...any) *fault.Fault {
	f := fault.New(fault.Invalid, codeInvalid, format, args...)
	f.Path = append([]string{}, path...)
	return f
}

// quote shows a word of the schema in a message, cut to a length that does not
// turn the message into a copy of the schema.
func quote(word string) string {
	const most = 80
	return strconv.Quote(fault.Cut(word, most))
}

// soundName follows the specification: [A-Za-z_] and then [A-Za-z0-9_].
func soundName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func soundFullName(s string) error {
	if len(s) > maxName {
		return fmt.Errorf("a name may have at most %d characters", maxName)
	}
	for part := range strings.SplitSeq(s, ".") {
		if !soundName(part) {
			return fmt.Errorf("%s is not a name; each part starts with a letter or _ and holds letters, digits and _ only", quote(s))
		}
	}
	return nil
}

// fullName resolves a name against the namespace that surrounds it.
func fullName(name, space string) string {
	if strings.Contains(name, ".") || space == "" {
		return strings.TrimPrefix(name, ".")
	}
	return space + "." + name
}

// split cuts a full name into namespace and simple name.
func split(full string) (space, name string) {
	if i := strings.LastIndexByte(full, '.'); i >= 0 {
		return full[:i], full[i+1:]
	}
	return "", full
}

func simpleName(full string) string {
	_, name := split(full)
	return name
}

// relative writes a full name as it is written within a namespace. A name that
// is also that of a kind stays full.
func relative(full, space string) string {
	in, name := split(full)
	if in == space && !(in != "" && Kind(name).known()) {
		return name
	}
	return full
}
