package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// statement is a constant q of the house, or q followed by a capital.
type statement struct {
	at       string // file:line
	sql      string
	keystore bool // of the key store's database
}

// list is a call that reads many rows.
type list struct {
	at, sql  string
	anyOrder bool // the line says that the order does not matter
}

// PostgreSQL itself reads every statement against the migrated schema and
// plans it as the server's role, so that a misspelt column or a missing grant
// fails here and not in production.
func TestEveryStatementIsSound(t *testing.T) {
	t.Parallel()
	house := readHouse(t, "../..")
	for _, p := range house.problems {
		t.Error(p)
	}
	main, keystore := pgtest.New(t), pgtest.NewKeystore(t)
	for _, s := range house.statements {
		db := main
		if s.keystore {
			db = keystore
		}
		if err := plan(db, s.sql); err != nil {
			t.Errorf("%s: %v", s.at, err)
		}
		if star.MatchString(s.sql) {
			t.Errorf("%s: name the columns instead of *", s.at)
		}
	}
	if len(house.statements) < 50 {
		t.Errorf("only %d statements were found; where are the others?", len(house.statements))
	}
	t.Logf("%d statements, %d lists", len(house.statements), len(house.lists))
}

// What the check is there to find, it finds.
func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for sql, want := range map[string]string{
		`SELECT version_idd FROM goose_db_version WHERE id = $1`: "42703", // no such column
		`DELETE FROM goose_db_version WHERE id = $1`:             "42501", // no grant
		`SELECT id FROM goose_db_version WHERE id = 'a' || $1`:   "42883", // no such operator
		`SELECT version_id FROM goose_db_version WHERE id = $1`:  "",
		`SELECT pg_notify('x', $1)`:                              "",
	} {
		err := plan(db, sql)
		pg, _ := errors.AsType[*pgconn.PgError](err)
		if want == "" && err != nil || want != "" && (pg == nil || pg.Code != want) {
			t.Errorf("%s: %v, want %q", sql, err, want)
		}
	}
}

// Without ORDER BY a list has no order that a page or a test can rely on.
func TestEveryListIsOrdered(t *testing.T) {
	t.Parallel()
	for _, l := range readHouse(t, "../..").lists {
		if !l.anyOrder && !ordered(l.sql) {
			t.Errorf("%s: this list has no ORDER BY; if the order does not matter, say so with `// any order` on the line or `-- any order` in the statement", l.at)
		}
	}
}

func TestOrdered(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]bool{
		`SELECT id FROM task ORDER BY id`:                                  true,
		`SELECT id FROM task`:                                              false,
		`SELECT id FROM (SELECT id FROM task ORDER BY id) t`:               false,
		`SELECT count(*) FROM task`:                                        true,
		`SELECT state, count(*) FROM task GROUP BY state`:                  false,
		`SELECT state, count(*) FROM task GROUP BY state ORDER BY state`:   true,
		`SELECT id, (SELECT max(n) FROM part) FROM task`:                   false,
		`UPDATE task SET rank = 2 RETURNING id`:                            false,
		"SELECT id FROM task -- any order":                                 true,
		`WITH t AS (SELECT id FROM task) SELECT id FROM t order   by id`:   true,
		`SELECT array_agg(id ORDER BY id) FROM task`:                       true,
		`SELECT discount(x) FROM task`:                                     false,
		`SELECT id, row_number() OVER (ORDER BY id) FROM task`:             false,
		"SELECT id\nFROM task\nORDER BY received_at DESC, id\nLIMIT $1":    true,
		`SELECT id FROM task WHERE note = ')' ORDER BY id`:                 true,
		`SELECT id FROM task WHERE note = 'ORDER BY' AND x = 'it''s (one'`: false,
	} {
		if got := ordered(sql); got != want {
			t.Errorf("ordered(%q) = %t, want %t", sql, got, want)
		}
	}
}

