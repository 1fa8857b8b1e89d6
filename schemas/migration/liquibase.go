package migration

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/ddl"
	"github.com/flowmart/lethe/schemas/tables"
)

// liquibase runs changelogs: the root, and what it includes where it includes
// it, as in an empty database without contexts or labels chosen.
// https://docs.liquibase.com/concepts/changelogs/home.html
type liquibase struct {
	d      *ddl.Database
	files  map[string]File
	values map[string]string // of ${…}
	filler filler
	in     map[string]bool     // the contexts chosen
	paths  []string            // of the files, in order
	byBase map[string][]string // the paths that end in a name, in order
	open   []string            // the changelogs being read, so that none includes itself
	done   map[string]bool     // those that were read: what is included again has run already
	looks  int                 // how often a path was compared with a folder, or another path
	ran    int                 // bytes of scripts that changes ran
	faults []error
}

// mostLooks bounds what including files and folders within folders may cost.
const mostLooks = 200_000

func readLiquibase(s Source, d *ddl.Database) error {
	l := &liquibase{d: d, files: map[string]File{}, byBase: map[string][]string{}, values: map[string]string{}, in: chosen(s.Contexts), done: map[string]bool{}}
	for _, f := range byPath(s.Files) {
		l.files[f.Path] = f
		l.paths = append(l.paths, f.Path)
		l.byBase[path.Base(f.Path)] = append(l.byBase[path.Base(f.Path)], f.Path)
	}
	for name, value := range s.Placeholders {
		l.values[name] = value
	}
	root, err := l.root(s.Root)
	if err != nil {
		return err
	}
	l.changelog(root)
	return errors.Join(l.faults...)
}

// rootNames are the usual names of the changelog that includes the others.
var rootNames = []string{"db.changelog-master", "changelog-master", "db.changelog-root", "changelog-root", "db.changelog", "changelog", "master"}

// root finds the changelog to begin with.
func (l *liquibase) root(said string) (File, error) {
	if said != "" {
		f, ok := l.find(said)
		if !ok {
			return f, fault.Bad("root", "FILE_UNKNOWN", "%s", fault.Suggest("the changelog to begin with is not among the files", said, l.paths))
		}
		return f, nil
	}
	if len(l.files) == 1 {
		return l.files[l.paths[0]], nil
	}
	for _, name := range rootNames {
		for _, p := range l.paths {
			if base := path.Base(p); strings.TrimSuffix(base, path.Ext(base)) == name {
				return l.files[p], nil
			}
		}
	}
	return File{}, fault.Bad("root", "REQUIRED", "say with which changelog Liquibase begins: --root db/changelog/db.changelog-master.xml")
}

// find finds a file by its path, or by the end of it: a changelog names others
// as they lie in the class path.
func (l *liquibase) find(name string) (File, bool) {
	name = strings.TrimPrefix(path.Clean(strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "classpath:")), "/")
	if f, ok := l.files[name]; ok {
		return f, true
	}
	for _, p := range l.byBase[path.Base(name)] {
		if l.looks++; l.looks > mostLooks {
			break
		}
		if rest, ends := strings.CutSuffix(p, name); ends && (rest == "" || strings.HasSuffix(rest, "/")) {
			return l.files[p], true
		}
	}
	return File{}, false
}

// mostFaults is how many mistakes are told of all changelogs.
const mostFaults = 20

func (l *liquibase) fail(err error) {
	if err != nil && len(l.faults) < mostFaults {
		l.faults = append(l.faults, err)
	}
}

// unknown tells of a file that is not there, and which was perhaps meant: that
// is dear, and said of what is told alone.
func (l *liquibase) unknown(message, name string, at tables.Place) {
	if len(l.faults) < mostFaults {
		l.fail(fault.New(fault.Invalid, "FILE_UNKNOWN", "%s", fault.Suggest(message, name, l.paths)).At(at.String()))
	}
}

