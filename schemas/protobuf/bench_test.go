package protobuf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas/format"
)

// twenty is a file of the shape that the registry is measured with: one message
// of twenty fields that may be absent, each with a comment.
func twenty(last string) string {
	var b strings.Builder
	b.WriteString("syntax = \"proto3\";\npackage shop;\nmessage Order {\n")
	for i := range 20 {
		fmt.Fprintf(&b, "\n  // what stands in field %d, and why\n  optional string field_%d = %d;\n", i, i, i+1)
	}
	fmt.Fprintf(&b, "  %s\n}\n", last)
	return b.String()
}

func BenchmarkRead(b *testing.B) {
	text := twenty("")
	kept := mustRead(b, text).Canonical()
	for name, text := range map[string]string{"sent": text, "kept": kept} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				mustRead(b, text)
			}
		})
	}
}

func BenchmarkCanRead(b *testing.B) {
	was, is := mustRead(b, twenty("")), mustRead(b, twenty("optional int64 total = 21;"))
	for b.Loop() {
		if found, err := is.CanRead(was, format.Options{}); err != nil || len(found) > 0 {
			b.Fatal(found, err)
		}
		is.Warnings(was)
	}
}

// What is refused, and sound files of the largest size.
func BenchmarkHostile(b *testing.B) {
	for name, text := range map[string]string{
		"3,000 deep": deepText("message M {", "}", 3000), "descriptor 3,000 deep": nested(b, 3000), "10 MB": strings.Repeat("/", 10<<20),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Read(text, nil); err == nil {
					b.Fatal("it was taken")
				}
			}
		})
	}
	for name, text := range wide(9_000) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				mustRead(b, text)
			}
		})
	}
}
