package manifest

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/migration"
)

// Store is a store of the catalog whose tables files of the repository make.
type Store struct {
	Ref       string
	Patterns  []string // of the paths of its files
	Namespace string   // of its datasets; "" for the one that they have
	// Source is how the files are read. Its files are there once Sources found
	// them.
	Source migration.Source
	Terms

	at strict.Mark
}

var storeKeys = []string{"store", "files", "format", "namespace", "root", "contexts", "placeholders", "owner", "policy"}

func store(r *strict.Reader, n ast.Node, otherwise Terms) Store {
	o, ok := r.Object(n, "an entry of stores", storeKeys...)
	s := Store{at: o.At, Ref: o.Need("store", "the name of the store in the catalog"), Namespace: o.Text("namespace"), Terms: terms(o)}
	s.Terms = s.or(otherwise)
	s.Level = "" // versions of tables follow one another by who reads what
	s.Source = migration.Source{Format: strings.ToLower(o.Word("format", "sql")), Root: o.Text("root"), Contexts: o.Some("contexts"), Placeholders: o.Pairs("placeholders")}
	if known := migration.Formats(); !slices.Contains(known, s.Source.Format) {
		r.Bad(o.Of("format"), "UNKNOWN_FORMAT", "%s", fault.Suggest("the format is one of "+strings.Join(known, ", "), s.Source.Format, known))
	}
	if ok {
		s.Patterns = patterns(o, "db/migration/**")
	}
	return s
}

// storesOnce refuses two entries for one store: it has one state at a time.
func (m *Manifest) storesOnce(r *strict.Reader) {
	seen := map[string]bool{}
	for _, s := range m.Stores {
		if s.Ref != "" && seen[s.Ref] {
			r.Bad(s.at, "STORE_TWICE", "the store %q stands here twice; put its files into one entry", s.Ref)
		}
		seen[s.Ref] = true
	}
}

// Sources finds the files of the stores in a folder.
func (m *Manifest) Sources(t Tree) ([]Store, error) { return m.sources(t, false) }

// SourcesBefore finds them in a folder as it was. What is not there yet is no
// mistake.
func (m *Manifest) SourcesBefore(t Tree) ([]Store, error) { return m.sources(t, true) }

func (m *Manifest) sources(t Tree, before bool) ([]Store, error) {
	r := newReader(m.File)
	out := slices.Clone(m.Stores)
	for i, s := range out {
		var names []string
		seen := map[string]bool{}
		for _, pattern := range s.Patterns {
			for _, name := range t.named(r, s.at, pattern, before) {
				if !seen[name] {
					names, seen[name] = append(names, name), true
				}
			}
		}
		texts, err := t.load(names)
		if err != nil {
			return nil, err
		}
		for k, name := range names {
			out[i].Source.Files = append(out[i].Source.Files, migration.File{Path: name, Text: texts[k]})
		}
	}
	return out, r.Err()
}
