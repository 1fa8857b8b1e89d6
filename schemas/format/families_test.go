package format_test

import (
	"fmt"
	"strings"
)

// family makes texts of one construct, of any size: of a kind of thing that
// stands there n times, or that is nested n deep.
type family struct {
	name string
	of   func(n int) string
}

// row repeats a piece between a head and a tail; @ in it is its number.
func row(name, head, piece, between, tail string) family {
	return family{name, func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			if i > 0 {
				b.WriteString(between)
			}
			b.WriteString(strings.ReplaceAll(piece, "@", fmt.Sprint(i+1)))
		}
		return b.String() + tail
	}}
}

// nest puts a piece around a piece around a piece.
func nest(name, head, open, middle, shut, tail string) family {
	return family{name, func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			b.WriteString(strings.ReplaceAll(open, "@", fmt.Sprint(i+1)))
		}
		return b.String() + middle + strings.Repeat(shut, n) + tail
	}}
}

// steps is a row of pieces that lead on to the next one, which is @@.
func steps(name, head, piece, between, tail string) family {
	return family{name, func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			if i > 0 {
				b.WriteString(between)
			}
			b.WriteString(strings.ReplaceAll(strings.ReplaceAll(piece, "@@", fmt.Sprint(i+2)), "@", fmt.Sprint(i+1)))
		}
		return b.String() + strings.ReplaceAll(tail, "@@", fmt.Sprint(n+1))
	}}
}

// long repeats one word within a text.
func long(name, head, word, tail string) family { return row(name, head, word, "", tail) }

// both has n of the one and n of the other: what is looked up among all is
// slow here.
func both(name, head, piece, middle, other, tail string) family {
	return family{name, func(n int) string {
		return row("", head, piece, ",", middle).of(n) + row("", "", other, ",", tail).of(n)
	}}
}

