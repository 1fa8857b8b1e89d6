package clients

import (
	"path/filepath"
	"slices"
	"testing"
)

// Serializers that make Protobuf register what they need by themselves.
func TestProtobufForPython(t *testing.T) {
	t.Parallel()
	steps, _ := run(t, "proto-python", []string{filepath.Join(python.installed(t), "venv/bin/python"), "protobuf.py"})
	if want := []string{"register while serializing", "deserialize", "find what is registered", "find it as a text", "evolve", "refuse what is incompatible"}; !slices.Equal(steps, want) {
		t.Errorf("it did %q; want %q", steps, want)
	}
}

func TestProtobufForJavaScript(t *testing.T) {
	t.Parallel()
	steps, _ := run(t, "proto-javascript", node(t, "protobuf.mjs"))
	if want := []string{"register while serializing", "deserialize", "find what is registered", "refuse what is incompatible", "kafkajs writes and reads"}; !slices.Equal(steps, want) {
		t.Errorf("it did %q; want %q", steps, want)
	}
}
