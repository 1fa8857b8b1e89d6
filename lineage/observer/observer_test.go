package observer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/lineage/observer"
)

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// cluster starts a Kafka cluster in this process.
func cluster(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c := must(kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3)}, opts...)...))(t)
	t.Cleanup(c.Close)
	return c
}

// consume starts a real consumer, waits until it has read a record of each
// topic and committed, and leaves it running.
func consume(t testing.TB, c *kfake.Cluster, topics []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client := must(kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit()}, opts...)...))(t)
	t.Cleanup(client.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for read := map[string]bool{}; len(read) < len(topics); {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { read[r.Topic] = true })
	}
	if err := client.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
	return client
}

func produce(t testing.TB, c *kfake.Cluster, topics ...string) {
	t.Helper()
	client := must(kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.AllowAutoTopicCreation()))(t)
	defer client.Close()
	for _, topic := range topics {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// bench is a catalog with the services billing and search.
type bench struct {
	db              *pgxpool.Pool
	catalog         *catalog.Catalog
	admin           access.Principal
	billing, search uuid.UUID
	now             time.Time
}

func setup(t testing.TB) *bench {
	t.Helper()
	b := &bench{db: pgtest.New(t), now: today}
	b.catalog = catalog.New(b.db, func() time.Time { return b.now })
	id := must(audit.EnsurePrincipal(t.Context(), b.db, "test", "admin", "admin"))(t)
	b.admin = access.Principal{ID: id, Roles: []access.Role{access.Admin}}
	controller := must(b.catalog.DeclareController(t.Context(), b.admin, catalog.Controller{Ref: "flowmart-de", Name: "FlowMart", Country: "DE", TimeZone: "Europe/Berlin"}))(t)
	for ref, id := range map[string]*uuid.UUID{"billing": &b.billing, "search": &b.search} {
		*id = must(b.catalog.RegisterService(t.Context(), b.admin, catalog.Service{Ref: ref, Name: ref, ControllerID: controller.ID}))(t).ID
	}
	return b
}

func (b *bench) alias(t testing.TB, cluster, kind, name string, service uuid.UUID) {
	t.Helper()
	must(b.catalog.DeclareActorAlias(t.Context(), b.admin, catalog.ActorAlias{Cluster: cluster, Kind: kind, Name: name, ServiceID: service}))(t)
}

func (b *bench) observer(t testing.TB, clusters ...observer.Cluster) *observer.Observer {
	t.Helper()
	o := must(observer.New(b.db, clusters, observer.Config{Interval: 10 * time.Millisecond, Patience: 10 * time.Second, OwnGroups: []string{"lethe-lineage"}},
		slog.New(slog.DiscardHandler), func() time.Time { return b.now }))(t)
	t.Cleanup(o.Close)
	return o
}

// reads lists who was seen reading a topic, as "group service".
func (b *bench) reads(t testing.TB, cluster, topic string) []string {
	t.Helper()
	id, ok := must(catalog.DatasetsByTopic(t.Context(), b.db, cluster, []string{topic}))(t)[topic]
	if !ok {
		t.Fatalf("the catalog does not know %s", topic)
	}
	var out []string
	for _, r := range must(catalog.ObservedReads(t.Context(), b.db, []uuid.UUID{id}))(t) {
		service := "?"
		if r.ServiceID != nil {
			service = map[uuid.UUID]string{b.billing: "billing", b.search: "search"}[*r.ServiceID]
		}
		out = append(out, r.Group+" "+service)
	}
	slices.Sort(out)
	return out
}

func equal(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGroupsOfEveryKindAreSeen(t *testing.T) {
	t.Parallel()
	b, k := setup(t), cluster(t, kfake.SeedTopics(2, "orders", "payments", "unread"))
	produce(t, k, "orders", "payments")
	consume(t, k, []string{"orders"}, kgo.ConsumerGroup("billing"))
	consume(t, k, []string{"orders", "payments"}, kgo.ConsumerGroup("next-gen"), kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()), kgo.ClientID("search-2"))
	consume(t, k, []string{"payments"}, kgo.ConsumerGroup("shadow"), kgo.ClientID("rdkafka"))
	consume(t, k, []string{"orders"}, kgo.ConsumerGroup("lethe-lineage"))
	// A reader that is gone is known by what it committed.
	consume(t, k, []string{"payments"}, kgo.ConsumerGroup("was-here")).Close()
	// One that never commits is known by what it holds.
	holder := must(kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...), kgo.ConsumeTopics("payments"), kgo.ConsumerGroup("never-commits"), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())))(t)
	t.Cleanup(holder.Close)
	holder.PollFetches(t.Context())

	admin := kadm.NewClient(holder)
	if listed := must(admin.ListGroupsByType(t.Context(), []string{"consumer"}))(t).Groups(); !slices.Equal(listed, []string{"next-gen"}) {
		t.Fatalf("groups of KIP-848 are %q", listed)
	}
	b.alias(t, "eu", "GROUP", "billing", b.billing)
	b.alias(t, "eu", "CLIENT_ID", "search", b.search)
	b.alias(t, "other", "GROUP", "shadow", b.billing) // of another cluster: not this one
	o := b.observer(t, observer.Cluster{Name: "eu", Brokers: k.ListenAddrs()})
	if err := o.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, b.reads(t, "eu", "orders"), "billing billing", "next-gen search")
	equal(t, b.reads(t, "eu", "payments"), "never-commits ?", "next-gen search", "shadow ?", "was-here ?")
	equal(t, b.reads(t, "eu", "unread"))
	state := o.States()[0]
	if state.Groups != 5 || state.Reads != 6 || state.Unknown != 3 || state.Topics != 3 || !state.At.Equal(today) || state.Err != nil {
		t.Errorf("state %+v", state)
	}
	// Seen again later, and one of them is known now.
	b.now = today.Add(time.Hour)
	b.alias(t, "eu", "GROUP", "was-here", b.search)
	if err := o.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, b.reads(t, "eu", "payments"), "never-commits ?", "next-gen search", "shadow ?", "was-here search")
	id := must(catalog.DatasetsByTopic(t.Context(), b.db, "eu", []string{"orders"}))(t)["orders"]
	for _, r := range must(catalog.ObservedReads(t.Context(), b.db, []uuid.UUID{id}))(t) {
		if !r.FirstSeen.Equal(today) || !r.LastSeen.Equal(b.now) {
			t.Errorf("%s was seen from %v to %v", r.Group, r.FirstSeen, r.LastSeen)
		}
	}
}