var ofAvro = []family{
	row("fields", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"int"}`, ",", `]}`),
	row("optional documented fields", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":["null","string"],"default":null,"doc":"what @ is"}`, ",", `]}`),
	row("fields with aliases", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"int","aliases":["a@","b@"]}`, ",", `]}`),
	row("aliases of a field", `{"type":"record","name":"R","fields":[{"name":"f","type":"int","aliases":[`, `"a@"`, ",", `]}]}`),
	row("aliases of a record", `{"type":"record","name":"R","aliases":[`, `"n.a@"`, ",", `],"fields":[]}`),
	row("symbols", `{"type":"enum","name":"E","symbols":[`, `"S@"`, ",", `]}`),
	row("branches", `[`, `{"type":"record","name":"R@","fields":[{"name":"f","type":"int"}]}`, ",", `]`),
	row("branches with aliases", `[`, `{"type":"record","name":"R@","fields":[{"name":"f","type":"int","aliases":["g"]}]}`, ",", `]`),
	row("fixed branches", `[`, `{"type":"fixed","name":"F@","size":@}`, ",", `]`),
	row("enums of one name", `[`, `{"type":"enum","name":"E@","aliases":["E0"],"symbols":["S@","T@"]}`, ",", `]`),
	row("records beside one another", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":{"type":"record","name":"R@","fields":[{"name":"a","type":["null","R"]}]}}`, ",", `]}`),
	row("fields of one record", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"A","fields":[{"name":"x","type":"int"},{"name":"y","type":"int"}]}}`, `,{"name":"f@","type":"A"}`, "", `]}`),
	steps("records that lead on, twice", `{"type":"record","name":"R1","fields":[`, `{"name":"a@","type":{"type":"record","name":"N@","fields":[{"name":"x","type":["null","N@","R1"]}]}},{"name":"b@","type":"N@"}`, ",", `]}`),
	nest("records", "", `{"type":"record","name":"R@","fields":[{"name":"f","type":`, `"int"`, `}]}`, ""),
	nest("arrays", "", `{"type":"array","items":`, `"int"`, `}`, ""),
	nest("optional records", "", `{"type":"record","name":"R@","fields":[{"name":"f","type":["null",`, `"int"`, `]}]}`, ""),
	long("a doc", `{"type":"record","name":"R","doc":"`, "word ", `","fields":[]}`),
	long("a name", `{"type":"record","name":"`, "name", `","fields":[]}`),
	long("a namespace", `{"type":"record","name":"R","namespace":"`, "n.", `n","fields":[]}`),
	row("properties", `{"type":"record","name":"R","fields":[],`, `"p@":{"a":[1,2,@]}`, ",", `}`),
	row("tags", `{"type":"record","name":"R","fields":[{"name":"f","type":"int","tags":[`, `"T@"`, ",", `]}]}`),
	row("default items", `{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"array","items":["int","string"]},"default":[`, `@`, ",", `]}]}`),
	row("defaults of unions", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":[{"type":"map","values":["null","int",{"type":"array","items":["string","long"]}]},"null"],"default":{"a":[1,2,3],"b":null}}`, ",", `]}`),
	long("a default text", `{"type":"record","name":"R","fields":[{"name":"f","type":"string","default":"`, "word", `"}]}`),
	long("digits", `{"type":"record","name":"R","fields":[{"name":"f","type":"double","default":1`, "0", `}]}`),
	row("unknown types", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":"Unknown@"}`, ",", `]}`),
	row("known types and one that is not", `[`, `{"type":"fixed","name":"Type@","size":1},`, "", `"Typo"]`),
	row("records of many namespaces", `[`, `{"type":"record","name":"a.b.c@.R","fields":[{"name":"f","type":"string","doc":"d"}]}`, ",", `]`),
	row("escapes", `{"type":"record","name":"R","doc":"`, `\u00e4\n`, "", `","fields":[]}`),
	row("logical types", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":{"type":"bytes","logicalType":"decimal","precision":@,"scale":2}}`, ",", `]}`),
	both("fields that use named types", `{"type":"record","name":"R","fields":[`, `{"name":"f@","type":{"type":"enum","name":"E@","symbols":["A","B"]}}`, ",", `{"name":"g@","type":["null","E@"],"default":null}`, `]}`),
}

// then is one family behind another.
func then(name string, one, other family) family {
	return family{name, func(n int) string { return one.of(n) + other.of(n) }}
}

const draft = `{"$schema":"https://json-schema.org/draft/2020-12/schema",`

var ofJSON = []family{
	row("properties", `{"properties":{`, `"p@":{"type":"string"}`, ",", `}}`),
	row("closed properties", `{"additionalProperties":false,"properties":{`, `"p@":{"type":["string","null"],"description":"what @ is","maxLength":@}`, ",", `}}`),
	both("required properties", `{"properties":{`, `"p@":{"type":"string"}`, `},"required":[`, `"p@"`, `]}`),
	both("patterns beside names", `{"properties":{`, `"name@":{}`, `},"patternProperties":{`, `"^(a|b|n)*ame@$":{"type":"string"}`, `}}`),
	row("patterns", `{"patternProperties":{`, `"^a@[b-z]+(c|d)*$":{"type":"string"}`, ",", `}}`),
	long("a pattern", `{"patternProperties":{"`, `(a|b)+`, `":{"type":"string"}},"properties":{"ab":{}}}`),
	nest("groups of a pattern", `{"patternProperties":{"`, `(`, `a`, `)*`, `":{"type":"string"}},"properties":{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!":{}}}`),
	row("values", `{"type":"string","enum":[`, `"v@"`, ",", `]}`),
	row("numbers", `{"enum":[`, `@.5e3`, ",", `]}`),
	row("objects that are values", `{"enum":[`, `{"a":[@,{"b":null}],"c":"d"}`, ",", `]}`),
	row("anyOf", `{"anyOf":[`, `{"properties":{"k":{"const":"k@"}},"required":["k"]}`, ",", `]}`),
	row("oneOf", `{"oneOf":[`, `{"properties":{"k":{"const":"k@"}},"required":["k"]}`, ",", `]}`),
	row("oneOf types", `{"oneOf":[`, `{"type":"array","minItems":@}`, ",", `]}`),
	row("allOf", `{"allOf":[`, `{"properties":{"p@":{"type":"string"}}}`, ",", `]}`),
	row("allOf in every property", `{"properties":{"a":{"allOf":[`, `{"title":"@"}`, ",", `]},"b":{"minLength":1}}}`),
	row("not", `{"allOf":[`, `{"not":{"const":@}}`, ",", `]}`),
	row("if", `{"allOf":[`, `{"if":{"required":["a@"]},"then":{"required":["b@"]},"else":{"type":"object"}}`, ",", `]}`),
	row("bounds", `{"allOf":[`, `{"minimum":@,"multipleOf":0.@}`, ",", `]}`),
	steps("definitions that lead on", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"properties":{"a":{"$ref":"#/definitions/d@@"}}}`, ",", `,"d@@":{}}}`),
	steps("allOf that leads on", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"allOf":[{"$ref":"#/definitions/d@@"}]}`, ",", `,"d@@":{}}}`),
	steps("anyOf that leads on", `{"$ref":"#/definitions/d1","definitions":{`, `"d@":{"anyOf":[{"$ref":"#/definitions/d@@"},{"type":"null"}]}`, ",", `,"d@@":{}}}`),
	both("definitions that are used", `{"definitions":{`, `"d@":{"type":"object","properties":{"a":{"type":"string"}}}`, `},"properties":{`, `"p@":{"$ref":"#/definitions/d@"}`, `}}`),
	row("uses of one definition", `{"definitions":{"d":{"properties":{"a":{},"b":{}}}},"properties":{`, `"p@":{"$ref":"#/definitions/d"}`, ",", `}}`),
	nest("objects", "", `{"properties":{"a":`, `{}`, `}}`, ""),
	nest("arrays", "", `{"items":`, `{}`, `}`, ""),
	nest("allOf in allOf", "", `{"allOf":[{"title":"@"},`, `{}`, `]}`, ""),
	nest("anyOf in anyOf", "", `{"anyOf":[{"const":@},`, `{}`, `]}`, ""),
	nest("not in not", "", `{"not":`, `{}`, `}`, ""),
	row("a tuple", draft+`"prefixItems":[`, `{"type":"string","title":"@"}`, ",", `]}`),
	row("required of others", draft+`"dependentRequired":{`, `"p@":["q@","p@0"]`, ",", `}}`),
	row("schemas of others", draft+`"dependentSchemas":{`, `"p@":{"required":["q@"]}`, ",", `}}`),
	row("identified", draft+`"$defs":{`, `"d@":{"$id":"x@","$anchor":"a"}`, ",", `}}`),
	row("anchors", draft+`"$defs":{`, `"d@":{"$anchor":"a@"}`, ",", `},"$ref":"#a1"}`),
	row("dynamic references", draft+`"$defs":{"a":{"$dynamicAnchor":"x"},"b":{"$dynamicAnchor":"x"}},"anyOf":[`, `{"title":"@","$dynamicRef":"#x"}`, ",", `]}`),
	row("unevaluated", draft+`"unevaluatedProperties":false,"allOf":[`, `{"properties":{"p@":{"type":"string"}}}`, ",", `]}`),
	long("a description", `{"description":"`, "word ", `"}`),
	long("a name", `{"properties":{"`, "name", `":{"type":"string"}}}`),
	long("a default", `{"default":[`, `{"a":"b"},`, `1]}`),
	long("digits", `{"multipleOf":1`, "0", `}`),
	long("digits of a value", `{"enum":[1`, "0", `]}`),
	row("tags", `{"properties":{"a":{"tags":[`, `"T@"`, ",", `]}}}`),
	row("members without a meaning", `{`, `"x-@":{"a":[@]}`, ",", `}`),
	row("references that lead nowhere", `{"allOf":[`, `{"$ref":"#/definitions/d@"}`, ",", `]}`),
	row("references abroad", `{"allOf":[`, `{"$ref":"http://host@.example/a.json"}`, ",", `]}`),
	long("a pointer", `{"$ref":"#`, "/a", `"}`),
	row("wrong types", `{"properties":{`, `"p@":{"type":"strin"}`, ",", `}}`),
}

