package observer_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/devstack/kafkatest"
	"github.com/flowmart/lethe/lineage/observer"
)

// What Kafka itself decides (groups, their protocols, settings of topics, what
// a deleted topic leaves behind) is tested here on whatever kafkatest lends:
// Apache Kafka where LETHE_TEST_KAFKA_BROKERS names it. Others use that too, so
// topics and groups have names of their own.

// lent is a cluster and a name in it for each topic or group of a test.
type lent struct {
	brokers []string
	admin   *kadm.Client
	names   map[string]string
}

func lend(t testing.TB) *lent {
	t.Helper()
	k := &lent{brokers: kafkatest.Brokers(t), names: map[string]string{}}
	// A client remembers for seconds which topics there are: not this one, which waits for them.
	k.admin = kadm.NewClient(must(kgo.NewClient(kgo.SeedBrokers(k.brokers...), kgo.MetadataMinAge(50*time.Millisecond)))(t))
	t.Cleanup(k.admin.Close)
	return k
}

// own reports whether nobody else is in the cluster, so that all can be counted.
func (k *lent) own() bool { return os.Getenv("LETHE_TEST_KAFKA_BROKERS") == "" }

// name is what a topic or a group is called in the cluster.
func (k *lent) name(short string) string {
	if k.names[short] == "" {
		k.names[short] = kafkatest.Name(short)
	}
	return k.names[short]
}

// topic makes a topic with some settings, and waits until the cluster lists it
// with them: Apache Kafka says that a topic is made before its broker knows it.
func (k *lent) topic(t testing.TB, short string, partitions int32, pairs ...string) string {
	t.Helper()
	settings := map[string]*string{}
	for i := 0; i < len(pairs); i += 2 {
		settings[pairs[i]] = &pairs[i+1]
	}
	name := k.name(short)
	must(k.admin.CreateTopic(t.Context(), partitions, 1, settings, name))(t)
	waitUntil(t, func() bool { return k.listed(t, name, partitions) && k.has(t, name, settings) })
	return name
}

// listed reports whether the cluster lists a topic, each partition with a leader.
func (k *lent) listed(t testing.TB, topic string, partitions int32) bool {
	t.Helper()
	d, ok := must(k.admin.ListTopics(t.Context()))(t)[topic]
	if !ok || d.Err != nil || len(d.Partitions) != int(partitions) {
		return false
	}
	for _, p := range d.Partitions {
		if p.Err != nil || p.Leader < 0 {
			return false
		}
	}
	return true
}

// has reports whether the cluster describes a topic with these settings.
func (k *lent) has(t testing.TB, topic string, settings map[string]*string) bool {
	t.Helper()
	described := must(k.admin.DescribeTopicConfigs(t.Context(), topic))(t)
	if len(described) != 1 || described[0].Err != nil {
		return false
	}
	found := 0
	for _, c := range described[0].Configs {
		if want := settings[c.Key]; want != nil && c.Value != nil && *c.Value == *want {
			found++
		}
	}
	return found == len(settings)
}

// told checks a setting that a cluster may also have left unsaid.
func told[T comparable](t testing.TB, what string, got *T, want T) {
	t.Helper()
	if got == nil {
		t.Errorf("%s was not recorded, want %v", what, want)
	} else if *got != want {
		t.Errorf("%s is %v, want %v", what, *got, want)
	}
}

// group is the option that puts a client into a group.
func (k *lent) group(short string) kgo.Opt { return kgo.ConsumerGroup(k.name(short)) }

// reads lists, as bench.reads does, who was seen.
func (k *lent) reads(t testing.TB, b *bench, cluster, topic string, want ...string) {
	t.Helper()
	for i := 0; i < len(want); i += 2 {
		want[i/2] = k.name(want[i]) + " " + want[i+1]
	}
	want = want[:len(want)/2]
	slices.Sort(want)
	equal(t, b.reads(t, cluster, topic), want...)
}

