package schemas_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas"
)

// What is set on a level is bounded, each name and all of it, also where it comes
// a part at a time: two parts of 600,000 bytes are more than 1 MiB.
func TestSettingsAreBounded(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	metadata := func(letters int) string { return `{"properties":{"p":"` + strings.Repeat("x", letters) + `"}}` }
	rules := `{"domainRules":[{"name":"r","expr":"` + strings.Repeat("x", 600_000) + `"}]}`
	for _, c := range []struct{ subject, member, value, code string }{
		{"a", "compatibilityGroup", `"` + strings.Repeat("x", 1000) + `"`, ""},
		{"a", "compatibilityGroup", `"` + strings.Repeat("x", 1001) + `"`, "INVALID_CONFIG"},
		{"a", "aliasForDeks", `"` + strings.Repeat("x", 1001) + `"`, "INVALID_CONFIG"},
		{"a", "alias", `"` + strings.Repeat("x", 1001) + `"`, "INVALID_SUBJECT"},
		{"a", "defaultMetadata", metadata(1<<20 - 40), "INVALID_CONFIG"}, // with the group
		{"a", "compatibilityGroup", `null`, ""},
		{"a", "defaultMetadata", metadata(1<<20 - 60), ""},
		{"b", "overrideMetadata", metadata(600_000), ""},
		{"b", "defaultRuleSet", rules, "INVALID_CONFIG"},
		{"b", "overrideMetadata", `null`, ""},
		{"b", "defaultRuleSet", rules, ""},
		{":.c:", "overrideRuleSet", rules, ""},
		{":.c:", "defaultRuleSet", rules, "INVALID_CONFIG"},
		{"", "defaultMetadata", metadata(1 << 20), "INVALID_CONFIG"},
	} {
		_, err := b.SetConfig(ctx, b.admin, c.subject, schemas.Patch{c.member: json.RawMessage(c.value)})
		if wants(t, err, c.code); t.Failed() {
			t.Fatalf("%s of %q with %d bytes", c.member, c.subject, len(c.value))
		}
	}
}
