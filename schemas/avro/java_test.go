package avro

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
)

const readerFile = "testdata/reader.txt"

// askReader has Java read the data of the table, and writes its answers there.
func askReader(t *testing.T) {
	t.Helper()
	var questions strings.Builder
	for _, b := range table(t, readerFile) {
		fmt.Fprintf(&questions, "%s\t%s\t%s\n", b.line["reader"], b.line["writer"], b.line["data"])
	}
	answers := strings.Split(askJava(t, questions.String(), "decode"), "\n")
	text, err := os.ReadFile(readerFile)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		switch key, _, _ := strings.Cut(strings.TrimSpace(line), " "); key {
		case "java":
		case "data":
			out.WriteString(line + "java   " + answers[0] + "\n")
			answers = answers[1:]
		default:
			out.WriteString(line)
		}
	}
	if err := os.WriteFile(readerFile, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What the specification calls readable is readable if Java's reader reads it,
// and only then. Each reason says where it stands and how to mend it.
func TestJavasReader(t *testing.T) {
	t.Parallel()
	if *update {
		askReader(t)
	}
	read := map[bool]int{}
	for _, b := range table(t, readerFile) {
		found, err := CanRead(mustParse(t, b.line["reader"]), mustParse(t, b.line["writer"]))
		if err != nil {
			t.Fatal(err)
		}
		if got := told(found); got != b.line["ours"] {
			t.Errorf("%s\ngot  %q\nwant %q", b.title, got, b.line["ours"])
		}
		if b.line["java"] == "" || (len(found) == 0) != (b.line["java"] == "yes") {
			t.Errorf("%s: Java says %q, and we say %q", b.title, b.line["java"], told(found))
		}
		for _, d := range found {
			if d.Kind != JavaReader || d.Message == "" || d.Detail == "" || d.Reader == "" || d.Writer == "" {
				t.Errorf("%s: %+v leaves something out", b.title, d)
			}
		}
		read[len(found) == 0]++
	}
	if read[true] < 20 || read[false] < 20 {
		t.Errorf("the table has %d pairs that are read, and %d that are not", read[true], read[false])
	}
}

// What one type has much of is looked at once, however many places it is used
// in: a long property, many symbols.
func TestWhatIsUsedInManyPlacesIsLookedAtOnce(t *testing.T) {
	t.Parallel()
	used := func(typ, use string) string {
		var fields strings.Builder
		for i := range 5000 {
			fmt.Fprintf(&fields, `,{"name":"f%d","type":%s}`, i, use)
		}
		return `{"type":"record","name":"R","fields":[{"name":"a","type":` + typ + `}` + fields.String() + `]}`
	}
	var symbols strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&symbols, `,"S%d"`, i)
	}
	property := used(`{"type":"record","name":"P","p":"`+strings.Repeat("x", 500_000)+`","fields":[]}`, `"P"`)
	enum := `{"type":"enum","name":"E","symbols":["S"` + symbols.String() + `]}`
	for name, pair := range map[string][2]string{
		"a property": {strings.Replace(property, `"name":"R"`, `"name":"R","aliases":["Q"]`, 1), property},
		"symbols":    {used(enum, `["E","null"]`), used(enum, `"E"`)},
		"symbols of unions": {
			used(`["null","int",`+enum+`]`, `["E","int"]`),
			used(`["null",`+enum+`]`, `["E"]`),
		},
	} {
		reader, writer := mustParse(t, pair[0]), mustParse(t, pair[1])
		var found []Difference
		var err error
		if took := cputest.Thread(func() { found, err = CanRead(reader, writer) }); took > slack*time.Second {
			t.Errorf("%s: took %v of a processor", name, took)
		}
		if err != nil || len(found) > 0 {
			t.Errorf("%s: %v %s", name, err, told(found))
		}
	}
}
