package schemas_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

// holds is a configuration for every subject but money, which may be anything.
func holds(level schemas.Level, p gate.Policy) func(string) schemas.Config {
	return func(subject string) schemas.Config {
		c := schemas.Config{Level: level, Settings: schemas.Settings{Gate: &p}}
		if subject == "money" {
			c.Level = schemas.None
		}
		return c
	}
}

const (
	money  = `{"type":"record","name":"Money","fields":[{"name":"cents","type":"long"}]}`
	priced = `{"type":"record","name":"Order","fields":[{"name":"total","type":"Money"}]}`
)

func ordered(moneyText, orderText string) []schemas.Submission {
	return []schemas.Submission{
		{Subject: "money", Text: moneyText},
		{Subject: "orders-value", Text: orderText, References: []schemas.Reference{{Name: "Money", Subject: "money", Version: -1}}},
	}
}

// Without a registry a schema comes to what the registry says of it. The
// expected codes and places are by hand, as in TestCheck; both sides are asked.
func TestCompareSaysWhatTheRegistrySays(t *testing.T) {
	t.Parallel()
	one := func(text string) []schemas.Submission {
		return []schemas.Submission{{Subject: "orders-value", Text: text}}
	}
	email := "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},\n{\"name\":\"email\",\"type\":\"string\",\"default\":\"\"}]}"
	required := "{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"shop\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},\n{\"name\":\"total\",\"type\":\"long\"}]}"
	for _, c := range []struct {
		name        string
		before, now []schemas.Submission
		level       schemas.Level
		policy      gate.Policy
		verdict     gate.Verdict
		want        []string // of the last
	}{
		{"new", nil, one(record("id")), schemas.Backward, gate.Enforce, gate.Pass, nil},
		{"the same in other words", one(record("id")), one(strings.ReplaceAll(record("id"), ":", " : \n")), schemas.Full, gate.Enforce, gate.Pass, nil},
		{"an e-mail", one(record("id")), one(email), schemas.Backward, gate.Enforce, gate.Fail, []string{"CG010 2:1 email"}},
		{"an e-mail that was there", one(email), one(email), schemas.Backward, gate.Enforce, gate.Pass, []string{"(CG010 2:1 email)"}},
		{"may not follow", one(record("id")), one(required), schemas.Backward, gate.Off, gate.Fail, []string{"CG002 2:1 total"}},
		{"may follow the other way", one(record("id")), one(required), schemas.Forward, gate.Off, gate.Pass, nil},
		{"what was is not readable by", one(required), one(record("id")), schemas.Full, gate.Off, gate.Fail, []string{"CG002 1:1 total"}},
		{"under no level", one(record("id")), one(required), schemas.None, gate.Off, gate.Pass, nil},
		{"of another type", one(record("id")), []schemas.Submission{{Subject: "orders-value", Type: "JSON", Text: "{}"}}, schemas.Backward, gate.Off, gate.Fail, []string{"CG002 1:1 "}},
		{"no JSON", nil, one("{\n ]"), schemas.Backward, gate.Off, gate.Fail, []string{"CG001 2:2 "}},
		{"of a type that is none", nil, []schemas.Submission{{Subject: "orders-value", Type: "XML", Text: "{}"}}, schemas.Backward, gate.Off, gate.Fail, []string{"CG001 1:1 "}},
		{"with what it refers to", nil, ordered(money, priced), schemas.Backward, gate.Off, gate.Pass, nil},
		{"breaks through what it refers to", ordered(money, priced), ordered(strings.Replace(money, "long", "string", 1), priced), schemas.Backward, gate.Off, gate.Fail, []string{"CG002 1:43 total.cents"}},
		{"refers to what cannot be read", nil, ordered("{", priced), schemas.Backward, gate.Off, gate.Fail, []string{"CG050 1:1 "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found := schemas.Compare(c.before, c.now, holds(c.level, c.policy))
			last := found[len(found)-1]
			if got := told(last.Findings); last.Verdict != c.verdict || !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 {
				t.Errorf("compared: %s %q, want %s %q", last.Verdict, got, c.verdict, c.want)
			}
			if same := last.Before != "" && last.Before == last.After; last.Known != same {
				t.Errorf("known is %t:\n%s\n%s", last.Known, last.Before, last.After)
			}
			b := setup(t)
			for _, s := range c.before {
				b.policy(t, s.Subject, gate.Off)
				must(b.Register(t.Context(), b.admin, s))(t)
			}
			for _, s := range c.now {
				b.policy(t, s.Subject, c.policy)
				must(b.SetConfig(t.Context(), b.admin, s.Subject, schemas.Patch{"compatibility": json.RawMessage(`"` + holds(c.level, c.policy)(s.Subject).Level + `"`)}))(t)
			}
			all := must(b.Check(t.Context(), b.viewer, c.now))(t)
			if a := all[len(all)-1]; a.Verdict != last.Verdict || !slices.Equal(told(a.Findings), told(last.Findings)) {
				t.Errorf("the registry says %s %q, and compared it is %s %q", a.Verdict, told(a.Findings), last.Verdict, told(last.Findings))
			}
		})
	}
}

// What is not there cannot be judged by, directly or through others; nothing
// fails for it.
func TestCompareWithWhatIsElsewhere(t *testing.T) {
	t.Parallel()
	all := ordered(money, priced)
	all = append(all, schemas.Submission{Subject: "carts", Text: `{"type":"record","name":"Cart","fields":[{"name":"order","type":"Order"}]}`, References: []schemas.Reference{{Name: "Order", Subject: "orders-value"}}})
	for _, a := range schemas.Compare(nil, all[1:], holds(schemas.Full, gate.Enforce)) {
		if a.Verdict != gate.Warning || !slices.Equal(told(a.Findings), []string{"CG050 1:1 "}) || !strings.Contains(a.Findings[0].Message, "was not judged") {
			t.Errorf("%s: %s %q", a.Subject, a.Verdict, told(a.Findings))
		}
	}
	was := all[1]
	was.Metadata = &schemas.Metadata{Properties: map[string]string{"tier": "gold"}}
	if a := schemas.Compare([]schemas.Submission{was}, all[1:2], holds(schemas.Full, gate.Enforce))[0]; a.Before != priced || a.After != "" || a.Metadata != was.Metadata || a.MetadataBefore != was.Metadata {
		t.Errorf("it was there before: %+v", a)
	}
}

// What a file held before, and could not be read, is as good as not there.
func TestCompareWithWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	found := schemas.Compare([]schemas.Submission{{Subject: "a", Text: "{"}}, []schemas.Submission{{Subject: "a", Text: record("id")}, {Subject: "", Text: "{}"}}, holds("", gate.Warn))
	if a := found[0]; a.Verdict != gate.Pass || a.Before != "" || a.Known || a.Level != schemas.Backward {
		t.Errorf("%+v", a)
	}
	if a := found[1]; a.Verdict != gate.Fail || len(a.Findings) != 1 || a.Findings[0].Code != "CG001" {
		t.Errorf("%+v", a)
	}
}
