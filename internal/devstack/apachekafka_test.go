//go:build apache

package devstack

import (
	"os"
	"testing"
)

// Apache Kafka itself starts, keeps a record through a crash, and goes without
// a trace. `go test -tags apache` runs it; it needs Java and, once, Maven.
func TestApacheKafka(t *testing.T) {
	t.Parallel()
	k, err := StartKafka(t.Context(), KafkaOptions{Apache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Stop()
	produce(t, k.Brokers(), "orders", "kept")
	k.Crash()
	if err := k.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := consume(t, k.Brokers(), "orders"); got != "kept" {
		t.Errorf("after the crash: %q", got)
	}
	k.Stop()
	if _, err := os.Stat(k.dir); !os.IsNotExist(err) {
		t.Errorf("the throw-away directory is still there: %v", err)
	}
}
