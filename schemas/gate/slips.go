package gate

import (
	"fmt"

	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/fault"
)

// slips remember what is said of tags that are no categories: to look for the
// category that is meant takes long, and one definition is used in many places.
type slips struct {
	known map[string]string // by key
	said  map[slip]string
}

// slip is such a tag, and the pattern that it is of.
type slip struct{ key, pattern string }

const (
	longestSlip = 200   // bytes; nothing is near to what is longer
	mostSlips   = 1_000 // for the others nothing near is looked for
)

// why says why a tag that stands at a field, or is of a pattern, is no category.
func (s slips) why(key, pattern string) string {
	one := slip{key[:min(len(key), longestSlip+1)], pattern}
	if why, known := s.said[one]; known {
		return why
	}
	what := "a tag in the schema"
	if pattern != "" {
		what = fmt.Sprintf("a tag of %q in the metadata", pattern)
	}
	s.said[one] = what + " is no category: " + s.unknown(one.key)
	return s.said[one]
}

// unknown is what the vocabulary says of a key that it does not have.
func (s slips) unknown(key string) string {
	if _, known := s.known[key]; !known && len(s.known) >= mostSlips {
		key = ""
	}
	if _, known := s.known[key]; !known {
		_, err := taxonomy.Find("", key, taxonomy.Category)
		s.known[key] = fault.All(err)[0].Message
	}
	return s.known[key]
}
