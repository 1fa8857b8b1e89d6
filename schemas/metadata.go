package schemas

import (
	"github.com/flowmart/lethe/internal/fault"
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

// check refuses a set in which a rule could not be told from another.
func (s *RuleSet) check(path string) error {
	if s == nil {
		return nil
	}
	for _, rules := range [][]Rule{s.MigrationRules, s.DomainRules, s.EncodingRules} {
		seen := map[string]bool{}
		for _, rule := range rules {
			name, _ := rule["name"].(string)
			if name == "" || seen[name] {
				return fault.Bad(path, "INVALID_RULE_SET", "each rule of a set has a name of its own")
			}
			seen[name] = true
		}
	}
	return nil
}
