package jsonschema

import (
	"os"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas/format"
)

// pair is an entry of testdata/pairs.txt.
type pair struct {
	name, source, draft, before, after string
	reads, back, lenient               string
}

func pairs(t testing.TB) []pair {
	t.Helper()
	text, err := os.ReadFile("testdata/pairs.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []pair
	for _, block := range strings.Split(string(text), "\n## ")[1:] {
		head, rest, _ := strings.Cut(block, "\n")
		p := pair{}
		p.name, p.source, _ = strings.Cut(head, " | ")
		for line := range strings.Lines(rest) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch key {
			case "draft":
				p.draft = value
			case "old":
				p.before = value
			case "new":
				p.after = value
			case "reads":
				p.reads = value
			case "back":
				p.back = value
			case "lenient":
				p.lenient = value
			}
		}
		if p.draft != "" {
			p.before, p.after = inDraft(p.before, p.draft), inDraft(p.after, p.draft)
		}
		if p.lenient == "" {
			p.lenient = yesOrNo(p.reads == "yes")
		}
		all = append(all, p)
	}
	return all
}

func inDraft(text, draft string) string { return `{"$schema":"` + draft + `",` + text[1:] }

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// Verdicts by the rules, whose source stands beside each pair.
func TestPairs(t *testing.T) {
	t.Parallel()
	all := pairs(t)
	if len(all) < 100 {
		t.Fatalf("there are %d pairs", len(all))
	}
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			if p.source == "" || p.reads == "" || p.back == "" {
				t.Fatal("the pair lacks its source, or what it wants")
			}
			before, after := mustRead(t, p.before), mustRead(t, p.after)
			found := reads(t, after, before, format.Options{})
			if got := told(found); got != p.reads {
				t.Errorf("reads: %s, want %s\n%+v", got, p.reads, found)
			}
			if found := reads(t, before, after, format.Options{}); yesOrNo(len(found) == 0) != p.back {
				t.Errorf("back: want %s, %+v", p.back, found)
			}
			if found := reads(t, after, before, format.Options{Lenient: true}); yesOrNo(len(found) == 0) != p.lenient {
				t.Errorf("lenient: want %s, %+v", p.lenient, found)
			}
			for _, d := range found {
				if d.Message == "" || !strings.HasPrefix(d.Pointer, "#") || d.Reader == "" || d.Writer == "" {
					t.Errorf("%+v does not say what differs, where, and what stands there", d)
				}
			}
		})
	}
}

func told(found []format.Difference) string {
	if len(found) == 0 {
		return "yes"
	}
	var out []string
	for _, d := range found {
		out = append(out, strings.TrimSpace(d.Kind+" "+d.Path))
	}
	return strings.Join(out, "; ")
}

// A schema reads what was written by itself, however it is written.
func TestSchemasReadThemselves(t *testing.T) {
	t.Parallel()
	for _, p := range pairs(t) {
		for _, text := range []string{p.before, p.after} {
			s := mustRead(t, text)
			again := mustRead(t, s.Normalized())
			if found := reads(t, again, s, format.Options{}); len(found) > 0 {
				t.Errorf("%s: %+v", text, found)
			}
			if twice := mustRead(t, s.Canonical()).Canonical(); twice != s.Canonical() {
				t.Errorf("%s became %s", s.Canonical(), twice)
			}
		}
	}
}
