package jsonschema

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

var hostile = map[string]string{
	"3,000 nested schemas":                     nested(3000),
	"3,000 nested arrays":                      strings.Repeat("[", 3000),
	"10 MB of text":                            `{"title":"` + strings.Repeat("x", 10<<20) + `"}`,
	"10 MB of members":                         `{"properties":{` + many(400_000, `"pN":{"type":"string"}`) + `}}`,
	"1 MB of members":                          `{"properties":{` + many(25_000, `"pN":{"type":"string"}`) + `}}`,
	"definitions that double with each level":  chain(60, `{"properties":{"a":NEXT,"b":NEXT}}`),
	"branches that double with each level":     chain(60, `{"anyOf":[NEXT,NEXT]}`),
	"one of branches that double":              chain(60, `{"oneOf":[NEXT,{"not":NEXT}]}`),
	"a long chain of references":               chain(15_000, `NEXT`),
	"a long chain of allOf":                    chain(10_000, `{"allOf":[NEXT]}`),
	"a long chain of allOf in every property":  strings.Replace(chain(5_000, `{"allOf":[NEXT]}`), `{`, `{"properties":{`+many(5_000, `"pN":{"$ref":"#/definitions/d0"}`)+`},`, 1),
	"references to one another":                `{"$ref":"#/definitions/a","definitions":{"a":{"allOf":[{"$ref":"#/definitions/b"}]},"b":{"anyOf":[{"$ref":"#/definitions/a"}]}}}`,
	"definitions that all use all":             `{"$ref":"#/definitions/d0","definitions":{` + many(12, `"dN":{"properties":{`+"PROPERTIES"+`}}`) + `}}`,
	"1,000 branches":                           `{"oneOf":[` + many(1000, `{"properties":{"kind":{"const":"kN"}},"required":["kind"]}`) + `]}`,
	"1,000 branches that overlap":              `{"oneOf":[` + many(1000, `{"properties":{"pN":{"type":"string"}}}`) + `]}`,
	"sums of sums":                             `{"allOf":[` + many(12, `{"anyOf":[{"required":["aN"]},{"required":["bN"]},{"required":["cN"]}]}`) + `]}`,
	"100,000 values":                           `{"enum":[` + many(100_000, `"vN"`) + `]}`,
	"1,000 patterns for 1,000 names":           `{"properties":{` + many(1000, `"nameN":{}`) + `},"patternProperties":{` + many(1000, `"^(a|b|n)*ameN$":{"type":"string"}`) + `}}`,
	"a pattern that backtracking engines hang": `{"properties":{"` + strings.Repeat("a", 900) + `!":{}},"patternProperties":{"^(a+)+$":{"type":"string"},"^(([a-z])+.)+[A-Z]([a-z])+$":{}}}`,
	"a pattern that grows":                     `{"properties":{"a":{}},"patternProperties":{"((((a{100}){100}){100}){100})":{},"(((x{1,999})*)*)*":{}}}`,
	"a tuple of 20,000":                        `{"items":[` + many(20_000, `{"const":N}`) + `]}`,
	"a number of a billion digits":             `{"multipleOf":1e-999999999,"enum":[1e999999999]}`,
	"a value of a billion digits":              `{"enum":[1e999999999,1e-999999999,-0.0]}`,
	"unevaluated through many":                 `{"$schema":"https://json-schema.org/draft/2020-12/schema","allOf":[` + many(2000, `{"properties":{"aN":{}}}`) + `],"unevaluatedProperties":false}`,
	"required of one another":                  `{"$schema":"https://json-schema.org/draft/2020-12/schema","required":["p0"],"dependentRequired":{` + many(5000, `"pN":["qN","pNN"]`) + `}}`,
	"if within if":                             chain(300, `{"if":NEXT,"then":NEXT,"else":NEXT}`),
	"not within not":                           chain(300, `{"not":NEXT}`),
	"a pointer through everything":             `{"$ref":"#` + strings.Repeat("/a", 100_000) + `"}`,
}

// Whatever comes is refused or read, and compared with itself and its like or
// refused, within a second; nothing that is said of it is long.
func TestHostileSchemasTakeNoTime(t *testing.T) {
	t.Parallel()
	for name, text := range hostile {
		text = strings.ReplaceAll(text, "PROPERTIES", many(12, `"pN":{"$ref":"#/definitions/dN"}`))
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			s, err := Read(text, nil)
			read := time.Since(start)
			var found []format.Difference
			if err == nil {
				other := mustRead(t, strings.ReplaceAll(text, `"type":"string"`, `"type":"integer"`))
				start = time.Now()
				found, err = s.CanRead(other, format.Options{})
				s.Warnings(other)
			}
			compared := time.Since(start)
			if err != nil && (fault.All(err) == nil || len(err.Error()) > 2048) {
				t.Errorf("%d bytes of an error: %.300s", len(err.Error()), err.Error())
			}
			t.Logf("read %v, compared %v, %d differences, %.150v", read, compared, len(found), err)
			if read > slack*time.Second || compared > slack*time.Second {
				t.Errorf("read %v, compared %v", read, compared)
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
