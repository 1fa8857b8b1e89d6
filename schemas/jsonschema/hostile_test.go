package jsonschema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// nested is a schema within a schema within a schema.
func nested(depth int) string {
	return strings.Repeat(`{"properties":{"a":`, depth) + `{}` + strings.Repeat(`}}`, depth)
}

// chain is n definitions of which each uses the next one as body says.
func chain(n int, body string) string {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/definitions/d0","definitions":{`)
	for i := range n {
		fmt.Fprintf(&b, `"d%d":%s,`, i, strings.ReplaceAll(body, "NEXT", fmt.Sprintf(`{"$ref":"#/definitions/d%d"}`, i+1)))
	}
	fmt.Fprintf(&b, `"d%d":{"type":"string"}}}`, n)
	return b.String()
}

// many writes an item n times, with its number.
func many(n int, item string) string {
	out := make([]string, n)
	for i := range out {
		out[i] = strings.ReplaceAll(item, "N", fmt.Sprint(i))
	}
	return strings.Join(out, ",")
}

// dynamic is a schema with n references that any of two anchors may be meant by.
func dynamic(n int) string {
	return `{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"a":{"$dynamicAnchor":"x"},"b":{"$dynamicAnchor":"x"}},"anyOf":[` + many(n, `{"title":"N","$dynamicRef":"#x"}`) + `]}`
}

// backwards are n properties, the last one first, that each ask for the next.
func backwards(n int) string {
	out := make([]string, n)
	for i := range out {
		out[n-1-i] = fmt.Sprintf(`"p%d":["p%d"]`, 1_000_000+i, 1_000_001+i)
	}
	return strings.Join(out, ",")
}

// all are properties that lead to twelve definitions.
var all = many(12, `"pN":{"$ref":"#/definitions/dN"}`)

