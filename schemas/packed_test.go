package schemas_test

import (
	"encoding/json"
	"testing"

	"github.com/flowmart/lethe/schemas"
)

// What is asked for again is at hand as it is answered, and only as long as the
// text is that one and the id stands for it.
func TestWhatIsOftenReadIsAtHand(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	text := record("city", "note?")
	v := must(b.Register(ctx, b.admin, schemas.Submission{Subject: "orders-value", Text: text}))(t)
	for i := range 4 {
		s := must(b.ByID(ctx, b.viewer, v.ID, ""))(t)
		if s.Text != v.Text {
			t.Fatalf("read %q", s.Text)
		}
		var said string
		switch quoted := b.Quoted(s); {
		case quoted == nil && i > 1:
			t.Errorf("reading %d has it quoted anew", i)
		case quoted == nil:
		case json.Unmarshal(quoted, &said) != nil || said != s.Text:
			t.Errorf("%s is not %q", quoted, s.Text)
		}
		if s.Text += " "; b.Quoted(s) != nil {
			t.Error("another text is taken for the one at hand")
		}
	}
	for _, forGood := range []bool{false, true} {
		must(b.DeleteSubject(ctx, b.admin, "orders-value", forGood))(t)
	}
	if _, err := b.ByID(ctx, b.viewer, v.ID, ""); err == nil {
		t.Error("an id that ended is still answered")
	}
}
