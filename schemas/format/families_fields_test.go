package format_test

import (
	"strings"

	"github.com/flowmart/lethe/catalog/taxonomy"
)

// What the gate and the detector do with fields is slow where many have something
// in common: what they lie in, a definition's texts, its tags.

// uses are pieces of a number, all but the one that grows.
func uses(n int, piece, between string) string { return row("", "", piece, between, "").of(n) }

// many are uses of one definition, which is left open.
var many = `{"properties":{` + uses(9900, `"p@":{"$ref":"#/definitions/d"}`, ",") + `},"definitions":{"d":{"type":"string",`

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
	long("a title of many properties", `{"properties":{`+uses(9900, `"p@":{"type":"string"}`, ",")+`},"title":"`, "word ", `"}`),
	long("a title of one word", `{"properties":{`+uses(9900, `"p@":{"type":"string"}`, ",")+`},"title":"`, "word", `"}`),
	long("a format of many properties", many+`"format":"`, "WORD ", `"}}}`),
	long("a description of many properties", many+`"description":"`, "word ", `"}}}`),
	long("a description of many properties with a null in it", many+`"description":"`, "word ", `\u0000"}}}`),
	long("a tag of many properties", many+`"tags":["`, "word", `"]}}}`),
	row("tags of many properties", many+`"tags":[`, `"T@"`, ",", `]}}}`),
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

var ofFieldsInAvro = []family{
	long("a doc of many fields", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"A","fields":[{"name":"x","type":"int","doc":"`, "word ", `"}]}}`+uses(4900, `,{"name":"f@","type":"A"}`, "")+`]}`),
	row("aliases of a field in many records", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"A","fields":[{"name":"x","type":"int","aliases":[`, `"a@"`, ",", `]}]}}`+uses(4900, `,{"name":"f@","type":"A"}`, "")+`]}`),
	then("renamed fields far in", nest("", "", `{"type":"record","name":"R@","fields":[{"name":"f","aliases":["g","h"],"type":`, "", "", "").atMost(120), family{of: func(n int) string {
		return row("", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"int","aliases":["g@","h@"]}`, ",", `]}`).of(n) + strings.Repeat(`}]}`, min(n, 120))
	}}),
}