var (
	star       = regexp.MustCompile(`(?i)\b(SELECT|RETURNING)\s+(\w+\.)?\*|,\s*\w+\.\*`)
	quoted     = regexp.MustCompile(`'(?:[^']|'')*'`)
	innermost  = regexp.MustCompile(`\([^()]*\)`)
	aggregate  = regexp.MustCompile(`(?i)\b(count|sum|avg|min|max|bool_and|bool_or|array_agg|string_agg|jsonb?_agg|jsonb?_object_agg)__`)
	orderBy    = regexp.MustCompile(`(?i)\bORDER\s+BY\b`)
	groupBy    = regexp.MustCompile(`(?i)\bGROUP\s+BY\b`)
	planned    = regexp.MustCompile(`(?i)^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|VALUES|MERGE)\b`)
	unfettered = regexp.MustCompile(`(?i)^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s)`)
)

// ordered reports whether the outermost query of a statement says its order,
// or returns one row because it is an aggregate of all.
func ordered(sql string) bool {
	if strings.Contains(sql, "-- any order") {
		return true
	}
	outer := quoted.ReplaceAllString(sql, "")
	for innermost.MatchString(outer) {
		outer = innermost.ReplaceAllString(outer, "__")
	}
	if orderBy.MatchString(outer) {
		return true
	}
	return aggregate.MatchString(outer) && !groupBy.MatchString(outer)
}

// plan has PostgreSQL parse a statement, and plan what can be planned: that
// checks the role's grants, which parsing alone does not.
func plan(db *pgxpool.Pool, sql string) error {
	ctx := context.Background()
	conn, err := db.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	parsed, err := conn.Conn().Prepare(ctx, "sound", sql)
	if err != nil {
		return err
	}
	defer conn.Conn().Deallocate(ctx, "sound")
	if !planned.MatchString(sql) {
		return nil
	}
	explain := `SET plan_cache_mode = force_generic_plan; EXPLAIN EXECUTE sound`
	if n := len(parsed.ParamOIDs); n > 0 {
		explain += "(" + strings.Repeat("NULL, ", n-1) + "NULL)"
	}
	_, err = conn.Conn().PgConn().Exec(ctx, explain).ReadAll()
	return err
}

// house is what the source of Lethe says to PostgreSQL.
type house struct {
	statements []statement
	lists      []list
	problems   []string
}

// others lists what speaks to no database of Lethe, or only in tests.
var others = []string{"examples", "web", "tools", "docs", "e2e", "internal/demo", "internal/devstack", "internal/postgres/pgtest", "graph/exec"}

func readHouse(t *testing.T, root string) *house {
	t.Helper()
	h := &house{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if slices.Contains(others, filepath.ToSlash(rel)) || strings.HasPrefix(d.Name(), ".") && rel != "." {
			return fs.SkipDir
		}
		return h.readPackage(path, filepath.ToSlash(rel))
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) readPackage(dir, rel string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	p := &pkg{house: h, set: token.NewFileSet(), keystore: rel == "internal/vault", consts: map[string]ast.Expr{}}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(p.set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, file)
		for _, decl := range file.Decls {
			if gen, ok := decl.(*ast.GenDecl); ok && gen.Tok == token.CONST {
				p.declare(p.consts, gen)
			}
		}
	}
	for _, file := range files {
		p.readFile(file)
	}
	return nil
}

// pkg is a package being read.
type pkg struct {
	*house
	set      *token.FileSet
	keystore bool
	consts   map[string]ast.Expr // of the package
	anyOrder map[int]bool        // lines of the file that say `// any order`
}

func (p *pkg) declare(into map[string]ast.Expr, gen *ast.GenDecl) {
	for _, spec := range gen.Specs {
		if v, ok := spec.(*ast.ValueSpec); ok {
			for i, name := range v.Names {
				if i < len(v.Values) {
					into[name.Name] = v.Values[i]
				}
			}
		}
	}
}

