package lineage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/lineage"
)

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// bench is a company whose services and datasets are made as they are named.
type bench struct {
	*lineage.Lineage
	db         *pgxpool.Pool
	catalog    *catalog.Catalog
	admin      access.Principal
	controller uuid.UUID
	team       uuid.UUID
	names      map[uuid.UUID]string
}

func setup(t testing.TB) *bench {
	t.Helper()
	db, now := pgtest.New(t), func() time.Time { return today }
	b := &bench{Lineage: lineage.New(db, now), db: db, catalog: catalog.New(db, now), names: map[uuid.UUID]string{}}
	b.admin = b.person(t, access.Admin)
	b.controller = must(b.catalog.DeclareController(t.Context(), b.admin, catalog.Controller{Ref: "flowmart-de", Name: "FlowMart", Country: "DE", TimeZone: "Europe/Berlin"}))(t).ID
	b.team = must(b.catalog.DeclareOwner(t.Context(), b.admin, catalog.Owner{Kind: catalog.Team, Ref: "shop", Name: "Shop", Active: true}))(t).ID
	return b
}

func (b *bench) person(t testing.TB, role access.Role, teams ...string) access.Principal {
	t.Helper()
	id := must(audit.EnsurePrincipal(t.Context(), b.db, "test", fmt.Sprint(role, teams), string(role)))(t)
	return access.Principal{ID: id, Roles: []access.Role{role}, Teams: teams}
}

func (b *bench) service(t testing.TB, ref string) uuid.UUID {
	t.Helper()
	s := must(b.catalog.RegisterService(t.Context(), b.admin, catalog.Service{Ref: ref, Name: ref, OwnerID: &b.team, ControllerID: b.controller}))(t)
	b.names[s.ID] = ref
	return s.ID
}

// dataset makes a dataset: a topic if its name says so, of a service unless
// that is uuid.Nil, derived from others.
func (b *bench) dataset(t testing.TB, name string, service uuid.UUID, from ...uuid.UUID) uuid.UUID {
	t.Helper()
	d := catalog.Dataset{Namespace: "postgres://shop", Name: name, Kind: "TABLE", Derived: len(from) > 0, DerivedFrom: from}
	if strings.HasPrefix(name, "topic.") {
		d.Namespace, d.Kind = "kafka://default", "TOPIC"
	}
	if service != uuid.Nil {
		d.ServiceID = &service
	}
	d = must(b.catalog.DeclareDataset(t.Context(), b.admin, d))(t)
	b.names[d.ID] = name
	return d.ID
}

func (b *bench) declares(t testing.TB, service, dataset uuid.UUID) {
	t.Helper()
	must(b.catalog.DeclareConsumption(t.Context(), b.admin, catalog.Consumption{ServiceID: service, DatasetID: dataset}))(t)
}

