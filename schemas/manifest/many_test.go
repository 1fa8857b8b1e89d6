package manifest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/internal/fault"
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
			texts = append(texts, fmt.Sprintf(c.text, i, i/8))
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

// Entries that refer to more than the registry follows are refused at once, and
// those that refer to as much are cut at once.
func TestMuchThatIsReferredTo(t *testing.T) {
	t.Parallel()
	record := func(name int, types ...int) Entry {
		e := Entry{Subject: fmt.Sprint("s", name), File: fmt.Sprint(name, ".avsc")}
		for _, of := range types {
			e.Needs = append(e.Needs, fmt.Sprint("s", of))
		}
		return e
	}
	chain := func(n int) (all []Entry) {
		all = append(all, record(0))
		for i := range n {
			all = append(all, record(i+1, i))
		}
		return all
	}
	// Three floors of as many as there may be references, each to all of the floor
	// below, three times; and who refers to the upper floor of one of them.
	houses := func(floor, above int) (all []Entry) {
		var below [9][]int
		for i := range 9 * floor {
			k := i / floor
			var of []int
			if k%3 > 0 {
				of = below[k-1]
			}
			all, below[k] = append(all, record(i, of...)), append(below[k], i)
		}
		for i := range above {
			all = append(all, record(len(all), below[i%3*3+2]...))
		}
		return all
	}
	for name, c := range map[string]struct {
		all  []Entry
		says string
	}{
		"ten deep":            {chain(10), ""},
		"eleven deep":         {chain(11), "11.avsc: TOO_DEEP"},
		"thousands deep":      {chain(20_000), "11.avsc: TOO_DEEP"},
		"300 schemas":         {houses(100, 9_000), ""},
		"more than 300":       {houses(101, 9_000), "909.avsc: TOO_MANY_REFERENCES"},
		"one that takes many": {append(chain(0), record(1, make([]int, 200_000)...)), ""},
	} {
		var err error
		if took := cputest.Thread(func() {
			if err = within(c.all); err == nil {
				for range Parts(c.all) {
				}
			}
		}); took > time.Second {
			t.Errorf("%s: %v of a processor", name, took)
		}
		says := ""
		if all := fault.All(err); len(all) > 0 {
			says = all[0].Path[0] + ": " + all[0].Code
		}
		if says != c.says {
			t.Errorf("%s: %q, %v", name, says, err)
		}
	}
}
