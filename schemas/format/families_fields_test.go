package format_test

import (
	"strings"

	"github.com/flowmart/lethe/catalog/taxonomy"
)

// What the gate and the detector do with fields is slow where many have something
// in common: what they lie in, a definition's texts, its tags.

// mostUses are nearly as many as there may be fields.
const mostUses = 9900

// described are uses of one definition with a long text.
func described(name, begin, word, end string) family {
	return then(name, long("", `{"definitions":{"d":{"type":"string",`+begin, word, end+`}},"properties":{`),
		row("", "", `"p@":{"$ref":"#/definitions/d"}`, ",", `}}`).atMost(mostUses))
}

// titled are properties of a schema with a long title.
func titled(name, word string) family {
	return then(name, long("", `{"title":"`, word, `","properties":{`), row("", "", `"p@":{"type":"string"}`, ",", `}}`).atMost(mostUses))
}

// deep leads through definitions, each with one property of a name, to one with
// many properties.
func deep(name, step string, levels int) family {
	way := steps("", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"properties":{"`+step+`":{"$ref":"#/definitions/d@@"}}}`, ",", `,"d@@":{"properties":{`)
	return then(name, way.atMost(levels), row("", "", `"p@":{"type":"string"}`, ",", `}}}}`))
}

// categorised has many uses of a definition whose fields have some of all
// categories.
func categorised(name, property string, of []taxonomy.Term) family {
	var keys []string
	for _, term := range of {
		keys = append(keys, `"`+term.Key+`"`)
	}
	tagged := `{"type":"string","tags":[` + strings.Join(keys, ",") + `]}`
	return row(name, `{"definitions":{"d":{"properties":{"x":`+tagged+`}},"e":`+tagged+`},"properties":{`, property, ",", `}}`)
}

// glued has properties with long names.
func glued(name, word string) family {
	return row(name, `{"properties":{`, `"`+strings.Repeat(word, 190/len(word))+`@":{"type":"string"}`, ",", `}}`)
}

var (
	all     = taxonomy.All(taxonomy.Category)[:min(100, len(taxonomy.All(taxonomy.Category)))]
	odd     = all[:len(all)/2]
	even    = all[len(all)/2:]
	outside = `"p@":{"$ref":"#/definitions/e"}`
)

var ofFieldsInJSON = []family{
	deep("properties far in", "abc", 240),
	deep("properties far in, in capitals", strings.Repeat("aB", 55), 8),
	titled("a title of many properties", "word "),
	titled("a title of one word", "word"),
	described("a format of many properties", `"format":"`, "WORD ", `"`),
	described("a description of many properties", `"description":"`, "word ", `"`),
	described("a description of many properties with a null in it", `"description":"`, "word ", `\u0000"`),
	described("a tag of many properties", `"tags":["`, "word", `"]`),
	row("tags of many properties", row("", `{"definitions":{"d":{"tags":[`, `"T@"`, ",", `]}},"properties":{`).of(10), `"p@":{"$ref":"#/definitions/d"}`, ",", `}}`),
	categorised("categories of many properties", outside, all),
	categorised("other categories of many properties", outside, odd).after(categorised("", outside, even)),
	categorised("categories that many fields lose", outside, odd).after(categorised("", outside, all)),
	categorised("categories that moved", `"q@":{"$ref":"#/definitions/d"}`, odd).after(categorised("", `"p@":{"$ref":"#/definitions/d"}`, even)),
	categorised("categories that moved and stayed", `"q@":{"$ref":"#/definitions/d"}`, all).after(categorised("", `"p@":{"$ref":"#/definitions/d"}`, all)),
	row("tags that are no categories", `{"properties":{`, `"p@":{"tags":["user.contact.emai@","user.nam@"]}`, ",", `}}`),
	glued("long words without a mark", "x"),
	glued("long words of words without a mark", "emailname"),
	glued("long words of words", "emailName"),
}

var usesOfA = row("", "", `,{"name":"f@","type":"A"}`, "", `]}`).atMost(mostUses / 2)

var ofFieldsInAvro = []family{
	then("a doc of many fields", long("", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"A","fields":[{"name":"x","type":"int","doc":"`, "word ", `"}]}}`), usesOfA),
	then("aliases of a field in many records", row("", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"A","fields":[{"name":"x","type":"int","aliases":[`, `"a@"`, ",", `]}]}}`), usesOfA),
	then("renamed fields far in", nest("", "", `{"type":"record","name":"R@","fields":[{"name":"f","aliases":["g","h"],"type":`, "", "", "").atMost(120), family{of: func(n int) string {
		return row("", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"int","aliases":["g@","h@"]}`, ",", `]}`).of(n) + strings.Repeat(`}]}`, min(n, 120))
	}}),
}
