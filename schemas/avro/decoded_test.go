package avro

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

const (
	decodedFile = "testdata/decoded.txt"
	lots        = 10 // of pairs
	lotSize     = 1000
)

var heldLots = flag.Int("lots", 3, "of ten lots of a thousand pairs each, how many are held against Java's reader")

// question is a pair of schemas, of which one came of the other, and data
// written with the one to be read with the other.
type question struct {
	reader, writer *Schema
	line           string // as Java is asked
}

// lot makes the pairs of one lot. The same are made each time.
func lot(number uint64) []question {
	e := &evolution{r: rand.New(rand.NewPCG(number, 2026))}
	var out []question
	for len(out) < lotSize {
		e.names = 0
		writer := e.record(3)
		reader := e.next(writer)
		if e.r.IntN(2) == 0 {
			reader, writer = writer, reader
		}
		r, err1 := Parse(reader.String(), nil)
		w, err2 := Parse(writer.String(), nil)
		data := e.data(writer)
		if err1 != nil || err2 != nil || len(data) == 0 {
			continue // a change made it no schema, or one that nothing can be written with
		}
		var written []string
		for _, d := range data {
			written = append(written, hex.EncodeToString(d))
		}
		out = append(out, question{r, w, reader.String() + "\t" + writer.String() + "\t" + strings.Join(written, " ") + "\n"})
	}
	return out
}

func digest(questions []question) string {
	h := sha256.New()
	for _, q := range questions {
		h.Write([]byte(q.line))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// askAgain has Java read all data of all lots.
func askAgain(t *testing.T) {
	var out strings.Builder
	out.WriteString(`# Whether Apache Avro for Java (1.12.1) reads data that were written with one schema with another that came of it,
# for the pairs of decoded_test.go in lots: a digest of the pairs and data of the lot, and a letter for each pair. Made by
#
#   go test ./schemas/avro -run TestData -update
#
# y: it reads all of it. n: it does not. b: it does once the writer's defaults are taken away, which should not matter.
# u: its parser does not take one of the schemas, whose default is of a record that is not complete yet.
`)
	for i := range lots {
		questions := lot(uint64(i))
		var lines strings.Builder
		for _, q := range questions {
			lines.WriteString(q.line)
		}
		fmt.Fprintf(&out, "\n%s\n", digest(questions))
		n := 0
		for answer := range strings.Lines(askJava(t, lines.String(), "decode")) {
			out.WriteByte(answer[0])
			if n++; n%100 == 0 {
				out.WriteByte('\n')
			}
		}
	}
	if err := os.WriteFile(decodedFile, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Data written with one schema and read with another by Apache Avro's reader
// for Java: what we call readable is read, but where Java falls short of the
// specification, of which we warn; and of what is read we call at least 95 of
// 100 readable. Java's reader is not as strict as the specification either: it
// reads a record that was renamed.
func TestDataAreReadWhereWeSaySo(t *testing.T) {
	t.Parallel()
	if *update {
		askAgain(t)
	}
	text, err := os.ReadFile(decodedFile)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(strings.TrimSpace(string(text)), "\n\n")[1:]
	if len(parts) != lots {
		t.Fatalf("%d lots are answered", len(parts))
	}
	seen := map[string]int{}
	for i := range min(max(1, *heldLots/slack), lots) {
		sum, letters, _ := strings.Cut(parts[i], "\n")
		answers := strings.ReplaceAll(letters, "\n", "")
		questions := lot(uint64(i))
		if got := digest(questions); got != sum || len(answers) != len(questions) {
			t.Fatalf("lot %d was made another way (%s, not %s): ask Java again with -update", i, got, sum)
		}
		for j, q := range questions {
			holdAgainst(t, q, answers[j], seen)
		}
	}
	read, both := seen["read"], seen["read and readable"]
	if share := float64(both) / float64(read); share < 0.95 {
		t.Errorf("of %d pairs that are read, %d are called readable: %.3f", read, both, share)
	}
	t.Logf("%v; of the pairs that are read, %.1f %% are called readable", seen, 100*float64(both)/float64(read))
}

func holdAgainst(t *testing.T, q question, answer byte, seen map[string]int) {
	t.Helper()
	found, err := CanRead(q.reader, q.writer)
	if err != nil {
		t.Fatal(err)
	}
	readable := len(found) == 0
	switch {
	case answer == 'u':
		seen["unknown to Java"]++
	case answer == 'y':
		seen["read"]++
		if readable {
			seen["read and readable"]++
		}
	case !readable:
		seen["neither"]++
	default:
		seen["readable, with a warning that Java fails"]++
		for _, w := range Warnings(q.reader, q.writer) {
			if w.Kind == JavaReader {
				return
			}
		}
		t.Errorf("called readable, and Java's answer is %c: %s", answer, q.line[:min(len(q.line), 3000)])
	}
}
