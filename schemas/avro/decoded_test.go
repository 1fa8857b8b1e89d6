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
	lots        = 10 // of pairs as people make them
	clashing    = 3  // and of pairs made to make Java fail
	lotSize     = 1000
)

var heldLots = flag.Int("lots", 3, "of the lots of a thousand pairs each, how many of either sort are held against Java's reader")

// question is a pair of schemas, of which one came of the other, and data
// written with the one to be read with the other.
type question struct {
	reader, writer *Schema
	line           string // as Java is asked
}

// lot makes the pairs of one lot. The same are made each time.
func lot(number int) []question {
	e := &evolution{r: rand.New(rand.NewPCG(uint64(number), 2026))}
	pair, dataOf := e.pair, e.data
	if number >= lots {
		c := &clashes{evolution: e}
		pair, dataOf = c.pair, c.data
	}
	var out []question
	for len(out) < lotSize {
		e.names = 0
		reader, writer := pair()
		if e.r.IntN(2) == 0 {
			reader, writer = writer, reader
		}
		r, err1 := Parse(reader.String(), nil)
		w, err2 := Parse(writer.String(), nil)
		data := dataOf(writer)
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
# for the pairs of decoded_test.go in lots, the last of which have names that clash: a digest of the pairs and data of the
# lot, and a letter for each pair. Made by
#
#   go test ./schemas/avro -run TestData -update
#
# y: it reads all of it. n: it does not. b: it does once the writer's defaults are taken away, which should not matter.
# u: its parser does not take one of the schemas, whose default is of a record that is not complete yet.
`)
	for i := range lots + clashing {
		questions := lot(i)
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
// for Java: nothing that we call readable fails there, nothing is refused for its
// sake that it reads, and of what it reads we call at least 95 of 100 readable.
// Java's reader is not as strict as the specification: it reads a record that was
// renamed.
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
	if len(parts) != lots+clashing {
		t.Fatalf("%d lots are answered", len(parts))
	}
	most := max(1, *heldLots/slack)
	made, clashed := map[string]int{}, map[string]int{}
	for i := range min(most, lots) {
		holdLot(t, i, parts[i], made)
	}
	for i := range min(most, clashing) {
		holdLot(t, lots+i, parts[lots+i], clashed)
	}
	read, both := made["read"], made["read and readable"]
	if share := float64(both) / float64(read); share < 0.95 {
		t.Errorf("of %d pairs that are read, %d are called readable: %.3f", read, both, share)
	}
	if clashed["refused for Java's reader"] < 20 || clashed["read and readable"] < 100 {
		t.Errorf("the pairs whose names clash say too little: %v", clashed)
	}
	t.Logf("%v; of the pairs that are read, %.1f %% are called readable; of those whose names clash: %v", made, 100*float64(both)/float64(read), clashed)
}

func holdLot(t *testing.T, number int, answered string, seen map[string]int) {
	t.Helper()
	sum, letters, _ := strings.Cut(answered, "\n")
	answers := strings.ReplaceAll(letters, "\n", "")
	questions := lot(number)
	if got := digest(questions); got != sum || len(answers) != len(questions) {
		t.Fatalf("lot %d was made another way (%s, not %s): ask Java again with -update", number, got, sum)
	}
	for i, q := range questions {
		holdAgainst(t, q, answers[i], seen)
	}
}

func holdAgainst(t *testing.T, q question, answer byte, seen map[string]int) {
	t.Helper()
	found, err := CanRead(q.reader, q.writer)
	if err != nil {
		t.Fatal(err)
	}
	readable, javas := len(found) == 0, len(found) > 0 && found[0].Kind == JavaReader
	switch {
	case answer == 'u':
		seen["unknown to Java"]++
	case answer == 'y' && javas:
		t.Errorf("Java reads it, and we say %s: %s", found[0].Message, q.line[:min(len(q.line), 3000)])
	case answer == 'y':
		seen["read"]++
		if readable {
			seen["read and readable"]++
		}
	case readable:
		t.Errorf("called readable, and Java's answer is %c: %s", answer, q.line[:min(len(q.line), 3000)])
	case javas:
		seen["refused for Java's reader"]++
	default:
		seen["neither"]++
	}
}
