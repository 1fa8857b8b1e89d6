package stores

import (
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/detect"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/tables"
)

// field is a column, or a part of one, as the catalog and the gate know it.
type field struct {
	gate.Field
	nullable bool
	shown    string // its type as the store writes it
	doc      string // without its tags
	at       tables.Place
}

// fieldsOf are the columns of a table with their parts.
func fieldsOf(t tables.Table) []field {
	var out []field
	var walk func(columns []tables.Column, prefix string)
	walk = func(columns []tables.Column, prefix string) {
		for _, c := range columns {
			path := prefix + fieldpath.Escape(c.Name)
			f := field{nullable: c.Nullable, shown: c.Type, at: c.At}
			f.doc, f.Tags = tagsIn(c.Doc)
			kind := c.Type
			if c.Base != "" {
				kind = c.Base
			}
			f.Field.Field = detect.Field{Record: t.Name.Table, Path: path, Type: kind, Doc: f.doc, Opaque: c.Opaque}
			f.Aliases = c.Former
			out = append(out, f)
			if len(c.Within) > 0 && len(path) < longestPath {
				if c.List {
					path += "[]"
				}
				walk(c.Within, path+".")
			}
		}
	}
	walk(t.Columns, "")
	return slices.DeleteFunc(out, func(f field) bool {
		_, err := fieldpath.Parse(f.Path)
		return err != nil
	})
}

// longestPath is beyond what a path may have, so that types which nest are not
// walked for ever.
const longestPath = 1000

func gateFields(fields []field) []gate.Field {
	out := make([]gate.Field, len(fields))
	for i, f := range fields {
		out[i] = f.Field
	}
	return out
}

// catalogFields are fields as the catalog takes them.
func catalogFields(fields []field) []catalog.Field {
	out := make([]catalog.Field, len(fields))
	for i, f := range fields {
		out[i] = catalog.Field{Path: f.Path, DataType: cut(f.shown, 200), Nullable: f.nullable, Doc: cut(f.doc, 4000), Opaque: f.Opaque}
	}
	return out
}

// cut shortens what is longer than the catalog keeps; the store has it whole.
func cut(s string, most int) string {
	return fault.Cut(strings.ReplaceAll(s, "\x00", ""), most)
}

// tagsIn finds the categories that a description names: @tags(user.name, …).
// The rest is the description.
func tagsIn(doc string) (rest string, tags []string) {
	var said []string
	for before, inside := range marked(doc) {
		if before = strings.TrimSpace(before); before != "" {
			said = append(said, before)
		}
		for tag := range strings.SplitSeq(inside, ",") {
			if tag = strings.TrimSpace(tag); tag != "" && !slices.Contains(tags, tag) {
				tags = append(tags, tag)
			}
		}
	}
	return strings.Join(said, " "), tags
}

// marked takes a description apart at its @tags(…): what stands before each, and
// within it; the last has nothing within.
func marked(doc string) iter.Seq2[string, string] {
	return func(yield func(before, inside string) bool) {
		for {
			before, after, found := strings.Cut(doc, "@tags(")
			inside, behind, _ := strings.Cut(after, ")")
			if !yield(before, inside) || !found {
				return
			}
			doc = behind
		}
	}
}

// countTags is how many tags a description names at most, each as often as it
// does.
func countTags(doc string) int {
	n := 0
	for _, inside := range marked(doc) {
		if inside != "" {
			n += 1 + strings.Count(inside, ",")
		}
	}
	return n
}

// datasetName is the name of a table's dataset. The catalog has no spaces in
// names, which tables may have: they are written as in a URL.
func datasetName(n tables.Name) string {
	var b strings.Builder
	for _, r := range n.String() {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			b.WriteString(url.PathEscape(string(r)))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// placeOf reads a place that was written as file:line:column.
func placeOf(path []string) tables.Place {
	p := tables.Place{File: strings.Join(path, ".")}
	for _, into := range []*int{&p.Column, &p.Line} {
		i := strings.LastIndexByte(p.File, ':')
		if i < 0 {
			break
		}
		n, err := strconv.Atoi(p.File[i+1:])
		if err != nil {
			break
		}
		*into, p.File = n, p.File[:i]
	}
	if p.Line == 0 {
		p.Line, p.Column = p.Column, 0 // file:line
	}
	return p
}
