package strict_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/internal/fault"
)

func reader() *strict.Reader {
	return &strict.Reader{File: "f", What: "a list", Most: 1 << 20, Less: "split it"}
}

// A value is the text that stands there, whatever YAML takes it for; one value
// may stand for a list of it where the file allows that.
func TestValuesAreText(t *testing.T) {
	t.Parallel()
	r := reader()
	o, ok := r.Object(r.Tree([]byte("a: NO\nb: 1.50\nc: 'x'\nd: off\ne: |\n  two\n  lines\nf: ~\ng: [1, two]\nh: one\n")), "a list", "a", "b", "c", "d", "e", "f", "g", "h", "i")
	if !ok || r.Err() != nil {
		t.Fatal(r.Err())
	}
	for key, want := range map[string]string{"a": "NO", "b": "1.50", "c": "x", "d": "off", "e": "two\nlines", "f": "", "i": ""} {
		if got := o.Text(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got := strings.Join(append(o.Some("g"), append(o.Some("h"), o.Some("i")...)...), " "); got != "1 two one" {
		t.Errorf("%q", got)
	}
}

// A key that nobody knows is told with the nearest, or with all there are.
func TestUnknownKeys(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"nmae": `a list has no key "nmae"; did you mean "name"?`, "colour": `a list has no key "colour"; it has name, owner`} {
		r := reader()
		r.Object(r.Tree([]byte(key+": x\n")), "a list", "name", "owner")
		if all := fault.All(r.Err()); len(all) != 1 || all[0].Message != want {
			t.Errorf("%s: %v, want %s", key, r.Err(), want)
		}
	}
}

// Whatever stands in a file, it is read or refused, and each mistake has its
// place.
func FuzzTree(f *testing.F) {
	f.Add("a: b\nc: [d, {e: f}]\n")
	f.Add("? a\n: b")
	f.Add("a: &x [*x]\n--- !!x\n")
	f.Add("a: |\n  b\n - c: >-\n d")
	f.Fuzz(func(t *testing.T, text string) {
		r := reader()
		if body := r.Tree([]byte(text)); body != nil {
			o, _ := r.Object(body, "a list", "a")
			_, _, _ = o.Some("a"), o.Names("a"), o.Whole("a")
		}
		for _, m := range fault.All(r.Err()) {
			line, err := strconv.Atoi(m.Path[1])
			if err != nil || line < 1 || m.Path[0] != "f" || m.Message == "" {
				t.Errorf("%+v", m)
			}
		}
	})
}
