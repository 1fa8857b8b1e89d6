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

// readMongo reads the validators of MongoDB's collections: from JSON, a file for
// a collection or one for several, or the commands create and collMod; and from
// scripts of its shell and of migrate-mongo, in the order of their names.
// https://www.mongodb.com/docs/manual/core/schema-validation/
func readMongo(s Source, d *ddl.Database) error {
	var faults []error
	read := 0
	for _, f := range byPath(s.Files) {
		if read > mostArguments || len(faults) >= mostOfAll {
			break // that was told
		}
		m := mongo{d: d, file: f, read: &read}
		switch strings.ToLower(path.Ext(f.Path)) {
		case ".js", ".mjs", ".cjs", ".ts":
			m.script()
		case ".json", ".yaml", ".yml":
			doc, err := document(f)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			m.document(doc)
		}
		faults = append(faults, m.faults...)
	}
	return errors.Join(faults...)
}

type mongo struct {
	d      *ddl.Database
	file   File
	faults []error
	read   *int // of mostArguments
}

func (m *mongo) fail(at tables.Place, err error) {
	const most = 20 // of one file, as of a script of SQL
	for _, f := range fault.All(err) {
		if len(m.faults) >= most {
			return
		}
		if len(f.Path) == 0 {
			f = f.At(at.String())
		}
		m.faults = append(m.faults, f)
	}
}

// document reads what a file of JSON or YAML says: one command or several, the
// schema of the collection that the file is called after, or those of several
// by their names.
func (m *mongo) document(doc *node) {
	switch {
	case doc.list:
		for _, command := range doc.kids {
			m.command(command)
		}
	case doc.attr("create", "collMod", "drop") != "":
		m.command(doc)
	case schemaOf(doc) != nil:
		base := path.Base(m.file.Path)
		m.describe(strings.TrimSuffix(base, path.Ext(base)), doc, doc.at)
	default:
		for _, k := range doc.kids {
			m.describe(k.name, k, k.at)
		}
	}
}

// command does what a command of the database does to collections.
func (m *mongo) command(c *node) {
	switch {
	case c.attr("create") != "":
		m.describe(c.attr("create"), c, c.at)
	case c.attr("collMod") != "":
		m.describe(c.attr("collMod"), c, c.at)
	case c.attr("drop") != "":
		m.fail(c.at, m.d.State.Drop(tables.Name{Table: c.attr("drop")}, c.at))
	}
}

// schemaOf finds the $jsonSchema of a collection, whatever is around it.
func schemaOf(n *node) *node {
	for _, name := range []string{"validator", "options", "$jsonSchema"} {
		if k := n.kid(name); k != nil {
			if name == "$jsonSchema" {
				return k
			}
			return schemaOf(k)
		}
	}
	if n.kid("properties") != nil || n.attr("bsonType") != "" {
		return n
	}
	return nil
}

// describe makes a collection, or describes it anew.
func (m *mongo) describe(name string, from *node, at tables.Place) {
	n := tables.Name{Table: name}
	schema := schemaOf(from)
	t := tables.Table{Name: n, At: at, Open: true}
	if schema != nil {
		t.Open = schema.attr("additionalProperties") != "false"
		t.Doc = schema.attr("description", "title")
		t.Columns = fieldsOf(schema, 0)
	} else if from.kid("validator") != nil {
		m.d.Unread(at, "the validator is no $jsonSchema, so the fields of the collection are not read", "describe them by a $jsonSchema")
	}
	if t.Open && len(t.Columns) == 0 {
		m.d.Unread(at, "nothing says which fields the collection has", "describe them by a $jsonSchema")
	}
	if !m.d.State.Has(n) {
		m.fail(at, m.d.State.Create(t))
		return
	}
	if schema != nil {
		m.fail(at, m.revise(n, t))
	}
}

// revise makes the fields of a collection those of its new validator.
func (m *mongo) revise(n tables.Name, t tables.Table) error {
	s := m.d.State
	old, err := s.Table(n)
	if err != nil {
		return err
	}
	old.Open = t.Open
	had, has := namesOf(old.Columns), namesOf(t.Columns)
	for _, c := range slices.Clone(old.Columns) {
		if !has[c.Name] && err == nil {
			err = s.DropColumn(n, c.Name, t.At)
		}
	}
	for _, c := range t.Columns {
		switch {
		case err != nil:
			return err
		case !had[c.Name]:
			err = s.AddColumn(n, c)
		default:
			err = errors.Join(s.Retype(n, c.Name, c), s.SetNullable(n, c.Name, c.Nullable, c.At), s.Describe(n, c.Name, c.Doc, c.At))
		}
	}
	return errors.Join(err, s.Describe(n, "", t.Doc, t.At))
}

