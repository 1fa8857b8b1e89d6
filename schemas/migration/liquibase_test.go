package migration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/ddl/ddltest"
	"github.com/flowmart/lethe/schemas/migration"
	"github.com/flowmart/lethe/schemas/tables"
)

// folder reads the files below a folder of testdata.
func folder(t *testing.T, dir string) []migration.File {
	t.Helper()
	var out []migration.File
	err := filepath.WalkDir("testdata/"+dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		out = append(out, migration.File{Path: filepath.ToSlash(path), Text: string(raw)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A changelog in XML that includes one in YAML, one in JSON and one in SQL comes
// to what PostgreSQL has after the statements that Liquibase sends for it.
func TestSameAsLiquibase(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/shop/expected.sql")
	if err != nil {
		t.Fatal(err)
	}
	r, err := migration.Read(migration.Source{Format: "liquibase", Files: folder(t, "shop")})
	if err != nil || len(r.Notes) != 0 {
		t.Fatalf("%v %v", err, r.Notes)
	}
	if got, want := ddltest.Read(r.State), ddltest.After(t, ddltest.Connect(t), string(want)); got != want {
		t.Errorf("read:\n%s\nPostgreSQL has:\n%s", got, want)
	}
	at := map[string]string{}
	for _, table := range r.State.All() {
		at[table.Name.Table] = table.At.String()
		for _, c := range table.Columns {
			at[table.Name.Table+"."+c.Name] = c.At.String()
		}
	}
	for name, want := range map[string]string{"customer.vip": "shop/db.changelog-master.xml:6", "by_hand": "shop/db.changelog-master.xml:57:7", "by_file": "shop/hand.sql:1:1",
		"orders": "shop/more/orders.yaml:6", "orders.note": "shop/more/orders.yaml:35", "slashed": "shop/later/01.sql:11:1", "by_json.full_name": "shop/later/02.json:4"} {
		if got := strings.TrimPrefix(at[name], "testdata/"); got != want {
			t.Errorf("%s is described at %s, want %s", name, got, want)
		}
	}
}

func TestLiquibaseMistakes(t *testing.T) {
	t.Parallel()
	xml := func(body string) string { return "<databaseChangeLog>\n" + body + "\n</databaseChangeLog>" }
	for _, c := range []struct {
		name  string
		files []migration.File
		root  string
		want  []string
	}{
		{"no root", files("a.xml", "", "b.xml", ""), "", []string{"root REQUIRED"}},
		{"another root", files("a.xml", ""), "c.xml", []string{"root FILE_UNKNOWN"}},
		{"no XML", files("a.xml", "<databaseChangeLog>\n<changeSet></databaseChangeLog>"), "", []string{"a.xml:2:12 BAD_DOCUMENT"}},
		{"no YAML", files("a.yaml", "a: [\nb"), "", []string{"a.yaml:1:4 BAD_DOCUMENT"}},
		{"no JSON", files("a.json", "{\n\"a\": }"), "", []string{"a.json:2:6 BAD_DOCUMENT"}},
		{"no changelog", files("a.json", "{}"), "", []string{"a.json:1:1 BAD_DOCUMENT"}},
		{"a file that is not there", files("a.xml", xml(`<include file="b.xml"/>`)), "", []string{"a.xml:2:1 FILE_UNKNOWN"}},
		{"an empty folder", files("a.xml", xml(`<includeAll path="b"/>`)), "", []string{"a.xml:2:1 FILE_UNKNOWN"}},
		{"includes itself", files("changelog.xml", xml(`<include file="b.xml"/>`), "b.xml", xml(`<include file="changelog.xml"/>`)), "", []string{"changelog.xml:1:1 INCLUDES_ITSELF"}},
		{"no such table", files("a.xml", xml(`<changeSet id="1"><dropTable tableName="t"/><dropPrimaryKey tableName="t"/></changeSet>`)), "", []string{"a.xml:2 TABLE_UNKNOWN", "a.xml:2:45 TABLE_UNKNOWN"}},
		{"SQL that is none", files("a.xml", xml("<changeSet id=\"1\"><sql><![CDATA[SELECT 1;\n CREAT]]></sql></changeSet>")), "", []string{"a.xml:3:2 BAD_SQL"}},
		{"anchors", files("a.yaml", "a: &b c"), "", []string{"a.yaml:1:4 BAD_DOCUMENT"}},
		{"deep XML", files("a.xml", strings.Repeat("<a>", 100_000)), "", []string{"a.xml:1:298 BAD_DOCUMENT"}},
		{"deep JSON", files("a.json", strings.Repeat("[", 100_000)), "", []string{"a.json:1:102 BAD_DOCUMENT"}},
		{"deep YAML", files("a.yaml", strings.Repeat("[", 100_000)), "", []string{"a.yaml:1:101 BAD_DOCUMENT"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := migration.Read(migration.Source{Format: "liquibase", Root: c.root, Files: c.files})
			if got := faults(err); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%q, want %q: %v", got, c.want, err)
			}
		})
	}
}

// A table is found by the name that PostgreSQL keeps, whoever looks for it:
// capitals alone are not quoted, and placeholders may stand anywhere.
func TestLiquibaseFindsTables(t *testing.T) {
	t.Parallel()
	const made = `<createTable schemaName="SHOP" tableName="ORDERS"><column name="ID" type="int"><constraints primaryKey="true"/></column>
		<column name="OF" type="int"><constraints foreignKeyName="of" references="SHOP.ORDERS(ID)"/></column></createTable>`
	for change, keys := range map[string]int{
		`<dropPrimaryKey schemaName="SHOP" tableName="ORDERS"/>`:                                                                         1,
		`<dropPrimaryKey schemaName="${s}" tableName="ORDERS"/>`:                                                                         1,
		`<dropAllForeignKeyConstraints baseTableSchemaName="SHOP" baseTableName="ORDERS"/>`:                                              1,
		`<dropAllForeignKeyConstraints baseTableSchemaName="${s}" baseTableName="ORDERS"/>`:                                              1,
		`<preConditions onFail="MARK_RAN"><tableExists schemaName="SHOP" tableName="orders"/></preConditions>` + gone:                    0,
		`<preConditions onFail="MARK_RAN"><columnExists schemaName="${s}" tableName="orders" columnName="${c}"/></preConditions>` + gone: 0,
		`<preConditions onFail="MARK_RAN"><columnExists schemaName="shop" tableName="orders" columnName="no"/></preConditions>` + gone:   2,
	} {
		text := `<databaseChangeLog><changeSet id="1">` + made + `</changeSet><changeSet id="2">` + change + `</changeSet></databaseChangeLog>`
		r, err := migration.Read(migration.Source{Format: "liquibase", Placeholders: map[string]string{"s": "SHOP", "c": "ID"}, Files: files("a.xml", text)})
		left := 0
		for _, table := range r.State.All() {
			left += len(table.Keys)
		}
		if err != nil || left != keys {
			t.Errorf("%s leaves %d keys, want %d: %v", change, left, keys, err)
		}
	}
}

const gone = `<dropTable schemaName="SHOP" tableName="ORDERS"/>`

// Conditions are evaluated as far as the tables tell.
func TestPreConditions(t *testing.T) {
	t.Parallel()
	for conditions, runs := range map[string]bool{
		`<tableExists tableName="T"/>`:                                                              true,
		`<tableExists tableName="u"/>`:                                                              false,
		`<not><columnExists tableName="t" columnName="a"/></not>`:                                   false,
		`<or><tableExists tableName="u"/><columnExists tableName="t" columnName="a"/></or>`:         true,
		`<and><tableExists tableName="t"/><not><tableExists tableName="u"/></not></and>`:            true,
		`<dbms type="oracle"/>`:                                                                     false,
		`<sqlCheck expectedResult="0">SELECT count(*) FROM t</sqlCheck>`:                            true,
		`<not><sqlCheck expectedResult="0">SELECT 1</sqlCheck></not><tableExists tableName="nix"/>`: true,
	} {
		s := `<databaseChangeLog><changeSet id="1"><createTable tableName="t"><column name="a" type="int"/></createTable></changeSet>
			<changeSet id="2"><preConditions onFail="MARK_RAN">` + conditions + `</preConditions><createTable tableName="ran"><column name="a" type="int"/></createTable></changeSet></databaseChangeLog>`
		r, err := migration.Read(migration.Source{Format: "liquibase", Files: files("a.xml", s)})
		if err != nil || (len(r.State.All()) == 2) != runs {
			t.Errorf("%s: runs %t, want %t; %v", conditions, !runs, runs, err)
		}
	}
}

// numbered are so many properties, each of a name of its own.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"f%d":{},`, i)
	}
	return b.String()
}

// Input that is made to hurt is read or refused quickly, and no message repeats
// it.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	const n = 100_000
	xml := func(body string) string {
		return "<databaseChangeLog><changeSet id=\"1\">" + body + "</changeSet></databaseChangeLog>"
	}
	many := make([]migration.File, 5_000)
	for i := range many {
		many[i] = migration.File{Path: fmt.Sprintf("db/changelog/%d.xml", i), Text: `<databaseChangeLog><includeAll path="db/changelog"/></databaseChangeLog>`}
	}
	for name, s := range map[string]migration.Source{
		"many elements":      {Format: "liquibase", Files: files("a.xml", xml(strings.Repeat("<a>x</a>", n)))},
		"one long attribute": {Format: "liquibase", Files: files("a.xml", xml(`<dropTable tableName="`+strings.Repeat("a", 10*n)+`"/>`))},
		"entities":           {Format: "liquibase", Files: files("a.xml", `<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d SYSTEM "file:///etc/passwd">]><databaseChangeLog>&d;</databaseChangeLog>`)},
		"a long entity":      {Format: "liquibase", Files: files("a.xml", "<databaseChangeLog>&"+strings.Repeat("a", n)+";</databaseChangeLog>")},
		"a long element":     {Format: "liquibase", Files: files("a.xml", "<"+strings.Repeat("a", n)+"></b>")},
		"a long word":        {Format: "liquibase", Files: files("a.json", `{"a": `+strings.Repeat("a", n))},
		"a long key":         {Format: "liquibase", Files: files("a.yaml", "a: 1\n b: ["+strings.Repeat("c", n))},
		"many conditions":    {Format: "liquibase", Files: files("a.xml", xml("<preConditions>"+strings.Repeat("<not/>", n)+"</preConditions>"))},
		"text in parts":      {Format: "liquibase", Files: files("a.xml", xml("<sql>"+strings.Repeat("<![CDATA[a]]>", n)+"</sql>"))},
		"columns with words": {Format: "liquibase", Files: files("a.xml", xml(`<createTable tableName="t">`+strings.Repeat(`<column name="a" type="int" remarks="b"/>`, n/2)+"</createTable>"))},
		"many keys":          {Format: "liquibase", Files: files("a.yaml", strings.Repeat("a: b\n", n/4))},
		"many contexts":      {Format: "liquibase", Contexts: strings.Fields(strings.Repeat("context ", n)), Files: files("a.sql", "--liquibase formatted sql\n"+strings.Repeat("--changeset a:1 context:other\n", n))},
		"a long context":     {Format: "liquibase", Contexts: []string{"a"}, Files: files("a.sql", "--liquibase formatted sql\n--changeset a:1 context:\""+strings.Repeat("!(", 10*n)+"\"\nSELECT 1;\n")},
		"a wide line":        {Format: "liquibase", Files: files("a.yaml", "a: ["+strings.Repeat("b, ", n)+"]")},
		"many lines":         {Format: "liquibase", Files: files("a.yaml", "databaseChangeLog:\n"+strings.Repeat("- a: b\n", n))},
		"many members":       {Format: "liquibase", Files: files("a.json", "{"+strings.Repeat(`"a":"b",`, n)+`"c":1}`)},
		"includes all":       {Format: "liquibase", Root: "db/changelog/0.xml", Files: many},
		"placeholders":       {Format: "flyway", Files: files("V1__a.sql", strings.Repeat("${a} ", n))},
		"many placeholders":  {Format: "flyway", Files: files("V1__a.sql", strings.NewReplacer(`"f`, "${f", `":{},`, "} ").Replace(numbered(n)))},
		"includes of others": {Format: "liquibase", Root: "db/changelog/0.xml", Files: append(many[1:], files("db/changelog/0.xml", "<databaseChangeLog>"+strings.Repeat(`<include file="none.xml"/>`, n)+"</databaseChangeLog>")...)},
		"deep in script":     {Format: "mongodb", Files: files("a.js", "db.createCollection("+strings.Repeat("[", n))},
		"calls in script":    {Format: "mongodb", Files: files("a.js", strings.Repeat("db.createCollection('", n/10))},
		"calls in calls":     {Format: "mongodb", Files: files("a.js", strings.Repeat("db.createCollection(", n))},
		"missing in script":  {Format: "mongodb", Files: files("a.js", strings.Repeat("db.a.rename('b');", n))},
		"deep validator":     {Format: "mongodb", Files: files("a.js", "db.createCollection('a', {validator: {$jsonSchema: "+strings.Repeat("{properties: {a: ", n))},
		"many required":      {Format: "mongodb", Files: files("a.json", `{"bsonType":"object","required":[`+strings.Repeat(`"a",`, n/2)+`"b"],"properties":{`+numbered(n/4)+`"b":{}}}`)},
		"many properties":    {Format: "mongodb", Files: files("a.json", `{"bsonType":"object","properties":{`+strings.Repeat(`"a":{},`, n/10)+`"b":{}}}`)},
		"a long version":     {Format: "flyway", Files: files("V"+strings.Repeat("9", 400)+"__a.sql", "CREATE TABLE a (id int)")},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			if took := cputest.Thread(func() { _, err = migration.Read(s) }); took > slack*time.Second {
				t.Errorf("took %v of a processor", took)
			}
			for _, f := range fault.All(err) {
				if len(f.Message) > 2000 {
					t.Errorf("a message of %d bytes", len(f.Message))
				}
			}
			if n := len(fault.All(err)); n > 20 {
				t.Errorf("%d mistakes of a file or two", n)
			}
		})
	}
}

