// Package architecture_test holds the code to its plan: who may import whom,
// who may speak to PostgreSQL, who may log, and how long a file may be.
package architecture_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/flowmart/lethe"

// below lists what each room may import: the rooms under it. A room's own
// sub-packages and the ground floor are open to it besides. A room that is not
// listed may not exist.
var below = map[string][]string{
	"internal":   {},
	"migrations": {},
	"web":        {},
	"audit":      {},
	"catalog":    {"audit"},
	"schemas":    {"catalog", "audit"},
	"lineage":    {"catalog", "audit"},
	"erasure":    {"lineage", "catalog", "audit"},
	"graph":      {"erasure", "lineage", "schemas", "catalog", "audit"},
	"server":     {"graph", "erasure", "lineage", "schemas", "catalog", "audit", "migrations", "web"},
	"cmd":        {"server", "graph", "erasure", "lineage", "schemas", "catalog", "audit", "migrations", "web"},
	"e2e":        {"server", "graph", "erasure", "lineage", "schemas", "catalog", "audit", "migrations", "web"},
}

// doors speak one protocol each. Only the server opens them, and whoever
// builds or tests a server; a room never imports its own.
var doors = []string{"schemas/rest", "schemas/pipeline", "schemas/stores/rest", "lineage/intake", "lineage/observer", "erasure/dispatch", "erasure/results"}

// ground is what every room may stand on.
var ground = []string{"internal/access", "internal/egress", "internal/fault", "internal/jobs", "internal/keyfile", "internal/page", "internal/postgres", "internal/problem", "internal/vault"}

// banned names say nothing about what a package is for.
var banned = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "model", "misc", "shared", "base"}

const longestFile = 450

type pkg struct {
	name    string // path under the module
	dir     string
	imports []string
	tests   []string // what only its tests import
}

func (p pkg) room() string { return strings.Split(p.name, "/")[0] }