// Members that disagree on who they are leave the group unknown.
func TestNobodyIsGuessed(t *testing.T) {
	t.Parallel()
	b, k := setup(t), cluster(t, kfake.SeedTopics(2, "orders"))
	admin := kadm.NewClient(must(kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...)))(t))
	t.Cleanup(admin.Close)
	for _, id := range []string{"billing-1", "search-1"} {
		member := must(kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...), kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("mixed"), kgo.ClientID(id)))(t)
		t.Cleanup(member.Close)
		go member.PollFetches(t.Context())
	}
	b.alias(t, "default", "CLIENT_ID", "billing", b.billing)
	b.alias(t, "default", "CLIENT_ID", "search", b.search)
	waitUntil(t, func() bool {
		d, err := admin.DescribeGroups(t.Context(), "mixed")
		return err == nil && d["mixed"].State == "Stable" && len(d["mixed"].Members) == 2
	})
	if err := b.observer(t, observer.Cluster{Name: "default", Brokers: k.ListenAddrs()}).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, b.reads(t, "default", "orders"), "mixed ?")
}

func waitUntil(t testing.TB, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !true(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestTopicsTellHowLongTheyKeepData(t *testing.T) {
	t.Parallel()
	b, k := setup(t), cluster(t)
	client := must(kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...)))(t)
	t.Cleanup(client.Close)
	admin := kadm.NewClient(client)
	set := func(pairs ...string) map[string]*string {
		m := map[string]*string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = &pairs[i+1]
		}
		return m
	}
	for topic, configs := range map[string]map[string]*string{
		"expiring":  set("cleanup.policy", "delete", "retention.ms", "604800000", "segment.ms", "3600000"),
		"compacted": set("cleanup.policy", "compact", "max.compaction.lag.ms", "86400000", "delete.retention.ms", "3600000"),
		"both":      set("cleanup.policy", "delete,compact", "retention.ms", "-1"),
	} {
		must(admin.CreateTopic(t.Context(), 3, 1, configs, topic))(t)
	}
	o := b.observer(t, observer.Cluster{Name: "eu", Environment: "staging", Brokers: k.ListenAddrs()})
	if err := o.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	ids := must(catalog.DatasetsByTopic(t.Context(), b.db, "eu", []string{"expiring", "compacted", "both"}))(t)
	topics := must(catalog.TopicsByDataset(t.Context(), b.db, []uuid.UUID{ids["expiring"], ids["compacted"], ids["both"]}))(t)
	e, c, both := topics[ids["expiring"]], topics[ids["compacted"]], topics[ids["both"]]
	if *e.CleanupPolicy != "delete" || *e.RetentionMs != 604800000 || *e.SegmentMs != 3600000 || *e.Partitions != 3 || !e.ObservedAt.Equal(today) {
		t.Errorf("expiring: %+v", e)
	}
	if *c.CleanupPolicy != "compact" || *c.MaxCompactionLagMs != 86400000 || *c.DeleteRetentionMs != 3600000 {
		t.Errorf("compacted: %+v", c)
	}
	if *both.CleanupPolicy != "compact,delete" || *both.RetentionMs != -1 {
		t.Errorf("both: %+v", both)
	}
	d := must(catalog.DatasetByName(t.Context(), b.db, "staging", "kafka://eu", "expiring"))(t)
	if d.Lifecycle != "DRAFT" || d.ServiceID != nil {
		t.Errorf("a topic that nobody declared is %+v", d)
	}
}

