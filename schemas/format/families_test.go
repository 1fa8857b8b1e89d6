package format_test

import (
	"fmt"
	"strings"
)

// family makes texts of one construct, of any size: of a kind of thing that
// stands there n times, or that is nested n deep.
type family struct {
	name string
	of   func(n int) string
	was  func(n int) string // what the text follows, if not one that is like it
}

// after is a family whose texts follow those of another one.
func (f family) after(was family) family {
	f.was = was.of
	return f
}

// row repeats a piece between a head and a tail; @ in it is its number.
func row(name, head, piece, between, tail string) family {
	return family{name: name, of: func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			if i > 0 {
				b.WriteString(between)
			}
			b.WriteString(strings.ReplaceAll(piece, "@", fmt.Sprint(i+1)))
		}
		return b.String() + tail
	}}
}

// nest puts a piece around a piece around a piece.
func nest(name, head, open, middle, shut, tail string) family {
	return family{name: name, of: func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			b.WriteString(strings.ReplaceAll(open, "@", fmt.Sprint(i+1)))
		}
		return b.String() + middle + strings.Repeat(shut, n) + tail
	}}
}

// steps is a row of pieces that lead on to the next one, which is @@.
func steps(name, head, piece, between, tail string) family {
	return family{name: name, of: func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			if i > 0 {
				b.WriteString(between)
			}
			b.WriteString(strings.ReplaceAll(strings.ReplaceAll(piece, "@@", fmt.Sprint(i+2)), "@", fmt.Sprint(i+1)))
		}
		return b.String() + strings.ReplaceAll(tail, "@@", fmt.Sprint(n+1))
	}}
}

// long repeats one word within a text.
func long(name, head, word, tail string) family { return row(name, head, word, "", tail) }

// both has n of the one and n of the other: what is looked up among all is
// slow here.
func both(name, head, piece, middle, other, tail string) family {
	return family{name: name, of: func(n int) string {
		return row("", head, piece, ",", middle).of(n) + row("", "", other, ",", tail).of(n)
	}}
}

// beside is a family among further files, each of which has its path, a line
// feed and its text: @ in them is their number.
func beside(name string, f family, file string, files int) family {
	return family{name: name, of: func(n int) string {
		return f.of(n) + row("", "", nextFile+file, "", "").of(min(n, files))
	}}
}

// nextFile stands between the files of a text.
const nextFile = "\x1c"

// times is a family with no more than so many pieces.
func (f family) atMost(most int) family {
	of := f.of
	f.of = func(n int) string { return of(min(n, most)) }
	return f
}

// the other way round: pieces from the last to the first.
func back(name, head, piece, between, tail string) family {
	return family{name: name, of: func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			if i > 0 {
				b.WriteString(between)
			}
			b.WriteString(strings.ReplaceAll(piece, "@", fmt.Sprint(n-i)))
		}
		return b.String() + tail
	}}
}

// longName is as long as a name of PostgreSQL may be, but for its number.
var longName = strings.Repeat("n", 58)

