package schemas

import (
	"regexp"
	"strings"

	"github.com/flowmart/lethe/catalog/fieldpath"
)

// part is what of a topic's records a subject describes.
type part struct {
	topic  string
	key    bool   // their keys; else their values
	record string // of values that are of several types, those of this one; "" for all
}

// qualifiedName is the name of a record or a message with its namespace or package.
// A name without one is not looked for: it would be a word like any other.
var qualifiedName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$`)

// named tells what a subject's name says of a topic, by the strategies of
// Kafka's serializers: <topic>-value and <topic>-key (TopicNameStrategy), and
// <topic>-<full name> for topics whose values are of several types
// (TopicRecordNameStrategy). A name that is a record's alone (RecordNameStrategy)
// says nothing of a topic, as that record may be in any.
func named(subject string) (p part, ok bool) {
	i := strings.LastIndexByte(subject, '-')
	if i <= 0 {
		return part{}, false
	}
	p.topic = subject[:i]
	switch rest := subject[i+1:]; {
	case rest == "value":
	case rest == "key":
		p.key = true
	case qualifiedName.MatchString(rest):
		p.record = rest
	default:
		return part{}, false
	}
	return p, true
}

// at is the place in a topic's record of a path of the subject's schema; see
// catalog/fieldpath.
func (p part) at(path string) string {
	switch {
	case path == "":
		return ""
	case p.key && path == "#value":
		return "#key"
	case p.key:
		return "#key." + path
	case p.record == "":
		return path
	}
	of := "<" + p.record + ">"
	switch {
	case path == "#value":
		return of
	case strings.ContainsRune("[{<", rune(path[0])):
		return of + path
	}
	return of + "." + path
}

// has reports whether a place of a topic's record is one that the subject's
// schemas describe.
func (p part) has(path string) bool {
	q, err := fieldpath.Parse(path)
	if err != nil || q.Part == "#header" || (q.Part == "#key") != p.key {
		return false
	}
	return p.record == "" || strings.HasPrefix(path, "<"+p.record+">")
}
