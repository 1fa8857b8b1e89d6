package shop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

// bus is a service's way to Kafka and to the schema registry.
type bus struct {
	brokers  []string
	producer *kgo.Client
	registry *sr.Client

	ids     map[string]int // topic → schema id
	mu      sync.Mutex
	schemas map[int]avro.Schema // writer's schemas, by id
}

func newBus(brokers []string, registryURL, token string) (*bus, error) {
	producer, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RequiredAcks(kgo.AllISRAcks()))
	if err != nil {
		return nil, err
	}
	opts := []sr.ClientOpt{sr.URLs(registryURL)}
	if token != "" {
		opts = append(opts, sr.BearerToken(token))
	}
	registry, err := sr.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	return &bus{brokers: brokers, producer: producer, registry: registry, ids: map[string]int{}, schemas: map[int]avro.Schema{}}, nil
}

// prepare creates the topics and registers the schemas of those that are
// written. It fails while Kafka or the registry is away; the caller repeats.
func (b *bus) prepare(ctx context.Context, writes, reads []string) error {
	admin := kadm.NewClient(b.producer)
	days := fmt.Sprint(retentionDays * 24 * 60 * 60 * 1000)
	all := slices.Concat(writes, reads)
	made, err := admin.CreateTopics(ctx, 3, 1, map[string]*string{"retention.ms": &days}, all...)
	if err != nil {
		return fmt.Errorf("topics: %w", err)
	}
	for _, r := range made {
		if r.Err != nil && !errors.Is(r.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("topic %s: %w", r.Topic, r.Err)
		}
	}
	for _, topic := range writes {
		text, err := schemaText(topic)
		if err != nil {
			return err
		}
		id, err := b.registry.RegisterSchema(ctx, topic+"-value", sr.Schema{Schema: text, Type: sr.TypeAvro}, -1, -1)
		if err != nil {
			return fmt.Errorf("schema of %s: %w", topic, err)
		}
		b.ids[topic] = id
	}
	return nil
}

// decode reads a record of the Confluent wire format with its writer's schema.
func (b *bus) decode(ctx context.Context, r *kgo.Record) (any, error) {
	var header sr.ConfluentHeader
	id, payload, err := header.DecodeID(r.Value)
	if err != nil {
		return nil, err
	}
	schema, err := b.schema(ctx, id)
	if err != nil {
		return nil, err
	}
	event, err := freshEvent(r.Topic)
	if err != nil {
		return nil, err
	}
	return event, avro.Unmarshal(schema, payload, event)
}

func (b *bus) schema(ctx context.Context, id int) (avro.Schema, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.schemas[id]; known != nil {
		return known, nil
	}
	found, err := b.registry.SchemaByID(ctx, id)
	if err != nil {
		return nil, err
	}
	schema, err := avro.ParseWithCache(found.Schema, "", &avro.SchemaCache{})
	if err == nil {
		b.schemas[id] = schema
	}
	return schema, err
}

// emit puts an event into the outbox, in the transaction of what happened.
func (s *Shop) emit(ctx context.Context, tx pgx.Tx, topic, key string, event any) error {
	payload, err := encodeEvent(topic, event)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO outbox (topic, key, payload) VALUES ($1, $2, $3)`, topic, key, payload)
	return err
}

// relay sends what stands in the outbox and deletes it there: the payload is a
// copy of somebody's data. A crash between the two repeats an event.
func (s *Shop) relay(ctx context.Context) (more bool, err error) {
	err = pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id, topic, key, payload FROM outbox ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED`)
		if err != nil {
			return err
		}
		type unsent struct {
			ID         int64
			Topic, Key string
			Payload    []byte
		}
		batch, err := pgx.CollectRows(rows, pgx.RowToStructByPos[unsent])
		if err != nil || len(batch) == 0 {
			return err
		}
		more = true
		var ids []int64
		var records []*kgo.Record
		for _, u := range batch {
			value, err := (&sr.ConfluentHeader{}).AppendEncode(nil, s.bus.ids[u.Topic], nil)
			if err != nil {
				return err
			}
			ids = append(ids, u.ID)
			records = append(records, &kgo.Record{Topic: u.Topic, Key: []byte(u.Key), Value: append(value, u.Payload...)})
		}
		if err := s.bus.producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM outbox WHERE id = ANY($1)`, ids)
		return err
	})
	return more, err
}

// consume reads the service's topics. PostgreSQL first, Kafka's offsets
// second: a crash repeats a batch and loses none.
func (s *Shop) consume(ctx context.Context) error {
	reads := s.kind.topics()
	group, err := kgo.NewClient(kgo.SeedBrokers(s.bus.brokers...), kgo.ConsumerGroup(s.kind.group), kgo.ConsumeTopics(reads...), kgo.ClientID(s.kind.ref),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll())
	if err != nil {
		return err
	}
	defer group.CloseAllowingRebalance()
	for {
		fetches := group.PollRecords(ctx, 500)
		if ctx.Err() != nil {
			return nil
		}
		for records := fetches.Records(); len(records) > 0; {
			err := s.takeIn(ctx, records)
			if err == nil {
				err = group.CommitUncommittedOffsets(ctx)
			}
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return nil
			}
			s.Log.Error("events not taken in, trying again", "err", err)
			pause(ctx, time.Second)
		}
		group.AllowRebalance()
	}
}

func (s *Shop) takeIn(ctx context.Context, records []*kgo.Record) error {
	return pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		for _, r := range records {
			event, err := s.bus.decode(ctx, r)
			if err != nil {
				return fmt.Errorf("%s/%d/%d: %w", r.Topic, r.Partition, r.Offset, err)
			}
			if err := s.kind.reads[r.Topic](ctx, tx, s, event); err != nil {
				return fmt.Errorf("%s/%d/%d: %w", r.Topic, r.Partition, r.Offset, err)
			}
		}
		return nil
	})
}

// scan counts the records of a topic that belong to any of the keys, by reading
// it from the first offset to the last.
func (b *bus) scan(ctx context.Context, topic string, keys []string) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	admin := kadm.NewClient(b.producer)
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	left := map[int32]int64{}
	from := map[int32]kgo.Offset{}
	ends.Each(func(e kadm.ListedOffset) {
		if start, ok := starts.Lookup(topic, e.Partition); ok && start.Offset < e.Offset {
			left[e.Partition], from[e.Partition] = e.Offset, kgo.NewOffset().At(start.Offset)
		}
	})
	if len(left) == 0 {
		return 0, nil
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(b.brokers...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	for len(left) > 0 {
		fetches := reader.PollFetches(ctx)
		if err := errors.Join(ctx.Err(), fetches.Err0()); err != nil {
			return 0, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if slices.Contains(keys, string(r.Key)) {
				n++
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return n, nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