var ofAvro = []family{
	row("fields", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"int"}`, ",", `]}`),
	row("optional documented fields", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":["null","string"],"default":null,"doc":"what @ is"}`, ",", `]}`),
	row("fields with aliases", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"int","aliases":["a@","b@"]}`, ",", `]}`),
	row("aliases of a field", `{"type":"record","name":"R","fields":[{"name":"f","type":"int","aliases":[`, `"a@"`, ",", `]}]}`),
	row("aliases of a record", `{"type":"record","name":"R","aliases":[`, `"n.a@"`, ",", `],"fields":[]}`),
	row("symbols", `{"type":"enum","name":"E","symbols":[`, `"S@"`, ",", `]}`),
	row("branches", `[`, `{"type":"record","name":"R@","fields":[{"name":"f","type":"int"}]}`, ",", `]`),
	row("branches with aliases", `[`, `{"type":"record","name":"R@","fields":[{"name":"f","type":"int","aliases":["g"]}]}`, ",", `]`),
	row("fixed branches", `[`, `{"type":"fixed","name":"F@","size":@}`, ",", `]`),
	row("enums of one name", `[`, `{"type":"enum","name":"E@","aliases":["E0"],"symbols":["S@","T@"]}`, ",", `]`),
	row("records beside one another", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":{"type":"record","name":"R@","fields":[{"name":"a","type":["null","R"]}]}}`, ",", `]}`),
	row("fields of one record", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"A","fields":[{"name":"x","type":"int"},{"name":"y","type":"int"}]}}`, `,{"name":"f@","type":"A"}`, "", `]}`),
	steps("records that lead on, twice", `{"type":"record","name":"R1","fields":[`, `{"name":"a@","type":{"type":"record","name":"N@","fields":[{"name":"x","type":["null","N@","R1"]}]}},{"name":"b@","type":"N@"}`, ",", `]}`),
	nest("records", "", `{"type":"record","name":"R@","fields":[{"name":"f","type":`, `"int"`, `}]}`, ""),
	nest("arrays", "", `{"type":"array","items":`, `"int"`, `}`, ""),
	nest("optional records", "", `{"type":"record","name":"R@","fields":[{"name":"f","type":["null",`, `"int"`, `]}]}`, ""),
	long("a doc", `{"type":"record","name":"R","doc":"`, "word ", `","fields":[]}`),
	long("a name", `{"type":"record","name":"`, "name", `","fields":[]}`),
	long("a namespace", `{"type":"record","name":"R","namespace":"`, "n.", `n","fields":[]}`),
	row("properties", `{"type":"record","name":"R","fields":[],`, `"p@":{"a":[1,2,@]}`, ",", `}`),
	row("tags", `{"type":"record","name":"R","fields":[{"name":"f","type":"int","tags":[`, `"T@"`, ",", `]}]}`),
	row("default items", `{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"array","items":["int","string"]},"default":[`, `@`, ",", `]}]}`),
	row("defaults of unions", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":[{"type":"map","values":["null","int",{"type":"array","items":["string","long"]}]},"null"],"default":{"a":[1,2,3],"b":null}}`, ",", `]}`),
	long("a default text", `{"type":"record","name":"R","fields":[{"name":"f","type":"string","default":"`, "word", `"}]}`),
	long("digits", `{"type":"record","name":"R","fields":[{"name":"f","type":"double","default":1`, "0", `}]}`),
	row("unknown types", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"Unknown@"}`, ",", `]}`),
	row("known types and one that is not", `[`, `{"type":"fixed","name":"Type@","size":1},`, "", `"Typo"]`),
	row("records of many namespaces", `[`, `{"type":"record","name":"a.b.c@.R","fields":[{"name":"f","type":"string","doc":"d"}]}`, ",", `]`),
	row("escapes", `{"type":"record","name":"R","doc":"`, `\u00e4\n`, "", `","fields":[]}`),
	row("logical types", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":{"type":"bytes","logicalType":"decimal","precision":@,"scale":2}}`, ",", `]}`),
	both("fields that use named types", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":{"type":"enum","name":"E@","symbols":["A","B"]}}`, ",", `{"name":"g@","type":["null","E@"],"default":null}`, `]}`),

	row("branches the other way round", `[`, `{"type":"record","name":"R@","fields":[{"name":"f","type":"int"}]}`, ",", `]`).
		after(back("", `[`, `{"type":"record","name":"R@","fields":[{"name":"f","type":"long"}]}`, ",", `]`)),
	row("branches of other names", `[`, `{"type":"record","name":"R@","fields":[{"name":"f","type":"int"},{"name":"g","type":"string"}]}`, ",", `]`).
		after(row("", `[`, `{"type":"record","name":"S@","fields":[{"name":"f","type":"int"},{"name":"g","type":"string"}]}`, ",", `]`)),
	row("branches of one short name", `[`, `{"type":"record","name":"a@.R","fields":[{"name":"f","type":"int"}]}`, ",", `]`).
		after(row("", `[`, `{"type":"record","name":"b@.R","fields":[{"name":"f","type":"int"}]}`, ",", `]`)),
	row("branches that were one record", `[`, `{"type":"record","name":"R@","fields":[{"name":"f","type":"int"}]}`, ",", `]`).
		after(row("", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"int"}`, ",", `]}`)),
	row("fields the other way round", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"int"}`, ",", `]}`).
		after(back("", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"int"}`, ",", `]}`)),
	row("fields of other names", `{"type":"record","name":"R","fields":[`, `{"name":"g@","type":"int","aliases":["h@","f@"]}`, ",", `]}`).
		after(row("", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"int"}`, ",", `]}`)),
	row("fields that all were one", `{"type":"record","name":"R","fields":[`, `{"name":"g@","type":"int","aliases":["f1"]}`, ",", `]}`).
		after(row("", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"int"}`, ",", `]}`)),
	row("symbols the other way round", `{"type":"enum","name":"E","symbols":[`, `"S@"`, ",", `]}`).after(back("", `{"type":"enum","name":"E","symbols":[`, `"S@"`, ",", `]}`)),
	row("symbols of other names", `{"type":"enum","name":"E","symbols":[`, `"S@"`, ",", `]}`).after(row("", `{"type":"enum","name":"E","symbols":[`, `"T@"`, ",", `]}`)),
	row("fields of unions", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":["null","int","string",{"type":"array","items":"int"}]}`, ",", `]}`).
		after(row("", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":[{"type":"array","items":"int"},"long","null"]}`, ",", `]}`)),
	steps("records that lead on, otherwise", `{"type":"record","name":"R1","fields":[`, `{"name":"a@","type":{"type":"record","name":"N@","fields":[{"name":"x","type":["null","N@","R1"]},{"name":"y","type":["R1","null"]}]}}`, ",", `]}`).
		after(steps("", `{"type":"record","name":"R1","fields":[`, `{"name":"a@","type":{"type":"record","name":"N@","fields":[{"name":"y","type":["null","R1","N@"]},{"name":"x","type":["N@","null"]}]}}`, ",", `]}`)),
	nest("records, otherwise", "", `{"type":"record","name":"R@","fields":[{"name":"g","type":"int","default":1},{"name":"f","type":`, `"int"`, `}]}`, "").
		after(nest("", "", `{"type":"record","name":"R@","fields":[{"name":"f","type":`, `"int"`, `}]}`, "")),
	row("a default of records", `{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"array","items":{"type":"record","name":"S","fields":[{"name":"a","type":"int","default":1},{"name":"b","type":["null","S"],"default":null}]}},"default":[`, `{"a":@}`, ",", `]}]}`),
	row("a default of keys", `{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"map","values":"int"},"default":{`, `"k@":@`, ",", `}}]}`),
	nest("a default in itself", `{"type":"record","name":"R","fields":[{"name":"f","type":["null","R"],"default":null},{"name":"d","type":{"type":"map","values":"R"},"default":{"a":`, `{"d":{"a":`, `{"d":{}}`, `}}`, `}}]}`),
	row("words that are not known", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"strin"}`, ",", `]}`),
	row("names that are not allowed", `{"type":"record","name":"R","fields":[`, `{"name":"f-@","type":"int"}`, ",", `]}`),
	row("keys that stand twice", `{"type":"record","name":"R","fields":[]`, `,"doc":"@"`, "", `}`),
}

// then is one family behind another.
func then(name string, one, other family) family {
	return family{name: name, of: func(n int) string { return one.of(n) + other.of(n) }}
}

const draft = `{"$schema":"https://json-schema.org/draft/2020-12/schema",`

var ofJSON = []family{
	row("properties", `{"properties":{`, `"p@":{"type":"string"}`, ",", `}}`),
	row("closed properties", `{"additionalProperties":false,"properties":{`, `"p@":{"type":["string","null"],"description":"what @ is","maxLength":@}`, ",", `}}`),
	both("required properties", `{"properties":{`, `"p@":{"type":"string"}`, `},"required":[`, `"p@"`, `]}`),
	both("patterns beside names", `{"properties":{`, `"name@":{}`, `},"patternProperties":{`, `"^(a|b|n)*ame@$":{"type":"string"}`, `}}`),
	row("patterns", `{"patternProperties":{`, `"^a@[b-z]+(c|d)*$":{"type":"string"}`, ",", `}}`),
	long("a pattern", `{"patternProperties":{"`, `(a|b)+`, `":{"type":"string"}},"properties":{"ab":{}}}`),
	nest("groups of a pattern", `{"patternProperties":{"`, `(`, `a`, `)*`, `":{"type":"string"}},"properties":{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!":{}}}`),
	row("values", `{"type":"string","enum":[`, `"v@"`, ",", `]}`),
	row("numbers", `{"enum":[`, `@.5e3`, ",", `]}`),
	row("objects that are values", `{"enum":[`, `{"a":[@,{"b":null}],"c":"d"}`, ",", `]}`),
	row("anyOf", `{"anyOf":[`, `{"properties":{"k":{"const":"k@"}},"required":["k"]}`, ",", `]}`),
	row("oneOf", `{"oneOf":[`, `{"properties":{"k":{"const":"k@"}},"required":["k"]}`, ",", `]}`),
	row("oneOf types", `{"oneOf":[`, `{"type":"array","minItems":@}`, ",", `]}`),
	row("allOf", `{"allOf":[`, `{"properties":{"p@":{"type":"string"}}}`, ",", `]}`),
	row("allOf in every property", `{"properties":{"a":{"allOf":[`, `{"title":"@"}`, ",", `]},"b":{"minLength":1}}}`),
	row("not", `{"allOf":[`, `{"not":{"const":@}}`, ",", `]}`),
	row("if", `{"allOf":[`, `{"if":{"required":["a@"]},"then":{"required":["b@"]},"else":{"type":"object"}}`, ",", `]}`),
	row("bounds", `{"allOf":[`, `{"minimum":@,"multipleOf":0.@}`, ",", `]}`),
	steps("definitions that lead on", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"properties":{"a":{"$ref":"#/definitions/d@@"}}}`, ",", `,"d@@":{}}}`),
	steps("allOf that leads on", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"allOf":[{"$ref":"#/definitions/d@@"}]}`, ",", `,"d@@":{}}}`),
	steps("anyOf that leads on", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"anyOf":[{"$ref":"#/definitions/d@@"},{"type":"null"}]}`, ",", `,"d@@":{}}}`),
	both("definitions that are used", `{"definitions":{`, `"d@":{"type":"object","properties":{"a":{"type":"string"}}}`, `},"properties":{`, `"p@":{"$ref":"#/definitions/d@"}`, `}}`),
	row("uses of one definition", `{"definitions":{"d":{"properties":{"a":{},"b":{}}}},"properties":{`, `"p@":{"$ref":"#/definitions/d"}`, ",", `}}`),
	nest("objects", "", `{"properties":{"a":`, `{}`, `}}`, ""),
	nest("arrays", "", `{"items":`, `{}`, `}`, ""),
	nest("allOf in allOf", "", `{"allOf":[{"title":"@"},`, `{}`, `]}`, ""),
	nest("anyOf in anyOf", "", `{"anyOf":[{"const":@},`, `{}`, `]}`, ""),
	nest("not in not", "", `{"not":`, `{}`, `}`, ""),
	row("a tuple", draft+`"prefixItems":[`, `{"type":"string","title":"@"}`, ",", `]}`),
	row("required of others", draft+`"dependentRequired":{`, `"p@":["q@","p@0"]`, ",", `}}`),
	row("schemas of others", draft+`"dependentSchemas":{`, `"p@":{"required":["q@"]}`, ",", `}}`),
	row("identified", draft+`"$defs":{`, `"d@":{"$id":"x@","$anchor":"a"}`, ",", `}}`),
	row("anchors", draft+`"$defs":{`, `"d@":{"$anchor":"a@"}`, ",", `},"$ref":"#a1"}`),
	row("dynamic references", draft+`"$defs":{"a":{"$dynamicAnchor":"x"},"b":{"$dynamicAnchor":"x"}},"anyOf":[`, `{"title":"@","$dynamicRef":"#x"}`, ",", `]}`),
	row("unevaluated", draft+`"unevaluatedProperties":false,"allOf":[`, `{"properties":{"p@":{"type":"string"}}}`, ",", `]}`),
	long("a description", `{"description":"`, "word ", `"}`),
	long("a name", `{"properties":{"`, "name", `":{"type":"string"}}}`),
	long("a default", `{"default":[`, `{"a":"b"},`, `1]}`),
	long("digits", `{"multipleOf":1`, "0", `}`),
	long("digits of a value", `{"enum":[1`, "0", `]}`),
	row("tags", `{"properties":{"a":{"tags":[`, `"T@"`, ",", `]}}}`),
	row("members without a meaning", `{`, `"x-@":{"a":[@]}`, ",", `}`),
	row("references that lead nowhere", `{"allOf":[`, `{"$ref":"#/definitions/d@"}`, ",", `]}`),
	row("references abroad", `{"allOf":[`, `{"$ref":"http://host@.example/a.json"}`, ",", `]}`),
	long("a pointer", `{"$ref":"#`, "/a", `"}`),
	row("wrong types", `{"properties":{`, `"p@":{"type":"strin"}`, ",", `}}`),

	row("anyOf, the other way round", `{"anyOf":[`, `{"properties":{"k":{"const":"k@"}},"required":["k"]}`, ",", `]}`).
		after(back("", `{"anyOf":[`, `{"properties":{"k":{"const":"k@"},"j":{"type":"integer"}},"required":["k"]}`, ",", `]}`)),
	row("oneOf, the other way round", `{"oneOf":[`, `{"properties":{"k":{"const":"k@"}},"required":["k"]}`, ",", `]}`).
		after(back("", `{"oneOf":[`, `{"properties":{"k":{"const":"k@"},"j":{"type":"integer"}},"required":["k"]}`, ",", `]}`)),
	row("anyOf of bounds", `{"anyOf":[`, `{"type":"integer","minimum":@}`, ",", `]}`).after(row("", `{"anyOf":[`, `{"type":"integer","minimum":@5}`, ",", `]}`)),
	row("anyOf of patterns", `{"anyOf":[`, `{"pattern":"^a@(b|c)*$"}`, ",", `]}`).after(row("", `{"anyOf":[`, `{"pattern":"^a@(b|c)+$"}`, ",", `]}`)),
	row("values the other way round", `{"enum":[`, `"v@"`, ",", `]}`).after(back("", `{"enum":[`, `"v@"`, ",", `,"w"]}`)),
	row("values against branches", `{"anyOf":[`, `{"const":"v@"}`, ",", `]}`).after(row("", `{"enum":[`, `"v@"`, ",", `]}`)),
	row("values against patterns", `{"anyOf":[`, `{"pattern":"^v@$"}`, ",", `]}`).after(row("", `{"enum":[`, `"v@"`, ",", `]}`)),
	row("values against not", `{"allOf":[`, `{"not":{"const":"w@"}}`, ",", `]}`).after(row("", `{"enum":[`, `"v@"`, ",", `]}`)),
	row("objects against branches", `{"anyOf":[`, `{"properties":{"a":{"const":@}},"required":["a","b"]}`, ",", `]}`).after(row("", `{"enum":[`, `{"a":@,"b":[@]}`, ",", `]}`)),
	row("properties of other names", `{"additionalProperties":false,"properties":{`, `"p@":{"type":"string"}`, ",", `}}`).
		after(row("", `{"additionalProperties":false,"properties":{`, `"q@":{"type":"string"}`, ",", `}}`)),
	row("patterns for properties", `{"patternProperties":{`, `"^p@[0-9]*$":{"type":"string"}`, ",", `},"additionalProperties":false}`).
		after(row("", `{"additionalProperties":false,"properties":{`, `"p@":{"type":"string"}`, ",", `}}`)),
	row("patterns of other words", `{"patternProperties":{`, `"^p@":{"type":"string"}`, ",", `}}`).after(row("", `{"patternProperties":{`, `"^q@":{"type":"integer"}`, ",", `}}`)),
	row("allOf, the other way round", `{"allOf":[`, `{"properties":{"p@":{"type":"string"}}}`, ",", `]}`).after(back("", `{"allOf":[`, `{"properties":{"p@":{"minLength":1,"type":"string"}}}`, ",", `]}`)),
	row("allOf of choices", `{"allOf":[`, `{"anyOf":[{"required":["a@"]},{"required":["b@"]}]}`, ",", `]}`).after(row("", `{"allOf":[`, `{"anyOf":[{"required":["b@"]},{"required":["c@"]}]}`, ",", `]}`)),
	row("allOf of oneOf", `{"allOf":[`, `{"oneOf":[{"required":["a@"]},{"required":["b@"]}]}`, ",", `]}`).after(row("", `{"allOf":[`, `{"oneOf":[{"required":["b@"]},{"required":["a@"]}]}`, ",", `]}`)),
	row("not of choices", `{"not":{"anyOf":[`, `{"const":@}`, ",", `]}}`).after(row("", `{"not":{"anyOf":[`, `{"const":0@}`, ",", `]}}`)),
	row("if beside another", `{"allOf":[`, `{"if":{"required":["a@"]},"then":{"required":["b@"]}}`, ",", `]}`).after(row("", `{"allOf":[`, `{"if":{"required":["b@"]},"then":{"required":["a@"]}}`, ",", `]}`)),
	nest("if in if", "", `{"if":{"const":@},"else":`, `{}`, `}`, "").after(nest("", "", `{"if":{"const":@},"then":false,"else":`, `{}`, `}`, "")),
	steps("fan", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"allOf":[{"$ref":"#/definitions/d@@"},{"$ref":"#/definitions/d@@"}]}`, ",", `,"d@@":{"type":"string"}}}`),
	steps("fan of anyOf", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"anyOf":[{"$ref":"#/definitions/d@@"},{"items":{"$ref":"#/definitions/d@@"}}]}`, ",", `,"d@@":{"type":"string"}}}`).
		after(steps("", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"anyOf":[{"items":{"$ref":"#/definitions/d@@"}},{"$ref":"#/definitions/d@@"}]}`, ",", `,"d@@":{"type":"integer"}}}`)),
	steps("fan of properties", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"properties":{"a":{"$ref":"#/definitions/d@@"},"b":{"$ref":"#/definitions/d@@"}}}`, ",", `,"d@@":{"type":"string"}}}`).atMost(200),
	steps("rings", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"properties":{"a":{"$ref":"#/definitions/d@@"},"b":{"$ref":"#/definitions/d1"}}}`, ",", `,"d@@":{"type":"string"}}}`).
		after(steps("", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"properties":{"b":{"$ref":"#/definitions/d@@"},"a":{"$ref":"#/definitions/d1"}}}`, ",", `,"d@@":{"type":"string"}}}`)),
	row("a tuple, longer", draft+`"prefixItems":[`, `{"type":"string"}`, ",", `],"items":false}`).after(row("", draft+`"prefixItems":[`, `{"type":["string","null"]},{"title":"@"}`, ",", `],"items":false}`)),
	row("contains", draft+`"allOf":[`, `{"contains":{"const":@},"minContains":@}`, ",", `]}`),
	row("names of properties", draft+`"allOf":[`, `{"propertyNames":{"pattern":"^a@"}}`, ",", `]}`).after(row("", draft+`"additionalProperties":false,"properties":{`, `"a@":{}`, ",", `}}`)),
	row("unevaluated items", draft+`"unevaluatedItems":false,"allOf":[`, `{"prefixItems":[{"type":"string"}]}`, ",", `]}`),
	row("required of one property", draft+`"dependentRequired":{"a":[`, `"p@"`, ",", `]}}`).after(row("", draft+`"dependentRequired":{"a":[`, `"q@"`, ",", `]}}`)),
	row("identified in one another", draft+`"$id":"http://a.example/","$defs":{`, `"d@":{"$id":"b@/","$ref":"c@"},"e@":{"$id":"b@/c@"}`, ",", `}}`),
	nest("bases in one another", "", `{"$id":"a@/","items":`, `{"$ref":"#"}`, `}`, ""),
	row("steps with signs", `{"definitions":{`, `"~/%@":{}`, ",", `},"$ref":"#/definitions/~0~1%251"}`),
	row("recursive references", `{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,"properties":{`, `"p@":{"$recursiveRef":"#"}`, ",", `}}`),
	row("bounds of texts", `{"allOf":[`, `{"minLength":@,"maxLength":@0}`, ",", `]}`).after(row("", `{"allOf":[`, `{"minLength":@,"maxLength":@1}`, ",", `]}`)),
	row("multiples", `{"allOf":[`, `{"multipleOf":@.00000000000000000000000001}`, ",", `]}`).after(row("", `{"allOf":[`, `{"multipleOf":@1.00000000000000000000000001}`, ",", `]}`)),
	row("numbers with exponents", `{"enum":[`, `@e399`, ",", `]}`).after(row("", `{"enum":[`, `@e-399`, ",", `]}`)),
	row("numbers against multiples", `{"multipleOf":0.00000000000000000003}`+"", "", "", "").after(row("", `{"enum":[`, `@e399`, ",", `]}`)),
	row("keys that stand twice", `{"title":"a"`, `,"title":"@"`, "", `}`),
	long("classes of a pattern", `{"pattern":"`, `[a-z]{1,9}`, `"}`),
}

const p2, p3 = `syntax = "proto2";`, `syntax = "proto3";`

var ofProtobuf = []family{
	row("fields", p3+"message M {", "string field_@ = @;\n", "", "}"),
	row("commented fields", p3+"message M {", "// what @ is, and why\nstring field_@ = @; // and behind it\n", "", "}"),
	row("optional fields", p3+"message M {", "optional string f@ = @;\n", "", "}"),
	row("fields of a oneof", p3+"message M { oneof o {", "string f@ = @;\n", "", "} }"),
	row("oneofs", p3+"message M {", "oneof o@ { string f@ = @; }\n", "", "}"),
	row("maps", p3+"message M {", "map<string,X> f@ = @;\n", "", "} message X {}"),
	row("messages", p3, "message M@ { string x = 1; }\n", "", ""),
	row("inner messages", p3+"message M {", "message M@ { string x = 1; }\n", "", "}"),
	steps("messages that lead on", p3, "message M@ { M@@ a = 1; M@ b = 2; }\n", "", "message M@@ {}"),
	row("uses of one message", p3+"message X { string a = 1; string b = 2; } message M {", "X f@ = @;\n", "", "}"),
	row("messages and their uses", p3, "message M@ { string x = 1; } message U@ { repeated M@ m = 1; }\n", "", ""),
	row("groups", p2+"message M {", "optional group G@ = @ { optional int32 x = 1; }\n", "", "}"),
	row("enums", p3, "enum E@ { A@ = 0; }\n", "", ""),
	row("values of an enum", p3+"enum E { Z = 0;", "V@ = @;\n", "", "} message M { E e = 1; }"),
	row("values of one number", p3+"enum E { option allow_alias = true;", "V@ = 0;\n", "", "} message M { E e = 1; }"),
	row("extensions", p2+"message M { extensions 1 to max; } extend M {", "optional int32 x@ = @;\n", "", "}"),
	row("extension ranges", p2+"message M {", "extensions @;\n", "", "}"),
	row("options of Confluent's", p3+`import "confluent/meta.proto"; message M {`, `string f@ = @ [(confluent.field_meta).tags = "a"];`+"\n", "", "}"),
	row("options of one's own", p3+`import "google/protobuf/descriptor.proto"; extend google.protobuf.FieldOptions { repeated string o = 50001; } message M { string a = 1 [`, `(o) = "@"`, ", ", "]; }"),
	row("options of a file", p3+`import "google/protobuf/descriptor.proto"; extend google.protobuf.FileOptions { repeated string o = 50001; }`, `option (o) = "@";`, "", "message M {}"),
	nest("messages as options", p3+`import "google/protobuf/descriptor.proto"; message O { O o = 1; } extend google.protobuf.FileOptions { O o = 50001; } option (o) = {`, `o {`, ``, `}`, `}; message M {}`),
	row("reserved numbers", p3+"message M { reserved 20000", ", 3@0000", "", "; }"),
	row("reserved names", p3+"message M { reserved ", `"n@"`, ", ", "; }"),
	row("names in JSON", p3+"message M {", `string field_@ = @ [json_name = "F@"];`+"\n", "", "}"),
	row("defaults", p2+"message M {", `optional string f@ = @ [default = "d@"];`+"\n", "", "}"),
	long("a default", p2+`message M { optional string f = 1 [default = "`, "word", `"]; }`),
	long("a default in parts", p2+`message M { optional string f = 1 [default = `, `"word" `, `]; }`),
	long("a comment", p3+"/* ", "word\n", "*/ message M {}"),
	long("lines of a comment", p3+"message M {\n", "// word\n", "string a = 1; }"),
	long("white space", p3, " \n", "message M {}"),
	long("one line", p3+"message M { reserved 1000; ", " ", "string a = 1; }"),
	long("a package", p3+"package a", ".a", "; message M { M m = 1; }"),
	nest("messages in messages", p3, "message M@ { string x = 1; ", "", "}", ""),
	nest("references from within", p3+"message X {} ", "message M@ { X x = 1; ", "", "}", ""),
	row("services", p3+"message M {}", "service S@ { rpc A (M) returns (M); }\n", "", ""),
	row("calls", p3+"message M {} service S {", "rpc A@ (M) returns (stream M);\n", "", "}"),
	row("imports that are not there", p3, `import "a@.proto";`, "", "message M {}"),
	row("types that are not there", p3+"message M {", "Unknown@ f@ = @;\n", "", "}"),
	row("names that stand twice", p3+"message M {", "string f = @;\n", "", "}"),
	row("numbers that stand twice", p3+"message M {", "string f@ = 1;\n", "", "}"),

	row("options of Confluent's and comments", p3+`import "confluent/meta.proto"; message M {`, "// what it is\n"+`string f@ = @ [(confluent.field_meta).tags = "T@"];`+"\n", "", "}"),
	row("tags of values", p3+`import "confluent/meta.proto"; enum E { Z = 0;`, `V@ = @ [(confluent.enum_value_meta).tags = "T@"];`+"\n", "", "}"),
	row("words on an option", p3+`import "confluent/meta.proto"; message M { string a = 1 [(confluent.field_meta) = {`, `params: <key: "a@" value: "b"> `, "", "}]; }"),
	row("words on options", p3+`import "confluent/meta.proto"; message M {`, `string f@ = @ [(confluent.field_meta) = { doc: "d" tags: ["a", "b"] params <key: "a" value: "b"> }];`+"\n", "", "}"),
	row("two options", p3+`import "confluent/meta.proto"; message M {`, `string f@ = @ [(confluent.field_meta).tags = "T@", (confluent.field_meta).doc = "d", deprecated = true];`+"\n", "", "}"),
	row("options of messages", p3+`import "confluent/meta.proto";`, `message M@ { option (confluent.message_meta).tags = "T@"; string f = 1; }`+"\n", "", ""),
	row("features", `edition = "2023"; message M {`, `string f@ = @ [features.field_presence = EXPLICIT];`+"\n", "", "}"),
	row("messages that are features", `edition = "2023";`, `message M@ { option features.enum_type = CLOSED; string f = 1; }`+"\n", "", ""),
	row("ranges with options", p2+"message M {", `extensions @ [declaration = { number: @ full_name: ".a@" type: "int32" }];`+"\n", "", "}"),
	row("one extension's list", p2+"message M { extensions 1", ", 1@0", "", "; }"),
	row("reserved of an enum", p3+"enum E { Z = 0; reserved 20000", ", 3@0000 to 3@0001", "", "; }"),
	row("known imports", p3+`import public "google/protobuf/any.proto"; import "google/type/money.proto"; message M {`, "google.type.Money f@ = @;\n", "", "}"),
	row("full names", p3+"package a.b.c.d.e.f; message X {} message M {", ".a.b.c.d.e.f.X f@ = @;\n", "", "}"),
	row("names that hide others", p3+"package a.b.c.d; message X {} message a {} message M {", "X f@ = @; message M@ { .a.b.c.d.X x = 1; }\n", "", "}"),
	row("messages the other way round", p3, "message M@ { string a = 1; int32 b = 2; }\n", "", "").after(back("", p3, "message M@ { int32 a = 1; string b = 2; }\n", "", "")),
	row("messages that moved", p3+"message N {", "message M@ { string a = 1; }\n", "", "}").after(row("", p3, "message M@ { string a = 1; }\n", "", "")),
	row("messages of one name", p3, "message M@ { message N { string a = 1; } N n = 1; }\n", "", "").after(row("", p3, "message L@ { message N { string a = 1; } N n = 1; }\n", "", "")),
	row("messages that are gone", p3, "message M@ { string a = 1; }\n", "", "").after(row("", p3, "message L@ { string a = 1; }\n", "", "")),
	row("fields of other numbers", p3+"message M {", "string f@ = @0;\n", "", "}").after(row("", p3+"message M {", "string f@ = @;\n", "", "}")),
	row("fields that join a oneof", p3+"message M { oneof o {", "string f@ = @;\n", "", "} }").after(row("", p3+"message M {", "string f@ = @;\n", "", "}")),
	row("oneofs that part", p3+"message M {", "oneof o@ { string f@ = @; }\n", "", "}").after(row("", p3+"message M { oneof o {", "string f@ = @;\n", "", "} }")),
	row("values of other names", p3+"enum E { Z = 0;", "V@ = @;\n", "", "} message M { E e = 1; }").after(row("", p3+"enum E { Z = 0;", "W@ = @0;\n", "", "} message M { E e = 1; }")),
	steps("rings", p3, "message M@ { M@@ a = 1; M1 b = 2; string c = 3; }\n", "", "message M@@ {}").after(steps("", p3, "message M@ { M@@ b = 2; M1 a = 1; int32 c = 3; }\n", "", "message M@@ {}")),
	row("messages in maps", p3+"message M {", "map<string, M> f@ = @;\n", "", "}").after(row("", p3+"message M {", "repeated M f@ = @;\n", "", "}")),
	long("statements of nothing", p3+"message M {", ";", "}"),
	long("a name of parts", p3+"message M { ", "a.", "b c = 1; }"),
	row("comments of many sorts", p3+"message M {\n", "/* a */ // b\n/* c */ string f@ = @; /* d */ // e\n", "", "}"),
}

// Tables for others to be among: as many as are read at once, as wide as one can
// be, and with as many keys.
var (
	someTables = family{of: func(n int) string {
		return row("", "", "CREATE TABLE t@ (a int PRIMARY KEY);\n", "", "").of(min(n, 3900))
	}}
	wideTable = family{of: func(n int) string { return row("", "CREATE TABLE w (", "c@ int", ",", ");\n").of(min(n, 1590)) }}
	manyKeys  = family{of: func(n int) string {
		return row("", "CREATE TABLE k (a int);", "ALTER TABLE k ADD UNIQUE (a);\n", "", "").of(min(n, 900))
	}}
)

// wideTables have n columns together, each of a name of its own.
func wideTables(n int, name string) string {
	var b strings.Builder
	for i := range n/1590 + 1 {
		b.WriteString(row("", fmt.Sprintf("CREATE TABLE t%d (", i+1), fmt.Sprintf("%s%d_@ int", name, i+1), ",", ");\n").of(min(n, 1590)))
	}
	return b.String()
}

// chainOf is n pieces that each lead on to the next, which is @@.
func chainOf(piece string, n int) string {
	return steps("", "", piece, "", "").of(n)
}

var ofDDL = []family{
	row("columns", "CREATE TABLE t (", "c@ varchar(200) NOT NULL DEFAULT 'none'", ", ", ");"),
	row("tables", "", "CREATE TABLE t@ (id bigint PRIMARY KEY, a text NOT NULL);\n", "", ""),
	row("columns added", "CREATE TABLE t (id int);", "ALTER TABLE t ADD c@ text;\n", "", ""),
	row("columns added and dropped", "CREATE TABLE t (id int);", "ALTER TABLE t ADD c@ text; ALTER TABLE t DROP c@;\n", "", ""),
	row("renamings", "CREATE TABLE t (a1 int);", "ALTER TABLE t RENAME a1 TO b; ALTER TABLE t RENAME b TO a1;\n", "", ""),
	row("actions of one statement", "CREATE TABLE t (id int); ALTER TABLE t ", "ALTER id SET DEFAULT @", ", ", ";"),
	row("comments", "CREATE TABLE t (a int);", "COMMENT ON COLUMN t.a IS 'what @ is';\n", "", ""),
	row("foreign keys", "CREATE TABLE a (id int PRIMARY KEY);", "CREATE TABLE t@ (a int REFERENCES a (id));\n", "", ""),
	row("unique keys", "CREATE TABLE t (a int", ", UNIQUE (a)", "", ");"),
	row("checks", "CREATE TABLE t (a int", ", CONSTRAINT c@ CHECK (a > @ AND (a < 5))", "", ");"),
	row("indexes", "CREATE TABLE t (a int);", "CREATE UNIQUE INDEX i@ ON t (a);\n", "", ""),
	row("partitions", "CREATE TABLE t (a int) PARTITION BY RANGE (a);", "CREATE TABLE p@ PARTITION OF t FOR VALUES FROM (@) TO (@0);\n", "", ""),
	row("partitions, then columns", "CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF t DEFAULT; CREATE TABLE p2 PARTITION OF t FOR VALUES IN (1);", "ALTER TABLE t ADD c@ int;\n", "", ""),
	steps("heirs of heirs", "CREATE TABLE t1 (a int);", "CREATE TABLE t@@ (b@ int) INHERITS (t@);\n", "", ""),
	row("heirs of one", "CREATE TABLE t (a int);", "CREATE TABLE t@ () INHERITS (t);\n", "", "ALTER TABLE t ADD b int;"),
	row("like", "CREATE TABLE t (a int, b text);", "CREATE TABLE t@ (LIKE t INCLUDING ALL);\n", "", ""),
	row("types", "", "CREATE TYPE t@ AS (a int, b text); CREATE TABLE u@ OF t@;\n", "", ""),
	row("parts of a type", "CREATE TYPE t AS (", "p@ int", ", ", "); CREATE TABLE u (a t);"),
	steps("types of types", "CREATE TYPE t1 AS (a int);", "CREATE TYPE t@@ AS (a t@, b t@);\n", "", "CREATE TABLE u (a t@@);"),
	row("domains", "", "CREATE DOMAIN d@ AS text CHECK (VALUE <> '@'); CREATE TABLE t@ (a d@);\n", "", ""),
	row("values of an enum", "CREATE TYPE e AS ENUM (", "'v@'", ", ", "); CREATE TABLE t (a e);"),
	row("schemas", "", "CREATE SCHEMA s@; CREATE TABLE s@.t (a int); ALTER SCHEMA s@ RENAME TO r@;\n", "", ""),
	row("search paths", "CREATE TABLE t (a int);", "SET search_path TO s@, public; ALTER TABLE t ADD IF NOT EXISTS a int;\n", "", ""),
	row("schemas in the search path", "SET search_path TO ", "s@", ", ", ", public; CREATE TABLE public.t (a int); ALTER TABLE t ADD b int; COMMENT ON TABLE t IS 'x';"),
	row("drops", "", "CREATE TABLE t@ (a int); DROP TABLE t@;\n", "", ""),
	row("tables of one drop", "DROP TABLE IF EXISTS ", "t@", ", ", " CASCADE;"),
	row("rows", "CREATE TABLE t (a int, b text); INSERT INTO t VALUES ", "(@, 'value @')", ", ", ";"),
	row("rows that are copied", "CREATE TABLE t (a int, b text); COPY t FROM stdin;\n", "@\tvalue\n", "", "\\.\n"),
	row("functions", "", "CREATE FUNCTION f@() RETURNS int LANGUAGE sql AS $$ SELECT @; $$;\n", "", ""),
	row("blocks", "", "DO $$ BEGIN EXECUTE 'x'; END $$;\n", "", ""),
	long("a text", "COMMENT ON TABLE t IS '", "word ", "';"),
	long("a text in dollars", "SELECT $a$", "$$ word ", "$a$;"),
	long("dollars", "SELECT ", "$a", ";"),
	long("a text with escapes", "SELECT E'", `\u00e4\n`, "';"),
	long("lines of comments", "", "-- word\n", "SELECT 1;"),
	nest("comments", "", "/* ", "x", " */", "SELECT 1;"),
	long("comments that do not end", "", "/* ", ""),
	nest("brackets", "CREATE TABLE t (a int CHECK ", "(", "a", ")", ");"),
	nest("brackets of a type", "CREATE TABLE t (a int", "[", "1", "]", ");"),
	long("a name", `CREATE TABLE "`, "name", `" (a int);`),
	long("a default", "CREATE TABLE t (a int DEFAULT 1 ", "+ 1 ", ");"),
	long("statements of nothing", "", ";", ""),
	row("statements that are not known", "", "FROBNICATE @;\n", "", ""),
	row("mistakes", "", "CREATE TABLE t@ (a int,,);\n", "", ""),
	row("tables that are not there", "CREATE TABLE customers (a int);", "ALTER TABLE customer@ ADD b int;\n", "", ""),
	row("columns that are not there", "CREATE TABLE t (customer int);", "ALTER TABLE t DROP custome@;\n", "", ""),
	row("what is there already", "CREATE TABLE t (a int);", "CREATE TABLE t (a int);\n", "", ""),
	row("names cut to one", "CREATE TABLE "+strings.Repeat("t", 60)+" (a int", ", UNIQUE (a), UNIQUE (a)", "", ");"),
	then("renamings among many tables", someTables, row("", "", "ALTER TABLE t1 RENAME a TO b; ALTER TABLE t1 RENAME b TO a;\n", "", "")),
	then("tables renamed among many", someTables, row("", "", "ALTER TABLE t1 RENAME TO u; ALTER TABLE u RENAME TO t1;\n", "", "")),
	then("columns added among many tables", someTables, row("", "", "ALTER TABLE t1 ADD c@ int; ALTER TABLE t1 DROP c@;\n", "", "")),
	then("types changed among many tables", someTables, row("", "", "ALTER TABLE t1 ALTER a TYPE bigint; ALTER TABLE t1 ALTER a TYPE int;\n", "", "")),
	then("tables made and dropped among many", someTables, row("", "", "CREATE TABLE u (a int); DROP TABLE u;\n", "", "")),
	then("columns dropped of a wide table", wideTable, row("", "", "ALTER TABLE w ADD d@ int; ALTER TABLE w DROP d@;\n", "", "")),
	then("columns changed of a wide table", wideTable, row("", "", "ALTER TABLE w ALTER c1500 DROP NOT NULL; ALTER TABLE w ALTER c1500 SET NOT NULL;\n", "", "")),
	then("comments on a wide table", wideTable, row("", "", "COMMENT ON COLUMN w.c1500 IS '@';\n", "", "")),
	then("keys dropped of many", manyKeys, row("", "", "ALTER TABLE k ADD CONSTRAINT x UNIQUE (a); ALTER TABLE k DROP CONSTRAINT x;\n", "", "")),
	{name: "tables with many keys", of: func(n int) string {
		var b strings.Builder
		for i := range n / 900 {
			b.WriteString(strings.ReplaceAll(manyKeys.of(n), "TABLE k", fmt.Sprintf("TABLE k%d", i)))
		}
		return b.String()
	}},
	row("partitions of partitions, then columns", "CREATE TABLE p1 (a int) PARTITION BY LIST (a);"+chainOf("CREATE TABLE p@@ PARTITION OF p@ DEFAULT PARTITION BY LIST (a);\n", 2000), "ALTER TABLE p1 ADD c@ int; ALTER TABLE p1 DROP c@;\n", "", ""),
	then("types renamed among many tables", someTables, row("", "CREATE TYPE e1 AS ENUM ('a');", "ALTER TYPE e1 RENAME TO e2; ALTER TYPE e2 RENAME TO e1;\n", "", "")),
	then("indexes renamed among many tables", someTables, row("", "", "ALTER INDEX i1 RENAME TO i2; ALTER INDEX i2 RENAME TO i1;\n", "", "")),
	then("references renamed", someTables, row("", "CREATE TABLE r (a int REFERENCES t1, b int REFERENCES t2);", "ALTER TABLE t1 RENAME TO u; ALTER TABLE u RENAME TO t1;\n", "", "")),
	row("parents of one table", "CREATE TABLE p (a int); CREATE TABLE t (a int);", "ALTER TABLE t INHERIT p;\n", "", "ALTER TABLE p ADD b int;"),
	both("columns of a key", "CREATE TABLE t (", "c@ int", ", PRIMARY KEY (", "c@", "));"),

	then("a path of many schemas, walked", row("", "SET search_path TO ", "s@", ", ", ";").atMost(30_000), row("", "", "ALTER TABLE t ADD b int;\n", "", "")),
	then("a path of many schemas, for types", row("", "SET search_path TO ", "s@", ", ", ";").atMost(30_000), row("", "CREATE TABLE public.t (", "c@ x", ", ", ");").atMost(1600)),
	row("schemas in one another", "", "CREATE SCHEMA s@\n", "", ";"),
	then("schemas dropped among many types", row("", "", "CREATE TYPE t@ AS (a int);\n", "", "").atMost(60_000), row("", "", "DROP SCHEMA s@;\n", "", "")),
	then("schemas renamed among many types", row("", "", "CREATE TYPE t@ AS (a int);\n", "", "").atMost(60_000), row("", "", "ALTER SCHEMA s@ RENAME TO r;\n", "", "")),
	then("schemas dropped among many views", row("", "", "CREATE VIEW v@ AS SELECT 1;\n", "", "").atMost(60_000), row("", "", "DROP SCHEMA s@;\n", "", "")),
	then("like a wide table", row("", "CREATE TABLE w (", longName+"@ int", ",", ");\n").atMost(1590), row("", "", "CREATE TABLE t@ (LIKE w);\n", "", "")),
	then("partitions of a wide table", row("", "CREATE TABLE w (", longName+"@ int", ",", ") PARTITION BY LIST (a);\n").atMost(1590), row("", "", "CREATE TABLE t@ PARTITION OF w DEFAULT;\n", "", "")),
	then("heirs of a wide table", row("", "CREATE TABLE w (", longName+"@ int", ",", ");\n").atMost(1590), row("", "", "CREATE TABLE t@ (a int) INHERITS (w);\n", "", "")),
	{name: "wide tables", of: func(n int) string { return wideTables(n, longName) }},
	{name: "an heir of many wide tables", of: func(n int) string {
		return wideTables(n, "c") + row("", "CREATE TABLE u () INHERITS (", "t@", ",", ");").of(n/1590+1)
	}},
	then("refinements of a wide type", row("", "CREATE TYPE w AS (", longName+"@ int", ",", ");\n").atMost(1590), row("", "CREATE TABLE t OF w (", longName+"1590 WITH OPTIONS NOT NULL", ", ", ");\n")),
	{name: "keys of pairs", of: func(n int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "CREATE TABLE t (%s", row("", "", "c@ int", ",", "").of(200))
		for i := range n {
			fmt.Fprintf(&b, ", UNIQUE (c%d, c%d)", i/200%200+1, i%200+1)
		}
		return b.String() + ");"
	}},
	row("columns of a key of a query's table", "CREATE TABLE t AS SELECT 1; ALTER TABLE t ADD UNIQUE (", "c@", ", ", ");"),
	row("columns of a foreign key", "CREATE TABLE t AS SELECT 1; ALTER TABLE t ADD FOREIGN KEY (", "c@", ", ", ") REFERENCES t;"),
	row("columns of an index", "CREATE TABLE t AS SELECT 1; CREATE UNIQUE INDEX i ON t (", "c@", ", ", "); ALTER TABLE t ADD UNIQUE USING INDEX i;"),
	row("actions that add and drop", "CREATE TABLE t (id int); ALTER TABLE t ", "ADD c@ text, DROP c@", ", ", ";"),
	row("statements that add and drop much", "CREATE TABLE t (id int);", "ALTER TABLE t ADD c@ text, ADD d@ int, DROP c@, DROP d@;\n", "", ""),
	then("columns renamed of a wide table", wideTable, row("", "", "ALTER TABLE w RENAME c1500 TO d; ALTER TABLE w RENAME d TO c1500;\n", "", "")),
	{name: "columns that had other names", of: func(n int) string {
		var b strings.Builder
		b.WriteString(wideTable.of(n))
		for i := range n {
			fmt.Fprintf(&b, "ALTER TABLE w RENAME c%[1]d TO d%[2]d; ALTER TABLE w RENAME d%[2]d TO c%[1]d;\n", i%min(n, 1590)+1, i)
		}
		return b.String()
	}},
	{name: "columns of all names", of: func(n int) string {
		var b strings.Builder
		b.WriteString(wideTable.of(n))
		for i := range n {
			k := i%min(n, 1590) + 1
			fmt.Fprintf(&b, "ALTER TABLE w RENAME %s TO d%d_%d;\n", map[bool]string{true: fmt.Sprintf("c%d", k), false: fmt.Sprintf("d%d_%d", k, i/1590-1)}[i < 1590], k, i/1590)
		}
		return b.String()
	}},
	then("types dropped among many tables", someTables, row("", "", "CREATE TYPE e@ AS ENUM ('a'); DROP TYPE e@ CASCADE;\n", "", "")),
	then("references dropped", someTables, row("", "", "ALTER TABLE t1 ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES t2; ALTER TABLE t1 DROP CONSTRAINT f;\n", "", "")),
	then("tables dropped that many lead to", someTables, row("", "", "CREATE TABLE r (a int PRIMARY KEY); ALTER TABLE t1 ADD FOREIGN KEY (a) REFERENCES r; DROP TABLE r;\n", "", "")),
	row("inherited and not", "CREATE TABLE p (a int); CREATE TABLE t (a int);", "ALTER TABLE t INHERIT p; ALTER TABLE t NO INHERIT p;\n", "", ""),
	row("attached and not", "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE t (a int);", "ALTER TABLE p ATTACH PARTITION t DEFAULT; ALTER TABLE p DETACH PARTITION t;\n", "", ""),
	row("names of keys", "CREATE TABLE "+longName+" (a int);", "ALTER TABLE "+longName+" ADD UNIQUE (a), DROP CONSTRAINT "+longName+"_a_key;\n", "", ""),
	row("temporary tables", "", "CREATE TEMP TABLE t@ (a int); ALTER TABLE t@ RENAME TO u@; DROP TABLE u@;\n", "", ""),
	row("tables of queries", "", "CREATE TABLE t AS SELECT @; DROP TABLE t;\n", "", ""),
	row("bodies that are not quoted", "", "CREATE FUNCTION f@() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;\n", "", ""),
	long("texts beside one another", "COMMENT ON TABLE t IS ", "'a'\n", ";"),
	long("a text of codes", "SELECT U&'", `\0041`, "';"),
	long("a text of octals", "SELECT E'", `\101`, "';"),
	long("tags of dollars", "SELECT ", "$a$ $b$ $a$ ", ";"),
	row("tags of dollars that do not end", "SELECT ", "$a@$ ", "", ";"),
	long("quotes in a text", "SELECT '", "''", "';"),
	long("marks of the order of bytes", "", "\uFEFF", "SELECT 1;"),
	long("commands of psql", "", "\\c a\n", "SELECT 1;"),
	long("slashes", "SELECT ", "/ ", ";"),
	long("parts of a name", "ALTER TABLE ", "a.", "a ADD b int;"),
	long("arrays", "CREATE TABLE t (a int ", "ARRAY ", ");"),
	long("one line of statements", "CREATE TABLE t (a int);", "ALTER TABLE t ALTER a TYPE bigint; ALTER TABLE t ALTER a TYPE int;", ""),
	long("capitals", "CREATE TABLE T (A INT);", "ALTER TABLE T ALTER COLUMN A SET DEFAULT 1;\n", ""),
	long("numbers", "SELECT ", "1.2e3 ", ";"),
	long("letters of all the world", "SELECT ", "größe ", ";"),
}

// Files of migrations are told apart by the names they have here.
var ofMigrations = map[string][]family{
	"changelog.xml": {
		row("change sets", "<databaseChangeLog>", `<changeSet id="@" author="a"><createTable tableName="t@"><column name="a" type="int"/></createTable></changeSet>`, "", "</databaseChangeLog>"),
		row("columns", `<databaseChangeLog><changeSet id="1" author="a"><createTable tableName="t">`, `<column name="c@" type="varchar(10)" remarks="what @ is"><constraints nullable="false"/></column>`, "", "</createTable></changeSet></databaseChangeLog>"),
		row("columns added", `<databaseChangeLog><changeSet id="1" author="a"><createTable tableName="t"/><addColumn tableName="t">`, `<column name="c@" type="int" remarks="what @ is"/>`, "", "</addColumn></changeSet></databaseChangeLog>"),
		row("conditions", `<databaseChangeLog><changeSet id="1" author="a"><preConditions>`, `<not><tableExists tableName="t@"/></not>`, "", "</preConditions></changeSet></databaseChangeLog>"),
		row("properties", "<databaseChangeLog>", `<property name="p@" value="${p1}${p2}"/>`, "", `<changeSet id="1" author="a"><sql>SELECT ${p1}</sql></changeSet></databaseChangeLog>`),
		row("scripts", "<databaseChangeLog>", `<changeSet id="@" author="a"><sql>CREATE TABLE t@ (a int)</sql></changeSet>`, "", "</databaseChangeLog>"),
		row("attributes", "<databaseChangeLog ", `a@="b"`, " ", "/>"),
		nest("elements", "", "<a>", "", "</a>", ""),
		long("text in parts", "<databaseChangeLog>", "<![CDATA[word]]>", "</databaseChangeLog>"),
		long("entities", "<databaseChangeLog>", "&amp;", "</databaseChangeLog>"),
		long("a comment", "<databaseChangeLog><!-- ", "word ", "--></databaseChangeLog>"),
		row("includes", "<databaseChangeLog>", `<include file="a@.xml"/>`, "", "</databaseChangeLog>"),
		row("includes of itself", "<databaseChangeLog>", `<include file="changelog.xml"/>`, "", "</databaseChangeLog>"),
		beside("includes among many files", row("", "<databaseChangeLog>", `<include file="b@.xml"/>`, "", "</databaseChangeLog>"), "a@.xml\n", 9_000),
		beside("includes of many files", row("", "<databaseChangeLog>", `<include file="a@.xml"/>`, "", "</databaseChangeLog>"), "d/a@.xml\n<databaseChangeLog/>", 9_000),
		beside("folders among many files", row("", "<databaseChangeLog>", `<includeAll path="d@"/>`, "", "</databaseChangeLog>"), "d/a@.xml\n<databaseChangeLog/>", 9_000),
		beside("scripts among many files", row("", "<databaseChangeLog>", `<changeSet id="@" author="a"><sqlFile path="b@.sql"/></changeSet>`, "", "</databaseChangeLog>"), "d/a@.sql\n", 9_000),
		{name: "a script again and again", of: func(n int) string {
			return "<databaseChangeLog>" + row("", "", `<changeSet id="@" author="a"><sqlFile path="a.sql"/></changeSet>`, "", "").of(min(n, 1000)) + "</databaseChangeLog>" +
				nextFile + "a.sql\n" + row("", "INSERT INTO t VALUES ", "(@, 'value')", ",", ";").of(n)
		}},
		{name: "a property again and again", of: func(n int) string {
			return `<databaseChangeLog><property name="p" value="` + row("", "", "a, ", "", "").of(min(n, 1000)) + `"/>` +
				row("", `<changeSet id="1" author="a"><sql>SELECT `, "${p}", "", `</sql></changeSet></databaseChangeLog>`).of(n)
		}},
		row("columns with constraints", `<databaseChangeLog><changeSet id="1" author="a"><createTable>`, `<column name="c@" type="int"><constraints unique="true" uniqueConstraintName="u@" references="t(a)" foreignKeyName="f@"/></column>`, "", "</createTable></changeSet></databaseChangeLog>"),
		row("changes of a change set", `<databaseChangeLog><changeSet id="1" author="a">`, `<addColumn tableName="t"><column name="c@" type="int"/></addColumn><dropColumn tableName="t" columnName="c@"/>`, "", "</changeSet></databaseChangeLog>"),
		row("rollbacks", `<databaseChangeLog><changeSet id="1" author="a">`, `<rollback><dropTable tableName="t@"/></rollback>`, "", "</changeSet></databaseChangeLog>"),
		row("names in a list", `<databaseChangeLog><changeSet id="1" author="a"><addUniqueConstraint tableName="t" columnNames="`, "c@", ",", `"/></changeSet></databaseChangeLog>`),
		row("names of spaces", `<databaseChangeLog><changeSet id="1" author="a">`, "<xmlns:a@ xmlns:b@='c'/>", "", `</changeSet></databaseChangeLog>`),
		long("a long type", `<databaseChangeLog><changeSet id="1" author="a"><createTable tableName="t"><column name="a" type="`, "a a", `"/></createTable></changeSet></databaseChangeLog>`),
		row("types", `<databaseChangeLog><changeSet id="1" author="a">`, `<modifyDataType tableName="t" columnName="c" newDataType="varchar2(@)"/>`, "", `</changeSet></databaseChangeLog>`),
		long("a delimiter", `<databaseChangeLog><changeSet id="1" author="a"><sql endDelimiter="go">`, "SELECT 1\ngo\n", `</sql></changeSet></databaseChangeLog>`),
		nest("conditions in one another", `<databaseChangeLog><changeSet id="1" author="a"><preConditions onFail="MARK_RAN">`, "<not>", "", "</not>", "</preConditions></changeSet></databaseChangeLog>"),
		{name: "conditions on a wide table", of: func(n int) string {
			return `<databaseChangeLog><changeSet id="1" author="a"><sql>` + wideTable.of(n) + "</sql></changeSet>" +
				row("", "", `<changeSet id="@" author="a"><preConditions onFail="MARK_RAN"><columnExists tableName="w" columnName="d@"/></preConditions></changeSet>`, "", "</databaseChangeLog>").of(n)
		}},
		row("conditions on what is not there", `<databaseChangeLog>`, `<changeSet id="@" author="a"><preConditions onFail="MARK_RAN"><columnExists tableName="w@" columnName="d@"/></preConditions></changeSet>`, "", "</databaseChangeLog>"),
		row("databases", `<databaseChangeLog><changeSet id="1" author="a" dbms="`, "d@", ",", `"><sql>SELECT 1</sql></changeSet></databaseChangeLog>`),
		long("instructions", "<databaseChangeLog>", "<?a b?>", "</databaseChangeLog>"),
		long("signs by number", "<databaseChangeLog>", "&#65;", "</databaseChangeLog>"),
		nest("a document type", "<!DOCTYPE a ", "[", "", "]", "><databaseChangeLog/>"),
	},
	"changelog.yaml": {
		row("change sets", "databaseChangeLog:\n", "- changeSet:\n    id: @\n    changes:\n    - createTable:\n        tableName: t@\n        columns:\n        - column: {name: a, type: int}\n", "", ""),
		row("a list on a line", "databaseChangeLog: [", "{a: @}", ", ", "]"),
		nest("lists", "databaseChangeLog: ", "[", "", "]", ""),
		nest("lists by lines", "databaseChangeLog:\n", "- ", "a", "", ""),
		long("a text by lines", "databaseChangeLog: |\n", "  word\n", ""),
		long("a text in quotes", `databaseChangeLog: "`, `word \n`, `"`),
		row("keys", "", "k@: v\n", "", ""),
		row("anchors", "", "k@: &a@ v\n", "", ""),
		long("comments", "databaseChangeLog: a\n", "# word\n", ""),
		long("comments on one line", "databaseChangeLog: a", " # word", "\n"),
		long("empty lines", "databaseChangeLog:\n", "\n", "- a: b\n"),
		long("white space", "databaseChangeLog:", " ", "a\n"),
		long("tabs", "databaseChangeLog:\n", "\t", "a\n"),
		long("a plain text", "databaseChangeLog: ", "word ", "\n"),
		long("a plain text by lines", "databaseChangeLog:\n", "  word\n", ""),
		long("a folded text", "databaseChangeLog: >\n", "  word\n\n", ""),
		long("a text of quotes", "databaseChangeLog: '", "''", "'\n"),
		long("a text of codes", `databaseChangeLog: "`, `\u0041\x41`, `"`),
		long("a text that does not end", `databaseChangeLog: "`, "word ", ""),
		long("quotes that do not end", `databaseChangeLog: `, `" '`, ""),
		long("a long key", "", "word", ": a\n"),
		row("keys on a line", "databaseChangeLog: {", "a@: b", ", ", "}"),
		long("dashes", "databaseChangeLog:\n", "- ", "\n"),
		long("colons", "databaseChangeLog: ", ": ", "\n"),
		long("question marks", "databaseChangeLog:\n", "? ", "\n"),
		long("tags", "databaseChangeLog: ", "!a ", "\n"),
		long("tags by lines", "databaseChangeLog:\n", "- !!str a\n", ""),
		long("directives", "", "%YAML 1.2\n", "---\ndatabaseChangeLog: a\n"),
		long("documents", "", "---\ndatabaseChangeLog: a\n", ""),
		long("ends of documents", "databaseChangeLog: a\n", "...\n", ""),
		long("lines of windows", "databaseChangeLog:\r\n", "- a: b\r\n", ""),
		long("aliases", "a: &a b\n", "c: *a\n", ""),
		long("merges", "a: &a {b: c}\n", "- <<: *a\n", ""),
		nest("maps in one another", "databaseChangeLog: ", "{a: ", "b", "}", ""),
		{name: "deeper and deeper", of: func(n int) string {
			var b strings.Builder
			for i := range min(n, 2000) {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			return b.String()
		}},
		row("columns", "databaseChangeLog:\n- changeSet:\n    id: 1\n    changes:\n    - createTable:\n        tableName: t\n        columns:\n", "        - column: {name: c@, type: int, constraints: {nullable: false}}\n", "", ""),
		row("texts in changes", "databaseChangeLog:\n", "- changeSet:\n    id: @\n    changes:\n    - sql: |\n        CREATE TABLE t@ (\n          a int\n        );\n", "", ""),
		long("letters of all the world", "databaseChangeLog: ", "größe ", "\n"),
	},
	"changelog.json": {
		row("change sets", `{"databaseChangeLog":[`, `{"changeSet":{"id":"@","changes":[{"createTable":{"tableName":"t@","columns":[{"column":{"name":"a","type":"int"}}]}}]}}`, ",", `]}`),
		nest("objects", "", `{"a":`, `1`, `}`, ""),
		nest("lists", "", "[", "", "]", ""),
		row("columns", `{"databaseChangeLog":[{"changeSet":{"id":"1","changes":[{"createTable":{"columns":[`, `{"column":{"name":"c@","type":"int","constraints":{"unique":true}}}`, ",", `],"tableName":"t"}}]}}]}`),
		row("changes", `{"databaseChangeLog":[{"changeSet":{"id":"1","changes":[`, `{"addColumn":{"columns":[{"column":{"name":"c@","type":"int"}}],"tableName":"t"}}`, ",", `]}}]}`),
		row("members", `{"databaseChangeLog":[{"changeSet":{`, `"a@":1`, ",", `}}]}`),
		long("a text of codes", `{"databaseChangeLog":"`, `\u0041`, `"}`),
		long("numbers", `{"databaseChangeLog":[`, `1.5e3,`, `1]}`),
		long("white space", `{"databaseChangeLog":`, "\n ", `[]}`),
	},
	"changelog.sql": {
		row("change sets", "--liquibase formatted sql\n", "--changeset a:@\nCREATE TABLE t@ (a int);\n", "", ""),
		row("contexts", "--liquibase formatted sql\n--changeset a:1 context:\"", "(a@ or b@) and !c@", " or ", "\"\nSELECT 1;\n"),
		nest("contexts in brackets", "--liquibase formatted sql\n--changeset a:1 context:\"", "!(", "a", ")", "\"\nSELECT 1;\n"),
		row("options of a change set", "--liquibase formatted sql\n", "--changeset a:@ "+strings.Repeat("a:b ", 200)+"\nSELECT 1;\n", "", ""),
		row("options in quotes", "--liquibase formatted sql\n", "--changeset a:@ "+strings.Repeat(`a:"`, 200)+"\nSELECT 1;\n", "", ""),
		long("a long option", "--liquibase formatted sql\n--changeset a:1 ", "word", "\nSELECT 1;\n"),
		long("dashes", "--liquibase formatted sql\n", "-- \n", "SELECT 1;\n"),
		long("white space", "--liquibase formatted sql\n", " ", "SELECT 1;\n"),
		row("rollbacks", "--liquibase formatted sql\n", "--changeset a:@\nCREATE TABLE t@ (a int);\n--rollback DROP TABLE t@;\n", "", ""),
		row("delimiters", "--liquibase formatted sql\n", "--changeset a:@ endDelimiter:go\nSELECT @\ngo\n", "", ""),
		row("contexts of change sets", "--liquibase formatted sql\n", "--changeset a:@ context:\""+strings.Repeat("(a or b) and ", 100)+"c\"\nSELECT 1;\n", "", ""),
	},
	"1_goose.sql": {
		row("statements", "-- +goose Up\n", "-- +goose StatementBegin\nCREATE TABLE t@ (a int);\n-- +goose StatementEnd\n", "", ""),
		row("turns", "", "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n", "", ""),
		long("marks", "-- +goose Up\n", "-- +goose "+strings.Repeat("a ", 100)+"\n", ""),
		long("white space", "-- +goose Up\n", " ", "\n"),
		long("lines", "-- +goose Up\n", "SELECT 1\n", ""),
		row("values", "-- +goose Up\n-- +goose ENVSUB ON\n", "SELECT ${a@};\n", "", ""),
		long("marks on a line", "-- +goose Up\n", "-- +goose ", "\n"),
	},
	"V1__flyway.sql": {
		row("placeholders", "", "SELECT ${flyway:timestamp} AS a@, ${user@};\n", "", ""),
		nest("placeholders in one another", "SELECT ", "${", "a", "}", ";"),
		row("placeholders on one line", "SELECT ", "${a@} ", "", ";\n"),
		long("a placeholder on one line", "SELECT ", "${a} ", ";\n"),
		long("a placeholder with a value", "SELECT ", "${flyway:timestamp} ", ";\n"),
		long("dollars and braces", "SELECT ", "${", ";\n"),
	},
	"validators.json": {
		row("collections", "{", `"c@":{"$jsonSchema":{"bsonType":"object","properties":{"a":{"bsonType":"string"}}}}`, ",", "}"),
		both("required fields", `{"c":{"$jsonSchema":{"properties":{`, `"f@":{"bsonType":["string","null"],"description":"what @ is"}`, `},"required":[`, `"f@"`, `]}}}`),
		nest("fields in fields", `{"c":{"$jsonSchema":`, `{"properties":{"a":`, `{"bsonType":"int"}`, `}}`, `}}`),
		row("commands", "[", `{"create":"c@","validator":{"$jsonSchema":{"properties":{"a":{}}}}},{"collMod":"c@","validator":{"$jsonSchema":{"properties":{"b":{}}}}}`, ",", "]"),
		{name: "fields said anew", of: func(n int) string {
			fields := func(name, kind string) string {
				return row("", `{"`+name+`":"c","validator":{"$jsonSchema":{"properties":{`, `"f@":{"bsonType":"`+kind+`"}`, ",", `}}}}`).of(n)
			}
			return "[" + fields("create", "int") + "," + fields("collMod", "long") + "," + fields("collMod", "string") + "]"
		}},
		row("types of a field", `{"c":{"$jsonSchema":{"properties":{"a":{"bsonType":[`, `"t@"`, ",", "]}}}}}"),
		row("members of a field", `{"c":{"$jsonSchema":{"properties":{"a":{`, `"m@":1`, ",", `}}}}}`),
		row("fields of an array", `{"c":{"$jsonSchema":{"properties":{"a":{"items":{"properties":{`, `"f@":{"bsonType":"int"}`, ",", `}}}}}}}`),
		{name: "fields in fields, and wide", of: func(n int) string {
			fields := row("", `{"properties":{`, `"f@":{"bsonType":["int","null"]}`, ",", "").of(min(n, 1000))
			return `{"c":{"$jsonSchema":` + strings.Repeat(fields+`,"a":`, min(80, n/1000+1)) + "{}" + strings.Repeat("}}", min(80, n/1000+1)) + "}}"
		}},
		{name: "a wide collection said anew", of: func(n int) string {
			fields := row("", `"validator":{"$jsonSchema":{"properties":{`, `"f@":{"bsonType":"int"}`, ",", `}}}`).of(min(n, 1000))
			return "[" + strings.Repeat(`{"collMod":"c",`+fields+"},", n/1000) + `{"create":"c",` + fields + "}]"
		}},
		{name: "other fields said anew", of: func(n int) string {
			var b strings.Builder
			b.WriteString("[")
			for i := range n/1000 + 1 {
				b.WriteString(row("", `{"create":"c","validator":{"$jsonSchema":{"properties":{`, fmt.Sprintf(`"f%d_@":{"bsonType":"int"}`, i), ",", `}}}},`).of(min(n, 1000)))
			}
			return strings.ReplaceAll(b.String(), `"create"`, `"collMod"`) + "{}]"
		}},
	},
	"validators.js": {
		row("calls", "", `db.createCollection("c@", {validator: {$jsonSchema: {properties: {a: {bsonType: "int"}}}}});`+"\n", "", ""),
		nest("calls in calls", "", `db.createCollection("c", `, `1`, `)`, ""),
		nest("objects", `db.createCollection("c", `, `{a: `, `1`, `}`, `)`),
		long("a text", "db.createCollection(\"c\", {a: `", "word ", "`})"),
		long("a comment", "/*", "word ", "*/ db.a.drop()"),
		row("renamings", `db.createCollection("c1");`, `db.c1.renameCollection("c2"); db.c2.renameCollection("c1");`, "", ""),
		long("a call that does not end", `db.createCollection("c", {`, `a: [1, `, ``),
		long("words", "", "db ", ""),
		long("dots", "", "db.", ""),
		long("collections", "", `db.getCollection("`, ""),
		long("collections in quotes", "", `db.collection("a" ) `, ""),
		long("white space", "db", " ", ".a.drop()"),
		long("ups and downs", "", "up down ", ""),
		long("a long name", "db.", "word", ".drop()"),
		long("a text of escapes", `db.createCollection("c", {a: "`, `\n`, `"})`),
		row("drops", "", `db.c@.drop();`, "", ""),
		row("fields", `db.createCollection("c", {validator: {$jsonSchema: {properties: {`, `f@: {bsonType: "int"}`, ", ", "}}}});"),
		long("lines of comments", "", "// db.a.drop()\n", ""),
		long("what stands for values", `db.createCollection("c", {a: `, `f(`, `})`),
		row("collections of lists", "", `db.createCollection("c@", {validator: {$jsonSchema: {properties: {a: {enum: [1, 2, 3, "x"]}}}}});`+"\n", "", ""),
		row("schemas that are no schemas", "", `db.createCollection("c@", {validator: {a: {$gt: 1}}}); db.c@.drop();`+"\n", "", ""),
	},
}

var ofManifests = []family{
	row("groups", "schemas:\n", "- {files: 'a@/*.avsc', subject: 'a@-{name}'}\n", "", ""),
	row("files of a group", "schemas:\n- subject: '{name}'\n  files:\n", "  - a@/**/*.avsc\n", "", ""),
	row("references", "schemas:\n- subject: '{name}'\n  files: a\n  references:\n", "  - {name: n@, subject: s@}\n", "", ""),
	long("a pattern", "schemas:\n- {subject: '{name}', files: '", "**/{a,b}*", "'}\n"),
	nest("choices of a pattern", "schemas:\n- {subject: '{name}', files: '", "{a,", "b", "}", "'}\n"),
	long("a subject", "schemas:\n- {files: a, subject: '", "{nam}", "'}\n"),
	row("unknown keys", "", "schemos@: 1\n", "", ""),
	nest("lists", "schemas: ", "[", "", "]", ""),
	nest("lists by lines", "schemas:\n", "- ", "a", "", ""),
	row("on one line", "schemas: [", "{files: a@, subject: b}", ", ", "]"),
	row("documents", "", "---\na: @\n", "", ""),
	row("anchors", "", "k@: &a@ v\n", "", ""),
	long("a text", "owner: '", "word ", "'\n"),
	long("levels", "level: '", "BACKWARD", "'\n"),
	long("comments", "owner: a\n", "# word\n", ""),
	long("empty lines", "owner: a\n", "\n", ""),
	long("a folded text", "owner: >\n", "  word\n\n", ""),
	long("colons", "owner: ", ": ", "\n"),
	long("tags", "owner: ", "!a ", "\n"),
	long("a long key", "", "word", ": a\n"),
	row("keys on a line", "{", "a@: b", ", ", "}"),
}
