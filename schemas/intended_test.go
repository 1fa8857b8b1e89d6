package schemas_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

// What a subject is to be set to counts in a check beside what holds: of two
// policies the stricter, of two levels both. So nobody loosens the rule under
// which the same change is judged. Expected by hand.
func TestCheckIntended(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", record("id"))
	email := `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"email","type":"string","default":""}]}`
	none := gate.Policy("")
	for _, c := range []struct {
		text          string
		set, intended gate.Policy
		level, to     schemas.Level
		verdict       gate.Verdict
		judged        gate.Policy
		want          []string
	}{
		{email, gate.Warn, none, schemas.Backward, "", gate.Warning, gate.Warn, []string{"CG010 1:92 email"}},
		{email, gate.Warn, gate.Enforce, schemas.Backward, "", gate.Fail, gate.Enforce, []string{"CG010 1:92 email"}},
		{email, gate.Enforce, gate.Off, schemas.Backward, "", gate.Fail, gate.Enforce, []string{"CG010 1:92 email"}},
		{email, gate.Off, gate.Warn, schemas.Backward, "", gate.Warning, gate.Warn, []string{"CG010 1:92 email"}},
		{email, gate.Off, none, schemas.Backward, "", gate.Pass, gate.Off, nil},
		{record("total"), gate.Off, none, schemas.Backward, schemas.None, gate.Fail, gate.Off, []string{"CG002 1:62 total"}},
		{record("total"), gate.Off, none, schemas.None, schemas.Backward, gate.Fail, gate.Off, []string{"CG002 1:62 total"}},
		{record("total"), gate.Off, none, schemas.None, "", gate.Pass, gate.Off, nil},
		{record("total"), gate.Off, none, schemas.Backward, schemas.BackwardTransitive, gate.Fail, gate.Off, []string{"CG002 1:62 total"}},
		{record("id"), gate.Off, gate.Enforce, schemas.None, schemas.Full, gate.Pass, gate.Enforce, nil},
	} {
		b.policy(t, "orders-value", c.set)
		must(b.SetConfig(t.Context(), b.admin, "orders-value", schemas.Patch{"compatibility": json.RawMessage(`"` + c.level + `"`)}))(t)
		s := schemas.Submission{Subject: "orders-value", Text: c.text, Intended: schemas.Config{Level: c.to}}
		if c.intended != "" {
			s.Intended.Gate = &c.intended
		}
		a := b.checked(t, s)
		if got := told(a.Findings); a.Verdict != c.verdict || a.Policy != c.judged || a.Set != c.set || a.Level != c.level || !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("set %s %s, to be %s %s: %s by %s %q, want %s by %s %q", c.set, c.level, c.intended, c.to, a.Verdict, a.Policy, got, c.verdict, c.judged, c.want)
		}
	}
}
