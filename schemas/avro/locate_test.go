package avro

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
)

// A mistake is found again at its line; expected values are counted by hand.
func TestMistakesAreLocated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"{\"type\": \"record\", \"name\": \"R\",\n \"fields\": [\n  {\"name\": \"a\", \"type\": \"strng\"}\n]}", "3:25"},
		{"{\"type\": \"record\", \"name\": \"R\",\n \"fields\": [\n  {\"name\": \"a\"},\n  {\"name\": \"b\", \"type\":\n    {\"type\": \"enum\", \"name\": \"E\"}}\n]}", "3:3 5:5"},
		{"{\"type\": \"record\",\n \"name\": ]", "2:10"},
		{"", "1:1"},
		{"\"strng\"", "1:1"},
	} {
		_, err := Parse(c.text, nil)
		got := ""
		for _, f := range fault.All(err) {
			line, column := Locate(c.text)(f.Path)
			got += fmt.Sprintf(" %d:%d", line, column)
		}
		if got != " "+c.want {
			t.Errorf("%s\n%v\nat%s, want %s", c.text, err, got, c.want)
		}
	}
}

// What a bare word must look like is told of bare words.
func TestABareWordIsToldToBeQuoted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"string": true, "": true, " strng": true, `{"type":`: false, `{"type":string}`: false, `["int" "long"]`: false} {
		if _, err := Parse(text, nil); err == nil || strings.Contains(err.Error(), "in quotes") != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzLocate(f *testing.F) {
	seeds(f, func(text string) { f.Add(text, "fields", "0") })
	f.Fuzz(func(t *testing.T, text, one, two string) {
		if line, column := Locate(text)([]string{one, two}); line < 1 || column < 1 {
			t.Fatalf("%d:%d", line, column)
		}
	})
}
