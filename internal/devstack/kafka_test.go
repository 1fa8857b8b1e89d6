package devstack

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func produce(t *testing.T, brokers []string, topic, value string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func consume(t *testing.T, brokers []string, topic string) string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if records := client.PollFetches(ctx).Records(); len(records) > 0 {
			return string(records[0].Value)
		}
	}
	t.Fatal("no record came")
	return ""
}

func TestKafkaKeepsTopics(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "kafka")
	for n := range 2 {
		k, err := StartKafka(t.Context(), KafkaOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			produce(t, k.Brokers(), "orders", "kept")
		}
		if got := consume(t, k.Brokers(), "orders"); got != "kept" {
			t.Errorf("run %d: %q", n, got)
		}
		k.Stop()
		k.Stop()
	}
}

func TestKafkaNamedButNotThere(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := StartKafka(ctx, KafkaOptions{Brokers: []string{"127.0.0.1:1"}}); err == nil {
		t.Error("a cluster that is not there was taken")
	}
}
