// Package topic tells which Kafka topics a schema subject describes, and which
// part of their records: by its name, as Kafka's serializers make it, or because
// it is declared.
package topic

import (
	"regexp"
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/fault"
)

// Part is what of a topic's records a subject describes; the zero part is their
// values.
type Part struct {
	Key    bool   // their keys; else their values
	Header bool   // their headers, by name
	Record string // of values that are of several types, those of this one; "" for all
}

// Binding is which topics a subject describes, and which part of their records:
// the same part of each.
type Binding struct {
	Part
	Topics []string
}

// qualifiedName is the name of a record or a message with its namespace or package.
// A name without one is not looked for: it would be a word like any other.
var qualifiedName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$`)

// named tells what a subject's name says of a topic, by the strategies of
// Kafka's serializers: <topic>-value and <topic>-key (TopicNameStrategy), and
// <topic>-<full name> for topics whose values are of several types
// (TopicRecordNameStrategy). A name that is a record's alone (RecordNameStrategy)
// says nothing of a topic, as that record may be in any: its topics are declared.
func named(subject string) (topic string, p Part, ok bool) {
	i := strings.LastIndexByte(subject, '-')
	if i <= 0 {
		return "", Part{}, false
	}
	switch rest := subject[i+1:]; {
	case rest == "value":
	case rest == "key":
		p.Key = true
	case qualifiedName.MatchString(rest):
		p.Record = rest
	default:
		return "", Part{}, false
	}
	return subject[:i], p, true
}

// Bound is what a subject of the default context describes: the topic that it is
// called after, and those declared for it, as Spell spells them. The subjects of
// other contexts describe none: they are those of another company, another
// cluster, or another time.
func Bound(subject string, declared []string) (b Binding) {
	if topic, of, ok := named(subject); ok {
		b = Binding{of, []string{topic}}
	}
	for _, one := range declared {
		topic, of, err := parse(one)
		if err != nil {
			continue // it was tried when it was set
		}
		b.Part = of
		if !slices.Contains(b.Topics, topic) {
			b.Topics = append(b.Topics, topic)
		}
	}
	return b
}

// Same reports whether two bindings are to the same topics.
func (b Binding) Same(other Binding) bool {
	return b.Part == other.Part && slices.Equal(b.Topics, other.Topics)
}

// most is how many topics are declared for one subject.
const most = 100

// legal is a name that Kafka gives a topic (org.apache.kafka.common.internals.Topic).
var legal = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// parse takes a declared topic apart: orders#value, orders#key, orders#header, or
// orders<shop.Order>.
func parse(declared string) (topic string, p Part, err error) {
	i := strings.IndexAny(declared, "#<")
	if i < 0 {
		return "", p, bad("%q does not say which part of the topic's records is meant", shown(declared))
	}
	switch topic, rest := declared[:i], declared[i:]; {
	case !legal.MatchString(topic) || topic == "." || topic == "..":
		return "", p, bad("%q is no name of a topic: those are of letters, digits, dots, underscores and hyphens, 249 at most", shown(topic))
	case rest == "#value":
		return topic, p, nil
	case rest == "#key":
		return topic, Part{Key: true}, nil
	case rest == "#header":
		return topic, Part{Header: true}, nil
	default:
		path, err := fieldpath.Parse(rest)
		if err != nil || len(path.Steps) != 1 || path.Steps[0].Name != "" || len(path.Steps[0].Suffixes) != 1 || rest[0] != '<' {
			return "", p, bad("%q: behind the topic stands #value, #key, #header, or the full name of a record in <>", shown(declared))
		}
		return topic, Part{Record: strings.Trim(rest, "<>")}, nil
	}
}

// shown is how a topic begins that is told of, which may be of any length.
func shown(declared string) string {
	return strings.ToValidUTF8(declared[:min(len(declared), 300)], "")
}

func bad(format string, args ...any) error {
	return fault.Bad("topics", "INVALID_CONFIG", format, args...)
}

// Spell puts topics declared for a subject into the one form that they are kept
// in, which says what of their records it describes: orders#value, orders#key,
// orders#header, or orders<shop.Order> for values that are of several types. A
// topic that does not
// say it goes by the subject's name: what it says of the topic it is called
// after; and else one type of several where the name is a full name
// (RecordNameStrategy), and all values where it is none. A subject describes the
// same part of each of its topics.
func Spell(subject string, declared []string) ([]string, error) {
	switch {
	case len(declared) == 0:
		return nil, nil
	case len(declared) > most:
		return nil, bad("a subject is declared for %d topics at most", most)
	case subject == "" || strings.HasPrefix(subject, ":."):
		return nil, bad("topics are declared for a subject of the default context alone")
	}
	suffix := suffixOf(subject, declared)
	var out []string
	for _, one := range declared {
		if !strings.ContainsAny(one, "#<") {
			one += suffix
		}
		if _, _, err := parse(one); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out, alike(subject, out)
}

// suffixOf is what stands behind a topic that does not say what is meant of it.
// A subject that is called just like one of its topics is not called after a
// record.
func suffixOf(subject string, declared []string) string {
	_, of, ok := named(subject)
	if !ok && qualifiedName.MatchString(subject) && !slices.Contains(declared, subject) {
		of.Record = subject
	}
	return of.String()
}

// alike refuses topics of which a subject would describe several parts.
func alike(subject string, declared []string) error {
	_, first, ok := named(subject)
	for _, one := range declared {
		_, of, err := parse(one)
		if err == nil && ok && of != first {
			err = bad("%q: by its name and what else is declared the subject describes %s of its topics, and it describes the same of each; the rest is for another subject", shown(one), shown(first.String()))
		}
		if err != nil {
			return err
		}
		first, ok = of, true
	}
	return nil
}

// Described is a topic whose records a subject describes.
type Described struct {
	Topic string
	Part  string // #value, #key, #header, or <full name> of one type of several
}

// Described lists the topics of a binding.
func (b Binding) Described() (out []Described) {
	for _, topic := range b.Topics {
		out = append(out, Described{topic, b.Part.String()})
	}
	return out
}

// String is what stands behind a topic to mean the part.
func (p Part) String() string {
	switch {
	case p.Key:
		return "#key"
	case p.Header:
		return "#header"
	case p.Record != "":
		return "<" + p.Record + ">"
	}
	return "#value"
}

// At is the place in a topic's record of a path of the subject's schema; see
// catalog/fieldpath. A header has a name and no parts, so that what lies in a
// field of their schema stands at the header itself, and a schema without fields
// at none: "".
func (p Part) At(path string) string {
	switch {
	case path == "":
		return ""
	case p.Key && path == "#value":
		return "#key"
	case p.Key:
		return "#key." + path
	case p.Header:
		return header(path)
	case p.Record == "":
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

func header(path string) string {
	q, err := fieldpath.Parse(path)
	if err != nil || q.Part != "" || q.Steps[0].Name == "" {
		return ""
	}
	return "#header." + fieldpath.Escape(q.Steps[0].Name)
}

// Has reports whether a place of a topic's record is one that the subject's
// schemas describe.
func (p Part) Has(path string) bool {
	q, err := fieldpath.Parse(path)
	if err != nil || (q.Part == "#header") != p.Header || (q.Part == "#key") != p.Key {
		return false
	}
	return p.Record == "" || strings.HasPrefix(path, p.String())
}
