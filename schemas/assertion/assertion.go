// Package assertion is between what schemas say of fields and what the catalog
// asserts of them (source SCHEMA): it tells the gate what stands, and the catalog
// what has to be asserted so that it says what the latest version does. It asks
// and writes nothing itself.
package assertion

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/dossier"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/schemas/gate"
)

// Tell adds to a change what is said of a dataset's fields: what people decided
// and, apart, what versions of the schema say. What is said to hold from a later
// day on is decided today.
func Tell(change *gate.Change, standing []dossier.Tag) {
	denied := map[string]map[string]bool{}
	for _, t := range standing {
		path := t.Path
		if t.State == "REJECTED" || t.State == "CONFIRMED" && t.Polarity == "-" {
			change.Rejected[path] = append(change.Rejected[path], gate.Rejection{Category: t.Term})
			if denied[path] == nil {
				denied[path] = map[string]bool{}
			}
			denied[path][t.Term] = t.Polarity == "-"
		}
	}
	for _, t := range standing {
		path := t.Path
		if t.State != "CONFIRMED" || t.Polarity != "+" {
			continue
		}
		if _, err := taxonomy.Find("", t.Term, taxonomy.Category); err != nil || denied[path][t.Term] {
			continue
		}
		if t.Source == "SCHEMA" {
			change.Earlier[path] = append(change.Earlier[path], t.Term)
		} else {
			change.Confirmed[path] = append(change.Confirmed[path], t.Term)
		}
	}
}

// Version is a version of the schema of a dataset.
type Version struct {
	Dataset uuid.UUID
	Number  int                  // 0 is none: nothing is said any more
	Fields  map[string]uuid.UUID // the ids of its fields by path
	// Has reports whether a place of the dataset is the schema's to describe; it
	// is asked where there is no version.
	Has func(path string) bool
}

// statement is that a field has a category.
type statement struct {
	field uuid.UUID
	term  string
}

// Revised are the assertions to make so that the catalog says what the version
// does. What stands as it should is left out: to assert it again would wait for
// every other change of the catalog. What an earlier version said and this one
// does not is not taken back, as records that were written before are still
// there: it is marked, for a person to end. What people rejected stays rejected.
func (v Version) Revised(change gate.Change, standing []dossier.Tag) []catalog.Tag {
	left := map[statement]catalog.Tag{}
	for _, t := range standing {
		if t.Source == "SCHEMA" {
			left[statement{*t.FieldID, t.Term}] = t.Tag
		}
	}
	var out []catalog.Tag
	for _, t := range gate.Tags(change) {
		id, ok := v.Fields[t.Path]
		if !ok || t.Source == gate.Inherited || t.Source == gate.Confirmed && t.From == t.Path {
			continue
		}
		reason := ""
		if t.From != t.Path {
			reason = "the field was called " + t.From
		}
		s := statement{id, t.Category}
		old, stands := left[s]
		if !stands || old.State == "CONFIRMED" && old.Reason != reason {
			out = append(out, v.assert(&id, t.Category, reason))
		}
		delete(left, s)
	}
	return append(out, v.superseded(change, standing, left)...)
}

// News lists the terms that the catalog would have to be told of to know of a
// version some of whose fields it may not have yet, each once; none where there is
// nothing new.
func (v Version) News(change gate.Change, standing []dossier.Tag) []string {
	v.Fields = map[string]uuid.UUID{}
	for _, f := range change.New {
		v.Fields[f.Path] = uuid.Nil // nothing stands of such a field
	}
	for _, t := range standing {
		v.Fields[t.Path] = *t.FieldID
	}
	var terms []string
	for _, t := range v.Revised(change, standing) {
		if !slices.Contains(terms, t.Term) {
			terms = append(terms, t.Term)
		}
	}
	return terms
}

func (v Version) assert(field *uuid.UUID, term, reason string) catalog.Tag {
	return catalog.Tag{DatasetID: v.Dataset, FieldID: field, Term: term, Source: "SCHEMA", Reason: reason}
}

// another begins the reason of what another version than the latest says.
const another = "another version said so; "

// superseded marks what is left standing and the version does not say of the
// fields that it has. What somebody rejected is left as it is.
func (v Version) superseded(change gate.Change, standing []dossier.Tag, left map[statement]catalog.Tag) []catalog.Tag {
	reason := another + "none is live for this topic"
	if v.Number > 0 {
		reason = fmt.Sprintf(another+"version %d does not", v.Number)
	}
	has := map[string]bool{}
	for _, f := range change.New {
		has[f.Path] = true
	}
	var out []catalog.Tag
	for _, t := range standing { // in their order
		if t.Source != "SCHEMA" || strings.HasPrefix(t.Reason, another) {
			continue
		}
		_, is := left[statement{*t.FieldID, t.Term}]
		rejected := slices.ContainsFunc(change.Rejected[t.Path], func(r gate.Rejection) bool { return r.Category == t.Term })
		if is && !rejected && (has[t.Path] || v.Number == 0 && v.Has(t.Path)) {
			out = append(out, v.assert(t.FieldID, t.Term, reason))
		}
	}
	return out
}
