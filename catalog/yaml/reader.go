package yaml

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/internal/fault"
)

// newReader reads a catalog file, in which ${NAME} stands for the value that
// vars has for it.
func newReader(file string, vars func(string) (string, bool)) *strict.Reader {
	r := &strict.Reader{File: file, What: "a catalog file", Most: 4 << 20, Less: "split it, each part can be imported alone"}
	r.Expand = func(at strict.Mark, text string) (string, bool) { return expand(r, vars, at, text) }
	return r
}

var variable = regexp.MustCompile(`\$?\$\{([^}]*)\}`)

// expand puts the values of ${NAME} into a text; $${ stands for itself.
func expand(r *strict.Reader, vars func(string) (string, bool), at strict.Mark, text string) (string, bool) {
	good := true
	text = variable.ReplaceAllStringFunc(text, func(v string) string {
		if strings.HasPrefix(v, "$$") {
			return v[1:]
		}
		key := v[2 : len(v)-1]
		value, ok := vars(key)
		if !ok {
			good = false
			r.Bad(at, "VARIABLE_NOT_SET", "the variable %s has no value; set it in the environment of the import", key)
		}
		return value
	})
	return text, good
}

// term refuses a word that the vocabulary lacks.
func term(r *strict.Reader, at strict.Mark, key string, kinds ...taxonomy.Kind) {
	if _, err := taxonomy.Find("", key, kinds...); err != nil {
		f := fault.All(err)[0]
		r.Bad(at, f.Code, "%s", f.Message)
	}
}

// once refuses a term that stands twice for one target.
func once(r *strict.Reader, tags []tagEntry) {
	seen := map[string]bool{}
	for _, t := range tags {
		if seen[t.term] {
			r.Bad(t.At, "TWICE", "the term %q stands here twice", t.term)
		}
		seen[t.term] = true
	}
}

// networks reads a list of networks in CIDR form.
func networks(o strict.Object, key string) []netip.Prefix {
	var out []netip.Prefix
	for _, n := range o.Names(key) {
		p, err := netip.ParsePrefix(n.Value)
		if err != nil {
			o.Bad(n.At, "BAD_NETWORK", "write a network in CIDR form, such as 10.20.0.0/16")
			continue
		}
		out = append(out, p.Masked())
	}
	return out
}

// Lines writes each mistake of err as `file:line:column: CODE: what is wrong
// and how to mend it`, the way editors and terminals understand.
func Lines(err error) []string {
	faults := fault.All(err)
	if faults == nil && err != nil {
		return []string{err.Error()}
	}
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = fmt.Sprintf("%s: %s", f.Code, f.Message)
		if len(f.Path) > 0 {
			lines[i] = strings.Join(f.Path, ":") + ": " + lines[i]
		}
	}
	return lines
}
