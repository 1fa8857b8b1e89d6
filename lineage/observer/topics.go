package observer

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/flowmart/lethe/catalog"
)

// topicsOf lists a cluster's topics with what decides how long they keep data.
// Kafka's own are left out.
func topicsOf(ctx context.Context, admin *kadm.Client, cluster string, at time.Time) ([]catalog.Topic, error) {
	listed, err := admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	var names []string
	for _, t := range listed.Sorted() {
		if t.Err == nil {
			names = append(names, t.Topic)
		}
	}
	configs, err := admin.DescribeTopicConfigs(ctx, names...)
	if err != nil && len(configs) == 0 {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	out := make([]catalog.Topic, 0, len(configs))
	for _, c := range configs {
		if c.Err != nil { // deleted since it was listed, or not ours to see
			continue
		}
		t := catalog.Topic{Cluster: cluster, Topic: c.Name, ObservedAt: &at}
		if n := len(listed[c.Name].Partitions); n > 0 {
			t.Partitions = &n
		}
		setting(&t, c)
		out = append(out, t)
	}
	return out, nil
}

// setting reads the configuration of a topic. A value that cannot be read
// stays unknown: it is never taken for a promise.
func setting(t *catalog.Topic, c kadm.ResourceConfig) {
	numbers := map[string]**int64{
		"retention.ms":          &t.RetentionMs,
		"retention.bytes":       &t.RetentionBytes,
		"segment.ms":            &t.SegmentMs,
		"max.compaction.lag.ms": &t.MaxCompactionLagMs,
		"delete.retention.ms":   &t.DeleteRetentionMs,
	}
	for _, one := range c.Configs {
		if one.Key == "cleanup.policy" && one.Value != nil {
			t.CleanupPolicy = policy(*one.Value)
		}
		into, wanted := numbers[one.Key]
		if !wanted || one.Value == nil {
			continue
		}
		if n, err := strconv.ParseInt(*one.Value, 10, 64); err == nil {
			*into = &n
		}
	}
}

// policy gives a clean-up policy in the catalog's words; nil if it is none of
// Kafka's.
func policy(value string) *string {
	switch value {
	case "delete", "compact", "compact,delete":
		return &value
	case "delete,compact":
		value = "compact,delete"
		return &value
	}
	return nil
}
