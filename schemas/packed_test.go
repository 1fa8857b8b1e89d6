package schemas_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/flowmart/lethe/schemas"
)

// What is asked for again is answered alike however it is at hand: packed or as
// it is answered, with its text or written as JSON, as its unquoted form says
// (RFC 8259 §7); and only as long as the id stands for it.
func TestWhatIsOftenReadIsAtHand(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	text := record("city", "note?")
	v := must(b.Register(ctx, b.admin, schemas.Submission{Subject: "orders-value", Text: text}))(t)
	spelling := b.Spelling()
	written := func(s schemas.Schema) (said string) {
		t.Helper()
		quoted := must(spelling.AppendText([]byte("before"), s))(t)
		if err := json.Unmarshal(bytes.TrimPrefix(quoted, []byte("before")), &said); err != nil {
			t.Fatalf("%s: %v", quoted, err)
		}
		return said
	}
	for range 4 {
		bare := must(spelling.ByID(ctx, b.viewer, v.ID, ""))(t)
		if bare.Text != "" || written(bare) != v.Text || bare.GUID != v.GUID || bare.Type != v.Type || bare.ID != v.ID || bare.Context != v.Context {
			t.Errorf("without its text: %+v, written %q", bare, written(bare))
		}
		s := must(b.ByID(ctx, b.viewer, v.ID, ""))(t)
		if s.Text != v.Text || written(s) != v.Text {
			t.Fatalf("read %q, written %q", s.Text, written(s))
		}
		if s.Text += " "; written(s) != s.Text {
			t.Error("another text is taken for the one at hand")
		}
	}
	rules := &schemas.RuleSet{DomainRules: []schemas.Rule{{"name": "a", "kind": "CONDITION", "type": "CEL", "mode": "WRITE", "expr": "true"}}}
	ruled := must(b.Register(ctx, b.admin, schemas.Submission{Subject: "ruled-value", Text: text, RuleSet: rules}))(t)
	for range 3 {
		if s := must(spelling.ByID(ctx, b.viewer, ruled.ID, ""))(t); s.Text != ruled.Text || s.RuleSet == nil || written(s) != s.Text {
			t.Errorf("with rules: %+v", s)
		}
	}
	for _, forGood := range []bool{false, true} {
		must(b.DeleteSubject(ctx, b.admin, "orders-value", forGood))(t)
	}
	for _, in := range []*schemas.Registry{b.Registry, spelling} {
		if _, err := in.ByID(ctx, b.viewer, v.ID, ""); err == nil {
			t.Error("an id that ended is still answered")
		}
	}
}
