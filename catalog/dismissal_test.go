package catalog_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/page"
)

// reading records that a group was seen reading the bench's dataset, and
// returns what is known of it then.
func (b *bench) reading(t *testing.T, group string, at time.Time) catalog.ObservedRead {
	t.Helper()
	seen := catalog.ObservedRead{Cluster: "default", Group: group, DatasetID: b.dataset.ID, LastSeen: at}
	if err := catalog.RecordObservedReads(t.Context(), b.db, []catalog.ObservedRead{seen}); err != nil {
		t.Fatal(err)
	}
	return b.reader(t, group)
}

func (b *bench) reader(t *testing.T, group string) catalog.ObservedRead {
	t.Helper()
	for _, r := range must(catalog.ObservedReads(t.Context(), b.db, []uuid.UUID{b.dataset.ID}))(t) {
		if r.Group == group {
			return r
		}
	}
	t.Fatalf("nobody has seen %s", group)
	return catalog.ObservedRead{}
}

// An explanation covers what is seen before its end. Who is seen again after it
// is unexplained again, and only that moves the generation on.
func TestDismissedReader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	now := time.Now().UTC().Truncate(time.Microsecond)
	end := now.Add(48 * time.Hour)
	b.reading(t, "console-17", now)
	before := generation(t, b)
	d := must(b.DismissReader(ctx, b.steward, catalog.Dismissal{Group: "console-17", DatasetID: b.dataset.ID, Reason: "looked once, kept nothing", ValidTo: end}))(t)
	if d.CreatedBy != b.steward.ID || d.Cluster != "default" || generation(t, b) <= before {
		t.Errorf("dismissed: %+v", d)
	}
	again := must(b.DismissReader(ctx, b.steward, catalog.Dismissal{Group: "console-17", DatasetID: b.dataset.ID, Reason: "looked once, kept nothing", ValidTo: end}))(t)
	if again.ID != d.ID {
		t.Error("the same explanation again is a new one")
	}
	before = generation(t, b)
	covered := func(at time.Time) {
		t.Helper()
		if r := b.reading(t, "console-17", at); r.DismissalID == nil || *r.DismissalID != d.ID {
			t.Errorf("seen at %s: %+v", at, r)
		}
		if generation(t, b) != before {
			t.Error("what is explained moved the generation on")
		}
	}
	covered(now.Add(time.Hour))
	covered(end.Add(-time.Second))
	if r := b.reading(t, "console-17", end); r.DismissalID != nil || generation(t, b) <= before {
		t.Errorf("seen when it was over: %+v, generation %d after %d", r, generation(t, b), before)
	}
	before = generation(t, b)
	if b.reading(t, "console-17", end.Add(time.Hour)); generation(t, b) != before {
		t.Error("the same gap again moved the generation on")
	}
	// Another explanation takes its place; a later sighting is covered as well.
	second := must(b.DismissReader(ctx, b.admin, catalog.Dismissal{Group: "console-17", DatasetID: b.dataset.ID, Reason: "the same tool", ValidTo: end.Add(72 * time.Hour)}))(t)
	if r := b.reader(t, "console-17"); r.DismissalID == nil || *r.DismissalID != second.ID {
		t.Errorf("explained again: %+v", r)
	}
	both := must(catalog.DismissalsByID(ctx, b.db, []uuid.UUID{d.ID, second.ID}))(t)
	if both[d.ID].EndedAt == nil || both[second.ID].EndedAt != nil {
		t.Errorf("both: %+v", both)
	}
	before = generation(t, b)
	if err := b.EndDismissal(ctx, b.steward, second.ID); err != nil {
		t.Fatal(err)
	}
	if r := b.reader(t, "console-17"); r.DismissalID != nil || generation(t, b) <= before {
		t.Errorf("taken back: %+v", r)
	}
	if err := b.EndDismissal(ctx, b.steward, second.ID); told(err) != ":READER_DISMISSAL_NOT_FOUND" {
		t.Errorf("taken back twice: %v", err)
	}
	if other := b.reading(t, "console-18", now); other.DismissalID != nil {
		t.Errorf("another group: %+v", other)
	}
	for act, want := range map[string]int{"reader.dismissed": 2, "reader.dismissal_ended": 1} {
		var n int
		if err := b.db.QueryRow(ctx, `SELECT count(*) FROM audit_entry WHERE act = $1 AND entity_id IN ($2, $3)`, act, d.ID, second.ID).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %d audit entries, want %d (%v)", act, n, want, err)
		}
	}
}

