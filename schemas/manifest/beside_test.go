package manifest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
)

// What is said beside the texts is the same however it is written: in the
// manifest, in a file of YAML, in one of JSON as the registry answers it.
func TestBeside(t *testing.T) {
	t.Parallel()
	const inYAML = `domainRules:
  - name: checkMail
    kind: CONDITION
    mode: WRITE
    type: CEL
    expr: |
      message.email.contains("@")
    tags: PII
    params: {limit: 10, on: no}
    disabled: true
    doc: ~
enableAt: v2
`
	const inJSON = `{"enableAt": "v2", "domainRules": [
	{"doc": null, "disabled": true, "params": {"on": "no", "limit": "10"}, "tags": ["PII"], "name": "checkMail", "expr": "message.email.contains(\"@\")",
	 "type": "CEL", "mode": "WRITE", "kind": "CONDITION"}]}`
	metadata := &schemas.Metadata{Tags: map[string][]string{"**.email": {"PII", "user.contact.email"}, "id": {"user.unique_id"}}, Properties: map[string]string{"owner": "orders", "version": "1.0"}, Sensitive: []string{"owner"}}
	rules := &schemas.RuleSet{EnableAt: "v2", DomainRules: []schemas.Rule{{"name": "checkMail", "kind": "CONDITION", "mode": "WRITE", "type": "CEL", "expr": `message.email.contains("@")`,
		"tags": []any{"PII"}, "params": map[string]any{"limit": "10", "on": "no"}, "disabled": true, "doc": nil}}}
	files := map[string]string{"a.avsc": `"int"`, "b.avsc": `"int"`, "contracts/rules.yaml": inYAML, "contracts/rules.json": inJSON,
		"contracts/meta.yaml": "properties: {owner: orders, version: 1.0}\nsensitive: owner\ntags:\n  \"**.email\": [PII, user.contact.email]\n  id: user.unique_id\n"}
	indented := "    " + strings.ReplaceAll(strings.TrimSpace(inYAML), "\n", "\n    ")
	for _, text := range []string{
		"schemas:\n- files: '*.avsc'\n  subject: '{name}'\n  metadata: contracts/meta.yaml\n  ruleSet: contracts/rules.json\n",
		"schemas:\n- files: '*.avsc'\n  subject: '{name}'\n  metadata:\n    tags: {id: [user.unique_id], '**.email': [PII, user.contact.email]}\n    sensitive: [owner]\n    properties:\n      version: 1.0\n      owner: orders\n  ruleSet:\n" + indented + "\n",
		"schemas:\n- files: '*.avsc'\n  subject: '{name}'\n  metadata: contracts/meta.yaml\n  ruleSet: contracts/rules.yaml\n",
	} {
		all, err := entries(t, text, files)
		if err != nil || len(all) != 2 {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for _, e := range all {
			if !reflect.DeepEqual(e.Metadata, metadata) || !same(t, e.RuleSet, rules) || e.Submission().Metadata != e.Metadata || e.Submission().RuleSet != e.RuleSet {
				t.Errorf("%s: %+v %+v", text, e.Metadata, e.RuleSet)
			}
		}
	}
	// Nothing said is what the latest version has; said to be nothing, it is.
	all, err := entries(t, "schemas:\n- {files: a.avsc, subject: a}\n- {files: b.avsc, subject: b, metadata: {}, ruleSet: {}}\n", files)
	if err != nil || all[0].Metadata != nil || all[0].RuleSet != nil || all[1].Metadata == nil || all[1].RuleSet == nil {
		t.Errorf("%v %+v", err, all)
	}
}

// same compares as the registry does: as JSON.
func same(t *testing.T, a, b *schemas.RuleSet) bool {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	return err == nil && string(x) == string(y)
}

// What is wrong beside the texts is told in the file in which it stands.
func TestMistakesBeside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ said, file, at, code, says string }{
		{"metadata: {propertys: {}}", "", "lethe.yaml:4:14", "UNKNOWN_KEY", `did you mean "properties"`},
		{"metadata: [a]", "", "lethe.yaml:4:13", "NOT_A_MAPPING", "its keys are tags, properties, sensitive"},
		{"metadata: 7", "", "lethe.yaml:4:13", "NOT_A_MAPPING", "its keys are tags"},
		{"metadata: ../x.yaml", "", "lethe.yaml:4:13", "BAD_PATTERN", "goes down"},
		{"metadata: none.yaml", "", "lethe.yaml:2:3", "NO_FILE", `"none.yaml"`},
		{"metadata: '*.avsc'", "", "lethe.yaml:2:3", "BAD_PATTERN", "names 2 files"},
		{"metadata: m.yaml", "properties: [a]", "m.yaml:1:13", "NOT_A_MAPPING", "names and values"},
		{"metadata: m.yaml", "", "m.yaml:1:1", "EMPTY", "{} for nothing"},
		{"metadata: m.yaml", "properties: {a: b, a: c}", "m.yaml:1:20", "BAD_YAML", "a"},
		{"ruleSet: m.yaml", "domainRules:\n- {name: a}\n- {name: a}\n", "m.yaml:3:3", "TWICE", `the rule "a"`},
		{"ruleSet: m.yaml", "domainRules:\n- {expr: a}\n", "m.yaml:2:4", "REQUIRED", "what the rule is called"},
		{"ruleSet: m.yaml", "domainRules:\n- {name: a, disabled: maybe}\n", "m.yaml:2:23", "NOT_TRUE_OR_FALSE", "true or false"},
		{"ruleSet: m.yaml", "domainRule: []\n", "m.yaml:1:1", "UNKNOWN_KEY", `did you mean "domainRules"`},
		{"ruleSet: m.yaml", `{"domainRules": [{"name": "a", "onFail": "x"}]}`, "m.yaml:1:32", "UNKNOWN_KEY", "a rule has no key"},
	} {
		files := map[string]string{"a.avsc": `"int"`, "b.avsc": `"int"`, "m.yaml": c.file}
		m, err := Read(Name, []byte("schemas:\n- files: '*.avsc'\n  subject: '{name}'\n  "+c.said+"\n"))
		if err == nil {
			tree, failed := Dir(folder(t, files))
			if failed != nil {
				t.Fatal(failed)
			}
			_, err = m.Entries(tree)
		}
		all := fault.All(err)
		if len(all) == 0 {
			t.Errorf("%s %s is taken", c.said, c.file)
			continue
		}
		if at := strings.Join(all[0].Path, ":"); at != c.at || all[0].Code != c.code || !strings.Contains(all[0].Message, c.says) {
			t.Errorf("%s %s: %s %s %s, want %s %s %s", c.said, c.file, at, all[0].Code, all[0].Message, c.at, c.code, c.says)
		}
	}
}
