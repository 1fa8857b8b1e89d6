package schemas

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/topic"
)

// Intend notes what the subject is to be set to, as somebody wrote it; what is
// empty is left as it is.
func (s *Submission) Intend(level Level, policy gate.Policy, topics []string) error {
	if level != "" {
		known, err := ParseLevel(string(level))
		if err != nil {
			return err
		}
		s.Intended.Level = known
	}
	if policy != "" {
		if policy = gate.Policy(strings.ToUpper(string(policy))); !slices.Contains(gate.Policies(), policy) {
			return fault.Bad("gate", "INVALID_CONFIG", "a policy of the gate is ENFORCE, WARN or OFF")
		}
		s.Intended.Gate = &policy
	}
	if len(topics) > 0 {
		spelled, err := topic.Spell(s.Subject, topics)
		if err != nil {
			return err
		}
		s.Intended.Topics = &spelled
	}
	return nil
}