// hostile are schemas that are made to take long, and what becomes of each:
// refused when it is read, too large to compare, or compared.
var hostile = []struct{ name, text, want string }{
	{"3,000 nested schemas", nested(3000), "refused"},
	{"3,000 nested arrays", strings.Repeat("[", 3000), "refused"},
	{"10 MB of text", `{"title":"` + strings.Repeat("x", 10<<20) + `"}`, "refused"},
	{"10 MB of members", `{"properties":{` + many(400_000, `"pN":{"type":"string"}`) + `}}`, "refused"},
	{"1 MB of members", `{"properties":{` + many(25_000, `"pN":{"type":"string"}`) + `}}`, "refused"},
	{"definitions that double with each level", chain(60, `{"properties":{"a":NEXT,"b":NEXT}}`), "refused"},
	{"branches that double with each level", chain(60, `{"anyOf":[NEXT,NEXT]}`), "too large"},
	{"one of branches that double", chain(60, `{"oneOf":[NEXT,{"not":NEXT}]}`), "too large"},
	{"a long chain of references", chain(15_000, `NEXT`), "too large"},
	{"a long chain of allOf", chain(10_000, `{"allOf":[NEXT]}`), "too large"},
	{"a long chain of allOf in every property", strings.Replace(chain(5_000, `{"allOf":[NEXT]}`), `"$ref":"#/definitions/d0"`, `"properties":{`+many(5_000, `"pN":{"$ref":"#/definitions/d0"}`)+`}`, 1), "refused"},
	{"a long chain in every branch", strings.Replace(chain(5_000, `{"allOf":[NEXT]}`), `"$ref":"#/definitions/d0"`, `"properties":{"a":{"anyOf":[`+many(5_000, `{"title":"N","$ref":"#/definitions/d0"}`)+`]}}`, 1), "refused"},
	{"a long name around 5,000 schemas", `{"properties":{"` + strings.Repeat("x", 200_000) + `":{"properties":{` + many(5000, `"pN":{}`) + `}}}}`, "refused"},
	{"a long name around 5,000 schemas, denied", `{"not":{"properties":{"` + strings.Repeat("x", 200_000) + `":{"properties":{` + many(5000, `"pN":{"type":"string"}`) + `}}}}}`, "refused"},
	{"names that are long together", `{"not":{"properties":{"` + strings.Repeat("x", 3900) + `":{"properties":{` + many(9_000, `"pN":{}`) + `}}}}}`, "refused"},
	{"a long $id around 5,000 others", `{"$id":"http://a/` + strings.Repeat("x", 200_000) + `/","definitions":{` + many(5000, `"dN":{"$id":"xN"}`) + `}}`, "refused"},
	{"a long $id around 5,000 others, not in a schema", `{"x":{"$id":"http://a/` + strings.Repeat("x", 200_000) + `/","y":[` + many(5000, `{"$id":"xN"}`) + `]}}`, "compared"},
	{"20,000 resolved against a base", `{"$id":"http://a/` + strings.Repeat("x", 480) + `/","definitions":{` + many(20_000, `"dN":{"$id":"xN"}`) + `}}`, "compared"},
	{"references to one another", `{"$ref":"#/definitions/a","definitions":{"a":{"allOf":[{"$ref":"#/definitions/b"}]},"b":{"anyOf":[{"$ref":"#/definitions/a"}]}}}`, "refused"},
	{"definitions that all use all", `{"$ref":"#/definitions/d0","definitions":{` + many(12, `"dN":{"properties":{`+all+`}}`) + `}}`, "refused"},
	{"1,000 branches", `{"oneOf":[` + many(1000, `{"properties":{"kind":{"const":"kN"},"x":{"type":"string"}},"required":["kind"]}`) + `]}`, "too large"},
	{"1,000 branches that overlap", `{"oneOf":[` + many(1000, `{"properties":{"pN":{"type":"string"}}}`) + `]}`, "too large"},
	{"sums of sums", `{"allOf":[` + many(12, `{"anyOf":[{"required":["aN"],"type":"string"},{"required":["bN"]},{"required":["cN"]}]}`) + `]}`, "too large"},
	{"100,000 values", `{"type":"string","enum":[` + many(100_000, `"vN"`) + `]}`, "too large"},
	{"a long text under 8,000 claims", `{"enum":["` + strings.Repeat("x", 500_000) + `"],"allOf":[` + many(8000, `{"title":"N","minLength":1,"type":["string","null"]}`) + `,{"type":"string"}]}`, "too large"},
	{"a long array under 8,000 claims", `{"enum":[["` + strings.Repeat("x", 500_000) + `"]],"allOf":[` + many(8000, `{"title":"N","uniqueItems":true}`) + `,{"not":{"type":"string"}}]}`, "too large"},
	{"long numbers under 10,000 claims", `{"enum":[` + many(50, `1.7N`+strings.Repeat("7", 300)+`e-398`) + `],"allOf":[` + many(10_000, `{"title":"N","multipleOf":1.3e-400}`) + `,{"not":{"type":"string"}}]}`, "too large"},
	{"9,900 properties under 14,000 claims", `{"allOf":[` + many(14_000, `{"title":"N"}`) + `],"properties":{` + many(9_900, `"pN":{"type":"string"}`) + `}}`, "too large"},
	{"1,000 patterns for 1,000 names", `{"properties":{` + many(1000, `"nameN":{}`) + `},"patternProperties":{` + many(1000, `"^(a|b|n)*ameN$":{"type":"string"}`) + `}}`, "too large"},
	{"a pattern that backtracking engines hang", `{"properties":{"` + strings.Repeat("a", 900) + `!":{"type":"string"}},"patternProperties":{"^(a+)+$":{"type":"string"},"^(([a-z])+.)+[A-Z]([a-z])+$":{}}}`, "compared"},
	{"a pattern that grows", `{"properties":{"a":{}},"patternProperties":{"((((a{100}){100}){100}){100})":{},"(((x{1,999})*)*)*":{}}}`, "compared"},
	{"a tuple of 300,000", `{"items":[` + many(300_000, `{}`) + `]}`, "refused"},
	{"one schema more than are taken, behind false", `{"definitions":{` + many(23_998, `"dN":{}`) + `,"x":{"additionalProperties":false},"y":{"type":"nothing"}}}`, "refused"},
	{"a tuple of 20,000", `{"items":[` + many(20_000, `{"type":"string"}`) + `]}`, "compared"},
	{"a number of a billion digits", `{"multipleOf":1e-999999999,"enum":[1e999999999]}`, "refused"},
	{"a value of a billion digits", `{"enum":[1e999999999,1e-999999999,-0.0]}`, "compared"},
	{"unevaluated through many", `{"$schema":"https://json-schema.org/draft/2020-12/schema","allOf":[` + many(2000, `{"properties":{"aN":{"type":"string"}}}`) + `],"unevaluatedProperties":false}`, "too large"},
	{"recursive references to the whole in each of 8,000 properties", `{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,"properties":{` + many(8_000, `"pN":{"$recursiveRef":"#"}`) + `}}`, "too large"},
	{"dynamic references that are each of the whole", dynamic(2000), "compared"},
	{"required of one another", `{"$schema":"https://json-schema.org/draft/2020-12/schema","required":["p0"],"properties":{"p1":{"type":"string"}},"dependentRequired":{` + many(5000, `"pN":["qN","pNN"]`) + `}}`, "compared"},
	{"each required by the one before", `{"$schema":"https://json-schema.org/draft/2020-12/schema","required":["p1000000"],"dependentRequired":{` + backwards(25_000) + `},"properties":{"a":{"type":"string"}}}`, "compared"},
	{"if within if", chain(300, `{"if":NEXT,"then":NEXT,"else":NEXT}`), "too large"},
	{"not within not", chain(300, `{"not":NEXT}`), "too large"},
	{"a pointer through everything", `{"$ref":"#` + strings.Repeat("/a", 100_000) + `"}`, "refused"},
}

