// Package kafkatest lends a Kafka cluster to a test: the one that
// LETHE_TEST_KAFKA_BROKERS names, or an in-process one of its own.
package kafkatest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/devstack"
)

// Brokers returns the addresses of a cluster. When the cluster is named by the
// environment, others use it too: name topics and groups with Name.
func Brokers(t testing.TB) []string {
	t.Helper()
	var o devstack.KafkaOptions
	if named := os.Getenv("LETHE_TEST_KAFKA_BROKERS"); named != "" {
		o.Brokers = strings.Split(named, ",")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	k, err := devstack.StartKafka(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
	return k.Brokers()
}

// Name returns a name for a topic or a group that no other test has.
func Name(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()[:10]) }
