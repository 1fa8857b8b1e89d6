package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// KafkaOptions is how Kafka is had. The zero value is an in-process cluster
// whose topics end with it.
type KafkaOptions struct {
	// Brokers name a cluster that runs already. Nothing is started then.
	Brokers []string
	// Apache starts Apache Kafka itself: one KRaft node in a JVM. What Kafka
	// does by itself (compaction, retention, groups) counts only when seen
	// there. It needs Java 17 and, the first time, Maven.
	Apache bool
	// Dir keeps the topics between runs. Empty is a temporary directory that
	// Stop removes, or memory.
	Dir string
}

// Kafka is a cluster, on loopback unless it is somebody else's.
type Kafka struct {
	brokers []string
	fake    *kfake.Cluster

	broker *child // Apache Kafka; nil otherwise
	dir    string
	keep   bool
	lock   io.Closer
}

// Brokers lists the addresses of the cluster.
func (k *Kafka) Brokers() []string { return k.brokers }

// Kind says in a word what the cluster is: "named", "in process" or "Apache
// Kafka".
func (k *Kafka) Kind() string {
	switch {
	case k.fake != nil:
		return "in process"
	case k.broker != nil:
		return "Apache Kafka " + kafkaVersion
	}
	return "named"
}

// LogPath is the file of Apache Kafka's own log; "" for other kinds.
func (k *Kafka) LogPath() string {
	if k.broker == nil {
		return ""
	}
	return filepath.Join(k.dir, "kafka.log")
}

// StartKafka starts a cluster, or takes the one that o.Brokers names. It dies
// with this process. ctx bounds the start alone.
func StartKafka(ctx context.Context, o KafkaOptions) (*Kafka, error) {
	k := &Kafka{}
	var err error
	switch {
	case len(o.Brokers) > 0:
		k.brokers = o.Brokers
		err = k.waitReady(ctx, 10*time.Second)
	case o.Apache:
		k, err = startApache(ctx, o.Dir)
	default:
		err = k.startFake(o.Dir)
	}
	if err != nil {
		k.Stop()
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return k, nil
}

// startFake starts the in-process cluster. It speaks Kafka's protocol on one
// broker, so that a client learns no more addresses than this one.
func (k *Kafka) startFake(dir string) (err error) {
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(3)}
	if dir != "" {
		opts = append(opts, kfake.DataDir(dir))
	}
	if k.fake, err = kfake.NewCluster(opts...); err != nil {
		return err
	}
	k.brokers = k.fake.ListenAddrs()
	return nil
}

// waitReady waits until the cluster answers.
func (k *Kafka) waitReady(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		one, done := context.WithTimeout(ctx, 2*time.Second)
		err := client.Ping(one)
		done()
		if err == nil {
			return nil
		}
		var ended chan struct{}
		if k.broker != nil {
			ended = k.broker.ended
		}
		select {
		case <-ended:
			log, _ := os.ReadFile(k.LogPath())
			return fmt.Errorf("the broker ended at once; its log says:\n%s", tail(log, 3000))
		case <-ctx.Done():
			return fmt.Errorf("no broker answers at %v: %w", k.brokers, errors.Join(err, ctx.Err()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Crash kills Apache Kafka at once. Restart brings it back.
func (k *Kafka) Crash() {
	if k.broker != nil {
		k.broker.stop(syscall.SIGKILL, 10*time.Second)
	}
}

// Restart starts a crashed Apache Kafka again, on the same data and port.
func (k *Kafka) Restart(ctx context.Context) error {
	if k.broker == nil {
		return errors.New("kafka: only Apache Kafka can be restarted")
	}
	return k.launch(ctx)
}

// Stop ends the cluster and removes a throw-away directory. It may be called
// twice.
func (k *Kafka) Stop() {
	if k == nil {
		return
	}
	if k.fake != nil {
		k.fake.Close()
	}
	if k.broker != nil {
		k.broker.stop(syscall.SIGTERM, 15*time.Second)
	}
	if k.lock == nil {
		return
	}
	if !k.keep {
		_ = os.RemoveAll(k.dir)
	}
	_ = k.lock.Close()
	k.lock = nil
}
