package manifest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
)

// folder writes files and returns where they are.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// entries reads a manifest over files.
func entries(t *testing.T, text string, files map[string]string) ([]Entry, error) {
	t.Helper()
	m, err := Read(Name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Dir(folder(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return m.Entries(tree)
}

// Each mistake is told at its line, with what to write instead.
func TestMistakes(t *testing.T) {
	t.Parallel()
	const good = "schemas:\n  - files: a.avsc\n    subject: a-value\n"
	for _, c := range []struct{ text, at, code, says string }{
		{"", "1:1", "EMPTY", "list files and their subjects"},
		{"# nothing yet\n", "1:1", "EMPTY", "list files and their subjects"},
		{"schemas: " + strings.Repeat("[", 100_000), "1:30", "YAML_TOO_DEEP", "at most 20 deep"},
		{"schemas: " + strings.Repeat("- ", 100_000), "1:1006", "YAML_TOO_DEEP", "at most 500 words"},
		{good + "? [a]\n: b\n", "4:1", "YAML_FEATURE", "complex keys"},
		{good + "<<: {}\n", "4:1", "YAML_FEATURE", "merges"},
		{strings.Repeat("#", 1<<20+1), "1:1", "FILE_TOO_LARGE", "by patterns"},
		{"schemas: a\n", "1:10", "NOT_A_LIST", "begin with a dash"},
		{"schemas: [", "1:10", "BAD_YAML", "sequence end"},
		{"- a", "1:1", "NOT_A_MAPPING", "its keys are prefix, owner"},
		{"schemas: []", "1:1", "REQUIRED", "lists files and their subjects"},
		{good + "lvel: FULL\n", "4:1", "UNKNOWN_KEY", `did you mean "level"`},
		{good + "    subjet: x\n", "4:5", "UNKNOWN_KEY", `did you mean "subject"`},
		{good + "level: BACKWARDS\n", "4:1", "INVALID_LEVEL", `did you mean "BACKWARD"`},
		{good + "policy: enforced\n", "4:1", "INVALID_POLICY", `did you mean "ENFORCE"`},
		{good + "    type: AVR\n", "4:5", "UNKNOWN_TYPE", `did you mean "AVRO"`},
		{good + "owner: [a]\n", "4:8", "NOT_TEXT", "one value"},
		{good + "owner: &x a\n", "4:8", "YAML_FEATURE", "write it out"},
		{"schemas:\n  - files: a.avsc\n    subject: '{nam}-value'\n", "3:5", "UNKNOWN_PLACEHOLDER", `did you mean "name"`},
		{"schemas:\n  - subject: a\n", "2:5", "REQUIRED", `"files" is missing`},
		{"schemas:\n  - files: a.avsc\n", "2:5", "REQUIRED", `"subject" is missing`},
		{"schemas:\n  - files: ../a.avsc\n    subject: a\n", "2:5", "BAD_PATTERN", "goes down"},
		{"schemas:\n  - files: '[a'\n    subject: a\n", "2:5", "BAD_PATTERN", "no pattern"},
		{good + "    references:\n      - name: x\n", "5:9", "REQUIRED", `"subject" is missing`},
		{good + "    references:\n      - {name: x, subject: y, version: 0}\n", "5:31", "OUT_OF_RANGE", "from 1"},
		{"stores: [{files: a.sql}]", "1:11", "REQUIRED", `"store" is missing`},
		{"stores: [{store: a}]", "1:11", "REQUIRED", `like db/migration/**`},
		{"stores: [{store: a, files: a.sql, format: flywy}]", "1:35", "UNKNOWN_FORMAT", `did you mean "flyway"`},
		{"stores: [{store: a, files: a.sql, level: FULL}]", "1:35", "UNKNOWN_KEY", "it has store, files"},
		{"schemas:\n  - files: a.avsc\n    subject: '{record}'\n    topics: ['{nme}.v1']\n", "4:5", "UNKNOWN_PLACEHOLDER", `did you mean "name"`},
		{"stores: [{store: a, files: a.sql, policy: strict}]", "1:35", "INVALID_POLICY", "ENFORCE, WARN, OFF"},
		{"stores: [{store: a, files: a.sql, placeholders: [a]}]", "1:49", "NOT_A_MAPPING", "names and values"},
		{"stores: [{store: a, files: ../a.sql}]", "1:21", "BAD_PATTERN", "goes down"},
		{"stores:\n  - {store: a, files: a.sql}\n  - {store: a, files: b.sql}", "3:6", "STORE_TWICE", "into one entry"},
	} {
		_, err := Read("dir/lethe.yaml", []byte(c.text))
		all := fault.All(err)
		if len(all) == 0 {
			t.Errorf("%.80q is taken", c.text)
			continue
		}
		if at := strings.Join(all[0].Path[1:], ":"); at != c.at || all[0].Code != c.code || !strings.Contains(all[0].Message, c.says) {
			t.Errorf("%.80q: %s %s %s, want %s %s %s", c.text, at, all[0].Code, all[0].Message, c.at, c.code, c.says)
		}
	}
	_, err := Read(Name, []byte("lvel: x\nschemas:\n  - files: a\n    subjct: b\n"))
	if all := fault.All(err); len(all) != 3 {
		t.Errorf("not every mistake is told at once: %v", err)
	}
}

// What is wrong between the manifest and the files is told at the entry.
func TestMistakesOfFiles(t *testing.T) {
	t.Parallel()
	rec := func(name, of string) string {
		return `{"type":"record","name":"` + name + `","fields":[{"name":"a","type":"` + of + `"}]}`
	}
	for _, c := range []struct {
		text       string
		files      map[string]string
		code, says string
	}{
		{"schemas: [{files: '*.avsc', subject: x}]", map[string]string{"a.avsc": "1", "b.avsc": "2"}, "SUBJECT_TWICE", "a.avsc and b.avsc"},
		{"schemas: [{files: 'x/*.avsc', subject: x}]", nil, "NO_FILE", `"x/*.avsc"`},
		{"prefix: shop.\nschemas: [{files: a.avsc, subject: '{name}'}]", map[string]string{"a.avsc": "1"}, "OTHER_PREFIX", `"shop."`},
		{"schemas: [{files: a.avsc, subject: '{record}'}]", map[string]string{"a.avsc": `"string"`}, "NO_RECORD", "a.avsc names no record"},
		{"schemas: [{files: a.avsc, subject: a, topics: '{record}.v1'}]", map[string]string{"a.avsc": `"string"`}, "NO_RECORD", "a.avsc names no record"},
		{"schemas: [{files: a.avsc, subject: '{record}', topics: ['or ders']}]", map[string]string{"a.avsc": rec("A", "int")}, "INVALID_TOPICS", `"or ders" is no name of a topic`},
		{"schemas: [{files: '*.avsc', subject: '{name}'}]", map[string]string{"a.avsc": rec("A", "C"), "b.avsc": rec("B", "A"), "c.avsc": rec("C", "B")}, "CYCLE", "a.avsc → c.avsc → b.avsc → a.avsc"},
		{"schemas: [{files: '*.avsc', subject: '{name}'}]", map[string]string{"a.avsc": rec("A", "C"), "b.avsc": rec("C", "int"), "c.avsc": rec("C", "int")}, "AMBIGUOUS_REFERENCE", "in b.avsc and in c.avsc"},
		{"schemas: [{files: '*.avsc', subject: '{name}', references: [{name: X, subject: x}]}]", map[string]string{"a.avsc": rec("A", "int")}, "UNUSED_REFERENCE", `"X"`},
	} {
		_, err := entries(t, c.text, c.files)
		all := fault.All(err)
		if len(all) != 1 || all[0].Code != c.code || !strings.Contains(all[0].Message, c.says) {
			t.Errorf("%s: %v, want %s %s", c.text, err, c.code, c.says)
		}
		if said := Lines(err).Error(); !strings.HasPrefix(said, strings.Join(all[0].Path, ":")+": ") {
			t.Errorf("no place: %s", said)
		}
	}
}

// What a file takes from another comes before it, under the name that it is
// called by: the full name of a type (Avro), the URI of a $ref without its
// fragment (JSON Schema), the path of an import (Protobuf).
func TestReferencesInOrder(t *testing.T) {
	t.Parallel()
	all, err := entries(t, `
level: FULL
owner: orders
schemas:
  - files: avro/**/*.avsc
    subject: "{record}"
    policy: enforce
    references: [{name: org.Zone, subject: zones, version: 7}]
  - files: json/{order,money,party}.json
    subject: "{dir}-{name}"
    level: NONE
  - {files: "proto/**/*.proto", subject: "{name}", owner: others}
`, map[string]string{
		"avro/order.avsc": `{"type":"record","name":"shop.Order","fields":[
			{"name":"total","type":["null","Money"]},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"price","type":{"type":"map","values":"shop.Money"}}]}}},
			{"name":"again","type":["null","Order"]},{"name":"zone","type":"org.Zone"}]}`,
		"avro/deep/money.avsc": `{"type":"record","namespace":"shop","name":"Money","fields":[{"name":"cents","type":"long"},{"name":"kind","type":{"type":"enum","name":"Kind","symbols":["A"]}}]}`,
		"json/order.json":      `{"$id":"https://flowmart.example/order.json","properties":{"total":{"$ref":"money.json#/definitions/x"},"by":{"$ref":"https://flowmart.example/party.json"},"self":{"$ref":"#/definitions/a"}},"default":{"$ref":"nowhere.json"}}`,
		"json/money.json":      `{"type":"object"}`,
		"json/party.json":      `{"$id":"https://flowmart.example/party.json"}`,
		"proto/shop/a.proto":   "syntax = \"proto3\";\npackage shop;\nimport \"shop/b.proto\";\nimport \"google/protobuf/any.proto\";\nmessage A { B b = 1; }",
		"proto/shop/b.proto":   "syntax = \"proto3\";\npackage shop;\nmessage B {}",
		"other.avsc":           "not of the manifest",
		".hidden/x.avsc":       "hidden",
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range all {
		line := e.Subject + " " + e.Type + " " + string(e.Level) + " " + string(e.Policy) + " " + e.Owner
		for _, r := range e.References {
			line += " " + r.Name + "=" + r.Subject
		}
		got = append(got, line)
	}
	want := []string{
		"shop.Money AVRO FULL ENFORCE orders",
		"shop.Order AVRO FULL ENFORCE orders shop.Money=shop.Money org.Zone=zones",
		"json-money JSON NONE  orders",
		"json-party JSON NONE  orders",
		"json-order JSON NONE  orders https://flowmart.example/party.json=json-party money.json=json-money",
		"b PROTOBUF FULL  others",
		"a PROTOBUF FULL  others shop/b.proto=b",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if s := all[1].Submission(); s.References[0].Version != -1 || s.References[1].Version != 7 {
		t.Errorf("%+v", s.References)
	}
}

// A reference that names no context means that of who refers.
func TestReferencesInContext(t *testing.T) {
	t.Parallel()
	all, err := entries(t, "schemas: [{files: '*.avsc', subject: ':.eu:{name}', references: [{name: X, subject: x}, {name: Y, subject: ':.us:y'}]}]",
		map[string]string{"a.avsc": `["X", "Y"]`, "x.avsc": `{"type":"enum","name":"Z","symbols":["A"]}`})
	if err != nil || len(all) != 2 || all[1].Subject != ":.eu:a" || all[1].References[0].Subject != ":.eu:x" || all[1].References[1].Subject != ":.us:y" || !slices.Equal(all[1].Needs, []string{":.eu:x"}) {
		t.Errorf("%v %+v", err, all)
	}
}

// The files of a store are those of its patterns, in their order, each once; and
// what holds for all holds for it.
func TestSources(t *testing.T) {
	t.Parallel()
	m, err := Read(Name, []byte("owner: orders\npolicy: warn\nlevel: FULL\nstores:\n"+
		"  - {store: a, files: [db/base.sql, 'db/*.sql'], placeholders: {schema: shop, on: off}, contexts: live}\n"+
		"  - {store: b, files: 'x/**', format: LIQUIBASE, namespace: 'postgres://b', root: x/a.xml, owner: billing, policy: enforce}\n"))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Dir(folder(t, map[string]string{"db/a.sql": "1", "db/base.sql": "2", "db/c.txt": "3", "x/a.xml": "4", "x/y/b.xml": "5"}))
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.Sources(tree)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	var got []string
	for _, s := range all {
		line := fmt.Sprint(s.Ref, s.Namespace, s.Terms, s.Source.Format, s.Source.Root, s.Source.Contexts, s.Source.Placeholders)
		for _, f := range s.Source.Files {
			line += " " + f.Path + "=" + f.Text
		}
		got = append(got, line)
	}
	want := []string{
		"a{orders  WARN}sql[live] map[on:off schema:shop] db/base.sql=2 db/a.sql=1",
		"bpostgres://b{billing  ENFORCE}liquibasex/a.xml[] map[] x/a.xml=4 x/y/b.xml=5",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	empty, err := Dir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if all, err = m.SourcesBefore(empty); err != nil || len(all) != 2 || len(all[0].Source.Files) != 0 {
		t.Errorf("%v %+v", err, all)
	}
	if _, err = m.Sources(empty); len(fault.All(err)) != 3 {
		t.Errorf("files that are not there: %v", err)
	}
}

// A folder is read as it was at a commit, whatever stands there now.
func TestGit(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"sub/a b.avsc": "old", "sub/c.avsc": "", "other.avsc": "x", "sub/.tool/later/d.avsc": "x", "sub/node_modules/e/f.avsc": "x"})
	run := func(args ...string) {
		t.Helper()
		c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@flowmart.example"}, args...)...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
	}
	run("init", "-q")
	run("add", ".")
	run("commit", "-q", "-m", "first")
	if err := os.WriteFile(filepath.Join(dir, "sub/a b.avsc"), []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Read(Name, []byte("schemas: [{files: '**/*.avsc', subject: '{name}'}, {files: later/*.avsc, subject: '{name}'}]"))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Git(t.Context(), filepath.Join(dir, "sub"), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.Before(tree)
	if err != nil || len(all) != 2 || all[0].Text != "old" || all[0].Subject != "a b" || all[1].Text != "" {
		t.Errorf("%v %+v", err, all)
	}
	for _, ref := range []string{"nowhere", "--help", ""} {
		if _, err := Git(t.Context(), dir, ref); err == nil || !strings.Contains(err.Error(), "fetch more") {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// Whatever a manifest or a schema holds, it is read or refused.
func FuzzRead(f *testing.F) {
	f.Add("schemas:\n  - {files: a, subject: '{name}'}\n", `{"type":"record","name":"A","fields":[{"name":"a","type":"B"}]}`)
	f.Add("a: &x [*x]", "syntax = \"proto3\"; import \"a\"; message M {}")
	f.Add("a: b", `syntax = "proto2"; message M { extensions 1 [verification = UNVERIFIED]@ }`)
	f.Add("? {a: b}\n: c", `{"$ref":"a#b","$id":"http://x"}`)
	f.Fuzz(func(t *testing.T, text, schema string) {
		if m, err := Read(Name, []byte(text)); err == nil && len(m.Groups)+len(m.Stores) == 0 {
			t.Error("a manifest of nothing is taken")
		}
		for _, kind := range []string{"AVRO", "JSON", "PROTOBUF"} {
			if s := read(kind, schema); slices.Contains(s.needs, "") {
				t.Errorf("%s: %q", kind, s.needs)
			}
		}
	})
}

// Every entry is in one part, with all that it refers to before it, and no part
// is larger than a call takes.
func TestParts(t *testing.T) {
	t.Parallel()
	var all []Entry
	for i := range 2500 {
		e := Entry{Subject: string(rune('a'+i%26)) + strings.Repeat("x", i/26)}
		for _, back := range []int{1, 900} {
			if i%10 > 0 && i >= back {
				e.Needs = append(e.Needs, all[i-back].Subject)
			}
		}
		all = append(all, e)
	}
	large := strings.Repeat("x", mostText/2+1)
	for i := range 3 {
		all = append(all, Entry{Subject: "large" + large[:i], Text: large})
	}
	said := &schemas.Metadata{Properties: map[string]string{"doc": strings.Repeat("x", mostText/3)}}
	for i := range 4 {
		all = append(all, Entry{Subject: "said" + large[:i], Metadata: said})
	}
	var got []string
	parts := slices.Collect(Parts(all))
	for _, p := range parts {
		here := map[string]bool{}
		size := 0
		for i, e := range p.Entries {
			for _, need := range e.Needs {
				if !here[need] {
					t.Fatalf("%s comes before %s that it needs", e.Subject, need)
				}
			}
			here[e.Subject] = true
			if size += len(e.Text); e.Metadata != nil {
				size += len(e.Metadata.Properties["doc"])
			}
			if i >= p.Along {
				got = append(got, e.Subject)
			}
		}
		if len(p.Entries) > mostEntries || size > mostText {
			t.Errorf("a part of %d entries and %d bytes", len(p.Entries), size)
		}
	}
	if len(got) != len(all) || len(parts) < 7 {
		t.Errorf("%d of %d entries in %d parts", len(got), len(all), len(parts))
	}
	for i, e := range all {
		if got[i] != e.Subject {
			t.Fatalf("entry %d is %s", i, got[i])
		}
	}
}

// Topics of a group are those of each of its subjects.
func TestTopicsOfAGroup(t *testing.T) {
	t.Parallel()
	_, err := entries(t, "schemas: [{files: '**/*.avsc', subject: 'shop.{record}', topics: ['{dir}.v1', '{dir}.v2#value']}]", map[string]string{"orders/order.avsc": `{"type":"record","name":"Order","fields":[]}`})
	if all := fault.All(err); len(all) != 1 || all[0].Code != "INVALID_TOPICS" || !strings.Contains(all[0].Message, "shop.Order (orders/order.avsc)") {
		t.Errorf("%v", err)
	}
	if all, err := entries(t, "schemas: [{files: '**/*.avsc', subject: 'shop.{record}', topics: '{dir}.v1'}]", map[string]string{"orders/order.avsc": `{"type":"record","name":"Order","fields":[]}`}); err != nil || len(all) != 1 || !slices.Equal(all[0].Topics, []string{"orders.v1<shop.Order>"}) {
		t.Errorf("%+v, %v", all, err)
	}
}
