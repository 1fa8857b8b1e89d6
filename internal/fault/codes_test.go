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
		room := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")
		ast.Inspect(file, func(n ast.Node) bool {
			if kind, code, words, ok := faultOf(n); ok {
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

// faultOf reads a call of fault.New, fault.Bad or fault.Missing.
func faultOf(n ast.Node) (kind, code, words string, ok bool) {
	call, isCall := n.(*ast.CallExpr)
	if !isCall {
		return
	}
	fn, isSel := call.Fun.(*ast.SelectorExpr)
	if !isSel {
		return
	}
	if pkg, isIdent := fn.X.(*ast.Ident); !isIdent || pkg.Name != "fault" {
		return
	}
	text := func(i int) (string, bool) {
		if i >= len(call.Args) {
			return "", false
		}
		lit, isLit := call.Args[i].(*ast.BasicLit)
		if !isLit || lit.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(lit.Value)
		return s, err == nil
	}
	switch fn.Sel.Name {
	case "New":
		if sel, isSel := call.Args[0].(*ast.SelectorExpr); isSel {
			kind = strings.ToLower(sel.Sel.Name)
		}
		code, ok = text(1)
		words, _ = text(2)
	case "Bad":
		kind = "invalid"
		code, ok = text(1)
		words, _ = text(2)
	case "Missing":
		kind = "notfound"
		code, ok = text(0)
		code = strings.ToUpper(code) + "_NOT_FOUND"
		words, _ = text(1)
	}
	return kind, code, words, ok
}

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