// changelog runs a changelog of whatever form.
func (l *liquibase) changelog(f File) {
	if slices.Contains(l.open, f.Path) || len(l.open) > deepest {
		l.fail(fault.New(fault.Invalid, "INCLUDES_ITSELF", "this changelog includes itself, by way of %s", l.open[len(l.open)-1]).At(f.Path + ":1:1"))
		return
	}
	if l.done[f.Path] {
		return
	}
	l.done[f.Path] = true
	l.open = append(l.open, f.Path)
	defer func() { l.open = l.open[:len(l.open)-1] }()
	if strings.EqualFold(path.Ext(f.Path), ".sql") {
		l.fail(l.d.Run(tables.Place{File: f.Path}, l.fill(formatted(f.Text, l.in))))
		return
	}
	doc, err := document(f)
	if err != nil {
		l.fail(err)
		return
	}
	root := doc.kid("databaseChangeLog")
	if root == nil {
		l.fail(badDocument(tables.Place{File: f.Path, Line: 1, Column: 1}, "a changelog begins with databaseChangeLog"))
		return
	}
	for _, e := range root.entries("") {
		l.entry(f, e)
	}
}

// runs reports whether a node belongs to the contexts chosen.
func (l *liquibase) runs(e *node) bool { return runsIn(e.attr("context", "contextFilter"), l.in) }

func (l *liquibase) entry(f File, e *node) {
	if !l.runs(e) {
		return
	}
	switch e.name {
	case "changeSet":
		l.changeSet(f, e)
	case "property":
		if name := e.attr("name"); name != "" && forPostgreSQL(e.attr("dbms")) {
			if _, said := l.values[name]; !said { // the first value holds
				l.values[name] = l.fill(e.attr("value"))
			}
		}
	case "include":
		if included, ok := l.find(l.beside(f, e, e.attr("file"))); ok {
			l.changelog(included)
		} else {
			l.unknown("the file that is included is not among those given", e.attr("file"), e.at)
		}
	case "includeAll":
		l.includeAll(l.beside(f, e, e.attr("path")), e)
	}
}

// beside is a path as it is meant in a changelog.
func (l *liquibase) beside(f File, e *node, name string) string {
	name = l.fill(name)
	if e.is("relativeToChangelogFile") {
		return path.Join(path.Dir(f.Path), name)
	}
	return name
}

// includeAll runs the changelogs of a folder by their paths.
func (l *liquibase) includeAll(dir string, e *node) {
	dir = strings.Trim(path.Clean(strings.TrimPrefix(dir, "classpath:")), "/")
	found, below, behind := false, dir+"/", "/"+dir // a folder may have a long name, and there are many paths
	within := behind + "/"
	for _, p := range l.paths {
		if l.looks++; l.looks > mostLooks {
			l.fail(fault.New(fault.TooLarge, "TOO_MANY_INCLUDES", "folders are included in one another too often; name the changelogs one by one").At(e.at.String()))
			return
		}
		in := path.Dir(p)
		if dir != "." && in != dir && !strings.HasPrefix(in, below) && !strings.HasSuffix(in, behind) && !strings.Contains(in, within) {
			continue
		}
		if slices.Contains([]string{".sql", ".xml", ".yaml", ".yml", ".json"}, strings.ToLower(path.Ext(p))) && !slices.Contains(l.open, p) {
			found = true
			l.changelog(l.files[p])
		}
	}
	if !found && e.attr("errorIfMissingOrEmpty") != "false" {
		l.fail(fault.New(fault.Invalid, "FILE_UNKNOWN", "no changelog of this folder is among the files given").At(e.at.String()))
	}
}

// forPostgreSQL reads a dbms attribute: names with commas between, !name for all
// others.
func forPostgreSQL(dbms string) bool {
	if strings.TrimSpace(dbms) == "" {
		return true
	}
	none := true
	for name := range strings.SplitSeq(dbms, ",") {
		switch name = strings.TrimSpace(strings.ToLower(name)); {
		case name == "postgresql", name == "all":
			return true
		case name == "!postgresql", name == "none":
			return false
		case !strings.HasPrefix(name, "!"):
			none = false
		}
	}
	return none
}

// fill puts values in the place of ${…}; one without a value stays, as Liquibase
// leaves it.
func (l *liquibase) fill(text string) string {
	text, err := l.filler.fill(text, among(l.values), stay)
	if err != nil {
		l.fail(placed(err, l.files[l.open[len(l.open)-1]]))
	}
	return text
}

func (l *liquibase) changeSet(f File, e *node) {
	if !forPostgreSQL(e.attr("dbms")) || e.is("ignore") || !l.runs(e) {
		return
	}
	if conditions := e.kid("preConditions"); conditions != nil {
		holds, known := l.all(conditions)
		if skip := conditions.attr("onFail"); known && !holds && (skip == "MARK_RAN" || skip == "CONTINUE") {
			return
		}
	}
	for _, change := range e.entries("changes") {
		l.change(f, change)
	}
}