// Offsets of a topic that is gone, in a group that stayed, raise nothing.
func TestAnUnknownTopicIsNoFailure(t *testing.T) {
	t.Parallel()
	b, k := setup(t), cluster(t, kfake.SeedTopics(1, "gone", "stays"))
	produce(t, k, "gone", "stays")
	consume(t, k, []string{"gone", "stays"}, kgo.ConsumerGroup("reader")).Close()
	client := must(kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...)))(t)
	t.Cleanup(client.Close)
	must(kadm.NewClient(client).DeleteTopic(t.Context(), "gone"))(t)
	if err := b.observer(t, observer.Cluster{Name: "eu", Brokers: k.ListenAddrs()}).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, b.reads(t, "eu", "stays"), "reader ?")
}

func TestAClusterThatIsAwayStopsNoOther(t *testing.T) {
	t.Parallel()
	b, k, gone := setup(t), cluster(t, kfake.SeedTopics(1, "orders")), cluster(t)
	produce(t, k, "orders")
	consume(t, k, []string{"orders"}, kgo.ConsumerGroup("billing"))
	addresses := gone.ListenAddrs()
	gone.Close()
	o := b.observer(t, observer.Cluster{Name: "gone", Brokers: addresses}, observer.Cluster{Name: "eu", Brokers: k.ListenAddrs()})
	err := o.Once(t.Context())
	if err == nil || !strings.Contains(err.Error(), "cluster gone") || strings.Contains(err.Error(), "cluster eu") {
		t.Errorf("got %v", err)
	}
	equal(t, b.reads(t, "eu", "orders"), "billing ?")
	states := o.States()
	if states[0].Err == nil || !states[0].At.IsZero() || states[1].Err != nil || states[1].Reads != 1 {
		t.Errorf("states %+v", states)
	}
}

func TestItSignsIn(t *testing.T) {
	t.Parallel()
	secret := func(s string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return s, nil }
	}
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			b, k := setup(t), cluster(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "lethe", "pencil"))
			in := b.observer(t, observer.Cluster{Name: "eu", Brokers: k.ListenAddrs(), SASL: &observer.SASL{Mechanism: mechanism, User: "lethe", Secret: secret("pencil")}})
			if err := in.Once(t.Context()); err != nil {
				t.Error(err)
			}
			out := b.observer(t, observer.Cluster{Name: "eu", Brokers: k.ListenAddrs(), SASL: &observer.SASL{Mechanism: mechanism, User: "lethe", Secret: secret("crayon")}})
			if err := out.Once(t.Context()); err == nil {
				t.Error("a wrong password was taken")
			} else if strings.Contains(fmt.Sprint(err), "crayon") {
				t.Errorf("the password is in %v", err)
			}
		})
	}
	_, err := observer.New(nil, []observer.Cluster{{Name: "eu", SASL: &observer.SASL{Mechanism: "SCRAM-SHA-265"}}}, observer.Config{}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "did you mean") {
		t.Errorf("got %v", err)
	}
}

func TestRunLooksAgainAndStops(t *testing.T) {
	t.Parallel()
	b, k := setup(t), cluster(t, kfake.SeedTopics(1, "orders"))
	o := b.observer(t, observer.Cluster{Name: "eu", Brokers: k.ListenAddrs()})
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- o.Run(ctx) }()
	waitUntil(t, func() bool { return o.States()[0].Topics == 1 })
	produce(t, k, "orders")
	consume(t, k, []string{"orders"}, kgo.ConsumerGroup("late"))
	waitUntil(t, func() bool { return o.States()[0].Reads == 1 })
	cancel(errors.New("enough"))
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}

func TestClustersHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{""}, {"eu", "eu"}} {
		var clusters []observer.Cluster
		for _, n := range names {
			clusters = append(clusters, observer.Cluster{Name: n, Brokers: []string{"127.0.0.1:1"}})
		}
		if _, err := observer.New(nil, clusters, observer.Config{}, nil, nil); err == nil {
			t.Errorf("%q were taken", names)
		}
	}
}