// What a few lines would make long without end is refused.
func TestEndlessFiles(t *testing.T) {
	t.Parallel()
	doubling, runs := `<databaseChangeLog><property name="p0" value="aaaaaaaa"/>`, strings.Repeat(`<changeSet id="1"><sqlFile path="big.sql"/></changeSet>`, 20)
	for i := range 60 {
		doubling += fmt.Sprintf(`<property name="p%d" value="${p%d}${p%d}"/>`, i+1, i, i)
	}
	long := map[string]string{"x": strings.Repeat(" ", 256<<10)}
	for name, c := range map[string]struct {
		migration.Source
		want string
	}{
		"values of values":   {migration.Source{Format: "liquibase", Files: files("a.xml", doubling+"</databaseChangeLog>")}, "a.xml:1:1 VALUES_TOO_LARGE"},
		"a long value":       {migration.Source{Format: "flyway", Placeholders: long, Files: files("V1__a.sql", strings.Repeat("${x}", 1000))}, "V1__a.sql:1:1 VALUES_TOO_LARGE"},
		"in files together":  {migration.Source{Format: "flyway", Placeholders: long, Files: files("V1__a.sql", strings.Repeat("${x}\n", 10), "V2__b.sql", strings.Repeat("${x}\n", 10))}, "V2__b.sql:1:1 VALUES_TOO_LARGE"},
		"a long value, once": {migration.Source{Format: "goose", Placeholders: long, Files: files("1_a.sql", "-- +goose Up\n-- +goose ENVSUB ON\n"+strings.Repeat("${x}", 16)+"\n")}, ""},
		"and one too many":   {migration.Source{Format: "goose", Placeholders: long, Files: files("1_a.sql", "-- +goose Up\n-- +goose ENVSUB ON\n"+strings.Repeat("${x}", 17)+"\n")}, "1_a.sql:1:1 VALUES_TOO_LARGE"},
		"one script often":   {migration.Source{Format: "liquibase", Root: "a.xml", Files: files("a.xml", "<databaseChangeLog>"+runs+"</databaseChangeLog>", "big.sql", strings.Repeat(" ", 1<<20))}, "a.xml:1:918 TOO_MANY_RUNS"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := migration.Read(c.Source)
			got := ""
			if all := fault.All(err); len(all) > 0 {
				got = strings.Join(all[0].Path, ":") + " " + all[0].Code
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// Change sets run by the contexts that are chosen, after Liquibase's page on
// contexts.
func TestContexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		said, chosen string
		runs         bool
	}{
		{"", "test", true}, {"test", "", true}, {"test", "test", true}, {"test", "prod", false}, {"!test", "prod", true}, {"not test", "test", false},
		{"test, dev", "dev", true}, {"test or dev", "dev", true}, {"test and dev", "dev", false}, {"test and dev", "dev,test", true},
		{"(a or b) and !c", "b", true}, {"(a or b) and !c", "b,c", false}, {"Test", "TEST", true}, {"!", "a", false}, {"(((", "a", true},
	} {
		var chosen []string
		if c.chosen != "" {
			chosen = strings.Split(c.chosen, ",")
		}
		for name, text := range map[string]string{
			"a.xml": `<?xml version="1.1" encoding="UTF-8"?><databaseChangeLog><changeSet id="1" context="` + c.said + `"><createTable tableName="t"><column name="a" type="int"/></createTable></changeSet></databaseChangeLog>`,
			"a.sql": "--liquibase formatted sql\n--changeset a:1 context:\"" + c.said + "\"\nCREATE TABLE t (a int);",
		} {
			r, err := migration.Read(migration.Source{Format: "liquibase", Contexts: chosen, Files: files(name, text)})
			if err != nil || r.State.Has(tables.Name{Schema: "public", Table: "t"}) != c.runs {
				t.Errorf("%s: %q where %q is chosen: runs %t, want %t; %v", name, c.said, c.chosen, !c.runs, c.runs, err)
			}
		}
	}
}

// Whatever is sent, nothing panics, and every mistake says where it is.
func FuzzRead(f *testing.F) {
	for _, format := range migration.Formats() {
		f.Add(format, "V1__a.sql", "CREATE TABLE a (id int);", "1_b.sql", "-- +goose Up\nDROP TABLE a")
		f.Add(format, "changelog.xml", `<databaseChangeLog><include file="b.yaml"/><changeSet><createTable tableName="t"><column name="a" type="int"/></createTable></changeSet></databaseChangeLog>`,
			"b.yaml", "databaseChangeLog:\n- changeSet:\n    changes:\n    - sql:\n        sql: |\n          DROP TABLE t\n")
		f.Add(format, "a.json", `{"databaseChangeLog":[{"changeSet":{"changes":[{"addColumn":{"tableName":"t","columns":[{"column":{"name":"a","type":"clob"}}]}}]}}]}`, "b.sql", "--liquibase formatted sql\n--changeset a:1 endDelimiter:/\nSELECT 1/")
		f.Add(format, "a.json", `{"customers":{"$jsonSchema":{"bsonType":"object","properties":{"a":{"bsonType":["string","null"]},"b":{"items":{"properties":{"c":{}}}}}}}}`, "b.js", `db.createCollection("x", {validator: {$jsonSchema: {properties: {'a': {bsonType: "int"}}}}}) // x`)
	}
	f.Fuzz(func(t *testing.T, format, first, text, second, other string) {
		_, err := migration.Read(migration.Source{Format: format, Files: files(first, text, second, other)})
		if err != nil && len(faults(err)) == 0 {
			t.Errorf("%v is no fault", err)
		}
		for _, f := range fault.All(err) {
			if len(f.Path) == 0 || f.Path[0] == "" || f.Message == "" || len(f.Message) > 2000 {
				t.Errorf("%v says no place", f)
			}
		}
	})
}
