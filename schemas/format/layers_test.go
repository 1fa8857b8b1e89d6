package format_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/schemas/avro"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/jsonschema"
	"github.com/flowmart/lethe/schemas/protobuf"
)

// layered is a type of schema as it is made in layers.
type layered struct {
	bring, read format.Read
	name        func(layer, i int) string
	text        func(layer, i int, below []format.Reference) string
}

var allLayered = map[string]layered{
	"Avro": {avro.Bring, avro.Read, func(layer, i int) string { return fmt.Sprintf("L%d_%d", layer, i) },
		func(layer, i int, below []format.Reference) string {
			if layer == 0 { // many types for all that stand above
				text := fmt.Sprintf(`[{"type":"fixed","name":"L0_%d","size":1}`, i)
				return text + types(i, 800) + "]"
			}
			return fmt.Sprintf(`{"type":"record","name":"L%d_%d","fields":[{"name":"a","type":%q}]}`, layer, i, below[0].Name)
		}},
	"JSON Schema": {jsonschema.Bring, jsonschema.Read, func(layer, i int) string { return fmt.Sprintf("%d-%d.json", layer, i) },
		func(layer, i int, below []format.Reference) string {
			if layer == 0 {
				return `{"type":"string"}`
			}
			return fmt.Sprintf(`{"type":"object","properties":{"a":{"$ref":%q},"b":{"$ref":%q}}}`, below[0].Name, below[i%len(below)].Name)
		}},
	"Protobuf": {protobuf.Bring, protobuf.Read, func(layer, i int) string { return fmt.Sprintf("%d/%d", layer, i) },
		func(layer, i int, below []format.Reference) string {
			var b strings.Builder
			b.WriteString("syntax = \"proto3\";\n")
			for _, ref := range below {
				fmt.Fprintf(&b, "import public %q;\n", ref.Name)
			}
			fmt.Fprintf(&b, "message L%d_%d {}\n", layer, i)
			return b.String()
		}},
}

// types are fixed ones, each of a name of its own.
func types(of, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"type":"fixed","name":"T%d_%d","size":1}`, of, i)
	}
	return b.String()
}

// Ten layers of thirty schemas, each of which refers to all of the layer below,
// make 30¹⁰ ways down. Compiled one after another, the files of Protobuf took 10 s.
// They are compiled beside the goroutine that asks, so that the time is that of the
// process, and no other test runs meanwhile.
func TestLayersOfReferencesAreReadOnce(t *testing.T) { //nolint:paralleltest // see above
	const layers, wide, most = 10, 30, 2 * time.Second // it takes 0.1 s
	for kind, of := range allLayered {
		took := cputest.Process(func() {
			var below []format.Reference
			for layer := range layers {
				var here []format.Reference
				for i := range wide {
					s, err := of.bring(of.text(layer, i, below), below)
					if err != nil {
						t.Fatalf("%s: %v", kind, err)
					}
					here = append(here, format.Reference{Name: of.name(layer, i), Schema: s})
				}
				below = here
			}
			if _, err := of.read(of.text(layers, 0, below), below); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		})
		t.Log(kind, took)
		if took > most {
			t.Errorf("%s: layers of references took %v of processor time", kind, took)
		}
	}
}
