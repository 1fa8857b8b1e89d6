package graph_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	sdl "github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"

	"github.com/flowmart/lethe/graph/exec"
)

const snapshot = "schema.snapshot.graphql"

var accept = flag.Bool("accept", false, "write the schema as it is now over its snapshot, also if that breaks clients")

// The committed snapshot is what clients were promised. A change that breaks
// them fails; any other asks for the snapshot to be written again:
//
//	go test ./graph -run TestSchemaKeepsItsPromises -accept
func TestSchemaKeepsItsPromises(t *testing.T) {
	now := currentSchema(t)
	var b bytes.Buffer
	formatter.NewFormatter(&b, formatter.WithIndent("  "), formatter.WithoutDescription()).FormatSchema(now)
	if *accept {
		must(t, os.WriteFile(snapshot, b.Bytes(), 0o644))
		return
	}
	was, err := os.ReadFile(snapshot)
	must(t, err)
	before, err := gqlparser.LoadSchema(&sdl.Source{Name: snapshot, Input: string(was)})
	must(t, err)
	for _, broken := range breaks(before, now) {
		t.Errorf("this breaks clients: %s", broken)
	}
	if !t.Failed() && !bytes.Equal(was, b.Bytes()) {
		t.Errorf("%s is not as the schema is now, and no client breaks; write it again: go test ./graph -run TestSchemaKeepsItsPromises -accept", snapshot)
	}
}

// The generated code is of the schema as it is now.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	t.Parallel()
	text := func(s *sdl.Schema) string {
		var b strings.Builder
		formatter.NewFormatter(&b).FormatSchema(s)
		return b.String()
	}
	if text(exec.NewExecutableSchema(exec.Config{}).Schema()) != text(currentSchema(t)) {
		t.Error("the schema has changed since graph/exec was generated: go generate ./graph")
	}
}

// breaks lists what a client that was written for one schema meets in another.
func breaks(before, now *sdl.Schema) []string {
	var out []string
	report := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for name, was := range ours(before) {
		is := now.Types[name]
		if is == nil || is.Kind != was.Kind {
			report("type %s is gone", name)
			continue
		}
		for _, v := range was.EnumValues {
			if is.EnumValues.ForName(v.Name) == nil {
				report("%s.%s is gone", name, v.Name)
			}
		}
		for _, i := range was.Interfaces {
			if !slices.Contains(is.Interfaces, i) {
				report("%s is no %s any more", name, i)
			}
		}
		if was.Kind == sdl.InputObject {
			out = append(out, brokenInputs(name, was.Fields, is.Fields)...)
			continue
		}
		for _, f := range was.Fields {
			out = append(out, brokenField(name, f, is.Fields.ForName(f.Name))...)
		}
	}
	slices.Sort(out)
	return out
}

func brokenField(owner string, was, is *sdl.FieldDefinition) []string {
	where := owner + "." + was.Name
	if is == nil {
		return []string{where + " is gone"}
	}
	var out []string
	if !narrower(is.Type, was.Type) {
		out = append(out, fmt.Sprintf("%s was %s and is %s", where, was.Type, is.Type))
	}
	for _, a := range was.Arguments {
		b := is.Arguments.ForName(a.Name)
		switch {
		case b == nil:
			out = append(out, fmt.Sprintf("%s(%s) is gone", where, a.Name))
		case !narrower(a.Type, b.Type):
			out = append(out, fmt.Sprintf("%s(%s) took %s and takes %s", where, a.Name, a.Type, b.Type))
		}
	}
	for _, b := range is.Arguments {
		if was.Arguments.ForName(b.Name) == nil && b.Type.NonNull && b.DefaultValue == nil {
			out = append(out, fmt.Sprintf("%s(%s) is new and required", where, b.Name))
		}
	}
	return out
}