const p2, p3 = `syntax = "proto2";`, `syntax = "proto3";`

var ofProtobuf = []family{
	row("fields", p3+"message M {", "string field_@ = @;\n", "", "}"),
	row("commented fields", p3+"message M {", "// what @ is, and why\nstring field_@ = @; // and behind it\n", "", "}"),
	row("optional fields", p3+"message M {", "optional string f@ = @;\n", "", "}"),
	row("fields of a oneof", p3+"message M { oneof o {", "string f@ = @;\n", "", "} }"),
	row("oneofs", p3+"message M {", "oneof o@ { string f@ = @; }\n", "", "}"),
	row("maps", p3+"message M {", "map<string,X> f@ = @;\n", "", "} message X {}"),
	row("messages", p3, "message M@ { string x = 1; }\n", "", ""),
	row("inner messages", p3+"message M {", "message M@ { string x = 1; }\n", "", "}"),
	steps("messages that lead on", p3, "message M@ { M@@ a = 1; M@ b = 2; }\n", "", "message M@@ {}"),
	row("uses of one message", p3+"message X { string a = 1; string b = 2; } message M {", "X f@ = @;\n", "", "}"),
	row("messages and their uses", p3, "message M@ { string x = 1; } message U@ { repeated M@ m = 1; }\n", "", ""),
	row("groups", p2+"message M {", "optional group G@ = @ { optional int32 x = 1; }\n", "", "}"),
	row("enums", p3, "enum E@ { A@ = 0; }\n", "", ""),
	row("values of an enum", p3+"enum E { Z = 0;", "V@ = @;\n", "", "} message M { E e = 1; }"),
	row("values of one number", p3+"enum E { option allow_alias = true;", "V@ = 0;\n", "", "} message M { E e = 1; }"),
	row("extensions", p2+"message M { extensions 1 to max; } extend M {", "optional int32 x@ = @;\n", "", "}"),
	row("extension ranges", p2+"message M {", "extensions @;\n", "", "}"),
	row("options of Confluent's", p3+`import "confluent/meta.proto"; message M {`, `string f@ = @ [(confluent.field_meta).tags = "a"];`+"\n", "", "}"),
	row("options of one's own", p3+`import "google/protobuf/descriptor.proto"; extend google.protobuf.FieldOptions { repeated string o = 50001; } message M { string a = 1 [`, `(o) = "@"`, ", ", "]; }"),
	row("options of a file", p3+`import "google/protobuf/descriptor.proto"; extend google.protobuf.FileOptions { repeated string o = 50001; }`, `option (o) = "@";`, "", "message M {}"),
	nest("messages as options", p3+`import "google/protobuf/descriptor.proto"; message O { O o = 1; } extend google.protobuf.FileOptions { O o = 50001; } option (o) = {`, `o {`, ``, `}`, `}; message M {}`),
	row("reserved numbers", p3+"message M { reserved 20000", ", 3@0000", "", "; }"),
	row("reserved names", p3+"message M { reserved ", `"n@"`, ", ", "; }"),
	row("names in JSON", p3+"message M {", `string field_@ = @ [json_name = "F@"];`+"\n", "", "}"),
	row("defaults", p2+"message M {", `optional string f@ = @ [default = "d@"];`+"\n", "", "}"),
	long("a default", p2+`message M { optional string f = 1 [default = "`, "word", `"]; }`),
	long("a default in parts", p2+`message M { optional string f = 1 [default = `, `"word" `, `]; }`),
	long("a comment", p3+"/* ", "word\n", "*/ message M {}"),
	long("lines of a comment", p3+"message M {\n", "// word\n", "string a = 1; }"),
	long("white space", p3, " \n", "message M {}"),
	long("one line", p3+"message M { reserved 1000; ", " ", "string a = 1; }"),
	long("a package", p3+"package a", ".a", "; message M { M m = 1; }"),
	nest("messages in messages", p3, "message M@ { string x = 1; ", "", "}", ""),
	nest("references from within", p3+"message X {} ", "message M@ { X x = 1; ", "", "}", ""),
	row("services", p3+"message M {}", "service S@ { rpc A (M) returns (M); }\n", "", ""),
	row("calls", p3+"message M {} service S {", "rpc A@ (M) returns (stream M);\n", "", "}"),
	row("imports that are not there", p3, `import "a@.proto";`, "", "message M {}"),
	row("types that are not there", p3+"message M {", "Unknown@ f@ = @;\n", "", "}"),
	row("names that stand twice", p3+"message M {", "string f = @;\n", "", "}"),
	row("numbers that stand twice", p3+"message M {", "string f@ = 1;\n", "", "}"),
}