func namesOf(columns []tables.Column) map[string]bool {
	out := make(map[string]bool, len(columns))
	for _, c := range columns {
		out[c.Name] = true
	}
	return out
}

// bases are BSON's types as others call them.
var bases = map[string]string{"objectId": "string", "bool": "boolean", "binData": "bytes", "int": "int", "long": "long", "decimal": "decimal", "double": "double",
	"date": "date", "timestamp": "timestamp", "string": "string", "number": "number"}

// fieldsOf reads the properties of a schema.
func fieldsOf(schema *node, depth int) []tables.Column {
	properties := schema.kid("properties")
	if properties == nil || depth > deepest {
		return nil
	}
	required := map[string]bool{}
	for _, name := range valuesOf(schema.kid("required")) {
		required[name] = true
	}
	seen := map[string]bool{}
	var out []tables.Column
	for _, p := range properties.kids {
		if seen[p.name] {
			continue // said twice: the first holds
		}
		seen[p.name] = true
		out = append(out, fieldOf(p, !required[p.name], depth))
	}
	return out
}

// fieldOf reads one property.
func fieldOf(p *node, nullable bool, depth int) tables.Column {
	c := tables.Column{Name: p.name, At: p.at, Doc: p.attr("description", "title"), Nullable: nullable}
	types := append(valuesOf(p.kid("bsonType")), valuesOf(p.kid("type"))...)
	if p.kid("encrypt") != nil {
		types = append(types, "binData")
	}
	if slices.Contains(types, "null") {
		c.Nullable = true
		types = slices.DeleteFunc(types, func(s string) bool { return s == "null" })
	}
	c.Type = strings.Join(types, " | ")
	if len(types) == 1 {
		c.Base = bases[types[0]]
	}
	if p.kid("enum") != nil && c.Type == "" {
		c.Type = "string"
	}
	c.Within = fieldsOf(p, depth+1)
	if items := p.kid("items"); items != nil {
		c.List = true
		c.Within = fieldsOf(items, depth+1)
		if of := strings.Join(valuesOf(items.kid("bsonType")), " | "); of != "" && len(c.Within) == 0 {
			c.Type, c.Base = of+"[]", ""
		}
	}
	c.Opaque = slices.Contains(types, "binData") || slices.Contains(types, "object") && len(c.Within) == 0 || len(types) == 0 && c.Type == ""
	return c
}

// valuesOf are the values of a list, or the one that stands in its place.
func valuesOf(n *node) []string {
	switch {
	case n == nil:
		return nil
	case !n.list:
		return slices.DeleteFunc([]string{n.value}, func(s string) bool { return s == "" })
	}
	var out []string
	for _, k := range n.kids {
		out = append(out, k.value)
	}
	return out
}

// mostArguments bounds what is read of all files as the arguments of calls, in
// bytes: half as much again as there can be in files, as those of a call in
// another's are read once more.
const mostArguments = 24 << 20

// script reads the calls of a script that change collections, in order. What a
// migration does to go back is left out.
func (m *mongo) script() {
	text := m.file.Text
	from, to := 0, len(text)
	if down := assigned(text, "down"); down >= 0 {
		if up := assigned(text, "up"); up > down {
			from = up
		} else {
			to = down
		}
	}
	js := &script{lines: linesOf(m.file), in: text}
	for {
		call, found := nextCall(text[:to], from)
		if !found {
			return
		}
		from = call.arguments
		if js.hidden(call.begins) {
			continue
		}
		at := js.place(call.begins)
		js.i = call.arguments
		args, ok := js.arguments()
		if *m.read += js.i - call.arguments; *m.read > mostArguments {
			m.fail(at, fault.New(fault.TooLarge, "FILE_TOO_LARGE", "the arguments of calls lie in one another too often; write one call after the other"))
			return
		}
		if !ok {
			m.d.Blind(at, "what this call is given", "write its arguments out")
			continue
		}
		m.call(call, args, at)
	}
}

// call does what a call does to collections.
func (m *mongo) call(c mongoCall, args []*node, at tables.Place) {
	collection := tables.Name{Table: c.collection}
	switch {
	case c.does == "createCollection" && len(args) > 0 && args[0].value != "":
		options := &node{}
		if len(args) > 1 {
			options = args[1]
		}
		m.describe(args[0].value, options, at)
	case c.collection == "" && len(args) > 0:
		args[0].at = at
		m.command(args[0])
	case c.does == "drop" && c.collection != "":
		if m.d.State.Has(collection) { // dropping none is no mistake there
			m.fail(at, m.d.State.Drop(collection, at))
		}
	case c.collection != "" && len(args) > 0:
		m.fail(at, m.d.State.Rename(collection, tables.Name{Table: args[0].value}, at))
	}
}