func brokenInputs(owner string, was, is sdl.FieldList) []string {
	var out []string
	for _, a := range was {
		b := is.ForName(a.Name)
		switch {
		case b == nil:
			out = append(out, fmt.Sprintf("%s.%s is gone", owner, a.Name))
		case !narrower(a.Type, b.Type):
			out = append(out, fmt.Sprintf("%s.%s took %s and takes %s", owner, a.Name, a.Type, b.Type))
		}
	}
	for _, b := range is {
		if was.ForName(b.Name) == nil && b.Type.NonNull && b.DefaultValue == nil {
			out = append(out, fmt.Sprintf("%s.%s is new and required", owner, b.Name))
		}
	}
	return out
}

// narrower reports whether every value of a is one of b: the same type, or
// that type where b may also be null.
func narrower(a, b *sdl.Type) bool {
	if b.NonNull && !a.NonNull {
		return false
	}
	if a.Elem != nil || b.Elem != nil {
		return a.Elem != nil && b.Elem != nil && narrower(a.Elem, b.Elem)
	}
	return a.NamedType == b.NamedType
}

// The expected lines are by the list of breaking changes in the GraphQL
// specification's reference implementation (findBreakingChanges).
func TestBreakingChangesAreSeen(t *testing.T) {
	t.Parallel()
	const before = `type Query { a(x: Int, y: Int!): Int! b: [Int!] c(i: In): E d: Node e: Gone }
		input In { p: Int q: Int! } enum E { ONE TWO } interface Node { id: ID! } type T implements Node { id: ID! } type Gone { a: Int }`
	for name, c := range map[string]struct {
		now  string
		want []string
	}{
		"nothing":         {before, nil},
		"more":            {`type Query { a(x: Int, y: Int, z: Int): Int! b: [Int!]! c(i: In): E d: Node e: Gone f: Int } input In { p: Int q: Int r: Int s: Int! = 1 } enum E { ONE TWO THREE } interface Node { id: ID! } type T implements Node { id: ID! n: Int } type Gone { a: Int }`, nil},
		"a field is gone": {replaced(before, "b: [Int!] ", ""), []string{"Query.b is gone"}},
		"a type is gone": {replaced(replaced(before, "type Gone { a: Int }", ""), " e: Gone", ""),
			[]string{"Query.e is gone", "type Gone is gone"}},
		"nullable":          {replaced(before, "Int!): Int!", "Int!): Int"), []string{"Query.a was Int! and is Int"}},
		"items nullable":    {replaced(before, "[Int!]", "[Int]"), []string{"Query.b was [Int!] and is [Int]"}},
		"another type":      {replaced(before, "c(i: In): E", "c(i: In): Int"), []string{"Query.c was E and is Int"}},
		"argument gone":     {replaced(before, "x: Int, ", ""), []string{"Query.a(x) is gone"}},
		"argument required": {replaced(before, "x: Int,", "x: Int!,"), []string{"Query.a(x) took Int and takes Int!"}},
		"argument new":      {replaced(before, "x: Int,", "x: Int, z: Int!,"), []string{"Query.a(z) is new and required"}},
		"input required":    {replaced(before, "p: Int", "p: Int!"), []string{"In.p took Int and takes Int!"}},
		"input new":         {replaced(before, "p: Int", "p: Int r: Int!"), []string{"In.r is new and required"}},
		"input gone":        {replaced(before, "p: Int", ""), []string{"In.p is gone"}},
		"value gone":        {replaced(before, "ONE TWO", "ONE"), []string{"E.TWO is gone"}},
		"no node":           {replaced(before, "type T implements Node", "type T"), []string{"T is no Node any more"}},
	} {
		was, err := gqlparser.LoadSchema(&sdl.Source{Input: before})
		must(t, err)
		is, err := gqlparser.LoadSchema(&sdl.Source{Input: c.now})
		must(t, err)
		if got := breaks(was, is); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func replaced(s, old, by string) string {
	i := bytes.Index([]byte(s), []byte(old))
	return s[:i] + by + s[i+len(old):]
}