// compared reads a text, and compares it with what is like it.
func compared(text string) (outcome string, err error) {
	s, err := Read(text, nil)
	if err != nil {
		return "refused", err
	}
	other, err := Read(strings.ReplaceAll(text, `"type":"string"`, `"type":["string","null"]`), nil)
	if err != nil {
		return "refused", err
	}
	return judged(s, other)
}

func judged(reader, writer format.Schema) (outcome string, err error) {
	reader.Warnings(writer)
	if _, err = reader.CanRead(writer, format.Options{}); err != nil {
		return "too large", err
	}
	return "compared", nil
}

// What is refused, and by which bound, does not depend on the machine; how long
// it takes is BenchmarkHostile's. Nothing that is said of a schema is long.
func TestHostileSchemasAreBounded(t *testing.T) {
	t.Parallel()
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			got, err := compared(h.text)
			if err != nil && (fault.All(err) == nil || len(err.Error()) > 2048) {
				t.Errorf("%d bytes of an error: %.300s", len(err.Error()), err.Error())
			}
			if got != h.want {
				t.Errorf("%s (%v), want %s", got, err, h.want)
			}
		})
	}
}

// What a reference depends on is not repeated at each of them: a megabyte of
// references would become gigabytes.
func TestDynamicReferencesAreShort(t *testing.T) {
	t.Parallel()
	s := mustRead(t, dynamic(500))
	seen := 0
	for _, n := range s.nodes {
		if n.foreign != "" {
			seen++
		}
		if len(n.foreign) > 100 {
			t.Fatalf("%d bytes: %.100s", len(n.foreign), n.foreign)
		}
	}
	if seen != 500 {
		t.Errorf("%d references", seen)
	}
}