func (b *bench) seen(t testing.TB, group string, dataset uuid.UUID, service *uuid.UUID, at time.Time) {
	t.Helper()
	read := catalog.ObservedRead{Cluster: "default", Group: group, DatasetID: dataset, ServiceID: service, FirstSeen: at, LastSeen: at}
	if err := catalog.RecordObservedReads(t.Context(), b.db, []catalog.ObservedRead{read}); err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestReadersDeclaredAgainstObserved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	orders, billing, mail, search := b.service(t, "orders"), b.service(t, "billing"), b.service(t, "mail"), b.service(t, "search")
	topic, other := b.dataset(t, "topic.orders", orders), b.dataset(t, "topic.other", orders)
	b.declares(t, billing, topic)
	b.declares(t, mail, topic)
	b.seen(t, "billing", topic, &billing, today)
	b.seen(t, "billing-replay", topic, &billing, today.Add(time.Hour))
	b.seen(t, "search", topic, &search, today)
	b.seen(t, "orders-self", topic, &orders, today)
	b.seen(t, "who-is-it", topic, nil, today)
	b.seen(t, "and-who", topic, nil, today)
	b.seen(t, "elsewhere", other, &search, today)
	var got []string
	for _, r := range must(lineage.Readers(t.Context(), b.db, topic))(t) {
		name := "?"
		if r.ServiceID != nil {
			name = b.names[*r.ServiceID]
		}
		var groups []string
		for _, g := range r.Groups {
			groups = append(groups, g.Name)
		}
		got = append(got, fmt.Sprint(name, " ", r.Standing, " ", groups))
		if name == "billing" && (!r.FirstSeen.Equal(today) || !r.LastSeen.Equal(today.Add(time.Hour))) {
			t.Errorf("billing was seen from %v to %v", r.FirstSeen, r.LastSeen)
		}
	}
	want := []string{"orders BOTH [orders-self]", "billing BOTH [billing billing-replay]", "mail DECLARED_ONLY []", "search OBSERVED_ONLY [search]",
		"? UNKNOWN_READER [and-who]", "? UNKNOWN_READER [who-is-it]"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Somebody says who it was.
	must(b.catalog.DeclareActorAlias(t.Context(), b.admin, catalog.ActorAlias{Kind: "GROUP", Name: "who-is-it", ServiceID: search}))(t)
	readers := must(lineage.Readers(t.Context(), b.db, topic))(t)
	if n := len(readers); n != 5 || readers[n-1].Groups[0].Name != "and-who" {
		t.Errorf("got %+v", readers)
	}
	if r := must(lineage.Readers(t.Context(), b.db, uuid.New()))(t); len(r) != 0 {
		t.Errorf("of nothing: %+v", r)
	}
}

// A reader stands as explained while an explanation covers all that was seen of
// it and nothing else is amiss; data took that way all the same.
func TestExplainedReaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	orders, mail, search := b.service(t, "orders"), b.service(t, "mail"), b.service(t, "search")
	topic, outbox := b.dataset(t, "topic.orders", orders), b.dataset(t, "outbox", mail)
	b.declares(t, search, topic)
	now := time.Now()
	b.seen(t, "console", topic, nil, now)
	b.seen(t, "mail", topic, &mail, now)
	b.seen(t, "search", topic, &search, now)
	explain := func(group string) uuid.UUID {
		t.Helper()
		return must(b.catalog.DismissReader(t.Context(), b.admin, catalog.Dismissal{Group: group, DatasetID: topic, Reason: "a tool", ValidTo: now.Add(time.Hour)}))(t).ID
	}
	console, mailed, searched := explain("console"), explain("mail"), explain("search")
	expect := func(what string, want ...string) {
		t.Helper()
		var got []string
		for _, r := range must(lineage.Readers(t.Context(), b.db, topic))(t) {
			name := "?"
			if r.ServiceID != nil {
				name = b.names[*r.ServiceID]
			}
			for _, id := range r.Dismissals {
				name += map[uuid.UUID]string{console: " by console's", mailed: " by mail's", searched: " by search's"}[id]
			}
			got = append(got, fmt.Sprint(name, " ", r.Standing))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expect("explained", "? by console's EXPLAINED", "mail by mail's EXPLAINED", "search by search's BOTH")
	if got := b.downstream(t, topic); !slices.Equal(got, []string{"1 outbox OBSERVED from topic.orders by mail"}) {
		t.Errorf("downstream of an explained reader: %q, want %s", got, b.names[outbox])
	}
	b.seen(t, "mail-replay", topic, &mail, now)
	b.seen(t, "console", topic, nil, now.Add(time.Hour))
	expect("seen as another group, and seen again", "? UNKNOWN_READER", "mail by mail's OBSERVED_ONLY", "search by search's BOTH")
}

// The company: orders' topic is read by billing (declared), which writes a
// topic that mail was seen reading; mail's table is copied into a report; the
// report is fed back into billing's ledger, so there is a circle. A search
// index is fed by a stated edge; an analyst's service shares billing's store.
func TestDownstreamAtAnyRemove(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	orders, billing, mail, search := b.service(t, "orders"), b.service(t, "billing"), b.service(t, "mail"), b.service(t, "search")
	start := b.dataset(t, "topic.orders", orders)
	b.declares(t, billing, start)
	ledger := b.dataset(t, "ledger", billing)
	invoices := b.dataset(t, "topic.invoices", billing)
	b.seen(t, "mail", invoices, &mail, today)
	outbox := b.dataset(t, "outbox", mail)
	report := b.dataset(t, "report", uuid.Nil, outbox)
	index := b.dataset(t, "index", search)
	untouched := b.dataset(t, "untouched", search)
	must(b.State(ctx, b.admin, lineage.Edge{UpstreamID: report, DownstreamID: ledger}))(t)
	edge := must(b.State(ctx, b.admin, lineage.Edge{UpstreamID: start, DownstreamID: index, ServiceID: &search}))(t)

	got := b.downstream(t, start)
	want := []string{"1 index STATED from topic.orders by search", "1 ledger CONSUMED from topic.orders by billing",
		"1 topic.invoices CONSUMED from topic.orders by billing", "2 outbox OBSERVED from topic.invoices by mail", "3 report DERIVED from outbox by nobody"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Into the circle, and all round it but not to the start.
	if got := b.downstream(t, outbox); !slices.Equal(got, []string{"1 report DERIVED from outbox by nobody", "2 ledger STATED from report by nobody"}) {
		t.Errorf("from outbox: %q", got)
	}
	// Several starts: each found dataset once, from the nearest.
	if got := b.downstream(t, start, outbox); len(got) != 4 {
		t.Errorf("from two: %q", got)
	}
	if got := b.downstream(t, untouched); len(got) != 0 {
		t.Errorf("from a dataset nobody reads: %q", got)
	}
	if err := b.Withdraw(ctx, b.admin, edge.ID); err != nil {
		t.Fatal(err)
	}
	if got := b.downstream(t, start); slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "index") }) {
		t.Errorf("a withdrawn edge still leads: %q", got)
	}
}

