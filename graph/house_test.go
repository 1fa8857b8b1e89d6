package graph_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	sdl "github.com/vektah/gqlparser/v2/ast"
)

// A resolver is one call into a room: what is longer belongs there.
func TestResolversAreShort(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	must(t, err)
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		must(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !isResolver(f) {
				continue
			}
			seen++
			if lines := fset.Position(f.Body.Rbrace).Line - fset.Position(f.Body.Lbrace).Line - 1; lines > 8 {
				t.Errorf("%s: %s has %d lines, 8 are enough for a call into a room", fset.Position(f.Pos()), f.Name.Name, lines)
			}
		}
	}
	if seen < 150 {
		t.Errorf("found %d resolvers; is this test looking at them?", seen)
	}
}

// isResolver tells an exported method of a type called …Resolver.
func isResolver(f *ast.FuncDecl) bool {
	if f.Recv == nil || !f.Name.IsExported() {
		return false
	}
	typ, ok := f.Recv.List[0].Type.(*ast.Ident)
	return ok && strings.HasSuffix(typ.Name, "Resolver")
}

func schema(t testing.TB, files ...string) *sdl.Schema {
	t.Helper()
	sources := make([]*sdl.Source, len(files))
	for i, f := range files {
		b, err := os.ReadFile(f)
		must(t, err)
		sources[i] = &sdl.Source{Name: f, Input: string(b)}
	}
	s, err := gqlparser.LoadSchema(sources...)
	must(t, err)
	return s
}

func currentSchema(t testing.TB) *sdl.Schema {
	t.Helper()
	files, err := filepath.Glob("schema/*.graphql")
	must(t, err)
	return schema(t, files...)
}

// ours are the types that the schema files define.
func ours(s *sdl.Schema) map[string]*sdl.Definition {
	out := map[string]*sdl.Definition{}
	for name, d := range s.Types {
		if !d.BuiltIn && !strings.HasPrefix(name, "__") {
			out[name] = d
		}
	}
	return out
}

// Whoever reads the schema finds a sentence on everything in it.
func TestEveryElementIsDescribed(t *testing.T) {
	t.Parallel()
	check := func(where, description string) {
		if !strings.HasSuffix(strings.TrimSpace(description), ".") && where != "Query" {
			t.Errorf("%s: describe it in a sentence", where)
		}
	}
	for name, d := range ours(currentSchema(t)) {
		if name != "Mutation" && name != "Subscription" {
			check(name, d.Description)
		}
		for _, f := range d.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			check(name+"."+f.Name, f.Description)
			for _, a := range f.Arguments {
				check(name+"."+f.Name+"("+a.Name+")", a.Description)
			}
		}
		for _, v := range d.EnumValues {
			check(name+"."+v.Name, v.Description)
		}
	}
}

// The conventions of the API, for each list and each mutation.
func TestConventions(t *testing.T) {
	t.Parallel()
	s := currentSchema(t)
	for name, d := range ours(s) {
		for _, f := range d.Fields {
			if strings.HasSuffix(f.Type.Name(), "Connection") {
				first := f.Arguments.ForName("first")
				if first == nil || first.Type.String() != "Int!" || f.Arguments.ForName("after") == nil {
					t.Errorf("%s.%s: a connection takes first: Int! and after: String", name, f.Name)
				}
			}
		}
	}
	for _, m := range s.Mutation.Fields {
		if len(m.Arguments) != 1 || m.Arguments[0].Name != "input" {
			t.Errorf("%s: a mutation takes one input", m.Name)
		}
		in, payload := s.Types[m.Arguments[0].Type.Name()], s.Types[m.Type.Name()]
		if !m.Type.NonNull || in.Fields.ForName("clientMutationId") == nil || payload.Fields.ForName("clientMutationId") == nil {
			t.Errorf("%s: input and payload carry clientMutationId, and there is always a payload", m.Name)
		}
		if e := payload.Fields.ForName("userErrors"); e == nil || e.Type.String() != "[UserError!]!" {
			t.Errorf("%s: the payload tells userErrors: [UserError!]!", m.Name)
		}
	}
	for name, d := range ours(s) {
		for _, f := range d.Fields {
			if f.Name == "value" && name == "IdentifierInput" || d.Kind == sdl.InputObject {
				continue
			}
			if strings.Contains(strings.ToLower(f.Name), "identifier") && f.Name != "identifierTypes" {
				t.Errorf("%s.%s: identifiers of people go in and never come out", name, f.Name)
			}
		}
	}
}
