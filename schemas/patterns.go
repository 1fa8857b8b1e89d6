package schemas

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/pattern"
)

// mostSteps bounds how long patterns are held against names: some tenths of a
// second.
const mostSteps = 50_000_000

// mostDangling is how many names that no field has are told of, and longestTold how
// much of a name or a pattern, in bytes.
const (
	mostDangling = 50
	longestTold  = 300
)

// assigned lists for each field the tags that metadata give it, and the names
// without a wildcard that no field has. With those that stand at the fields they
// may not be too many.
func (m *Metadata) assigned(kind string, fields []format.Field) (tags [][]gate.Assigned, dangling []string, err error) {
	room := format.MostTagsInAll
	for _, f := range fields {
		room -= len(f.Tags)
	}
	if room < 0 {
		return nil, nil, manyTags()
	}
	if m == nil || len(m.Tags) == 0 {
		return nil, nil, nil
	}
	tags = make([][]gate.Assigned, len(fields))
	names := make([]string, len(fields))
	at := map[string][]int{}
	for i, f := range fields {
		if names[i] = fullName(kind, f); names[i] != "" {
			at[names[i]] = append(at[names[i]], i)
		}
	}
	left := mostSteps
	for _, written := range sortedKeys(m.Tags) {
		found := at[written]
		if wild := pattern.Read(written); wild.Plain() {
			if len(found) == 0 && len(dangling) < mostDangling {
				dangling = append(dangling, fault.Cut(written, longestTold))
			}
		} else {
			found = matching(wild, names, &left)
		}
		for _, i := range found {
			left -= len(m.Tags[written])
			room -= len(m.Tags[written])
			if tags[i], err = assign(tags[i], fields[i], written, m.Tags[written]); err != nil {
				return nil, nil, err
			}
		}
		if room < 0 {
			return nil, nil, manyTags()
		}
		if left < 0 {
			return nil, nil, fault.New(fault.Invalid, "INVALID_SCHEMA", "to hold the patterns of metadata.tags against the fields of the schema takes too long; write fewer or plainer ones")
		}
	}
	return tags, dangling, nil
}

func manyTags() error {
	return fault.New(fault.Invalid, "INVALID_SCHEMA", "the fields of the schema have more than %d tags together, those of what they are defined by in each; keep those that say something", format.MostTagsInAll)
}

// matching lists which names a pattern means, in as many steps as are left.
func matching(wild pattern.Pattern, names []string, left *int) (found []int) {
	for i, name := range names {
		if name != "" && wild.Matches(name, left) {
			found = append(found, i)
		}
	}
	return found
}

// assign adds the tags of a pattern to those of a field. Beyond what may stand
// at one place they are refused, as in the schema itself.
func assign(to []gate.Assigned, f format.Field, pattern string, tags []string) ([]gate.Assigned, error) {
	if len(f.Tags)+len(to)+len(tags) > format.MostTags {
		return nil, fault.New(fault.Invalid, "INVALID_SCHEMA", "the patterns of metadata.tags give one field more than %d tags; keep those that say something", format.MostTags)
	}
	for _, tag := range tags {
		to = append(to, gate.Assigned{Tag: tag, Pattern: fault.Cut(pattern, longestTold)})
	}
	return to, nil
}

// longestRecord is how much of a record's full name, in bytes, is held against
// patterns: the end of what is longer. Each of its fields has that name, too.
const longestRecord = 1000

func sortedKeys(m map[string][]string) []string {
	out := make([]string, 0, len(m))
	for key := range m {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

// fullName is what patterns call a field; "" for a place that is none, such as
// the items of an array. It is the name under which Confluent's clients look for
// the tags of a field (confluent-kafka-python 2.16, what enters a field in
// common/avro.py, json_schema.py and protobuf.py): of Avro and Protobuf the full
// name of the record, a dot and the field's own; of JSON Schema "$" and the
// names of the properties on the way, whatever arrays and branches lie between.
func fullName(kind string, f format.Field) string {
	p, err := fieldpath.Parse(f.Path)
	if err != nil || len(p.Steps) == 0 {
		return ""
	}
	last := p.Steps[len(p.Steps)-1]
	if last.Name == "" || len(last.Suffixes) > 0 {
		return ""
	}
	if kind != "JSON" {
		return f.Record[max(0, len(f.Record)-longestRecord):] + "." + last.Name
	}
	names := []string{"$"}
	for _, step := range p.Steps {
		if step.Name != "" {
			names = append(names, step.Name)
		}
	}
	return strings.Join(names, ".")
}