func TestGroupsOfEveryKindAreSeen(t *testing.T) {
	t.Parallel()
	b, k := setup(t), lend(t)
	orders, payments, unread := k.topic(t, "orders", 2), k.topic(t, "payments", 2), k.topic(t, "unread", 2)
	produce(t, k.brokers, orders, payments)
	consume(t, k.brokers, []string{orders}, k.group("billing"))
	consume(t, k.brokers, []string{orders, payments}, k.group("next-gen"), kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()), kgo.ClientID("search-2"))
	consume(t, k.brokers, []string{payments}, k.group("shadow"), kgo.ClientID("rdkafka"))
	consume(t, k.brokers, []string{orders}, k.group("own"))
	// A reader that is gone is known by what it committed.
	consume(t, k.brokers, []string{payments}, k.group("was-here")).Close()
	// One that never commits is known by what it holds.
	holder := must(kgo.NewClient(kgo.SeedBrokers(k.brokers...), kgo.ConsumeTopics(payments), k.group("never-commits"), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())))(t)
	t.Cleanup(holder.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for holder.PollFetches(ctx).NumRecords() == 0 {
		if ctx.Err() != nil {
			t.Fatal("it was given nothing")
		}
	}
	if listed := must(k.admin.ListGroupsByType(t.Context(), []string{"consumer"}))(t).Groups(); !slices.Contains(listed, k.name("next-gen")) || slices.Contains(listed, k.name("billing")) {
		t.Fatalf("groups of KIP-848 are %q", listed)
	}
	b.alias(t, "eu", "GROUP", k.name("billing"), b.billing)
	b.alias(t, "eu", "CLIENT_ID", "search", b.search)
	b.alias(t, "other", "GROUP", k.name("shadow"), b.billing) // of another cluster: not this one
	o := b.observerBut(t, k.name("own"), observer.Cluster{Name: "eu", Brokers: k.brokers})
	if err := o.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.reads(t, b, "eu", orders, "billing", "billing", "next-gen", "search")
	k.reads(t, b, "eu", payments, "never-commits", "?", "next-gen", "search", "shadow", "?", "was-here", "?")
	k.reads(t, b, "eu", unread)
	state := o.States()[0]
	if !state.At.Equal(today) || state.Err != nil || k.own() && (state.Groups != 5 || state.Reads != 6 || state.Unknown != 3 || state.Topics != 3) {
		t.Errorf("state %+v", state)
	}
	// Seen again later, and one of them is known now.
	b.now = today.Add(time.Hour)
	b.alias(t, "eu", "GROUP", k.name("was-here"), b.search)
	if err := o.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.reads(t, b, "eu", payments, "never-commits", "?", "next-gen", "search", "shadow", "?", "was-here", "search")
	id := must(catalog.DatasetsByTopic(t.Context(), b.db, "eu", []string{orders}))(t)[orders]
	for _, r := range must(catalog.ObservedReads(t.Context(), b.db, []uuid.UUID{id}))(t) {
		if !r.FirstSeen.Equal(today) || !r.LastSeen.Equal(b.now) {
			t.Errorf("%s was seen from %v to %v", r.Group, r.FirstSeen, r.LastSeen)
		}
	}
}

// Members that disagree on who they are leave the group unknown.
func TestNobodyIsGuessed(t *testing.T) {
	t.Parallel()
	b, k := setup(t), lend(t)
	orders := k.topic(t, "orders", 2)
	for _, id := range []string{"billing-1", "search-1"} {
		member := must(kgo.NewClient(kgo.SeedBrokers(k.brokers...), kgo.ConsumeTopics(orders), k.group("mixed"), kgo.ClientID(id)))(t)
		t.Cleanup(member.Close)
		go member.PollFetches(t.Context())
	}
	b.alias(t, "default", "CLIENT_ID", "billing", b.billing)
	b.alias(t, "default", "CLIENT_ID", "search", b.search)
	// Who came first gives up one of its two partitions, and the group is rebalanced
	// once more: it is at rest when both members have one.
	waitUntil(t, func() bool {
		d, err := k.admin.DescribeGroups(t.Context(), k.name("mixed"))
		if err != nil || d[k.name("mixed")].State != "Stable" {
			return false
		}
		busy := 0
		for _, m := range d[k.name("mixed")].Members {
			if c, ok := m.Assigned.AsConsumer(); ok && len(c.Topics) > 0 {
				busy++
			}
		}
		return busy == 2
	})
	if err := b.observer(t, observer.Cluster{Name: "default", Brokers: k.brokers}).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.reads(t, b, "default", orders, "mixed", "?")
}

