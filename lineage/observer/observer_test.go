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
func consume(t testing.TB, brokers []string, topics []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client := must(kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit()}, opts...)...))(t)
	t.Cleanup(client.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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

func produce(t testing.TB, brokers []string, topics ...string) {
	t.Helper()
	client := must(kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.AllowAutoTopicCreation()))(t)
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
	return b.observerBut(t, "lethe-lineage", clusters...)
}

// observerBut is an observer of a Lethe that reads in a group of its own.
func (b *bench) observerBut(t testing.TB, own string, clusters ...observer.Cluster) *observer.Observer {
	t.Helper()
	o := must(observer.New(b.db, clusters, observer.Config{Interval: 10 * time.Millisecond, Patience: 10 * time.Second, OwnGroups: []string{own}},
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

func waitUntil(t testing.TB, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !true(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestAClusterThatIsAwayStopsNoOther(t *testing.T) {
	t.Parallel()
	b, k, gone := setup(t), cluster(t, kfake.SeedTopics(1, "orders")), cluster(t)
	produce(t, k.ListenAddrs(), "orders")
	consume(t, k.ListenAddrs(), []string{"orders"}, kgo.ConsumerGroup("billing"))
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
	produce(t, k.ListenAddrs(), "orders")
	consume(t, k.ListenAddrs(), []string{"orders"}, kgo.ConsumerGroup("late"))
	waitUntil(t, func() bool { return o.States()[0].Reads == 1 })
	cancel(errors.New("enough"))
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
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
