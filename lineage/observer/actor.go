package observer

import (
	"regexp"
	"strings"
)

// What libraries and instances append to the name that somebody chose.
var (
	streams  = regexp.MustCompile(`-StreamThread-\d+(-(restore-|global-)?(consumer|producer))?$`)
	instance = regexp.MustCompile(`-([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|\d+)$`)
	javaName = regexp.MustCompile(`^consumer-(.+)-\d+$`)
)

// anonymous are names that libraries give whoever chose none. They say nothing
// about who it is.
var anonymous = map[string]bool{
	"": true, "sarama": true, "rdkafka": true, "kgo": true, "consumer": true, "producer": true, "adminclient": true, "console-consumer": true,
	"kafka-python": true, "confluent-kafka-python": true, "kafkajs": true, "segmentio/kafka-go": true,
}

// names lists what an actor may be known by, the whole name first, and then
// without what its library or its instance added, from the end.
func names(actor string) []string {
	var out []string
	add := func(name string) bool {
		if anonymous[strings.ToLower(name)] {
			return false
		}
		out = append(out, name)
		return true
	}
	for add(actor) {
		var next string
		if m := javaName.FindStringSubmatch(actor); m != nil {
			next = m[1]
		} else if cut := streams.ReplaceAllString(actor, ""); cut != actor {
			next = cut
		} else {
			next = instance.ReplaceAllString(actor, "")
		}
		if next == actor {
			break
		}
		actor = next
	}
	return out
}
