package schemas

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// The name of a context that is asked for is a piece of a request. What is kept
// does not keep the request.
func TestWhatIsKeptKeepsNoRequest(t *testing.T) {
	t.Parallel()
	r := New(nil, time.Now)
	r.remember(r.byID.mark(), Schema{Context: ".c", ID: 1, Type: Avro, Text: `"int"`})
	request := ":.c:" + strings.Repeat("x", 30_000)
	asked := contentID{split(request).context, 1}
	for range 3 {
		if s, ok, err := r.at(asked); !ok || err != nil || s.Text != `"int"` {
			t.Fatal(s, ok, err)
		}
	}
	within := func(s string) bool {
		first, at := uintptr(unsafe.Pointer(unsafe.StringData(request))), uintptr(unsafe.Pointer(unsafe.StringData(s)))
		return at >= first && at < first+uintptr(len(request))
	}
	for id, e := range r.warm.byKey {
		if within(id.context) || within(e.key.context) || within(e.value.Context) {
			t.Errorf("%v is kept with the request", id)
		}
	}
	if len(r.warm.byKey) != 1 {
		t.Errorf("%d are kept", len(r.warm.byKey))
	}
}

// What a content has beside its text weighs what it takes in memory, or more: it
// may be as large as a request, and many contents are kept.
func TestWhatIsBesideATextWeighs(t *testing.T) {
	t.Parallel()
	many := func(item string) string { return "[" + strings.Repeat(item+",", 50_000) + item + "]" }
	for name, text := range map[string]string{
		"a long property":  `{"Metadata":{"properties":{"a":"` + strings.Repeat("x", 1<<20) + `"}}}`,
		"tags":             `{"Metadata":{"tags":{"a":` + many(`"x"`) + `}}}`,
		"names":            `{"Metadata":{"sensitive":` + many(`"x"`) + `}}`,
		"objects":          `{"RuleSet":{"domainRules":[{"a":` + many(`{"b":1}`) + `}]}}`,
		"empty objects":    `{"RuleSet":{"encodingRules":[{"a":` + many(`{}`) + `}]}}`,
		"lists":            `{"RuleSet":{"migrationRules":[{"a":` + many(`[]`) + `}]}}`,
		"rules":            `{"RuleSet":{"domainRules":` + many(`{"name":"a"}`) + `}}`,
		"a long reference": `{"References":[{"Name":"` + strings.Repeat("x", 1<<20) + `"}]}`,
	} {
		s := Schema{Type: Avro, Text: `"int"`}
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		if least := len(text); pack(s).weight() < least {
			t.Errorf("%s weigh %d, and their JSON has %d bytes", name, pack(s).weight(), least)
		}
	}
	if w := pack(Schema{Type: Avro, Text: `"int"`}).weight(); w > 300 {
		t.Errorf("a content with nothing beside its text weighs %d", w)
	}
}
