package migration_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/migration"
	"github.com/flowmart/lethe/schemas/tables"
)

// columns writes the fields of a collection with their parts, in short.
func columns(all []tables.Column, prefix string) []string {
	var out []string
	for _, c := range all {
		s := prefix + c.Name + " " + c.Type
		if c.Nullable {
			s += " null"
		}
		if c.Opaque {
			s += " opaque"
		}
		if c.Doc != "" {
			s += " -- " + c.Doc
		}
		out = append(out, s)
		of := "."
		if c.List {
			of = "[]."
		}
		out = append(out, columns(c.Within, prefix+c.Name+of)...)
	}
	return out
}

const customers = `{
  "bsonType": "object",
  "required": ["_id", "email"],
  "additionalProperties": false,
  "properties": {
    "_id": {"bsonType": "objectId"},
    "email": {"bsonType": "string", "description": "Where. @tags(user.contact.email)"},
    "age": {"bsonType": ["int", "null"]},
    "address": {"bsonType": "object", "properties": {"city": {"bsonType": "string"}}},
    "orders": {"bsonType": "array", "items": {"bsonType": "object", "properties": {"sku": {"bsonType": "string"}}}},
    "labels": {"bsonType": "array", "items": {"bsonType": "string"}},
    "extra": {"bsonType": "object"},
    "photo": {"bsonType": "binData"},
    "state": {"enum": ["new", "old"]},
    "anything": {}
  }
}`

var customersRead = []string{
	"_id objectId", "email string -- Where. @tags(user.contact.email)", "age int null", "address object null", "address.city string null",
	"orders array null", "orders[].sku string null", "labels string[] null", "extra object null opaque", "photo binData null opaque", "state string null", "anything  null opaque",
}

// The fields of one validator, in each of the forms in which teams keep it; what
// they are is by hand, after the manual of $jsonSchema.
func TestMongoForms(t *testing.T) {
	t.Parallel()
	js := strings.ReplaceAll(strings.ReplaceAll(customers, `"bsonType"`, "bsonType"), `"string"`, "'string'")
	for name, files := range map[string][]migration.File{
		"a file called after the collection": files("db/customers.json", customers),
		"with its name of the key":           files("customers.json", `{"$jsonSchema": `+customers+`}`),
		"several by their names":             files("all.json", `{"customers": {"validator": {"$jsonSchema": `+customers+`}}}`),
		"a command":                          files("a.json", `{"create": "customers", "validator": {"$jsonSchema": `+customers+`}}`),
		"commands":                           files("a.json", `[{"create": "customers"}, {"collMod": "customers", "validator": {"$jsonSchema": `+customers+`}}]`),
		"YAML":                               files("a.yaml", "customers:\n  $jsonSchema: "+strings.ReplaceAll(customers, "\n", "\n    ")),
		"the shell":                          files("a.js", "// db.createCollection('no')\nuse('shop'); db.createCollection(\"customers\", { validator: { $jsonSchema: "+js+", }, /* x */ });"),
		"migrate-mongo": files("1-a.js", "module.exports = {\n async up(db, client) {\n await db.createCollection('customers');\n await db.command({collMod: 'customers', validator: {$jsonSchema: "+js+"}});\n},\n"+
			" async down(db) { await db.collection('customers').drop(); }\n};"),
		"down before up": files("1-a.js", "exports.down = async (db) => { await db.collection('customers').drop(); };\nexports.up = async function(db) { await db.createCollection('customers', {validator: {$jsonSchema: "+js+"}}); };"),
		"step by step": files("1.js", "db.createCollection('clients', {validator: {$jsonSchema: {properties: {email: {bsonType: 'int'}, gone: {bsonType: 'int'}}}}}); db.clients.renameCollection('customers')",
			"2.js", "db.runCommand({collMod: `customers`, validator: {$jsonSchema: "+js+"}}); db.createCollection('x', {validator: {$jsonSchema: {properties: {}}}}); db.getCollection('x').drop()"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := migration.Read(migration.Source{Format: "mongodb", Files: files})
			if err != nil {
				t.Fatal(err)
			}
			all := r.State.All()
			if len(all) != 1 || all[0].Name.String() != "customers" || all[0].Open {
				t.Fatalf("%+v", all)
			}
			got := columns(all[0].Columns, "")
			if name == "step by step" { // what was there keeps its place
				got = append(got[1:2:2], append([]string{got[0]}, got[2:]...)...)
			}
			if !reflect.DeepEqual(got, customersRead) {
				t.Errorf("%q, want %q", got, customersRead)
			}
		})
	}
}

func TestMongoPlacesAndNotes(t *testing.T) {
	t.Parallel()
	r, err := migration.Read(migration.Source{Format: "mongodb", Files: files("a.js", "\n  db.createCollection('c', {validator: {$jsonSchema: {properties: {\n    email: {bsonType: 'string'}}}}});\n"+
		"db.createCollection(name, options); db.createCollection('plain'); db.createCollection('q', {validator: {age: {$gt: 0}}});\ndb.runCommand(`unclosed")})
	if err != nil {
		t.Fatal(err)
	}
	c := r.State.All()[0]
	if c.At.String() != "a.js:2:3" || c.Columns[0].At.String() != "a.js:3:5" {
		t.Errorf("%s, %s", c.At, c.Columns[0].At)
	}
	var notes []string
	for _, n := range r.Notes {
		notes = append(notes, n.At.String())
	}
	if want := []string{"a.js:4:37", "a.js:4:67", "a.js:4:67", "a.js:5:1"}; !reflect.DeepEqual(notes, want) {
		t.Errorf("%q, want %q", notes, want)
	}
}

// Whatever a validator and a script say, nothing panics, every mistake says where
// it is, and reading again comes to the same.
func FuzzMongo(f *testing.F) {
	f.Add(customers, `db.createCollection("x", {validator: {$jsonSchema: {properties: {'a': {bsonType: "int"}}}}}) // x`)
	f.Add(`[{"create":"a","validator":{"$jsonSchema":{"required":["b"],"properties":{"b":{"bsonType":["int","null"]},"c":{"items":{"bsonType":"string"}}}}}},{"collMod":"a","validator":{}},{"drop":"a"}]`,
		"module.exports = { async up(db) { await db.collection('a').rename(`b`); db.a.drop() }, async down(db) { db.b.drop() } }")
	f.Add(`{"a":{"$jsonSchema":{"properties":{"b":{"properties":{"c":{"encrypt":{}}}}}}},"d":{"options":{"validator":{"$expr":1}}}}`, `db.runCommand({collMod: "a", validator: {$jsonSchema: /* x */ {bsonType: 'object', properties: {b: {type: "string",},},},},})`)
	f.Fuzz(func(t *testing.T, document, script string) {
		read := func() (migration.Result, error) {
			return migration.Read(migration.Source{Format: "mongodb", Files: files("a.json", document, "b.js", script)})
		}
		r, err := read()
		for _, f := range fault.All(err) {
			if len(f.Path) == 0 || f.Path[0] == "" || f.Message == "" || len(f.Error()) > 2000 {
				t.Errorf("%v says no place, or too much", f)
			}
		}
		if err != nil && fault.All(err) == nil {
			t.Errorf("%v is no fault", err)
		}
		again, err2 := read()
		if !reflect.DeepEqual(faults(err), faults(err2)) || !reflect.DeepEqual(r.State.All(), again.State.All()) {
			t.Errorf("read differently the second time: %v, %v", err, err2)
		}
	})
}
