package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flowmart/lethe/schemas/gate"
)

// sample is an answer with a finding of each weight, and characters that each
// form has to escape.
func sample() Answer {
	return Answer{Verdict: gate.Fail, Schemas: []Checked{
		{File: "schemas/a,b:c.avsc", Subject: "orders|value", Verdict: gate.Fail, Policy: gate.Enforce, Level: "FULL", Version: 2, Findings: []Finding{
			{Code: "CG011", Severity: "WARNING", Path: "name", Line: 2, Column: 3, Message: "it is probably user.name", Mend: "tag it"},
			{Code: "CG031", Severity: "ERROR", Line: 1, Column: 1, Message: "nobody can be found", Mend: "add an id", Baseline: true},
			{Code: "CG010", Severity: "ERROR", Path: "email", Line: 7, Column: 5, Message: "100% <sure>\x01\nof it", Mend: "tag it"},
			{Code: "CG004", Severity: "ERROR", Path: "total", Line: 8, Column: 1, Message: "breaks billing", Mend: "leave it", Approved: true},
		}, Needs: []Need{{"billing", "money", []string{"total: gone"}, true}, {"", "", []string{"nobody"}, false}}, Difference: []Difference{{Kind: "MOVED", Path: "a.email", From: "email", Category: "user.contact.email"}}},
		{Subject: "money", Verdict: gate.Fail, Policy: gate.Off, Level: "BACKWARD", Findings: []Finding{{Code: "CG001", Severity: "REFUSED", Message: "no JSON", Mend: "correct it"}}},
		{Subject: "calm", Verdict: gate.Pass, Policy: gate.Warn, Level: "BACKWARD", Version: 3, ID: 12, Known: true},
	}}
}

