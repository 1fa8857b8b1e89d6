package avro

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "ask Apache Avro for Java again, and write its answers over those of testdata; needs Java 17 and Maven")

// askJava runs the program that asks it.
func askJava(t *testing.T, questions string, args ...string) string {
	t.Helper()
	var answers, told bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "testdata/oracle/run", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(questions), &answers, &told
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, told.String())
	}
	return answers.String()
}

// block is one question of a table in testdata, with its answers. The tables
// say how Apache Avro for Java was asked.
type block struct {
	title string
	line  map[string]string
}

func table(t *testing.T, file string) []block {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	area := ""
	for part := range strings.SplitSeq(string(text), "\n\n") {
		b := block{line: map[string]string{}}
		for line := range strings.Lines(part) {
			key, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			switch key {
			case "##":
				area = rest
			case "#":
				b.title = area + ": " + rest
			default:
				b.line[key] = strings.TrimSpace(rest)
			}
		}
		if len(b.line) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// held writes differences as the table has them: kinds and places, in the
// order of the alphabet, each once.
func held(found []Difference) string {
	var out []string
	for _, d := range found {
		out = append(out, string(d.Kind)+" "+d.Pointer)
	}
	slices.Sort(out)
	if len(out) == 0 {
		return "yes"
	}
	return strings.Join(slices.Compact(out), "; ")
}

// Every verdict of Apache Avro for Java on 354 pairs, in both directions: the
// kinds of difference and the place of each. Where Java throws, it found a
// field that matches two, and we say that among the differences.
func TestVerdictsAreJavas(t *testing.T) {
	t.Parallel()
	if *update {
		askJava(t, "", "pairs", "testdata/pairs.txt")
	}
	pairs := table(t, "testdata/pairs.txt")
	if len(pairs) < 350 {
		t.Errorf("the table has %d pairs", len(pairs))
	}
	verdicts := map[bool]int{}
	for _, p := range pairs {
		a, b := mustParse(t, p.line["a"]), mustParse(t, p.line["b"])
		for _, way := range []struct {
			key            string
			reader, writer *Schema
		}{{"a<b", a, b}, {"b<a", b, a}} {
			want := p.line[way.key]
			if want == "" {
				t.Errorf("%s: %s has no answer", p.title, way.key)
			}
			if ours, other := p.line["ours:"+way.key]; other {
				want = ours
				if p.line["why"] == "" {
					t.Errorf("%s: we differ and do not say why", p.title)
				}
			}
			found, err := CanRead(way.reader, way.writer)
			if err != nil {
				t.Fatal(err)
			}
			verdicts[len(found) == 0]++
			got := held(found)
			if strings.HasPrefix(want, "THROWS Reader record field") && strings.Contains(got, string(AmbiguousAlias)) {
				continue
			}
			if got != want {
				t.Errorf("%s: %s\ngot  %s\nwant %s", p.title, way.key, got, want)
			}
		}
	}
	t.Logf("%d verdicts: %d yes, %d no", len(pairs)*2, verdicts[true], verdicts[false])
}

// Every text that Java's parser takes is taken, and printed as Java prints it;
// every other is refused.
func TestTextsAreJavas(t *testing.T) {
	t.Parallel()
	if *update {
		askJava(t, "", "texts", "testdata/texts.txt")
	}
	texts, printed, refused := table(t, "testdata/texts.txt"), 0, 0
	for _, b := range texts {
		got := "refused"
		s, err := Parse(b.line["in"], nil)
		if err == nil {
			got = s.Canonical()
		}
		want, other := b.line["ours"]
		if !other {
			want = b.line["text"]
		}
		if want == "" {
			want = "refused"
		}
		if got != want {
			t.Errorf("%s: %s\ngot  %s (%v)\nwant %s", b.title, b.line["in"], got, err, want)
		}
		if other && b.line["why"] == "" {
			t.Errorf("%s: we differ and do not say why", b.title)
		}
		if want == "refused" {
			refused++
		} else {
			printed++
		}
	}
	if printed < 100 || refused < 60 {
		t.Errorf("the table has %d texts that are taken and %d that are refused", printed, refused)
	}
	t.Logf("%d texts taken, %d refused", printed, refused)
}