// furniture is what exists for tests: erasuretest, pgtest and their like.
func furniture(name string) bool { return strings.HasSuffix(name, "test") || inside(name, "e2e") }

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}}|{{.Dir}}|{{join .Imports " "}}|{{join .TestImports " "}} {{join .XTestImports " "}}`, "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		name, ours := strings.CutPrefix(f[0], module+"/")
		if !ours || strings.Contains(f[1], "node_modules") {
			continue
		}
		all = append(all, pkg{name, f[1], strings.Fields(f[2]), strings.Fields(f[3])})
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages", len(all))
	}
	return all
}

func TestImportsFollowThePlan(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if _, planned := below[p.room()]; !planned && p.room() != "examples" {
			t.Errorf("%s is in no room of the plan", p.name)
			continue
		}
		for _, imp := range p.imports {
			if why := forbidden(p, imp); why != "" {
				t.Errorf("%s may not import %s: %s", p.name, strings.TrimPrefix(imp, module+"/"), why)
			}
		}
		if p.room() != "examples" {
			continue
		}
		for _, imp := range p.tests {
			if why := forbidden(p, imp); why != "" {
				t.Errorf("a test of %s may not import %s: %s", p.name, strings.TrimPrefix(imp, module+"/"), why)
			}
		}
	}
}

// forbidden says why a package may not import another, or "".
func forbidden(p pkg, imp string) string {
	if slices.Contains([]string{"database/sql", "github.com/jackc/pgx/v5", "github.com/riverqueue/river/riverdriver/riverpgxv5"}, imp) || strings.HasPrefix(imp, "github.com/jackc/pgx/v5/") {
		if !mayUseSQL(p) {
			return "only rooms, doors, the server and the ground floor's database packages speak to PostgreSQL"
		}
		return ""
	}
	dep, ours := strings.CutPrefix(imp, module+"/")
	if !ours {
		return ""
	}
	room := strings.Split(dep, "/")[0]
	switch {
	case p.room() == "examples":
		// FlowMart is a customer: it knows Lethe by its documents alone.
		if inside(dep, "examples/"+strings.Split(p.name, "/")[1]) {
			return ""
		}
		return "an example is a program of its own"
	case room == "examples":
		return "nothing builds on an example"
	case furniture(p.name):
		return "" // stands in tests only, and may start anything
	case furniture(dep):
		return "it exists for tests"
	case inside(dep, "internal/devstack") || dep == "internal/demo":
		if p.room() == "cmd" || inside(p.name, "internal/devstack") || p.name == "internal/demo" {
			return ""
		}
		return "it is for development; only the command line and tests start it"
	case p.name == "internal/demo":
		return "the demo knows Lethe by its public doors alone"
	case slices.Contains(ground, dep):
		return ""
	case room == p.room():
		if isDoor(dep) && !inside(p.name, dep) {
			return "a room does not know its doors"
		}
		return ""
	case !slices.Contains(below[p.room()], room):
		return "the plan does not allow it"
	case isDoor(dep) && p.room() != "server" && p.room() != "cmd":
		return "it is a door; only the server opens doors"
	}
	return ""
}

func mayUseSQL(p pkg) bool {
	switch p.room() {
	case "graph", "web", "cmd":
		return false
	case "internal":
		return inside(p.name, "internal/postgres") || slices.Contains([]string{"internal/jobs", "internal/vault", "internal/devstack", "internal/demo"}, p.name)
	}
	return true
}

func isDoor(name string) bool {
	return slices.ContainsFunc(doors, func(door string) bool { return inside(name, door) })
}

// inside reports whether a package is dir or lies under it.
func inside(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// The plan itself is tried: what it must refuse, it refuses.
func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		allowed  bool
	}{
		{"erasure", "lineage", true},
		{"lineage", "erasure", false},
		{"schemas", "lineage", false},
		{"lineage/observer", "schemas", false},
		{"lineage/intake", "lineage", true},
		{"lineage", "lineage/intake", false},
		{"erasure", "erasure/duedate", true},
		{"erasure", "erasure/dispatch", false},
		{"erasure/results", "erasure/dispatch", false},
		{"graph", "erasure", true},
		{"graph", "graph/exec", true},
		{"graph", "erasure/results", false},
		{"graph", "server", false},
		{"graph", "pgx", false},
		{"cmd/lethe", "pgx", false},
		{"internal/page", "pgx", false},
		{"internal/vault", "pgx", true},
		{"erasure/dispatch", "pgx", true},
		{"audit", "catalog", false},
		{"server", "erasure/results", true},
		{"server", "cmd/lethe", false},
		{"internal/postgres", "audit", false},
		{"erasure", "internal/postgres/pgtest", false},
		{"server/servertest", "internal/postgres/pgtest", true},
		{"server", "internal/devstack", false},
		{"cmd/lethe", "internal/devstack", true},
		{"cmd/lethe", "internal/demo", true},
		{"internal/demo", "internal/devstack", true},
		{"internal/demo", "erasure", false},
		{"internal/demo", "internal/vault", false},
		{"server", "internal/demo", false},
		{"examples/flowmart/rights", "examples/flowmart/shop", true},
		{"examples/flowmart/rights", "erasure/protocol", false},
		{"examples/flowmart/rights", "internal/fault", false},
		{"server", "examples/flowmart", false},
	} {
		imp := module + "/" + c.to
		if c.to == "pgx" {
			imp = "github.com/jackc/pgx/v5/pgxpool"
		}
		if why := forbidden(pkg{name: c.from}, imp); (why == "") != c.allowed {
			t.Errorf("%s imports %s: allowed %t (%s), want %t", c.from, c.to, why == "", why, c.allowed)
		}
	}
}

func TestPackagesAreNamedForWhatTheyAre(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if slices.Contains(banned, path.Base(p.name)) {
			t.Errorf("%s: the name says nothing; name the noun", p.name)
		}
	}
}

// Rooms return errors; doors and the server log. A room mentions slog only to
// keep a value out of it.
func TestOnlyDoorsAndServerLog(t *testing.T) {
	t.Parallel()
	hides := []string{"Value", "LogValuer", "StringValue", "GroupValue"}
	for _, p := range packages(t) {
		loud := isDoor(p.name) || furniture(p.name) || p.name == "erasure/export" ||
			slices.Contains([]string{"graph", "server", "cmd", "examples"}, p.room())
		if loud || !slices.Contains(p.imports, "log/slog") && !slices.Contains(p.imports, "log") {
			continue
		}
		eachFile(t, p.dir, func(name string, set *token.FileSet, file *ast.File, _ []byte) {
			ast.Inspect(file, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				from, ok := sel.X.(*ast.Ident)
				if ok && (from.Name == "log" || from.Name == "slog" && !slices.Contains(hides, sel.Sel.Name)) {
					t.Errorf("%s logs at line %d; return the error, a door or the server logs it", filepath.Join(p.name, name), set.Position(n.Pos()).Line)
				}
				return true
			})
		})
	}
}

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		eachFile(t, p.dir, func(name string, _ *token.FileSet, file *ast.File, text []byte) {
			if lines := bytes.Count(text, []byte("\n")); lines > longestFile && !ast.IsGenerated(file) {
				t.Errorf("%s has %d lines; beyond %d it is time to split it by noun", filepath.Join(p.name, name), lines, longestFile)
			}
		})
	}
}

// Nothing is left for later without saying so where it can be found.
func TestNothingIsLeftForLater(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		eachFile(t, p.dir, func(name string, set *token.FileSet, file *ast.File, _ []byte) {
			if ast.IsGenerated(file) {
				return
			}
			for _, group := range file.Comments {
				for _, c := range group.List {
					for _, word := range []string{"TODO", "FIXME", "XXX", "HACK"} {
						if strings.Contains(c.Text, word) {
							t.Errorf("%s:%d: %s; do it, or open an issue", filepath.Join(p.name, name), set.Position(c.Pos()).Line, word)
						}
					}
				}
			}
		})
	}
}

// eachFile reads the Go files of a directory, tests aside.
func eachFile(t *testing.T, dir string, fn func(name string, set *token.FileSet, file *ast.File, text []byte)) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, e.Name(), text, parser.ParseComments)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		fn(e.Name(), set, file, text)
	}
}

// A migration's number says its place; the file's name says the room. Numbers
// do not repeat.
func TestMigrationsAreNumbered(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"migrations", "migrations/keystore"} {
		names, err := fs.Glob(os.DirFS(dir), "*.sql")
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", dir, names, err)
		}
		seen := map[int]string{}
		for _, name := range names {
			number, _, _ := strings.Cut(name, "_")
			n, err := strconv.Atoi(number)
			if err != nil || len(number) != 4 {
				t.Errorf("%s/%s: the name starts with a number of four digits", dir, name)
			}
			if other := seen[n]; other != "" {
				t.Errorf("%s: %s and %s have one number", dir, other, name)
			}
			seen[n] = name
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(text, []byte("-- +goose Up")) || bytes.Contains(text, []byte("-- +goose Down")) {
				t.Errorf("%s/%s: histories go forward only: `-- +goose Up` and no Down", dir, name)
			}
		}
	}
}