func written(t *testing.T, form string) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, form, sample()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// GitHub's own escaping of workflow commands: % and line ends in the message,
// also colons and commas in properties
// (github.com/actions/toolkit/packages/core/src/command.ts).
func TestGitHub(t *testing.T) {
	t.Parallel()
	want := `::error file=schemas/a%2Cb%3Ac.avsc,line=7,col=5,title=Lethe CG010::email: 100%25 <sure>` + "\x01" + ` of it. To mend it: tag it
::error title=Lethe CG001::no JSON. To mend it: correct it
::warning file=schemas/a%2Cb%3Ac.avsc,line=2,col=3,title=Lethe CG011::name: it is probably user.name. To mend it: tag it
::warning file=schemas/a%2Cb%3Ac.avsc,line=8,col=1,title=Lethe CG004::total: breaks billing. To mend it: leave it
::notice file=schemas/a%2Cb%3Ac.avsc,line=1,col=1,title=Lethe CG031::nobody can be found. To mend it: add an id
FAIL
`
	if got := written(t, "github"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// GitLab asks for these members and these severities
// (docs.gitlab.com/ci/testing/code_quality).
func TestGitLab(t *testing.T) {
	t.Parallel()
	var issues []struct {
		Description, Fingerprint, Severity string
		CheckName                          string `json:"check_name"`
		Location                           struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	if err := json.Unmarshal([]byte(written(t, "gitlab")), &issues); err != nil || len(issues) != 5 {
		t.Fatal(err, len(issues))
	}
	seen := map[string]bool{}
	for i, want := range []string{"critical", "critical", "minor", "minor", "info"} {
		is := issues[i]
		if is.Severity != want || is.Description == "" || is.CheckName == "" || is.Location.Path == "" || is.Location.Lines.Begin < 1 || len(is.Fingerprint) != 32 || seen[is.Fingerprint] {
			t.Errorf("%+v, want %s", is, want)
		}
		seen[is.Fingerprint] = true
	}
}

// The schema is the one that OASIS publishes with SARIF 2.1.0 (errata 01,
// docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas), as it is kept in
// github.com/owenrumney/go-sarif v3.2.3, without white space.
func TestSARIF(t *testing.T) {
	t.Parallel()
	published, err := os.Open("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	defer published.Close()
	schema, err := jsonschema.UnmarshalJSON(published)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", schema); err != nil {
		t.Fatal(err)
	}
	log, err := jsonschema.UnmarshalJSON(strings.NewReader(written(t, "sarif")))
	if err != nil {
		t.Fatal(err)
	}
	sarif := c.MustCompile("sarif.json")
	if err := sarif.Validate(log); err != nil {
		t.Error(err)
	}
	if err := sarif.Validate(map[string]any{"version": "2.0.0", "runs": []any{}}); err == nil {
		t.Error("the schema takes anything")
	}
	for _, c := range sample().Schemas {
		for _, f := range c.Findings {
			if rules[f.Code] == "" {
				t.Errorf("%s is no rule", f.Code)
			}
		}
	}
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Cases    []struct {
			Name    string `xml:"name,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
				Type    string `xml:"type,attr"`
				Text    string `xml:",chardata"`
			} `xml:"failure"`
			Out string `xml:"system-out"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal([]byte(written(t, "junit")), &suite); err != nil {
		t.Fatal(err)
	}
	if suite.Tests != 3 || suite.Failures != 2 || len(suite.Cases) != 3 || suite.Cases[2].Failure != nil {
		t.Fatalf("%+v", suite)
	}
	if f := suite.Cases[0].Failure; f.Message != "findings that fail: 1" || f.Type != "CG010" {
		t.Errorf("%+v", f)
	}
	if first := suite.Cases[0]; !strings.Contains(first.Failure.Text, "a,b:c.avsc:7:5: CG010") || strings.Contains(first.Failure.Text, "CG011") || !strings.Contains(first.Out, "CG011") {
		t.Errorf("%+v", first)
	}
}

// A table cell ends at no bar but its own.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	got := written(t, "markdown")
	for line := range strings.Lines(got) {
		if bars := strings.Count(line, "|") - strings.Count(line, `\|`); bars != 0 && bars != 4 && bars != 6 {
			t.Errorf("%d bars: %s", bars, line)
		}
	}
	for _, part := range []string{"### Schemas: FAIL", `| orders\|value | FAIL | 2 (new) |`, "| **error** | schemas/a,b:c.avsc:7:5 | CG010 | email: 100% &lt;sure>", "moved: a.email user.contact.email, before at email", "orders\\|value: team money, for billing, agreed: total: gone", "an admin has to agree"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in\n%s", part, got)
		}
	}
}

// Each form says every finding, the same each time, and a form that is none is
// refused with the nearest.
func TestForms(t *testing.T) {
	t.Parallel()
	if len(Forms()) != len(forms) {
		t.Errorf("%d of %d forms are named", len(Forms()), len(forms))
	}
	for _, form := range Forms() {
		got := written(t, form)
		for _, code := range []string{"CG001", "CG004", "CG010", "CG011", "CG031"} {
			if !strings.Contains(got, code) {
				t.Errorf("%s does not tell %s", form, code)
			}
		}
		if again := written(t, form); again != got {
			t.Errorf("%s differs the second time", form)
		}
		if err := Known(form); err != nil {
			t.Error(err)
		}
	}
	if err := Known("sarfi"); err == nil || !strings.Contains(err.Error(), `did you mean "sarif"`) {
		t.Errorf("%v", err)
	}
}

// Every code in the source of a gate is a rule of SARIF and stands in the
// documents, and nothing else is.
func TestEveryCodeIsExplained(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/registry.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	code := regexp.MustCompile(`"(CG[0-9]{3})"`)
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || d.Name() == "sarif.go" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range code.FindAllSubmatch(text, -1) {
			found[string(m[1])] = true
		}
		return err
	})
	if err != nil || len(found) < 20 {
		t.Fatalf("%d codes, %v", len(found), err)
	}
	for id := range found {
		if rules[id] == "" || !bytes.Contains(page, []byte("| "+id+" |")) {
			t.Errorf("%s is no rule, or docs/registry.md has no row of it", id)
		}
	}
	for id := range rules {
		if !found[id] {
			t.Errorf("%s is a rule and no code of the source", id)
		}
	}
}
