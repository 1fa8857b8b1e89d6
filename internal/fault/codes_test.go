package fault_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

// docs/errors.md lists every code that the source can give, with the kind, the
// package and the words. Run with -update after a change.
func TestEveryCodeIsDocumented(t *testing.T) {
	t.Parallel()
	codes := map[string][]string{} // code → lines
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || d.Name() == "examples" || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2) {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		consts := constantsOf(t, filepath.Dir(path))
		room := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")
		ast.Inspect(file, func(n ast.Node) bool {
			if kind, code, words, ok := faultOf(n, consts); ok {
				line := fmt.Sprintf("| `%s` | %s | %s | %s |", code, kind, room, strings.ReplaceAll(words, "|", "\\|"))
				if !slices.Contains(codes[code], line) {
					codes[code] = append(codes[code], line)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	page := errorsPage(codes)
	if *update {
		if err := os.WriteFile("../../docs/errors.md", []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile("../../docs/errors.md")
	if err != nil || string(kept) != page {
		t.Error("docs/errors.md is not what the source says; run: go test ./internal/fault -run Documented -update")
	}
}

// helpers are the functions that make faults for their callers: what they are
// given that looks like a code is one, and the words stand after it.
var helpers = []string{"require", "bad", "refuse", "Bad", "Mistake"}

var codeForm = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)

// nouns are the functions that say that something of a kind does not exist.
var nouns = []string{"absent", "missing", "previous"}

// faultOf reads a call of fault.New, fault.Bad or fault.Missing, or of a helper
// that makes one. Codes are written out, or constants of their package.
func faultOf(n ast.Node, consts map[string]string) (kind, code, words string, ok bool) {
	call, isCall := n.(*ast.CallExpr)
	if !isCall {
		return
	}
	text := func(i int) (string, bool) {
		if i >= len(call.Args) {
			return "", false
		}
		return textOf(call.Args[i], consts)
	}
	pkg, name := calleeOf(call)
	switch {
	case pkg == "fault" && name == "New":
		if sel, isSel := call.Args[0].(*ast.SelectorExpr); isSel {
			kind = strings.ToLower(sel.Sel.Name)
		}
		code, ok = text(1)
		words, _ = text(2)
	case pkg == "fault" && name == "Bad":
		kind = "invalid"
		code, ok = text(1)
		words, _ = text(2)
	case pkg == "fault" && name == "Missing":
		kind = "notfound"
		code, ok = text(0)
		code = strings.ToUpper(code) + "_NOT_FOUND"
		words, _ = text(1)
	case slices.Contains(helpers, name):
		for i := range call.Args {
			if c, is := text(i); is && codeForm.MatchString(c) && len(c) > 2 {
				words, _ = text(i + 1)
				return "invalid", c, words, true
			}
		}
	case slices.Contains(nouns, name):
		for i := range call.Args {
			if noun, is := text(i); is && !strings.Contains(noun, " ") && noun != "" {
				return "notfound", strings.ToUpper(noun) + "_NOT_FOUND", "there is no such " + strings.ReplaceAll(noun, "_", " "), true
			}
		}
	}
	return kind, code, words, ok && code != ""
}

// calleeOf is the package or receiver of a call, and the name it calls.
func calleeOf(call *ast.CallExpr) (of, name string) {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return "", f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			of = x.Name
		}
		return of, f.Sel.Name
	}
	return "", ""
}

// textOf is the value of a text that is written out, or a constant, or that
// one converted.
func textOf(e ast.Expr, consts map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.Ident:
		s, ok := consts[e.Name]
		return s, ok
	case *ast.CallExpr:
		if name, ok := e.Fun.(*ast.Ident); ok && name.Name == "string" && len(e.Args) == 1 {
			return textOf(e.Args[0], consts)
		}
	}
	return "", false
}

// constantsOf are the texts that a package gives names.
func constantsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	if known, ok := constants[dir]; ok {
		return known
	}
	found := map[string]string{}
	constants[dir] = found
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, e := range v.Values {
					if s, ok := textOf(e, nil); ok {
						found[v.Names[i].Name] = s
					}
				}
			}
		}
	}
	return found
}

var constants = map[string]map[string]string{} // by directory

func errorsPage(codes map[string][]string) string {
	var b strings.Builder
	b.WriteString("# Codes of errors\n\nEvery code that Lethe's own rules give, in GraphQL's `userErrors`, in problems (RFC 9457) and on the command line. `%s` stands for a name or a number, never for a value that could be personal. The registry's codes are Confluent's and stand in [registry.md](registry.md).\n\n| code | kind | where | words |\n|---|---|---|---|\n")
	for _, code := range slices.Sorted(func(yield func(string) bool) {
		for c := range codes {
			if !yield(c) {
				return
			}
		}
	}) {
		slices.Sort(codes[code])
		for _, line := range codes[code] {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