// hostilePairs are schemas that take long beside one another.
var hostilePairs = []struct{ name, writer, reader, want string }{
	{"60,000 required of a closed object", `{"additionalProperties":false,"properties":{` + many(9_900, `"pN":{}`) + `}}`, `{"required":[` + many(60_000, `"qN"`) + `]}`, "compared"},
	{"60,000 required under 15,000 claims", `{"additionalProperties":false,"allOf":[` + many(15_000, `{"title":"N"}`) + `]}`, `{"required":[` + many(60_000, `"qN"`) + `]}`, "too large"},
	{"1,000 long numbers that must divide 1,000", `{"allOf":[` + many(1000, `{"multipleOf":1N.00000000000000000000000001}`) + `]}`, `{"allOf":[` + many(1000, `{"multipleOf":1N.00000000000000000000000003}`) + `]}`, "too large"},
	{"60,000 dependencies of as many values", `{"enum":[` + many(60_000, `{"w":N}`) + `]}`, `{"dependencies":{` + many(60_000, `"vN":[]`) + `}}`, "too large"},
	{"one name required 100,000 times", `{}`, strings.Replace(chain(12_000, `NEXT`), `"$ref":"#/definitions/d0"`, `"required":[`+many(100_000, `"a"`)+`],"properties":{"a":{"$ref":"#/definitions/d0"}}`, 1), "too large"},
	{"20,000 bounds", `{"type":"integer","allOf":[` + many(20_000, `{"minimum":N.5}`) + `]}`, `{"type":"integer","allOf":[` + many(20_000, `{"minimum":1N}`) + `]}`, "too large"},
	{"long programs of patterns", `{"properties":{` + many(500, `"`+strings.Repeat("a", 900)+`N":{}`) + `}}`, `{"patternProperties":{` + many(400, `"^(a?){999}bN$":{"type":"string"}`) + `}}`, "too large"},
	{"circles of coprime length", circle(31), circle(32), "too large"},
}

// circle is n definitions that lead to one another, each through a long chain
// of allOf.
func circle(n int) string {
	rest := chain(4_000, `{"allOf":[NEXT]}`)
	for i := range n {
		one := fmt.Sprintf(`"definitions":{"e%d":{"allOf":[{"$ref":"#/definitions/d0"}],"properties":{"n":{"$ref":"#/definitions/e%d"}}},`, i, (i+1)%n)
		rest = strings.Replace(rest, `"definitions":{`, one, 1)
	}
	return strings.Replace(rest, `"$ref":"#/definitions/d0"`, `"properties":{"a":{"$ref":"#/definitions/e0"}}`, 1)
}

func TestHostilePairsAreBounded(t *testing.T) {
	t.Parallel()
	for _, h := range hostilePairs {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			if got, err := judged(mustRead(t, h.reader), mustRead(t, h.writer)); got != h.want {
				t.Errorf("%s (%v), want %s", got, err, h.want)
			}
		})
	}
}

func BenchmarkHostilePairs(b *testing.B) {
	for _, h := range hostilePairs {
		b.Run(strings.ReplaceAll(h.name, " ", "_"), func(b *testing.B) {
			reader, writer := mustRead(b, h.reader), mustRead(b, h.writer)
			for b.Loop() {
				_, _ = judged(reader, writer)
			}
		})
	}
}

func BenchmarkHostile(b *testing.B) {
	for _, h := range hostile {
		b.Run(strings.ReplaceAll(h.name, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				_, _ = compared(h.text)
			}
		})
	}
}

func TestNestingIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := Read(nested(3000), nil); err == nil || !strings.Contains(err.Error(), "nests more than 400") {
		t.Error(err)
	}
	if _, err := Read(nested(190), nil); err != nil {
		t.Error(err)
	}
}

// 3,000 nested schemas are refused in less than 10 ms.
func BenchmarkNestingRefused(b *testing.B) {
	text := nested(3000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(text, nil); err == nil {
			b.Fatal("taken")
		}
	}
}

// wide is a closed object of 20 optional documented fields.
func wide() string {
	return `{"type":"object","title":"Order","properties":{` + many(20, `"fieldN":{"description":"the field number N of an order","type":["string","null"],"maxLength":200}`) + `},"additionalProperties":false}`
}

func BenchmarkRead(b *testing.B) {
	text := wide()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(text, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCanRead(b *testing.B) {
	before, after := mustRead(b, wide()), mustRead(b, strings.Replace(wide(), `"properties":{`, `"properties":{"more":{"type":"string"},`, 1))
	b.ReportAllocs()
	for b.Loop() {
		if found, err := after.CanRead(before, format.Options{}); err != nil || len(found) > 0 {
			b.Fatal(found, err)
		}
	}
}
