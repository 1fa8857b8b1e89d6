package mirror_test

import (
	"slices"
	"testing"

	"github.com/flowmart/lethe/schemas/mirror"
)

// Aliases are copied, also those of names that have no versions; and what has one
// keeps versions of its own, whose ids stand in front of messages.
func TestMirrorOfAliases(t *testing.T) {
	t.Parallel()
	from, to := open(t), open(t)
	from.must("PUT /config/:.__GLOBAL:", `{"compatibility":"NONE"}`)
	from.must("POST /subjects/order/versions", order, "}")
	from.must("POST /subjects/old/versions", `{"schema":"\"long\""}`)
	from.must("POST /subjects/old/versions", `{"schema":"\"int\""}`)
	from.must("DELETE /subjects/old/versions/1")
	from.must("POST /subjects/lost/versions", `{"schema":"\"bytes\""}`)
	from.must("POST /contexts/dev/subjects/order/versions", order, "}")
	from.must("PUT /config/known-as", `{"alias":"order"}`)
	from.must("PUT /config/old", `{"alias":"order"}`)
	from.must("PUT /config/lost", `{"alias":"nowhere"}`)
	from.must("PUT /config/:.dev:known-as", `{"alias":"order"}`)
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry}
	follow(t, m)
	for _, ask := range []string{"/config/:.__GLOBAL:", "/config/known-as", "/config/old", "/config/lost", "/config/:.dev:known-as", "/schemas?aliases=true", "/schemas?deleted=true", "/subjects/known-as/versions/1", "/schemas/ids/2", "/schemas/ids/3"} {
		if there, here := from.must("GET "+ask), to.must("GET "+ask); there != here {
			t.Errorf("%s: there %s\nhere %s", ask, there, here)
		}
	}
	settled(t, m)
	from.must("DELETE /config/known-as")
	if got := acts(follow(t, m)); !slices.Equal(got, []string{"CONFIGURE known-as"}) {
		t.Errorf("followed by %q", got)
	}
	settled(t, m)
	fresh := &mirror.Mirror{From: &from.Registry, To: &to.Registry}
	if plan, err := fresh.Plan(t.Context()); err != nil || len(plan) > 0 {
		t.Errorf("left are %v %v", acts(plan), err)
	}
}
