package jsonschema

import (
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas/format"
)

// The paths are those of Confluent's tools; the texts are by hand.
func TestTags(t *testing.T) {
	t.Parallel()
	const text = `{"type":"object","properties":{"id":{"type":"string","confluent:tags":["A","B"]},"lines":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"}}}},` +
		`"pay":{"oneOf":[{"type":"null"},{"$ref":"#/definitions/Card"}]},"any":true},"definitions":{"Card":{"type":"object","properties":{"number":{"type":"string"}}}}}`
	s := mustRead(t, text)
	var got []string
	for _, e := range s.Entities() {
		got = append(got, strings.Join(append([]string{e.Path}, e.Tags...), " ")+map[bool]string{true: ".", false: "!"}[e.Field])
	}
	want := "object! object.id A B. object.lines. object.lines.array.object! object.lines.array.object.sku. object.pay. object.definitions.Card.object! object.definitions.Card.object.number."
	if g := strings.Join(got, " "); g != want {
		t.Errorf("got  %s\nwant %s", g, want)
	}
	add := []format.Tagged{{Entity: format.Entity{Path: "object.definitions.Card.object.number", Field: true}, Tags: []string{"PII"}}, {Entity: format.Entity{Path: "object.id", Field: true}, Tags: []string{"C", "B"}}, {Entity: format.Entity{Path: "object"}, Tags: []string{"R"}}}
	remove := []format.Tagged{{Entity: format.Entity{Path: "object.id", Field: true}, Tags: []string{"A", "Z"}}}
	now, err := s.Retag(add, remove)
	if err != nil {
		t.Fatal(err)
	}
	wanted := strings.Replace(text, `["A","B"]`, `["C","B"]`, 1)
	wanted = strings.Replace(wanted, `"number":{"type":"string"}`, `"number":{"type":"string","confluent:tags":["PII"]}`, 1)
	wanted = wanted[:len(wanted)-1] + `,"confluent:tags":["R"]}`
	if now != wanted {
		t.Errorf("got  %s\nwant %s", now, wanted)
	}
	back, err := mustRead(t, now).Retag([]format.Tagged{{Entity: format.Entity{Path: "object.id", Field: true}, Tags: []string{"A", "B"}}}, []format.Tagged{add[0], add[2], {Entity: format.Entity{Path: "object.id", Field: true}, Tags: []string{"C"}}})
	if err != nil || back != strings.Replace(text, `["A","B"]`, `["A","B"]`, 1) {
		t.Errorf("%s, %v", back, err)
	}
	id := func(tags ...string) format.Tagged {
		return format.Tagged{Entity: format.Entity{Path: "object.id", Field: true}, Tags: tags}
	}
	again, err := s.Retag([]format.Tagged{id("C", "A"), id("D"), id("C")}, []format.Tagged{id("D")})
	if err != nil || again != strings.Replace(text, `["A","B"]`, `["B","A","D","C"]`, 1) {
		t.Errorf("%s, %v", again, err)
	}
	if _, err := s.Retag([]format.Tagged{{Entity: format.Entity{Path: "object.none", Field: true}, Tags: []string{"A"}}}, nil); err == nil {
		t.Error("what is not there was tagged")
	}
	if s.Canonical() != text {
		t.Error("the schema was changed")
	}
}
