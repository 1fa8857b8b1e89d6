package avro

import (
	"fmt"
	"strings"
	"testing"

	hamba "github.com/hamba/avro/v2"
)

func BenchmarkParse(b *testing.B) {
	text := twenty()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseByHamba is the floor to compare with: the library's parser.
func BenchmarkParseByHamba(b *testing.B) {
	text := twenty()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := hamba.ParseWithCache(text, "", &hamba.SchemaCache{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCanRead(b *testing.B) {
	s := mustParse(b, twenty())
	b.ReportAllocs()
	for b.Loop() {
		if found, err := CanRead(s, s); err != nil || len(found) > 0 {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	s := mustParse(b, twenty())
	b.ReportAllocs()
	for b.Loop() {
		s.Canonical()
	}
}

func BenchmarkWarnings(b *testing.B) {
	s := mustParse(b, twenty())
	b.ReportAllocs()
	for b.Loop() {
		Warnings(s, s)
	}
}

// BenchmarkRefuse is what hostile texts cost until they are refused.
func BenchmarkRefuse(b *testing.B) {
	for name, text := range map[string]string{
		"3,000 arrays":   strings.Repeat(`{"type":"array","items":`, 3000) + `"int"` + strings.Repeat(`}`, 3000),
		"3,000 unions":   strings.Repeat(`[`, 3000) + strings.Repeat(`]`, 3000),
		"a name of 1 MB": `{"type":"fixed","size":1,"name":"` + strings.Repeat("x", 1_000_000) + `"}`,
		"10 MB":          `{"type":"int","p":"` + strings.Repeat("x", 10_000_000) + `"}`,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Parse(text, nil); err == nil {
					b.Fatal("was taken")
				}
			}
		})
	}
}

// twenty is a record of 20 nullable fields with docs, about 1.5 KB: the shape
// that registries are measured with.
func twenty() string {
	var fields []string
	for i := range 20 {
		fields = append(fields, fmt.Sprintf(`{"name":"field_%d","type":["null","string"],"default":null,"doc":"what it holds"}`, i))
	}
	return `{"type":"record","name":"Order","namespace":"com.flowmart","fields":[` + strings.Join(fields, ",") + `]}`
}
