package architecture_test

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"testing"
)

// mostNames is how many exported names a package may have. Beyond that nobody
// has it in the head, and it is time to split it by noun.
const mostNames = 30

// crowded are the packages that have more, and how many they had when they were
// last counted, on 2026-11-26. A number may only fall; no package joins.
var crowded = map[string]int{
	"catalog":          67,
	"erasure/protocol": 44,
}

// What a package offers can be taken in at a glance.
func TestPackagesAreSmall(t *testing.T) {
	t.Parallel()
	left := maps.Clone(crowded)
	for _, p := range packages(t) {
		names := exported(t, p.dir)
		most, known := left[p.name]
		delete(left, p.name)
		switch n := len(names); {
		case !known && n > mostNames:
			t.Errorf("%s has %d exported names; beyond %d it is time to split it by noun: %v", p.name, n, mostNames, names)
		case known && n > most:
			t.Errorf("%s has %d exported names and had %d; what is crowded does not grow: %v", p.name, n, most, names)
		case known && n <= mostNames:
			t.Errorf("%s has %d exported names; it is crowded no longer, take it off the list", p.name, n)
		case known && n < most:
			t.Errorf("%s has %d exported names and had %d; write the lower number down", p.name, n, most)
		}
	}
	for name := range left {
		t.Errorf("%s is on the list of crowded packages and is no package", name)
	}
}

// exported lists the names that a package offers, in order. Methods and fields
// are found through their type, the constants of a type are the words it may
// have, and an alias names what another package offers: none of them counts by
// itself. What is generated does not count.
func exported(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	types := map[string]bool{}
	type constant struct{ name, of string }
	var constants []constant
	eachFile(t, dir, func(_ string, _ *token.FileSet, file *ast.File, _ []byte) {
		if ast.IsGenerated(file) {
			return
		}
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Recv == nil {
					names = append(names, decl.Name.Name)
				}
			case *ast.GenDecl:
				of := ""
				for _, spec := range decl.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						if !spec.Assign.IsValid() {
							names = append(names, spec.Name.Name)
						}
						types[spec.Name.Name] = true
					case *ast.ValueSpec:
						of = typeOf(spec, of)
						for _, name := range spec.Names {
							if decl.Tok == token.CONST {
								constants = append(constants, constant{name.Name, of})
							} else {
								names = append(names, name.Name)
							}
						}
					}
				}
			}
		}
	})
	for _, c := range constants {
		if !types[c.of] {
			names = append(names, c.name)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !ast.IsExported(name) })
	slices.Sort(names)
	return names
}

// typeOf names the type that constants are declared with; a line that says
// neither type nor value repeats the line before it.
func typeOf(spec *ast.ValueSpec, before string) string {
	if name, ok := spec.Type.(*ast.Ident); ok {
		return name.Name
	}
	if spec.Type == nil && len(spec.Values) == 0 {
		return before
	}
	return ""
}