// A group that its cluster has not shown for a week, while it showed the topic,
// has gone; a cluster that nobody could ask says nothing about it.
func TestReaderThatHasGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	topic := catalog.Topic{Cluster: "default", Topic: "customers.v1", Partitions: ptr(1), ObservedAt: ptr(today)}
	look := func(at time.Time) {
		t.Helper()
		topic.ObservedAt = &at
		if err := catalog.RecordTopic(ctx, b.db, "", topic); err != nil {
			t.Fatal(err)
		}
	}
	look(today)
	b.dataset.ID = must(catalog.DatasetsByTopic(ctx, b.db, "default", []string{"customers.v1"}))(t)["customers.v1"]
	if r := b.reading(t, "old-exporter", today); r.Gone {
		t.Error("just seen, and gone")
	}
	week := 7 * 24 * time.Hour
	look(today.Add(week - time.Minute))
	if b.reader(t, "old-exporter").Gone {
		t.Error("gone before a week was over")
	}
	look(today.Add(week))
	if !b.reader(t, "old-exporter").Gone {
		t.Error("not seen for a week, and not gone")
	}
	if r := b.reading(t, "old-exporter", today.Add(week+time.Hour)); r.Gone {
		t.Error("seen again, and still gone")
	}
}

// A name that has ended is nobody's: neither by itself nor by what an observer
// knew through it. It may be declared again.
func TestReaderNameEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	other := must(b.RegisterService(ctx, b.admin, catalog.Service{Ref: "orders", Name: "Orders", OwnerID: &b.orders.ID, ControllerID: b.controller.ID}))(t)
	name := must(b.DeclareActorAlias(ctx, b.steward, catalog.ActorAlias{Kind: "GROUP", Name: "exporter", ServiceID: b.service.ID}))(t)
	for group, service := range map[string]*uuid.UUID{"exporter": nil, "exporter-1": &b.service.ID, "orders": &other.ID} {
		seen := catalog.ObservedRead{Cluster: "default", Group: group, DatasetID: b.dataset.ID, ServiceID: service, LastSeen: today}
		if err := catalog.RecordObservedReads(ctx, b.db, []catalog.ObservedRead{seen}); err != nil {
			t.Fatal(err)
		}
	}
	before := generation(t, b)
	if err := b.EndActorAlias(ctx, b.steward, name.ID); err != nil {
		t.Fatal(err)
	}
	if generation(t, b) <= before {
		t.Error("ending a name must move the generation on")
	}
	if r := b.reader(t, "exporter"); r.ServiceID != nil {
		t.Errorf("of the name itself: %+v", r)
	}
	if r := b.reader(t, "exporter-1"); r.ServiceID != nil {
		t.Errorf("of what an observer knew by it: %+v", r)
	}
	if r := b.reader(t, "orders"); r.ServiceID == nil || *r.ServiceID != other.ID {
		t.Errorf("of another service: %+v", r)
	}
	if known := must(catalog.ServicesByActor(ctx, b.db, "default", "GROUP", []string{"exporter"}))(t); len(known) != 0 {
		t.Errorf("services by actor: %v", known)
	}
	if all := must(b.ActorAliases(ctx, b.admin, page.Args{First: 10}))(t); len(all.Items) != 0 {
		t.Errorf("names: %+v", all.Items)
	}
	if all := must(b.Snapshot(ctx, b.admin))(t); len(all.ActorAliases) != 0 {
		t.Errorf("exported: %+v", all.ActorAliases)
	}
	if err := b.EndActorAlias(ctx, b.steward, name.ID); told(err) != ":ACTOR_ALIAS_NOT_FOUND" {
		t.Errorf("ended twice: %v", err)
	}
	name.ServiceID = other.ID
	if _, err := b.DeclareActorAlias(ctx, b.admin, name); told(err) != ":ACTOR_ALIAS_NOT_FOUND" {
		t.Errorf("changed after its end: %v", err)
	}
	must(b.DeclareActorAlias(ctx, b.admin, catalog.ActorAlias{Kind: "GROUP", Name: "exporter", ServiceID: other.ID}))(t)
	if r := b.reader(t, "exporter"); r.ServiceID == nil || *r.ServiceID != other.ID {
		t.Errorf("declared again: %+v", r)
	}
}

// An observer that read a name before it ended writes nothing that outlives it.
func TestObserverHoldsTheNamesItRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	name := must(b.DeclareActorAlias(ctx, b.steward, catalog.ActorAlias{Kind: "GROUP", Name: "exporter", ServiceID: b.service.ID}))(t)
	tx := must(b.db.Begin(ctx))(t)
	defer func() { _ = tx.Rollback(ctx) }()
	found := must(catalog.ServicesByActor(ctx, tx, "default", "GROUP", []string{"exporter"}))(t)["exporter"]
	ended := make(chan error, 1)
	go func() { ended <- b.EndActorAlias(ctx, b.steward, name.ID) }()
	for waits := false; !waits; {
		const q = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`
		if err := b.db.QueryRow(ctx, q).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			t.Fatalf("the name ended while an observer held it: %v", err)
		default:
		}
	}
	seen := catalog.ObservedRead{Cluster: "default", Group: "exporter-2", DatasetID: b.dataset.ID, ServiceID: &found, LastSeen: today}
	if err := catalog.RecordObservedReads(ctx, tx, []catalog.ObservedRead{seen}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if r := b.reader(t, "exporter-2"); r.ServiceID != nil {
		t.Errorf("what it wrote stayed: %+v", r)
	}
}