// all evaluates conditions that all have to hold, as far as that can be told
// from the tables; what else there is is taken to hold.
func (l *liquibase) all(n *node) (holds, known bool) {
	holds, known = true, true
	for _, c := range n.entries("") {
		if c.value != "" && len(c.kids) == 0 {
			continue // onFail and its like
		}
		h, k := l.condition(c)
		holds, known = holds && h, known && k
	}
	return holds, known
}

func (l *liquibase) condition(c *node) (holds, known bool) {
	switch c.name {
	case "and", "":
		return l.all(c)
	case "not":
		holds, known = l.all(c)
		return !holds, known
	case "or":
		holds, known = false, true
		for _, o := range c.entries("") {
			h, k := l.condition(o)
			holds, known = holds || h, known && k
		}
		return holds, known
	case "tableExists":
		return l.d.State.Has(l.tableOf(c, "schemaName", "tableName")), true
	case "columnExists":
		t, err := l.d.State.Table(l.tableOf(c, "schemaName", "tableName"))
		return err == nil && t.Index(folded(l.fill(c.attr("columnName")))) >= 0, true
	case "dbms":
		return forPostgreSQL(c.attr("type")), true
	}
	return true, false
}

// tableOf is the table that a node names, as PostgreSQL keeps its name.
func (l *liquibase) tableOf(c *node, schema, name string) tables.Name {
	n := tables.Name{Schema: "public", Table: folded(l.fill(c.attr(name)))}
	if c.attr(schema) != "" {
		n.Schema = folded(l.fill(c.attr(schema)))
	}
	return n
}

// changeSetSaid is what the comment says that begins a change set.
func changeSetSaid(line string) (said string, begins bool) {
	const word = "changeset"
	rest, comment := strings.CutPrefix(strings.TrimLeft(line, " \t\v\f"), "--")
	rest = strings.TrimLeft(rest, " \t\v\f")
	if !comment || len(rest) <= len(word) || !strings.EqualFold(rest[:len(word)], word) {
		return "", false
	}
	said = strings.TrimLeft(rest[len(word):], " \t\v\f")
	return said, len(said) < len(rest)-len(word)
}

// formatted leaves of SQL with Liquibase's comments what runs on PostgreSQL; the
// lines of the rest are empty, so that places stay right.
func formatted(text string, contexts map[string]bool) string {
	var b strings.Builder
	skip, delimiter := false, ""
	for line := range strings.Lines(text) {
		if said, begins := changeSetSaid(strings.TrimRight(line, "\r\n")); begins {
			const most = 10_000 // bytes: where more is said than that, it runs
			if len(said) > most {
				said = ""
			}
			set := options(said)
			in := runsIn(set["context"]+set["contextfilter"], contexts)
			skip, delimiter = !in || !forPostgreSQL(set["dbms"]) || strings.EqualFold(set["ignore"], "true"), set["enddelimiter"]
			b.WriteString(";\n") // the change set before has ended
			continue
		}
		if skip {
			line = "\n"
		}
		b.WriteString(delimited(line, delimiter))
	}
	return b.String()
}

// options reads each name:value of a change set's comment, by its name in small
// letters; a value with spaces stands in quotes. What is said first holds.
func options(said string) map[string]string {
	out := map[string]string{}
	for at := 0; at < len(said); {
		colon := strings.IndexByte(said[at:], ':')
		if colon < 0 {
			break
		}
		name := said[at : at+colon]
		name = strings.ToLower(name[1+strings.LastIndexFunc(name, func(r rune) bool { return r != '_' && !isLetterOrDigit(r) }):])
		value, given := said[at+colon+1:], true
		if rest, quoted := strings.CutPrefix(value, `"`); quoted && strings.Contains(rest, `"`) {
			value = rest[:strings.IndexByte(rest, '"')]
			at += len(`""`)
		} else if i := strings.IndexAny(value, " \t\v\f"); i >= 0 {
			value, given = value[:i], i > 0
		}
		at += colon + 1 + len(value)
		if _, before := out[name]; name != "" && given && !before {
			out[name] = value
		}
	}
	return out
}

func isLetterOrDigit(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
