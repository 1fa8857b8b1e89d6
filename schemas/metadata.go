package schemas

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/remote"
)

// Metadata is what is said about a schema beside its text. It is kept, and is
// part of what the schema is.
type Metadata struct {
	Tags       map[string][]string `json:"tags,omitempty"`       // by a pattern of paths
	Properties map[string]string   `json:"properties,omitempty"` // by name
	Sensitive  []string            `json:"sensitive,omitempty"`  // names of properties
}

// Rule is a rule of a data contract, as it was handed in: its name, and what
// the programs that run it read. Nothing here runs one.
type Rule map[string]any

// RuleSet is the rules of a schema, kept for the clients that run them. It is
// part of what the schema is.
type RuleSet struct {
	MigrationRules []Rule `json:"migrationRules,omitempty"`
	DomainRules    []Rule `json:"domainRules,omitempty"`
	EncodingRules  []Rule `json:"encodingRules,omitempty"`
	EnableAt       string `json:"enableAt,omitempty"`
}

// name is the name of a rule, "" where it has none that is a text.
func (r Rule) name() string {
	name, _ := r["name"].(string)
	return name
}

// check refuses a set in which a rule could not be told from another.
func (s *RuleSet) check(path string) error {
	if s == nil {
		return nil
	}
	for _, rules := range [][]Rule{s.MigrationRules, s.DomainRules, s.EncodingRules} {
		seen := map[string]bool{}
		for _, rule := range rules {
			name := rule.name()
			if name == "" || seen[name] {
				return fault.Bad(path, "INVALID_RULE_SET", "each rule of a set has a name of its own; name those that have none, or another's")
			}
			seen[name] = true
		}
	}
	return nil
}

// has reports whether it has all of some properties.
func (m *Metadata) has(properties map[string]string) bool {
	for name, value := range properties {
		if is, ok := said(m).Properties[name]; !ok || is != value {
			return false
		}
	}
	return true
}

// has reports whether a rule of the set is of a type.
func (s *RuleSet) has(kind string) bool {
	of := said(s)
	return slices.ContainsFunc(slices.Concat(of.MigrationRules, of.DomainRules, of.EncodingRules), func(rule Rule) bool { return rule["type"] == kind })
}

func (m *Metadata) empty() bool {
	return m == nil || len(m.Tags) == 0 && len(m.Properties) == 0 && len(m.Sensitive) == 0
}

func (s *RuleSet) empty() bool {
	return s == nil || len(s.MigrationRules) == 0 && len(s.DomainRules) == 0 && len(s.EncodingRules) == 0 && s.EnableAt == ""
}

// spelled is a value in the one way it is hashed and stored: members sorted,
// nil for nothing.
func spelled(v interface{ empty() bool }) (*string, error) {
	if v.empty() {
		return nil, nil
	}
	b, err := json.Marshal(v)
	text := string(b)
	return &text, err
}

// over is metadata with what another says put over it.
func (m *Metadata) over(below *Metadata) *Metadata {
	if m == nil || below == nil {
		if m == nil {
			return below
		}
		return m
	}
	out := Metadata{Tags: maps.Clone(below.Tags), Properties: maps.Clone(below.Properties)}
	out.Sensitive = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(below.Sensitive), m.Sensitive...))))
	if out.Tags == nil {
		out.Tags = map[string][]string{}
	}
	if out.Properties == nil {
		out.Properties = map[string]string{}
	}
	maps.Copy(out.Tags, m.Tags)
	maps.Copy(out.Properties, m.Properties)
	return &out
}

// over is a rule set with the rules of another put over those of their names.
func (s *RuleSet) over(below *RuleSet) *RuleSet {
	if s == nil || below == nil {
		if s == nil {
			return below
		}
		return s
	}
	out := RuleSet{
		MigrationRules: rulesOver(s.MigrationRules, below.MigrationRules),
		DomainRules:    rulesOver(s.DomainRules, below.DomainRules),
		EncodingRules:  rulesOver(s.EncodingRules, below.EncodingRules),
		EnableAt:       below.EnableAt,
	}
	if s.EnableAt != "" {
		out.EnableAt = s.EnableAt
	}
	return &out
}

// without is a rule set without the rules of some names.
func (s *RuleSet) without(names []string) *RuleSet {
	dropped := map[string]bool{}
	for _, name := range names {
		dropped[name] = true
	}
	drop := func(rules []Rule) []Rule {
		return slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return dropped[r.name()] })
	}
	return &RuleSet{drop(s.MigrationRules), drop(s.DomainRules), drop(s.EncodingRules), s.EnableAt}
}

func rulesOver(above, below []Rule) []Rule {
	named := map[string]bool{}
	for _, r := range above {
		named[r.name()] = true
	}
	out := slices.DeleteFunc(slices.Clone(below), func(r Rule) bool { return named[r.name()] })
	return append(out, above...)
}

// mostBeside is how long the metadata and the rules of a schema are at most, as
// JSON: as long as its text.
const mostBeside = 1 << 20

// with is a content with metadata and a rule set, which make it another.
func (c *content) with(m *Metadata, rules *RuleSet) (*content, error) {
	metadata, err := spelled(m)
	if err != nil {
		return nil, err
	}
	ruleSet, err := spelled(rules)
	if err != nil {
		return nil, err
	}
	if n := len(*said(metadata)) + len(*said(ruleSet)); n > mostBeside {
		return nil, fault.New(fault.TooLarge, "SCHEMA_TOO_LARGE", "the metadata and the rules of the schema have %d bytes as JSON; at most %d are taken; leave out what nobody reads", n, mostBeside)
	}
	out := *c
	out.metadata, out.ruleSet = metadata, ruleSet
	out.Metadata, out.RuleSet = m, rules
	if metadata == nil {
		out.Metadata = nil
	}
	if ruleSet == nil {
		out.RuleSet = nil
	}
	out.hash = identity(c.kind, c.text, c.references, metadata, ruleSet)
	return &out, nil
}

// dress gives a content the metadata and the rules it is registered with: its
// own or, where it names none, those of the latest version; over the subject's
// defaults, and under what the subject overrides.
func (c *content) dress(s Submission, latest *Schema, config Config) (*content, error) {
	m, rules := s.Metadata, s.RuleSet
	if latest != nil {
		if m == nil {
			m = latest.Metadata.ofAny()
		}
		if rules == nil {
			rules = latest.RuleSet
		}
	}
	m = config.OverrideMetadata.over(m.over(config.DefaultMetadata))
	rules = config.OverrideRuleSet.over(rules.over(config.DefaultRuleSet))
	return c.with(m, rules)
}

// marked is metadata with an id that is one of several of its content.
func (m *Metadata) marked(id int) *Metadata {
	own := Metadata{Properties: map[string]string{remote.IDProperty: strconv.Itoa(id)}}
	return own.over(m)
}

// ofAny is what a version's metadata say of others, too: an id is its own.
func (m *Metadata) ofAny() *Metadata {
	if m == nil || m.Properties[remote.IDProperty] == "" {
		return m
	}
	out := *m
	out.Properties = maps.Clone(m.Properties)
	delete(out.Properties, remote.IDProperty)
	return &out
}

// numbered is a content with its version's number among its metadata: where who
// registers it named the number, and from then on.
func (c *content) numbered(version int, named bool) (*content, error) {
	if _, has := said(c.Metadata).Properties[remote.VersionProperty]; !has && !named {
		return c, nil
	}
	number := Metadata{Properties: map[string]string{remote.VersionProperty: strconv.Itoa(version)}}
	return c.with(number.over(c.Metadata), c.RuleSet)
}
