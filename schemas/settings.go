package schemas

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/gate"
)

// What is set is in the memory of every replica, so it is bounded: all settings of a
// level as JSON, as long as what a schema has beside its text, and what is a name.
const (
	mostSettings       = mostBeside
	longestSettingName = 1000
)

// check refuses settings that nobody could follow, and those too large to keep.
func (c *Config) check() error {
	if c.Policy != nil {
		policy := strings.ToUpper(*c.Policy)
		if c.Policy = &policy; policy != "STRICT" && policy != "LENIENT" {
			return fault.Bad("compatibilityPolicy", "INVALID_LEVEL", "the policy is STRICT or LENIENT; LOGICAL is not offered")
		}
	}
	if c.Gate != nil {
		known := []string{string(gate.Enforce), string(gate.Warn), string(gate.Off)}
		policy := strings.ToUpper(string(*c.Gate))
		if *c.Gate = gate.Policy(policy); !slices.Contains(known, policy) {
			return fault.Bad("gate", "INVALID_CONFIG", "%s", fault.Suggest("the gate's policy is ENFORCE, WARN or OFF", policy, known))
		}
	}
	if c.Alias != nil && *c.Alias == "" {
		c.Alias = nil
	}
	if c.Alias != nil {
		if _, err := placeOf(*c.Alias); err != nil {
			return err
		}
	}
	if err := c.DefaultRuleSet.check("defaultRuleSet"); err != nil {
		return err
	}
	if err := c.OverrideRuleSet.check("overrideRuleSet"); err != nil {
		return err
	}
	return c.small()
}

// small refuses settings that are too large to keep.
func (c *Config) small() error {
	for _, name := range []struct {
		member string
		is     *string
	}{{"aliasForDeks", c.AliasForDeks}, {"compatibilityGroup", c.Group}} {
		if name.is != nil && len(*name.is) > longestSettingName {
			return fault.Bad(name.member, "INVALID_CONFIG", "this setting is a name of %d bytes at most; give a shorter one", longestSettingName)
		}
	}
	all, err := json.Marshal(c.Settings)
	if err == nil && len(all) > mostSettings {
		err = fault.New(fault.TooLarge, "INVALID_CONFIG", "the settings of the level have %d bytes as JSON; at most %d are taken; leave out of the metadata and the rules what nobody reads", len(all), mostSettings)
	}
	return err
}