func (p *pkg) at(n ast.Node) string {
	pos := p.set.Position(n.Pos())
	return fmt.Sprintf("%s:%d", strings.TrimPrefix(filepath.ToSlash(pos.Filename), "../../"), pos.Line)
}

func (p *pkg) readFile(file *ast.File) {
	p.anyOrder = map[int]bool{}
	for _, group := range file.Comments {
		for _, c := range group.List {
			if strings.Contains(c.Text, "any order") {
				p.anyOrder[p.set.Position(c.Pos()).Line] = true
			}
		}
	}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			p.readScope(decl)
		case *ast.GenDecl:
			if decl.Tok == token.CONST {
				p.collect(decl, nil)
			}
		}
	}
}

// readScope reads a function in the order of its source: a call refers to the
// constant of that name declared last before it.
func (p *pkg) readScope(fn *ast.FuncDecl) {
	local := map[string]ast.Expr{}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			if n.Tok == token.CONST {
				p.declare(local, n)
				p.collect(n, local)
			}
		case *ast.CallExpr:
			p.readCall(n, local)
		}
		return true
	})
}

// collect notes the statements among the constants of a declaration.
func (p *pkg) collect(gen *ast.GenDecl, local map[string]ast.Expr) {
	for _, spec := range gen.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, name := range v.Names {
			if i >= len(v.Values) || !isStatement(name.Name) {
				continue
			}
			sql, ok := p.eval(v.Values[i], local)
			if !ok {
				p.problems = append(p.problems, p.at(v)+": this statement is not made of string constants of its package")
				continue
			}
			p.statements = append(p.statements, statement{p.at(v), sql, p.keystore})
		}
	}
}

func isStatement(name string) bool {
	return name == "q" || len(name) > 1 && name[0] == 'q' && name[1] >= 'A' && name[1] <= 'Z'
}

// readCall notes lists, and refuses statements written into the call.
func (p *pkg) readCall(call *ast.CallExpr, local map[string]ast.Expr) {
	for _, arg := range call.Args {
		if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, _ := strconv.Unquote(lit.Value); unfettered.MatchString(text) {
				p.problems = append(p.problems, p.at(lit)+": a statement stands in a constant q of the function that runs it")
			}
		}
	}
	if !readsMany(call) || len(call.Args) < 3 {
		return
	}
	if name, ok := call.Args[2].(*ast.Ident); ok && local[name.Name] == nil && p.consts[name.Name] == nil {
		return // a parameter: the callers' constants are prepared all the same
	}
	sql, ok := p.eval(call.Args[2], local)
	if !ok {
		p.problems = append(p.problems, p.at(call)+": the statement of a list is a constant q")
		return
	}
	line, last := p.set.Position(call.Pos()).Line, p.set.Position(call.End()).Line
	p.lists = append(p.lists, list{p.at(call), sql, p.anyOrder[line] || p.anyOrder[last]})
}

// readsMany reports a call of postgres.Many or postgres.Scalars.
func readsMany(call *ast.CallExpr) bool {
	fun := call.Fun
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X
	}
	sel, ok := fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Many" && sel.Sel.Name != "Scalars" {
		return false
	}
	from, ok := sel.X.(*ast.Ident)
	return ok && from.Name == "postgres"
}

// eval is the value of a constant expression of strings.
func (p *pkg) eval(e ast.Expr, local map[string]ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.ParenExpr:
		return p.eval(e.X, local)
	case *ast.BinaryExpr:
		left, ok1 := p.eval(e.X, local)
		right, ok2 := p.eval(e.Y, local)
		return left + right, ok1 && ok2 && e.Op == token.ADD
	case *ast.Ident:
		if v := local[e.Name]; v != nil {
			return p.eval(v, local)
		}
		if v := p.consts[e.Name]; v != nil {
			return p.eval(v, nil)
		}
	}
	return "", false
}
