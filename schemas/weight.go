package schemas

// What a content has beside its text may be as large as a request. It is kept as
// it is read, which takes many times the room of its JSON.
const (
	eachWeight = 64  // a text or number where it stands, or a list
	mapWeight  = 300 // an object, even of one member
)

// weightBeside is about what a content has beside its text, in bytes.
func weightBeside(s Schema) int {
	n := mapWeight
	for _, ref := range s.References {
		n += eachWeight + len(ref.Name) + len(ref.Subject)
	}
	return n + said(s.Metadata).weight() + said(s.RuleSet).weight()
}

func (m Metadata) weight() int {
	n := weightOf(m.Sensitive)
	for pattern, tags := range m.Tags {
		n += mapWeight + len(pattern) + weightOf(tags)
	}
	for name, value := range m.Properties {
		n += eachWeight + len(name) + len(value)
	}
	return n
}

func (s RuleSet) weight() int {
	n := len(s.EnableAt)
	for _, rules := range [][]Rule{s.MigrationRules, s.DomainRules, s.EncodingRules} {
		for _, rule := range rules {
			n += weightOf(map[string]any(rule))
		}
	}
	return n
}

// weightOf is about what a value that came as JSON takes in memory.
func weightOf(value any) int {
	n := eachWeight
	switch v := value.(type) {
	case string:
		n += len(v)
	case []string:
		for _, item := range v {
			n += eachWeight + len(item)
		}
	case []any:
		for _, item := range v {
			n += weightOf(item)
		}
	case map[string]any:
		n = mapWeight
		for name, item := range v {
			n += len(name) + weightOf(item)
		}
	}
	return n
}
