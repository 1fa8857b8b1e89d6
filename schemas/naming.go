package schemas

import (
	"regexp"
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/fault"
)

// part is what of a topic's records a subject describes; the zero part is their
// values.
type part struct {
	key    bool   // their keys; else their values
	record string // of values that are of several types, those of this one; "" for all
}

// binding is which topics a subject describes, and which part of their records:
// the same part of each.
type binding struct {
	part
	topics []string
}

// qualifiedName is the name of a record or a message with its namespace or package.
// A name without one is not looked for: it would be a word like any other.
var qualifiedName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$`)

// named tells what a subject's name says of a topic, by the strategies of
// Kafka's serializers: <topic>-value and <topic>-key (TopicNameStrategy), and
// <topic>-<full name> for topics whose values are of several types
// (TopicRecordNameStrategy). A name that is a record's alone (RecordNameStrategy)
// says nothing of a topic, as that record may be in any: its topics are declared.
func named(subject string) (topic string, p part, ok bool) {
	i := strings.LastIndexByte(subject, '-')
	if i <= 0 {
		return "", part{}, false
	}
	switch rest := subject[i+1:]; {
	case rest == "value":
	case rest == "key":
		p.key = true
	case qualifiedName.MatchString(rest):
		p.record = rest
	default:
		return "", part{}, false
	}
	return subject[:i], p, true
}

// bound is what a subject describes: the topic that it is called after, and
// those declared for it. Declared are Topics, in the one form that they are kept
// in.
func bound(p place, declared Settings) (b binding) {
	if p.context != home { // whose subjects are those of another company's topics, or of another time
		return b
	}
	if topic, of, ok := named(p.name); ok {
		b = binding{of, []string{topic}}
	}
	if declared.Topics == nil {
		return b
	}
	for _, one := range *declared.Topics {
		topic, of, err := partOf(one)
		if err != nil {
			continue // checked when it was set
		}
		b.part = of
		if !slices.Contains(b.topics, topic) {
			b.topics = append(b.topics, topic)
		}
	}
	return b
}

func (b binding) same(other binding) bool {
	return b.part == other.part && slices.Equal(b.topics, other.topics)
}

// mostTopics is how many topics are declared for one subject.
const mostTopics = 100

// topicName is a name that Kafka gives a topic (org.apache.kafka.common.internals.Topic).
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// partOf takes a declared topic apart: orders#value, orders#key, or
// orders<shop.Order>.
func partOf(declared string) (topic string, p part, err error) {
	i := strings.IndexAny(declared, "#<")
	if i < 0 {
		return declared, part{}, fault.Bad("topics", "INVALID_CONFIG", "%q does not say which part of the topic's records is meant", declared)
	}
	switch topic, rest := declared[:i], declared[i:]; {
	case !topicName.MatchString(topic) || topic == "." || topic == "..":
		return "", part{}, fault.Bad("topics", "INVALID_CONFIG", "%q is no name of a topic: those are of letters, digits, dots, underscores and hyphens, 249 at most", topic)
	case rest == "#value":
		return topic, part{}, nil
	case rest == "#key":
		return topic, part{key: true}, nil
	default:
		path, err := fieldpath.Parse(rest)
		if err != nil || len(path.Steps) != 1 || path.Steps[0].Name != "" || len(path.Steps[0].Suffixes) != 1 || rest[0] != '<' {
			return "", part{}, fault.Bad("topics", "INVALID_CONFIG", "%q: behind the topic stands #value, #key, or the full name of a record in <>", declared)
		}
		return topic, part{record: strings.Trim(rest, "<>")}, nil
	}
}

// Topics are declared topics of a subject in the one form that they are kept in,
// which says what of their records the subject describes: orders#value,
// orders#key, or orders<shop.Order> for values that are of several types. A
// topic that does not say it goes by the subject's name: what it says of the
// topic it is called after; and else one type of several where the name is a
// full name (RecordNameStrategy), and all values where it is none. A subject
// describes the same part of each of its topics.
func Topics(subject string, declared []string) ([]string, error) {
	p := split(subject)
	if len(declared) > mostTopics {
		return nil, fault.Bad("topics", "INVALID_CONFIG", "a subject is declared for %d topics at most", mostTopics)
	}
	if p.context != home || p.name == "" {
		return nil, fault.Bad("topics", "INVALID_CONFIG", "topics are declared for subjects of the context . alone")
	}
	suffix := suffixOf(p.name, declared)
	var out []string
	for _, one := range declared {
		if !strings.ContainsAny(one, "#<") {
			one += suffix
		}
		if _, _, err := partOf(one); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out, alike(p.name, out)
}

// suffixOf is what stands behind a topic that does not say what is meant of it.
func suffixOf(name string, declared []string) string {
	_, of, ok := named(name)
	if !ok && qualifiedName.MatchString(name) && !slices.Contains(declared, name) {
		of.record = name
	}
	return of.String()
}

func (p part) String() string {
	switch {
	case p.key:
		return "#key"
	case p.record != "":
		return "<" + p.record + ">"
	}
	return "#value"
}

// alike refuses topics of which a subject would describe several parts.
func alike(name string, declared []string) error {
	_, first, ok := named(name)
	for _, one := range declared {
		_, of, err := partOf(one)
		if err == nil && ok && of != first {
			err = fault.Bad("topics", "INVALID_CONFIG", "%q: by this name and what else is declared the subject describes %s of its topics, and it describes the same of each; the rest is for another subject", one, first)
		}
		if err != nil {
			return err
		}
		first, ok = of, true
	}
	return nil
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
	of := p.String()
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
	return p.record == "" || strings.HasPrefix(path, p.String())
}
