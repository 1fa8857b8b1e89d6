package format_test

import (
	"fmt"
	"strings"
)

// Files of migrations are told apart by the names they have here.
var ofMigrations = map[string][]family{
	"changelog.xml": {
		row("change sets", "<databaseChangeLog>", `<changeSet id="@" author="a"><createTable tableName="t@"><column name="a" type="int"/></createTable></changeSet>`, "", "</databaseChangeLog>"),
		row("columns", `<databaseChangeLog><changeSet id="1" author="a"><createTable tableName="t">`, `<column name="c@" type="varchar(10)" remarks="what @ is"><constraints nullable="false"/></column>`, "", "</createTable></changeSet></databaseChangeLog>"),
		row("columns added", `<databaseChangeLog><changeSet id="1" author="a"><createTable tableName="t"/><addColumn tableName="t">`, `<column name="c@" type="int" remarks="what @ is"/>`, "", "</addColumn></changeSet></databaseChangeLog>"),
		row("conditions", `<databaseChangeLog><changeSet id="1" author="a"><preConditions>`, `<not><tableExists tableName="t@"/></not>`, "", "</preConditions></changeSet></databaseChangeLog>"),
		row("properties", "<databaseChangeLog>", `<property name="p@" value="${p1}${p2}"/>`, "", `<changeSet id="1" author="a"><sql>SELECT ${p1}</sql></changeSet></databaseChangeLog>`),
		row("scripts", "<databaseChangeLog>", `<changeSet id="@" author="a"><sql>CREATE TABLE t@ (a int)</sql></changeSet>`, "", "</databaseChangeLog>"),
		row("attributes", "<databaseChangeLog ", `a@="b"`, " ", "/>"),
		nest("elements", "", "<a>", "", "</a>", ""),
		long("text in parts", "<databaseChangeLog>", "<![CDATA[word]]>", "</databaseChangeLog>"),
		long("entities", "<databaseChangeLog>", "&amp;", "</databaseChangeLog>"),
		long("a comment", "<databaseChangeLog><!-- ", "word ", "--></databaseChangeLog>"),
		row("includes", "<databaseChangeLog>", `<include file="a@.xml"/>`, "", "</databaseChangeLog>"),
		row("includes of itself", "<databaseChangeLog>", `<include file="changelog.xml"/>`, "", "</databaseChangeLog>"),
		beside("includes among many files", row("", "<databaseChangeLog>", `<include file="b@.xml"/>`, "", "</databaseChangeLog>"), "a@.xml\n", 9_000),
		beside("includes of many files", row("", "<databaseChangeLog>", `<include file="a@.xml"/>`, "", "</databaseChangeLog>"), "d/a@.xml\n<databaseChangeLog/>", 9_000),
		beside("folders among many files", row("", "<databaseChangeLog>", `<includeAll path="d@"/>`, "", "</databaseChangeLog>"), "d/a@.xml\n<databaseChangeLog/>", 9_000),
		beside("scripts among many files", row("", "<databaseChangeLog>", `<changeSet id="@" author="a"><sqlFile path="b@.sql"/></changeSet>`, "", "</databaseChangeLog>"), "d/a@.sql\n", 9_000),
		{name: "a script again and again", of: func(n int) string {
			return "<databaseChangeLog>" + row("", "", `<changeSet id="@" author="a"><sqlFile path="a.sql"/></changeSet>`, "", "").of(min(n, 1000)) + "</databaseChangeLog>" +
				nextFile + "a.sql\n" + row("", "INSERT INTO t VALUES ", "(@, 'value')", ",", ";").of(n)
		}},
		{name: "a property again and again", of: func(n int) string {
			return `<databaseChangeLog><property name="p" value="` + row("", "", "a, ", "", "").of(min(n, 1000)) + `"/>` +
				row("", `<changeSet id="1" author="a"><sql>SELECT `, "${p}", "", `</sql></changeSet></databaseChangeLog>`).of(n)
		}},
		row("columns with constraints", `<databaseChangeLog><changeSet id="1" author="a"><createTable>`, `<column name="c@" type="int"><constraints unique="true" uniqueConstraintName="u@" references="t(a)" foreignKeyName="f@"/></column>`, "", "</createTable></changeSet></databaseChangeLog>"),
		row("changes of a change set", `<databaseChangeLog><changeSet id="1" author="a">`, `<addColumn tableName="t"><column name="c@" type="int"/></addColumn><dropColumn tableName="t" columnName="c@"/>`, "", "</changeSet></databaseChangeLog>"),
		row("rollbacks", `<databaseChangeLog><changeSet id="1" author="a">`, `<rollback><dropTable tableName="t@"/></rollback>`, "", "</changeSet></databaseChangeLog>"),
		row("names in a list", `<databaseChangeLog><changeSet id="1" author="a"><addUniqueConstraint tableName="t" columnNames="`, "c@", ",", `"/></changeSet></databaseChangeLog>`),
		row("names of spaces", `<databaseChangeLog><changeSet id="1" author="a">`, "<xmlns:a@ xmlns:b@='c'/>", "", `</changeSet></databaseChangeLog>`),
		long("a long type", `<databaseChangeLog><changeSet id="1" author="a"><createTable tableName="t"><column name="a" type="`, "a a", `"/></createTable></changeSet></databaseChangeLog>`),
		row("types", `<databaseChangeLog><changeSet id="1" author="a">`, `<modifyDataType tableName="t" columnName="c" newDataType="varchar2(@)"/>`, "", `</changeSet></databaseChangeLog>`),
		long("a delimiter", `<databaseChangeLog><changeSet id="1" author="a"><sql endDelimiter="go">`, "SELECT 1\ngo\n", `</sql></changeSet></databaseChangeLog>`),
		nest("conditions in one another", `<databaseChangeLog><changeSet id="1" author="a"><preConditions onFail="MARK_RAN">`, "<not>", "", "</not>", "</preConditions></changeSet></databaseChangeLog>"),
		{name: "conditions on a wide table", of: func(n int) string {
			return `<databaseChangeLog><changeSet id="1" author="a"><sql>` + wideTable.of(n) + "</sql></changeSet>" +
				row("", "", `<changeSet id="@" author="a"><preConditions onFail="MARK_RAN"><columnExists tableName="w" columnName="d@"/></preConditions></changeSet>`, "", "</databaseChangeLog>").of(n)
		}},
		row("conditions on what is not there", `<databaseChangeLog>`, `<changeSet id="@" author="a"><preConditions onFail="MARK_RAN"><columnExists tableName="w@" columnName="d@"/></preConditions></changeSet>`, "", "</databaseChangeLog>"),
		row("databases", `<databaseChangeLog><changeSet id="1" author="a" dbms="`, "d@", ",", `"><sql>SELECT 1</sql></changeSet></databaseChangeLog>`),
		{name: "conditions together on a wide table", of: func(n int) string {
			return `<databaseChangeLog><changeSet id="1" author="a"><sql>` + wideTable.of(n) + `</sql></changeSet><changeSet id="2" author="a"><preConditions onFail="MARK_RAN">` +
				long("", "", `<columnExists tableName="w" columnName="d"/>`, "</preConditions></changeSet></databaseChangeLog>").of(n)
		}},
		beside("a long folder among many files", long("", `<databaseChangeLog><includeAll path="`, "folder", `"/></databaseChangeLog>`), "d/a@.xml\n<databaseChangeLog/>", 9_000),
		{name: "columns added to a table of a long name", of: func(n int) string {
			return row("", `<databaseChangeLog><changeSet id="1" author="a"><addColumn tableName="`+strings.Repeat("name", 4*n)+`">`, `<column name="c@" type="int" remarks="a"/>`, "", "</addColumn></changeSet></databaseChangeLog>").of(n)
		}},
		{name: "keys dropped that are not there", of: func(n int) string {
			return `<databaseChangeLog><changeSet id="1" author="a"><sql>` + manyKeys.of(n) + "</sql>" + long("", "", `<dropPrimaryKey tableName="k"/>`, "</changeSet></databaseChangeLog>").of(n)
		}},
		long("instructions", "<databaseChangeLog>", "<?a b?>", "</databaseChangeLog>"),
		long("signs by number", "<databaseChangeLog>", "&#65;", "</databaseChangeLog>"),
		nest("a document type", "<!DOCTYPE a ", "[", "", "]", "><databaseChangeLog/>"),
	},
	"changelog.yaml": {
		row("change sets", "databaseChangeLog:\n", "- changeSet:\n    id: @\n    changes:\n    - createTable:\n        tableName: t@\n        columns:\n        - column: {name: a, type: int}\n", "", ""),
		row("lists without anything on a line", "databaseChangeLog: [", "[]", ",", "]"),
		row("items without anything", "databaseChangeLog:\n", "- \n", "", ""),
		row("empty lines of a text", "databaseChangeLog: |\n", "\n", "", ""),
		row("a list on a line", "databaseChangeLog: [", "{a: @}", ", ", "]"),
		nest("lists", "databaseChangeLog: ", "[", "", "]", ""),
		nest("lists by lines", "databaseChangeLog:\n", "- ", "a", "", ""),
		long("a text by lines", "databaseChangeLog: |\n", "  word\n", ""),
		long("a text in quotes", `databaseChangeLog: "`, `word \n`, `"`),
		row("keys", "", "k@: v\n", "", ""),
		row("anchors", "", "k@: &a@ v\n", "", ""),
		long("comments", "databaseChangeLog: a\n", "# word\n", ""),
		long("comments on one line", "databaseChangeLog: a", " # word", "\n"),
		long("empty lines", "databaseChangeLog:\n", "\n", "- a: b\n"),
		long("white space", "databaseChangeLog:", " ", "a\n"),
		long("tabs", "databaseChangeLog:\n", "\t", "a\n"),
		long("a plain text", "databaseChangeLog: ", "word ", "\n"),
		long("a plain text by lines", "databaseChangeLog:\n", "  word\n", ""),
		long("a folded text", "databaseChangeLog: >\n", "  word\n\n", ""),
		long("a text of quotes", "databaseChangeLog: '", "''", "'\n"),
		long("a text of codes", `databaseChangeLog: "`, `\u0041\x41`, `"`),
		long("a text that does not end", `databaseChangeLog: "`, "word ", ""),
		long("quotes that do not end", `databaseChangeLog: `, `" '`, ""),
		long("a long key", "", "word", ": a\n"),
		row("keys on a line", "databaseChangeLog: {", "a@: b", ", ", "}"),
		long("dashes", "databaseChangeLog:\n", "- ", "\n"),
		long("colons", "databaseChangeLog: ", ": ", "\n"),
		long("question marks", "databaseChangeLog:\n", "? ", "\n"),
		long("tags", "databaseChangeLog: ", "!a ", "\n"),
		long("tags by lines", "databaseChangeLog:\n", "- !!str a\n", ""),
		long("directives", "", "%YAML 1.2\n", "---\ndatabaseChangeLog: a\n"),
		long("documents", "", "---\ndatabaseChangeLog: a\n", ""),
		long("ends of documents", "databaseChangeLog: a\n", "...\n", ""),
		long("lines of windows", "databaseChangeLog:\r\n", "- a: b\r\n", ""),
		long("aliases", "a: &a b\n", "c: *a\n", ""),
		long("merges", "a: &a {b: c}\n", "- <<: *a\n", ""),
		nest("maps in one another", "databaseChangeLog: ", "{a: ", "b", "}", ""),
		{name: "deeper and deeper", of: func(n int) string {
			var b strings.Builder
			for i := range min(n, 2000) {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			return b.String()
		}},
		row("columns", "databaseChangeLog:\n- changeSet:\n    id: 1\n    changes:\n    - createTable:\n        tableName: t\n        columns:\n", "        - column: {name: c@, type: int, constraints: {nullable: false}}\n", "", ""),
		row("texts in changes", "databaseChangeLog:\n", "- changeSet:\n    id: @\n    changes:\n    - sql: |\n        CREATE TABLE t@ (\n          a int\n        );\n", "", ""),
		long("letters of all the world", "databaseChangeLog: ", "größe ", "\n"),
	},
	"changelog.json": {
		row("change sets", `{"databaseChangeLog":[`, `{"changeSet":{"id":"@","changes":[{"createTable":{"tableName":"t@","columns":[{"column":{"name":"a","type":"int"}}]}}]}}`, ",", `]}`),
		nest("objects", "", `{"a":`, `1`, `}`, ""),
		nest("lists", "", "[", "", "]", ""),
		row("columns", `{"databaseChangeLog":[{"changeSet":{"id":"1","changes":[{"createTable":{"columns":[`, `{"column":{"name":"c@","type":"int","constraints":{"unique":true}}}`, ",", `],"tableName":"t"}}]}}]}`),
		row("changes", `{"databaseChangeLog":[{"changeSet":{"id":"1","changes":[`, `{"addColumn":{"columns":[{"column":{"name":"c@","type":"int"}}],"tableName":"t"}}`, ",", `]}}]}`),
		row("members", `{"databaseChangeLog":[{"changeSet":{`, `"a@":1`, ",", `}}]}`),
		long("a text of codes", `{"databaseChangeLog":"`, `\u0041`, `"}`),
		long("numbers", `{"databaseChangeLog":[`, `1.5e3,`, `1]}`),
		long("white space", `{"databaseChangeLog":`, "\n ", `[]}`),
	},
	"changelog.sql": {
		row("change sets", "--liquibase formatted sql\n", "--changeset a:@\nCREATE TABLE t@ (a int);\n", "", ""),
		row("contexts", "--liquibase formatted sql\n--changeset a:1 context:\"", "(a@ or b@) and !c@", " or ", "\"\nSELECT 1;\n"),
		nest("contexts in brackets", "--liquibase formatted sql\n--changeset a:1 context:\"", "!(", "a", ")", "\"\nSELECT 1;\n"),
		row("options of a change set", "--liquibase formatted sql\n", "--changeset a:@ "+strings.Repeat("a:b ", 200)+"\nSELECT 1;\n", "", ""),
		row("options in quotes", "--liquibase formatted sql\n", "--changeset a:@ "+strings.Repeat(`a:"`, 200)+"\nSELECT 1;\n", "", ""),
		long("a long option", "--liquibase formatted sql\n--changeset a:1 ", "word", "\nSELECT 1;\n"),
		long("dashes", "--liquibase formatted sql\n", "-- \n", "SELECT 1;\n"),
		long("white space", "--liquibase formatted sql\n", " ", "SELECT 1;\n"),
		row("rollbacks", "--liquibase formatted sql\n", "--changeset a:@\nCREATE TABLE t@ (a int);\n--rollback DROP TABLE t@;\n", "", ""),
		row("delimiters", "--liquibase formatted sql\n", "--changeset a:@ endDelimiter:go\nSELECT @\ngo\n", "", ""),
		row("contexts of change sets", "--liquibase formatted sql\n", "--changeset a:@ context:\""+strings.Repeat("(a or b) and ", 100)+"c\"\nSELECT 1;\n", "", ""),
	},
	"1_goose.sql": {
		row("statements", "-- +goose Up\n", "-- +goose StatementBegin\nCREATE TABLE t@ (a int);\n-- +goose StatementEnd\n", "", ""),
		row("turns", "", "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n", "", ""),
		long("marks", "-- +goose Up\n", "-- +goose "+strings.Repeat("a ", 100)+"\n", ""),
		long("white space", "-- +goose Up\n", " ", "\n"),
		long("lines", "-- +goose Up\n", "SELECT 1\n", ""),
		row("values", "-- +goose Up\n-- +goose ENVSUB ON\n", "SELECT ${a@};\n", "", ""),
		long("marks on a line", "-- +goose Up\n", "-- +goose ", "\n"),
	},
	"V1__flyway.sql": {
		row("placeholders", "", "SELECT ${flyway:timestamp} AS a@, ${user@};\n", "", ""),
		nest("placeholders in one another", "SELECT ", "${", "a", "}", ";"),
		row("placeholders on one line", "SELECT ", "${a@} ", "", ";\n"),
		row("placeholders in a comment", "-- ", "${a@} ", "", "\n"),
		long("a placeholder on one line", "SELECT ", "${a} ", ";\n"),
		long("a placeholder with a value", "SELECT ", "${flyway:timestamp} ", ";\n"),
		long("dollars and braces", "SELECT ", "${", ";\n"),
	},
	"validators.json": {
		row("collections", "{", `"c@":{"$jsonSchema":{"bsonType":"object","properties":{"a":{"bsonType":"string"}}}}`, ",", "}"),
		both("required fields", `{"c":{"$jsonSchema":{"properties":{`, `"f@":{"bsonType":["string","null"],"description":"what @ is"}`, `},"required":[`, `"f@"`, `]}}}`),
		nest("fields in fields", `{"c":{"$jsonSchema":`, `{"properties":{"a":`, `{"bsonType":"int"}`, `}}`, `}}`),
		row("commands", "[", `{"create":"c@","validator":{"$jsonSchema":{"properties":{"a":{}}}}},{"collMod":"c@","validator":{"$jsonSchema":{"properties":{"b":{}}}}}`, ",", "]"),
		{name: "fields said anew", of: func(n int) string {
			fields := func(name, kind string) string {
				return row("", `{"`+name+`":"c","validator":{"$jsonSchema":{"properties":{`, `"f@":{"bsonType":"`+kind+`"}`, ",", `}}}}`).of(n)
			}
			return "[" + fields("create", "int") + "," + fields("collMod", "long") + "," + fields("collMod", "string") + "]"
		}},
		row("types of a field", `{"c":{"$jsonSchema":{"properties":{"a":{"bsonType":[`, `"t@"`, ",", "]}}}}}"),
		row("members of a field", `{"c":{"$jsonSchema":{"properties":{"a":{`, `"m@":1`, ",", `}}}}}`),
		row("fields of an array", `{"c":{"$jsonSchema":{"properties":{"a":{"items":{"properties":{`, `"f@":{"bsonType":"int"}`, ",", `}}}}}}}`),
		{name: "fields in fields, and wide", of: func(n int) string {
			fields := row("", `{"properties":{`, `"f@":{"bsonType":["int","null"]}`, ",", "").of(min(n, 1000))
			return `{"c":{"$jsonSchema":` + strings.Repeat(fields+`,"a":`, min(80, n/1000+1)) + "{}" + strings.Repeat("}}", min(80, n/1000+1)) + "}}"
		}},
		{name: "a wide collection said anew", of: func(n int) string {
			fields := row("", `"validator":{"$jsonSchema":{"properties":{`, `"f@":{"bsonType":"int"}`, ",", `}}}`).of(min(n, 1000))
			return "[" + strings.Repeat(`{"collMod":"c",`+fields+"},", n/1000) + `{"create":"c",` + fields + "}]"
		}},
		{name: "other fields said anew", of: func(n int) string {
			var b strings.Builder
			b.WriteString("[")
			for i := range n/1000 + 1 {
				b.WriteString(row("", `{"create":"c","validator":{"$jsonSchema":{"properties":{`, fmt.Sprintf(`"f%d_@":{"bsonType":"int"}`, i), ",", `}}}},`).of(min(n, 1000)))
			}
			return strings.ReplaceAll(b.String(), `"create"`, `"collMod"`) + "{}]"
		}},
	},
	"validators.js": {
		row("calls", "", `db.createCollection("c@", {validator: {$jsonSchema: {properties: {a: {bsonType: "int"}}}}});`+"\n", "", ""),
		nest("calls in calls", "", `db.createCollection("c", `, `1`, `)`, ""),
		nest("objects", `db.createCollection("c", `, `{a: `, `1`, `}`, `)`),
		long("a text", "db.createCollection(\"c\", {a: `", "word ", "`})"),
		long("a comment", "/*", "word ", "*/ db.a.drop()"),
		row("renamings", `db.createCollection("c1");`, `db.c1.renameCollection("c2"); db.c2.renameCollection("c1");`, "", ""),
		long("a call that does not end", `db.createCollection("c", {`, `a: [1, `, ``),
		long("words", "", "db ", ""),
		long("dots", "", "db.", ""),
		long("collections", "", `db.getCollection("`, ""),
		long("collections in quotes", "", `db.collection("a" ) `, ""),
		long("white space", "db", " ", ".a.drop()"),
		long("ups and downs", "", "up down ", ""),
		long("a long name", "db.", "word", ".drop()"),
		long("a text of escapes", `db.createCollection("c", {a: "`, `\n`, `"})`),
		row("drops", "", `db.c@.drop();`, "", ""),
		row("fields", `db.createCollection("c", {validator: {$jsonSchema: {properties: {`, `f@: {bsonType: "int"}`, ", ", "}}}});"),
		long("lines of comments", "", "// db.a.drop()\n", ""),
		long("what stands for values", `db.createCollection("c", {a: `, `f(`, `})`),
		row("collections of lists", "", `db.createCollection("c@", {validator: {$jsonSchema: {properties: {a: {enum: [1, 2, 3, "x"]}}}}});`+"\n", "", ""),
		row("schemas that are no schemas", "", `db.createCollection("c@", {validator: {a: {$gt: 1}}}); db.c@.drop();`+"\n", "", ""),
	},
}

var ofManifests = []family{
	row("groups without anything", "schemas:\n", "- \n", "", ""),
	row("empty lines of a text", "schemas: |\n", "\n", "", ""),
	row("empty lines of many texts", "schemas:\n", "- |\n"+strings.Repeat("\n", 1000), "", ""),
	row("groups", "schemas:\n", "- {files: 'a@/*.avsc', subject: 'a@-{name}'}\n", "", ""),
	row("files of a group", "schemas:\n- subject: '{name}'\n  files:\n", "  - a@/**/*.avsc\n", "", ""),
	row("references", "schemas:\n- subject: '{name}'\n  files: a\n  references:\n", "  - {name: n@, subject: s@}\n", "", ""),
	long("a pattern", "schemas:\n- {subject: '{name}', files: '", "**/{a,b}*", "'}\n"),
	nest("choices of a pattern", "schemas:\n- {subject: '{name}', files: '", "{a,", "b", "}", "'}\n"),
	long("a subject", "schemas:\n- {files: a, subject: '", "{nam}", "'}\n"),
	row("unknown keys", "", "schemos@: 1\n", "", ""),
	nest("lists", "schemas: ", "[", "", "]", ""),
	nest("lists by lines", "schemas:\n", "- ", "a", "", ""),
	row("on one line", "schemas: [", "{files: a@, subject: b}", ", ", "]"),
	row("documents", "", "---\na: @\n", "", ""),
	row("anchors", "", "k@: &a@ v\n", "", ""),
	long("a text", "owner: '", "word ", "'\n"),
	long("levels", "level: '", "BACKWARD", "'\n"),
	long("comments", "owner: a\n", "# word\n", ""),
	long("empty lines", "owner: a\n", "\n", ""),
	long("a folded text", "owner: >\n", "  word\n\n", ""),
	long("colons", "owner: ", ": ", "\n"),
	long("tags", "owner: ", "!a ", "\n"),
	long("a long key", "", "word", ": a\n"),
	row("keys on a line", "{", "a@: b", ", ", "}"),
}
