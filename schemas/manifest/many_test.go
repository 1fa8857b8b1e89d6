package manifest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
)

// What files take from one another is found at once, of thousands of files and of one
// that takes thousands of things.
func TestManyReferences(t *testing.T) {
	t.Parallel()
	many := func(n int, form string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, form, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for name, c := range map[string]struct {
		files, ext, text string
		n                int
	}{
		"records":                 {"s/%05d.avsc", "avsc", `{"type":"record","name":"N%[1]d","fields":[{"name":"a","type":"N%[2]d"}]}`, 4_000},
		"schemas":                 {"s/%05d.json", "json", `{"$id":"https://a.example/s/%05[1]d.json","properties":{"a":{"$ref":"%05[2]d.json"}}}`, 1_500},
		"a record of many types":  {"s/%05d.avsc", "avsc", `{"type":"record","name":"R%[1]d%.0[2]d","fields":[` + many(20_000, `{"name":"f","type":"N%d"},`) + `]}`, 1},
		"a schema of many others": {"s/%05d.json", "json", `{"title":"R%[1]d%.0[2]d","properties":{` + many(30_000, `"f%d":{"$ref":"N%[1]d"},`) + `}}`, 1},
	} {
		var tree Tree
		var texts []string
		for i := range c.n {
			tree.names = append(tree.names, fmt.Sprintf(c.files, i))
			texts = append(texts, fmt.Sprintf(c.text, i, max(i-1, 0)))
		}
		tree.load = func([]string) ([]string, error) { return texts, nil }
		m, err := Read(Name, []byte("schemas:\n- {files: 's/*."+c.ext+"', subject: '{name}-value'}\n"))
		if err != nil {
			t.Fatal(err)
		}
		var all []Entry
		if took := cputest.Thread(func() { all, err = m.Entries(tree) }); took > time.Second || err != nil || len(all) != c.n || c.n > 1 && len(all[c.n-1].Needs) != 1 {
			t.Errorf("%s: %v of a processor, %d entries, %v", name, took, len(all), err)
		}
	}
}
