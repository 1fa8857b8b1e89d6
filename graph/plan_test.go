package graph_test

import (
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/graph"
)

// The last byte of a plan is the later of backups and of what the law keeps,
// as on the certificate (certificate.Statement, last_byte_by).
func TestLastByteOfAPlan(t *testing.T) {
	t.Parallel()
	on := func(y int, m time.Month, d int) *time.Time { v := time.Date(y, m, d, 0, 0, 0, 0, time.UTC); return &v }
	erased := erasure.Node{Kind: erasure.Ask, EffectiveBy: on(2027, time.February, 1)}
	kept := erasure.Node{Kind: erasure.Keep, EffectiveBy: on(2027, time.January, 5), Until: on(2036, time.November, 25)}
	topic := erasure.Node{Kind: erasure.Expire, EffectiveBy: on(2026, time.December, 12)}
	for name, c := range map[string]struct {
		nodes []erasure.Node
		want  *time.Time
	}{
		"backups":                   {[]erasure.Node{topic, erased}, on(2027, time.February, 1)},
		"what stays on a ground":    {[]erasure.Node{kept, erased, topic}, on(2036, time.November, 25)},
		"open, since there's a gap": {[]erasure.Node{kept, {Kind: erasure.Gap}}, nil},
	} {
		got := graph.Summary(c.nodes).EffectiveBy
		if (got == nil) != (c.want == nil) || got != nil && !got.Equal(*c.want) {
			t.Errorf("%s: gone by %v, want %v", name, got, c.want)
		}
	}
}
