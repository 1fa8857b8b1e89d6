package schemas_test

import (
	"testing"
	"time"

	"github.com/flowmart/lethe/schemas"
)

// A version is found as its subject keeps it, by what another replica set a moment
// before, though what the latest one has beside its text is another.
func TestRegisteringAtOnceFindsWhatIsKept(t *testing.T) {
	t.Parallel()
	owned := &schemas.Metadata{Properties: map[string]string{"owner": "shop"}}
	inFull := &schemas.Metadata{Properties: map[string]string{"owner": "shop", "tier": "1"}}
	rules := &schemas.RuleSet{DomainRules: []schemas.Rule{{"name": "positive"}}}
	const first = `{"type":"object","additionalProperties":false,"properties":{"id":{"type":"string"}}}`
	const reworded = `{"properties":{"id":{"type":"string"}},"additionalProperties":false,"type":"object"}`
	const next = `{"type":"object","additionalProperties":false,"properties":{"id":{"type":"string"},"note":{"type":"string"}}}`
	for _, c := range []struct {
		name  string
		set   schemas.Patch
		first *schemas.Metadata
		again schemas.Submission
	}{
		{"with metadata put over it", schemas.Patch{"overrideMetadata": []byte(`{"properties":{"tier":"1"}}`)}, inFull, schemas.Submission{Text: first, Metadata: owned}},
		{"normalized", schemas.Patch{"normalize": []byte(`true`)}, nil, schemas.Submission{Text: reworded}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			there := schemas.New(b.db, time.Now)
			v := must(b.Register(t.Context(), b.admin, schemas.Submission{Subject: "s", Type: "JSON", Text: first, Metadata: c.first, Normalize: true}))(t)
			must(b.Register(t.Context(), b.admin, schemas.Submission{Subject: "s", Type: "JSON", Text: next, RuleSet: rules}))(t)
			must(there.SetConfig(t.Context(), b.admin, "s", c.set))(t)
			c.again.Subject, c.again.Type = "s", "JSON"
			if is := must(b.Register(t.Context(), b.admin, c.again))(t); is.Version != v.Version {
				t.Errorf("got version %d, want the one it is, %d", is.Version, v.Version)
			}
		})
	}
}
