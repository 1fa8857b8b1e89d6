package protobuf

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// seeds adds every file of the tables, which between them have everything that
// a file may have.
func seeds(f *testing.F, add func(old, new string)) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.proto")
	if err != nil || len(files) == 0 {
		f.Fatal("no files", err)
	}
	before := `syntax = "proto3"; message A { int32 a = 1; }`
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		add(before, string(b))
		before = string(b)
	}
	for i, list := range [][]change{changes3, changes2} {
		for _, c := range list {
			of := []func(string) string{proto3, proto2}[i]
			add(of(c.old), of(c.new))
		}
	}
}

// short holds that what is refused is refused with a fault that is short.
func short(t *testing.T, err error) {
	t.Helper()
	if fault.All(err) == nil || len(err.Error()) > 2048 {
		t.Fatalf("%d bytes of an error: %.200s", len(err.Error()), err.Error())
	}
}

// A text is refused with a fault that is short, or read. Its canonical text is
// read again, is its own canonical text, and says the same of the same places;
// so do its normal text and its descriptor.
func FuzzParse(f *testing.F) {
	seeds(f, func(_, text string) { f.Add(text) })
	f.Fuzz(func(t *testing.T, text string) {
		read, err := Read(text, nil)
		if err != nil {
			short(t, err)
			return
		}
		s := read.(*Schema)
		faithful(t, s.Canonical())
		again := mustRead(t, s.Canonical())
		if len(again.Places()) != len(s.Places()) {
			t.Fatalf("%d places became %d", len(s.Places()), len(again.Places()))
		}
		for i, was := range s.Places() {
			is := again.Places()[i]
			was.Line, was.Column, is.Line, is.Column = 0, 0, 0, 0
			if !reflect.DeepEqual(was, is) {
				t.Fatalf("place %+v became %+v", was, is)
			}
		}
		if shape := must(s.Shape()); shape != must(again.Shape()) || shape != must(mustRead(t, s.Normalized()).Shape()) {
			t.Fatalf("the shape changed: %s", shape)
		}
	})
}

func must(text string, _ bool) string { return text }

// Bytes that call themselves a descriptor are refused, or are a file.
func FuzzDescriptor(f *testing.F) {
	seeds(f, func(_, text string) {
		s, err := Read(text, nil)
		if err != nil {
			f.Fatal(err)
		}
		form, _ := s.(*Schema).Print("serialized")
		b, err := base64.StdEncoding.DecodeString(form)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Read(base64.StdEncoding.EncodeToString(b), nil)
		if err != nil {
			short(t, err)
			return
		}
		faithful(t, s.Canonical())
	})
}

// Whatever two files are, they are compared; each reads itself, and nothing in
// that is to be warned of.
func FuzzCanRead(f *testing.F) {
	seeds(f, func(old, new string) { f.Add(old, new) })
	f.Fuzz(func(t *testing.T, one, other string) {
		a, err := Read(one, nil)
		if err != nil {
			return
		}
		if found, err := a.CanRead(a, format.Options{}); err == nil && len(found) > 0 {
			t.Fatalf("a file does not read itself: %+v", found)
		}
		if said := a.Warnings(mustRead(t, a.Canonical())); len(said) > 0 {
			t.Fatalf("a file is warned of itself: %+v", said)
		}
		b, err := Read(other, nil)
		if err != nil {
			return
		}
		for _, pair := range [][2]format.Schema{{a, b}, {b, a}} {
			found, err := pair[0].CanRead(pair[1], format.Options{})
			if err != nil {
				short(t, err)
			}
			for _, d := range append(found, pair[0].Warnings(pair[1])...) {
				if len(d.Message) > 2048 || len(d.Reader)+len(d.Writer) > 2048 {
					t.Fatalf("a difference that says too much: %+v", d)
				}
			}
		}
	})
}
