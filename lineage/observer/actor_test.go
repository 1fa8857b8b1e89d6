package observer

import (
	"slices"
	"testing"
)

// The forms are those of Kafka's own clients (consumer-<group>-<n>, Streams'
// <app.id>-<uuid>-StreamThread-<n>-consumer) and the defaults of the libraries.
func TestNamesOfAnActor(t *testing.T) {
	t.Parallel()
	const id = "5f0c7b9e-1c1e-4a55-8d35-3c4d5e6f7a8b"
	for actor, want := range map[string][]string{
		"billing":            {"billing"},
		"billing-3":          {"billing-3", "billing"},
		"billing-" + id:      {"billing-" + id, "billing"},
		"consumer-billing-1": {"consumer-billing-1", "billing"},
		"billing-" + id + "-StreamThread-2-consumer": {"billing-" + id + "-StreamThread-2-consumer", "billing-" + id, "billing"},
		"billing-StreamThread-1":                     {"billing-StreamThread-1", "billing"},
		"billing-eu-1-" + id:                         {"billing-eu-1-" + id, "billing-eu-1", "billing-eu"},
		"connect-sink":                               {"connect-sink"},
		"sarama":                                     nil,
		"rdkafka":                                    nil,
		"sarama-1":                                   {"sarama-1"},
		"consumer-sarama-4":                          {"consumer-sarama-4"},
		"":                                           nil,
	} {
		if got := names(actor); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", actor, got, want)
		}
	}
}