// Tables for others to be among: as many as are read at once, as wide as one can
// be, and with as many keys.
var (
	someTables = family{"", func(n int) string {
		return row("", "", "CREATE TABLE t@ (a int PRIMARY KEY);\n", "", "").of(min(n, 3900))
	}}
	wideTable = family{"", func(n int) string { return row("", "CREATE TABLE w (", "c@ int", ",", ");\n").of(min(n, 1590)) }}
	manyKeys  = family{"", func(n int) string {
		return row("", "CREATE TABLE k (a int);", "ALTER TABLE k ADD UNIQUE (a);\n", "", "").of(min(n, 900))
	}}
)

// chainOf is n pieces that each lead on to the next, which is @@.
func chainOf(piece string, n int) string {
	return steps("", "", piece, "", "").of(n)
}

var ofDDL = []family{
	row("columns", "CREATE TABLE t (", "c@ varchar(200) NOT NULL DEFAULT 'none'", ", ", ");"),
	row("tables", "", "CREATE TABLE t@ (id bigint PRIMARY KEY, a text NOT NULL);\n", "", ""),
	row("columns added", "CREATE TABLE t (id int);", "ALTER TABLE t ADD c@ text;\n", "", ""),
	row("columns added and dropped", "CREATE TABLE t (id int);", "ALTER TABLE t ADD c@ text; ALTER TABLE t DROP c@;\n", "", ""),
	row("renamings", "CREATE TABLE t (a1 int);", "ALTER TABLE t RENAME a1 TO b; ALTER TABLE t RENAME b TO a1;\n", "", ""),
	row("actions of one statement", "CREATE TABLE t (id int); ALTER TABLE t ", "ALTER id SET DEFAULT @", ", ", ";"),
	row("comments", "CREATE TABLE t (a int);", "COMMENT ON COLUMN t.a IS 'what @ is';\n", "", ""),
	row("foreign keys", "CREATE TABLE a (id int PRIMARY KEY);", "CREATE TABLE t@ (a int REFERENCES a (id));\n", "", ""),
	row("unique keys", "CREATE TABLE t (a int", ", UNIQUE (a)", "", ");"),
	row("checks", "CREATE TABLE t (a int", ", CONSTRAINT c@ CHECK (a > @ AND (a < 5))", "", ");"),
	row("indexes", "CREATE TABLE t (a int);", "CREATE UNIQUE INDEX i@ ON t (a);\n", "", ""),
	row("partitions", "CREATE TABLE t (a int) PARTITION BY RANGE (a);", "CREATE TABLE p@ PARTITION OF t FOR VALUES FROM (@) TO (@0);\n", "", ""),
	row("partitions, then columns", "CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF t DEFAULT; CREATE TABLE p2 PARTITION OF t FOR VALUES IN (1);", "ALTER TABLE t ADD c@ int;\n", "", ""),
	steps("heirs of heirs", "CREATE TABLE t1 (a int);", "CREATE TABLE t@@ (b@ int) INHERITS (t@);\n", "", ""),
	row("heirs of one", "CREATE TABLE t (a int);", "CREATE TABLE t@ () INHERITS (t);\n", "", "ALTER TABLE t ADD b int;"),
	row("like", "CREATE TABLE t (a int, b text);", "CREATE TABLE t@ (LIKE t INCLUDING ALL);\n", "", ""),
	row("types", "", "CREATE TYPE t@ AS (a int, b text); CREATE TABLE u@ OF t@;\n", "", ""),
	row("parts of a type", "CREATE TYPE t AS (", "p@ int", ", ", "); CREATE TABLE u (a t);"),
	steps("types of types", "CREATE TYPE t1 AS (a int);", "CREATE TYPE t@@ AS (a t@, b t@);\n", "", "CREATE TABLE u (a t@@);"),
	row("domains", "", "CREATE DOMAIN d@ AS text CHECK (VALUE <> '@'); CREATE TABLE t@ (a d@);\n", "", ""),
	row("values of an enum", "CREATE TYPE e AS ENUM (", "'v@'", ", ", "); CREATE TABLE t (a e);"),
	row("schemas", "", "CREATE SCHEMA s@; CREATE TABLE s@.t (a int); ALTER SCHEMA s@ RENAME TO r@;\n", "", ""),
	row("search paths", "CREATE TABLE t (a int);", "SET search_path TO s@, public; ALTER TABLE t ADD IF NOT EXISTS a int;\n", "", ""),
	row("schemas in the search path", "SET search_path TO ", "s@", ", ", ", public; CREATE TABLE public.t (a int); ALTER TABLE t ADD b int; COMMENT ON TABLE t IS 'x';"),
	row("drops", "", "CREATE TABLE t@ (a int); DROP TABLE t@;\n", "", ""),
	row("tables of one drop", "DROP TABLE IF EXISTS ", "t@", ", ", " CASCADE;"),
	row("rows", "CREATE TABLE t (a int, b text); INSERT INTO t VALUES ", "(@, 'value @')", ", ", ";"),
	row("rows that are copied", "CREATE TABLE t (a int, b text); COPY t FROM stdin;\n", "@\tvalue\n", "", "\\.\n"),
	row("functions", "", "CREATE FUNCTION f@() RETURNS int LANGUAGE sql AS $$ SELECT @; $$;\n", "", ""),
	row("blocks", "", "DO $$ BEGIN EXECUTE 'x'; END $$;\n", "", ""),
	long("a text", "COMMENT ON TABLE t IS '", "word ", "';"),
	long("a text in dollars", "SELECT $a$", "$$ word ", "$a$;"),
	long("dollars", "SELECT ", "$a", ";"),
	long("a text with escapes", "SELECT E'", `\u00e4\n`, "';"),
	long("lines of comments", "", "-- word\n", "SELECT 1;"),
	nest("comments", "", "/* ", "x", " */", "SELECT 1;"),
	long("comments that do not end", "", "/* ", ""),
	nest("brackets", "CREATE TABLE t (a int CHECK ", "(", "a", ")", ");"),
	nest("brackets of a type", "CREATE TABLE t (a int", "[", "1", "]", ");"),
	long("a name", `CREATE TABLE "`, "name", `" (a int);`),
	long("a default", "CREATE TABLE t (a int DEFAULT 1 ", "+ 1 ", ");"),
	long("statements of nothing", "", ";", ""),
	row("statements that are not known", "", "FROBNICATE @;\n", "", ""),
	row("mistakes", "", "CREATE TABLE t@ (a int,,);\n", "", ""),
	row("tables that are not there", "CREATE TABLE customers (a int);", "ALTER TABLE customer@ ADD b int;\n", "", ""),
	row("columns that are not there", "CREATE TABLE t (customer int);", "ALTER TABLE t DROP custome@;\n", "", ""),
	row("what is there already", "CREATE TABLE t (a int);", "CREATE TABLE t (a int);\n", "", ""),
	row("names cut to one", "CREATE TABLE "+strings.Repeat("t", 60)+" (a int", ", UNIQUE (a), UNIQUE (a)", "", ");"),
	then("renamings among many tables", someTables, row("", "", "ALTER TABLE t1 RENAME a TO b; ALTER TABLE t1 RENAME b TO a;\n", "", "")),
	then("tables renamed among many", someTables, row("", "", "ALTER TABLE t1 RENAME TO u; ALTER TABLE u RENAME TO t1;\n", "", "")),
	then("columns added among many tables", someTables, row("", "", "ALTER TABLE t1 ADD c@ int; ALTER TABLE t1 DROP c@;\n", "", "")),
	then("types changed among many tables", someTables, row("", "", "ALTER TABLE t1 ALTER a TYPE bigint; ALTER TABLE t1 ALTER a TYPE int;\n", "", "")),
	then("tables made and dropped among many", someTables, row("", "", "CREATE TABLE u (a int); DROP TABLE u;\n", "", "")),
	then("columns dropped of a wide table", wideTable, row("", "", "ALTER TABLE w ADD d@ int; ALTER TABLE w DROP d@;\n", "", "")),
	then("columns changed of a wide table", wideTable, row("", "", "ALTER TABLE w ALTER c1500 DROP NOT NULL; ALTER TABLE w ALTER c1500 SET NOT NULL;\n", "", "")),
	then("comments on a wide table", wideTable, row("", "", "COMMENT ON COLUMN w.c1500 IS '@';\n", "", "")),
	then("keys dropped of many", manyKeys, row("", "", "ALTER TABLE k ADD CONSTRAINT x UNIQUE (a); ALTER TABLE k DROP CONSTRAINT x;\n", "", "")),
	{"tables with many keys", func(n int) string {
		var b strings.Builder
		for i := range n / 900 {
			b.WriteString(strings.ReplaceAll(manyKeys.of(n), "TABLE k", fmt.Sprintf("TABLE k%d", i)))
		}
		return b.String()
	}},
	row("partitions of partitions, then columns", "CREATE TABLE p1 (a int) PARTITION BY LIST (a);"+chainOf("CREATE TABLE p@@ PARTITION OF p@ DEFAULT PARTITION BY LIST (a);\n", 2000), "ALTER TABLE p1 ADD c@ int; ALTER TABLE p1 DROP c@;\n", "", ""),
	then("types renamed among many tables", someTables, row("", "CREATE TYPE e1 AS ENUM ('a');", "ALTER TYPE e1 RENAME TO e2; ALTER TYPE e2 RENAME TO e1;\n", "", "")),
	then("indexes renamed among many tables", someTables, row("", "", "ALTER INDEX i1 RENAME TO i2; ALTER INDEX i2 RENAME TO i1;\n", "", "")),
	then("references renamed", someTables, row("", "CREATE TABLE r (a int REFERENCES t1, b int REFERENCES t2);", "ALTER TABLE t1 RENAME TO u; ALTER TABLE u RENAME TO t1;\n", "", "")),
	row("parents of one table", "CREATE TABLE p (a int); CREATE TABLE t (a int);", "ALTER TABLE t INHERIT p;\n", "", "ALTER TABLE p ADD b int;"),
	both("columns of a key", "CREATE TABLE t (", "c@ int", ", PRIMARY KEY (", "c@", "));"),
}

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
	},
	"changelog.yaml": {
		row("change sets", "databaseChangeLog:\n", "- changeSet:\n    id: @\n    changes:\n    - createTable:\n        tableName: t@\n        columns:\n        - column: {name: a, type: int}\n", "", ""),
		row("a list on a line", "databaseChangeLog: [", "{a: @}", ", ", "]"),
		nest("lists", "databaseChangeLog: ", "[", "", "]", ""),
		nest("lists by lines", "databaseChangeLog:\n", "- ", "a", "", ""),
		long("a text by lines", "databaseChangeLog: |\n", "  word\n", ""),
		long("a text in quotes", `databaseChangeLog: "`, `word \n`, `"`),
		row("keys", "", "k@: v\n", "", ""),
		row("anchors", "", "k@: &a@ v\n", "", ""),
	},
	"changelog.json": {
		row("change sets", `{"databaseChangeLog":[`, `{"changeSet":{"id":"@","changes":[{"createTable":{"tableName":"t@","columns":[{"column":{"name":"a","type":"int"}}]}}]}}`, ",", `]}`),
		nest("objects", "", `{"a":`, `1`, `}`, ""),
		nest("lists", "", "[", "", "]", ""),
	},
	"changelog.sql": {
		row("change sets", "--liquibase formatted sql\n", "--changeset a:@\nCREATE TABLE t@ (a int);\n", "", ""),
		row("contexts", "--liquibase formatted sql\n--changeset a:1 context:\"", "(a@ or b@) and !c@", " or ", "\"\nSELECT 1;\n"),
		nest("contexts in brackets", "--liquibase formatted sql\n--changeset a:1 context:\"", "!(", "a", ")", "\"\nSELECT 1;\n"),
	},
	"1_goose.sql": {
		row("statements", "-- +goose Up\n", "-- +goose StatementBegin\nCREATE TABLE t@ (a int);\n-- +goose StatementEnd\n", "", ""),
		row("turns", "", "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n", "", ""),
	},
	"V1__flyway.sql": {
		row("placeholders", "", "SELECT ${flyway:timestamp} AS a@, ${user@};\n", "", ""),
		nest("placeholders in one another", "SELECT ", "${", "a", "}", ";"),
	},
	"validators.json": {
		row("collections", "{", `"c@":{"$jsonSchema":{"bsonType":"object","properties":{"a":{"bsonType":"string"}}}}`, ",", "}"),
		both("required fields", `{"c":{"$jsonSchema":{"properties":{`, `"f@":{"bsonType":["string","null"],"description":"what @ is"}`, `},"required":[`, `"f@"`, `]}}}`),
		nest("fields in fields", `{"c":{"$jsonSchema":`, `{"properties":{"a":`, `{"bsonType":"int"}`, `}}`, `}}`),
		row("commands", "[", `{"create":"c@","validator":{"$jsonSchema":{"properties":{"a":{}}}}},{"collMod":"c@","validator":{"$jsonSchema":{"properties":{"b":{}}}}}`, ",", "]"),
		{"fields said anew", func(n int) string {
			fields := func(name, kind string) string {
				return row("", `{"`+name+`":"c","validator":{"$jsonSchema":{"properties":{`, `"f@":{"bsonType":"`+kind+`"}`, ",", `}}}}`).of(n)
			}
			return "[" + fields("create", "int") + "," + fields("collMod", "long") + "," + fields("collMod", "string") + "]"
		}},
		row("types of a field", `{"c":{"$jsonSchema":{"properties":{"a":{"bsonType":[`, `"t@"`, ",", "]}}}}}"),
	},
	"validators.js": {
		row("calls", "", `db.createCollection("c@", {validator: {$jsonSchema: {properties: {a: {bsonType: "int"}}}}});`+"\n", "", ""),
		nest("calls in calls", "", `db.createCollection("c", `, `1`, `)`, ""),
		nest("objects", `db.createCollection("c", `, `{a: `, `1`, `}`, `)`),
		long("a text", "db.createCollection(\"c\", {a: `", "word ", "`})"),
		long("a comment", "/*", "word ", "*/ db.a.drop()"),
		row("renamings", `db.createCollection("c1");`, `db.c1.renameCollection("c2"); db.c2.renameCollection("c1");`, "", ""),
		long("a call that does not end", `db.createCollection("c", {`, `a: [1, `, ``),
	},
}

var ofManifests = []family{
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
}