func TestTopicsTellHowLongTheyKeepData(t *testing.T) {
	t.Parallel()
	b, k := setup(t), lend(t)
	names := []string{
		k.topic(t, "expiring", 3, "cleanup.policy", "delete", "retention.ms", "604800000", "segment.ms", "3600000"),
		k.topic(t, "compacted", 3, "cleanup.policy", "compact", "max.compaction.lag.ms", "86400000", "delete.retention.ms", "3600000"),
		k.topic(t, "both", 3, "cleanup.policy", "delete,compact", "retention.ms", "-1"),
	}
	o := b.observer(t, observer.Cluster{Name: "eu", Environment: "staging", Brokers: k.brokers})
	if err := o.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	ids := must(catalog.DatasetsByTopic(t.Context(), b.db, "eu", names))(t)
	expiring, compacted, both := ids[names[0]], ids[names[1]], ids[names[2]]
	seen := func() map[uuid.UUID]catalog.Topic {
		return must(catalog.TopicsByDataset(t.Context(), b.db, []uuid.UUID{expiring, compacted, both}))(t)
	}
	topics := seen()
	e, c, x := topics[expiring], topics[compacted], topics[both]
	told(t, "expiring: cleanup.policy", e.CleanupPolicy, "delete")
	told(t, "expiring: retention.ms", e.RetentionMs, 604800000)
	told(t, "expiring: segment.ms", e.SegmentMs, 3600000)
	told(t, "expiring: partitions", e.Partitions, 3)
	if e.ObservedAt == nil || !e.ObservedAt.Equal(today) {
		t.Errorf("expiring was observed at %v", e.ObservedAt)
	}
	told(t, "compacted: cleanup.policy", c.CleanupPolicy, "compact")
	told(t, "compacted: max.compaction.lag.ms", c.MaxCompactionLagMs, 86400000)
	told(t, "compacted: delete.retention.ms", c.DeleteRetentionMs, 3600000)
	told(t, "both: cleanup.policy", x.CleanupPolicy, "compact,delete")
	told(t, "both: retention.ms", x.RetentionMs, -1)
	d := must(catalog.New(b.db, time.Now).FindDataset(t.Context(), access.System, "staging", "kafka://eu", names[0]))(t)
	if d.Lifecycle != "DRAFT" || d.ServiceID != nil {
		t.Errorf("a topic that nobody declared is %+v", d)
	}
	// A retention that is changed is seen at the next look.
	day := "86400000"
	must(k.admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &day}}, names[0]))(t)
	waitUntil(t, func() bool {
		if err := o.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		kept := seen()[expiring].RetentionMs
		return kept != nil && *kept == 86400000
	})
}

// Offsets of a topic that is gone, in a group that stayed, raise nothing.
func TestAnUnknownTopicIsNoFailure(t *testing.T) {
	t.Parallel()
	b, k := setup(t), lend(t)
	gone, stays := k.topic(t, "gone", 1), k.topic(t, "stays", 1)
	produce(t, k.brokers, gone, stays)
	consume(t, k.brokers, []string{gone, stays}, k.group("reader")).Close()
	must(k.admin.DeleteTopic(t.Context(), gone))(t)
	waitUntil(t, func() bool { return !must(k.admin.ListTopics(t.Context()))(t).Has(gone) })
	if err := b.observer(t, observer.Cluster{Name: "eu", Brokers: k.brokers}).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.reads(t, b, "eu", stays, "reader", "?")
}
