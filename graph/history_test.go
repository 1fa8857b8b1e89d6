package graph_test

import (
	"encoding/json"
	"fmt"
	"testing"
)

// What people state of the ways of data, and explain of readers, is told again
// with who said it, and so is what was there before.
func TestWhatPeopleSaidIsToldAgain(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	x := &cell{company: c, t: t, by: c.admin, whose: "own"}
	source := x.source("r1")
	flow := c.declare("stateFlow", "flow", fmt.Sprintf(`upstreamId: %q, downstreamId: %q, serviceId: %q`, source, c.order, c.orders))
	dismissal := x.freshDismissal(c.order, "console-17")
	const query = `query($id: ID!) { node(id: $id) { ... on Dataset {
		statedFlows { id upstream { id } downstream { id } service { ref } statedBy { name } validTo }
		observedReads { group gone service { ref } dismissal { id } }
		readers { standing gone dismissals { id reason dismissedBy { name } dataset { id } endedAt } } } } }`
	type told struct {
		StatedFlows []struct {
			ID                   string
			Upstream, Downstream struct{ ID string }
			Service              struct{ Ref string }
			StatedBy             struct{ Name string }
			ValidTo              *string
		}
		ObservedReads []struct {
			Group     string
			Gone      bool
			Service   *struct{ Ref string }
			Dismissal *struct{ ID string }
		}
		Readers []struct {
			Standing   string
			Gone       bool
			Dismissals []struct {
				ID, Reason  string
				DismissedBy struct{ Name string }
				Dataset     struct{ ID string }
				EndedAt     *string
			}
		}
	}
	read := func(id string) (d told) {
		t.Helper()
		a := c.do(c.admin, query, object("id", id))
		raw, err := json.Marshal(a.Data["node"])
		must(t, err)
		must(t, json.Unmarshal(raw, &d))
		return d
	}
	d := read(c.order)
	if len(d.StatedFlows) != 1 || d.StatedFlows[0].ID != flow || d.StatedFlows[0].Upstream.ID != source || d.StatedFlows[0].Downstream.ID != c.order ||
		d.StatedFlows[0].Service.Ref != "orders" || d.StatedFlows[0].StatedBy.Name != "ada" || d.StatedFlows[0].ValidTo != nil {
		t.Errorf("stated: %+v", d.StatedFlows)
	}
	if up := read(source); len(up.StatedFlows) != 1 || up.StatedFlows[0].ID != flow {
		t.Errorf("from the other end: %+v", up.StatedFlows)
	}
	if len(d.ObservedReads) != 1 || d.ObservedReads[0].Group != "console-17" || d.ObservedReads[0].Gone || d.ObservedReads[0].Service != nil || d.ObservedReads[0].Dismissal.ID != dismissal {
		t.Errorf("observed: %+v", d.ObservedReads)
	}
	if len(d.Readers) != 1 || d.Readers[0].Standing != "EXPLAINED" || len(d.Readers[0].Dismissals) != 1 || d.Readers[0].Dismissals[0].ID != dismissal ||
		d.Readers[0].Dismissals[0].Reason != "a tool" || d.Readers[0].Dismissals[0].DismissedBy.Name != "ada" || d.Readers[0].Dismissals[0].Dataset.ID != c.order {
		t.Errorf("readers: %+v", d.Readers)
	}
	for mutation, id := range map[string]string{"endFlow": flow, "endDismissal": dismissal} {
		c.clean(c.do(c.admin, fmt.Sprintf(`mutation { %s(input: {id: %q}) { ended userErrors { code message path } } }`, mutation, id)), mutation)
	}
	if d = read(c.order); len(d.StatedFlows) != 0 || d.Readers[0].Standing != "UNKNOWN_READER" || len(d.Readers[0].Dismissals) != 0 {
		t.Errorf("after their end: %+v", d)
	}

	a := c.do(c.admin, `query($id: ID!) { catalogChanges(entityId: $id, first: 10) { nodes { act kind actor { name } before after } } }`, object("id", dismissal))
	var changes struct {
		Nodes []struct {
			Act, Kind     string
			Actor         struct{ Name string }
			Before, After *string
		}
	}
	raw, err := json.Marshal(a.Data["catalogChanges"])
	must(t, err)
	must(t, json.Unmarshal(raw, &changes))
	var after struct{ Reason string }
	if n := changes.Nodes; len(n) != 2 || n[0].Act != "reader.dismissal_ended" || n[0].After != nil || n[1].Act != "reader.dismissed" || n[1].Before != nil ||
		n[1].Kind != "DISMISSAL" || n[1].Actor.Name != "ada" || json.Unmarshal([]byte(*n[1].After), &after) != nil || after.Reason != "a tool" {
		t.Errorf("history: %s", a.Raw)
	}
}