func (b *bench) downstream(t testing.TB, from ...uuid.UUID) []string {
	t.Helper()
	var out []string
	for _, r := range must(lineage.Downstream(t.Context(), b.db, access.System, from))(t) {
		by := "nobody"
		if r.ServiceID != nil {
			by = b.names[*r.ServiceID]
		}
		out = append(out, fmt.Sprintf("%d %s %s from %s by %s", r.Distance, b.names[r.DatasetID], r.Evidence, b.names[r.FromID], by))
	}
	slices.Sort(out)
	return out
}

// A service that reads another's store brings what is in it home.
func TestASharedStoreIsAWay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	orders, stats := b.service(t, "orders"), b.service(t, "stats")
	store := must(b.catalog.DeclareStore(ctx, b.admin, catalog.Store{Ref: "orders-db", Name: "Orders", ServiceID: &orders, Technology: "POSTGRESQL"}))(t)
	in := must(b.catalog.DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "postgres://orders", Name: "public.order", Kind: "TABLE", StoreID: &store.ID}))(t)
	b.names[in.ID] = "order"
	b.dataset(t, "cube", stats)
	must(b.catalog.DeclareStoreReader(ctx, b.admin, catalog.StoreReader{StoreID: store.ID, ServiceID: stats, Reason: "monthly figures"}))(t)
	b.seen(t, "orders", in.ID, &orders, today)
	if r := must(lineage.Readers(ctx, b.db, in.ID))(t); len(r) != 1 || r[0].Standing != lineage.Both {
		t.Errorf("the store's own service is %+v", r)
	}
	must(b.State(ctx, b.person(t, access.Steward, "shop"), lineage.Edge{UpstreamID: b.dataset(t, "up", uuid.Nil), DownstreamID: in.ID}))(t)
	if got := b.downstream(t, in.ID); !slices.Equal(got, []string{"1 cube SHARED from order by stats"}) {
		t.Errorf("got %q", got)
	}
}

// Three hundred datasets in a ring, each made from the one before: long ways and
// circles end, each dataset is reached once, and none twice.
func TestALongRingIsWalkedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const n = 300
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = b.dataset(t, fmt.Sprintf("d%d", i), uuid.Nil)
	}
	for i := range ids {
		must(b.State(t.Context(), b.admin, lineage.Edge{UpstreamID: ids[i], DownstreamID: ids[(i+1)%n]}))(t)
	}
	reached := must(lineage.Downstream(t.Context(), b.db, access.System, ids[:1]))(t)
	if len(reached) != n-1 || reached[n-2].Distance != n-1 {
		t.Errorf("%d reached, the last at %d", len(reached), reached[len(reached)-1].Distance)
	}
}

func TestWhoMayStateAnEdge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	orders := b.service(t, "orders")
	up, down, nobodys := b.dataset(t, "up", uuid.Nil), b.dataset(t, "down", orders), b.dataset(t, "nobodys", uuid.Nil)
	steward, stranger, viewer := b.person(t, access.Steward, "shop"), b.person(t, access.Steward, "finance"), b.person(t, access.Viewer)
	edge := lineage.Edge{UpstreamID: up, DownstreamID: down}
	for _, tt := range []struct {
		by   access.Principal
		edge lineage.Edge
		code string
	}{
		{viewer, edge, "ROLE_REQUIRED"},
		{access.Principal{}, edge, "UNAUTHENTICATED"},
		{stranger, edge, "NOT_OWNER"},
		{steward, lineage.Edge{UpstreamID: up, DownstreamID: nobodys}, "ROLE_REQUIRED"},
		{b.admin, lineage.Edge{UpstreamID: up, DownstreamID: up}, "EDGE_TO_ITSELF"},
		{b.admin, lineage.Edge{UpstreamID: up, DownstreamID: uuid.New()}, "DATASET_NOT_FOUND"},
		{b.admin, lineage.Edge{UpstreamID: uuid.New(), DownstreamID: down}, "DATASET_NOT_FOUND"},
		{b.admin, lineage.Edge{UpstreamID: up, DownstreamID: down, ServiceID: &up}, "SERVICE_NOT_FOUND"},
		{steward, edge, ""},
		{b.admin, lineage.Edge{UpstreamID: up, DownstreamID: nobodys}, ""},
	} {
		_, err := b.State(ctx, tt.by, tt.edge)
		wants(t, err, tt.code)
	}
	first, again := must(b.State(ctx, steward, edge))(t), must(b.State(ctx, b.admin, edge))(t)
	if first.ID != again.ID {
		t.Error("stating what holds made a second edge")
	}
	wants(t, b.Withdraw(ctx, stranger, first.ID), "NOT_OWNER")
	wants(t, b.Withdraw(ctx, steward, first.ID), "")
	wants(t, b.Withdraw(ctx, steward, first.ID), "EDGE_NOT_FOUND")
	if renewed := must(b.State(ctx, steward, edge))(t); renewed.ID == first.ID {
		t.Error("a closed edge was opened again")
	}
}

func wants(t testing.TB, err error, code string) {
	t.Helper()
	got := ""
	if faults := fault.All(err); len(faults) > 0 {
		got = faults[0].Code
	}
	if got != code || code == "" && err != nil {
		t.Errorf("got %q (%v), want %q", got, err, code)
	}
}
