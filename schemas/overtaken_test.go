package schemas_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/format"
)

// Whoever registers with the tags of the latest version at once with others has
// those of theirs, too, whoever comes first; and rules that are set for the latest
// text do not bring an older one back.
func TestNobodyTakesWhatIsOvertaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const clients = 12
	names := make([]string, clients)
	for i := range names {
		names[i] = fmt.Sprintf("f%02d?", i)
	}
	text := record(names...)
	b.put(t, b.admin, "orders-value", text)
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			tag := format.Tagged{Entity: format.Entity{Path: "shop.Order." + strings.TrimSuffix(name, "?"), Field: true}, Tags: []string{"user.contact.email"}}
			_, err := b.Register(t.Context(), b.admin, schemas.Submission{Subject: "orders-value", Text: text, AddTags: []format.Tagged{tag}, KeepTags: true})
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Go(func() {
		rules := &schemas.RuleSet{}
		_, err := b.Register(t.Context(), b.admin, schemas.Submission{Subject: "orders-value", Metadata: &schemas.Metadata{Properties: map[string]string{"owner": "shop"}}, RuleSet: rules})
		if err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	latest := must(b.Version(t.Context(), b.admin, "orders-value", schemas.Latest, schemas.Live))(t)
	if n := strings.Count(latest.Text, "user.contact.email"); n != clients {
		t.Errorf("%d of %d tags are left: %s", n, clients, latest.Text)
	}
}
