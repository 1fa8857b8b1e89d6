// Package manifest reads the one file that says which schemas a repository
// holds: which files are of which subjects, of which type, to whom the subjects
// belong, and which level and policy hold for them; and which files make the
// tables of which stores. It finds what the files take from one another and puts
// them into an order in which each can be registered. It asks nobody and decides
// nothing.
package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

// Name is what the file is called unless somebody says otherwise.
const Name = "lethe.yaml"

// Manifest is what the file says.
type Manifest struct {
	File   string // what mistakes are told by
	Prefix string // what every subject begins with; "" says nothing
	Terms         // of the subjects of groups that say nothing else
	Groups []Group
	Stores []Store
}

// Terms are what should hold for a subject; what is "" is left as it is.
type Terms struct {
	Owner  string // the service that it belongs to
	Level  schemas.Level
	Policy gate.Policy
}

// Group is files that are registered alike.
type Group struct {
	Files      []string // patterns of paths: *, **, ?, [a-z], {a,b}
	Subject    string   // with {name}, {dir} and {record} in it
	Type       string   // "" goes by the name of the file
	Topics     []string // that the subjects describe beside those they are called after, with {name}, {dir} and {record} in them
	References []Reference
	Terms

	beside
	at strict.Mark
}

// Reference is what files of a group take from a subject that is in no file.
type Reference struct {
	Name    string
	Subject string
	Version int // 0 for the latest

	at strict.Mark
}

// The keys of the file.
var (
	topKeys       = []string{"prefix", "owner", "level", "policy", "schemas", "stores"}
	groupKeys     = []string{"files", "subject", "type", "owner", "level", "policy", "topics", "references", "metadata", "ruleSet"}
	referenceKeys = []string{"name", "subject", "version"}
)

// Read reads a manifest. Every mistake is told with its line; file is what it
// is called there.
func Read(file string, text []byte) (*Manifest, error) {
	r := newReader(file)
	m := &Manifest{File: file}
	body := r.Tree(text)
	if body == nil {
		if r.Err() == nil {
			r.Bad(strict.Mark{}, "EMPTY", "the file is empty; list files and their subjects under schemas")
		}
		return nil, r.Err()
	}
	o, _ := r.Object(body, "a manifest", topKeys...)
	m.Prefix = o.Text("prefix")
	m.Terms = terms(o)
	for _, n := range o.Items("schemas") {
		m.Groups = append(m.Groups, group(r, n, m.Terms))
	}
	for _, n := range o.Items("stores") {
		m.Stores = append(m.Stores, store(r, n, m.Terms))
	}
	m.storesOnce(r)
	if len(m.Groups)+len(m.Stores) == 0 && r.Err() == nil {
		r.Bad(o.Of("schemas"), "REQUIRED", `"schemas" is missing or empty, and so is "stores"; the first lists files and their subjects, like - {files: schemas/*.avsc, subject: "{name}-value"}`)
	}
	return m, r.Err()
}

func newReader(file string) *strict.Reader {
	return &strict.Reader{File: file, What: "a manifest", Most: 1 << 20, Less: "name files by patterns"}
}

func group(r *strict.Reader, n ast.Node, otherwise Terms) Group {
	o, ok := r.Object(n, "an entry of schemas", groupKeys...)
	g := Group{at: o.At, Subject: o.Need("subject", `the subject of the files, like "{name}-value"`), Terms: terms(o)}
	g.Terms = g.or(otherwise)
	if ok {
		g.Files = patterns(o, "schemas/**/*.avsc")
	}
	if kind := strings.ToUpper(o.Text("type")); kind != "" {
		g.Type = kind
		if known := schemas.Types(); !slices.Contains(known, kind) {
			r.Bad(o.Of("type"), "UNKNOWN_TYPE", "%s", fault.Suggest("schemas are of the types "+strings.Join(known, ", "), kind, known))
		}
	}
	g.Topics = o.Some("topics")
	filled(o, "subject", "a subject is", g.Subject)
	filled(o, "topics", "topics are", g.Topics...)
	g.beside = besideOf(o)
	for _, n := range o.Items("references") {
		g.References = append(g.References, reference(r, n))
	}
	return g
}

// filled refuses placeholders that nothing is put into the place of.
func filled(o strict.Object, key, what string, texts ...string) {
	for _, hole := range holes(strings.Join(texts, "")) {
		if known := []string{"name", "dir", "record"}; !slices.Contains(known, hole) {
			o.Bad(o.Of(key), "UNKNOWN_PLACEHOLDER", "%s", fault.Suggest(fmt.Sprintf("%s made of {name}, {dir} and {record}, not of {%s}", what, hole), hole, known))
		}
	}
}

// patterns reads which files are meant.
func patterns(o strict.Object, like string) []string {
	all := o.Some("files")
	if len(all) == 0 {
		o.Bad(o.Of("files"), "REQUIRED", `"files" is missing or empty; it is a pattern of paths, like %s, or a list of them`, like)
	}
	for _, pattern := range all {
		if !validPattern(pattern) {
			o.Bad(o.Of("files"), "BAD_PATTERN", "%q is no pattern of paths; it goes down from the manifest's folder, with *, **, ?, [a-z] and {a,b}", pattern)
		}
	}
	return all
}

func reference(r *strict.Reader, n ast.Node) Reference {
	o, _ := r.Object(n, "a reference", referenceKeys...)
	ref := Reference{at: o.At, Name: o.Need("name", "what the schema calls it: the full name of a type, the URI of a $ref, the path of an import"), Subject: o.Need("subject", "the subject that it is of")}
	if version := o.Text("version"); version != "" && version != "latest" {
		n, err := strconv.Atoi(version)
		if err != nil || n < 1 {
			r.Bad(o.Of("version"), "OUT_OF_RANGE", "a version is a whole number from 1, or latest")
		}
		ref.Version = n
	}
	return ref
}

// terms reads what should hold for subjects.
func terms(o strict.Object) Terms {
	t := Terms{Owner: o.Text("owner")}
	if level := o.Text("level"); level != "" {
		l, err := schemas.ParseLevel(level)
		if err != nil {
			o.Bad(o.Of("level"), "INVALID_LEVEL", "%s", fault.All(err)[0].Message)
		}
		t.Level = l
	}
	if policy := o.Text("policy"); policy != "" {
		t.Policy = gate.Policy(strings.ToUpper(policy))
		if !slices.Contains(gate.Policies(), t.Policy) {
			o.Bad(o.Of("policy"), "INVALID_POLICY", "%s", fault.Suggest("a policy is ENFORCE, WARN, OFF", string(t.Policy), []string{"ENFORCE", "WARN", "OFF"}))
		}
	}
	return t
}

// or is what is said, and else what holds otherwise.
func (t Terms) or(otherwise Terms) Terms {
	if t.Owner == "" {
		t.Owner = otherwise.Owner
	}
	if t.Level == "" {
		t.Level = otherwise.Level
	}
	if t.Policy == "" {
		t.Policy = otherwise.Policy
	}
	return t
}

// holes lists what stands in braces.
func holes(subject string) (out []string) {
	for rest := subject; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return out
		}
		hole, after, _ := strings.Cut(after, "}")
		out, rest = append(out, hole), after
	}
}
