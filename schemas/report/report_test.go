package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/internal/fault"
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
		{File: "db/2.sql", Subject: "orders-db/public.order", Verdict: gate.Warning, Policy: gate.Warn, Version: 7, Findings: []Finding{
			{Code: "CG013", Severity: "ERROR", Path: "note", File: "db/2.sql", Line: 4, Column: 1, Message: "the catalog says no", Mend: "ask"},
			{Code: "CG015", Severity: "WARNING", Path: "memo", File: "db/3.sql", Line: 1, Column: 9, Message: "free text", Mend: "tag it"},
		}},
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
	want := `::error file=schemas/a%2Cb%3Ac.avsc,line=7,col=5,title=Lethe CG010::email: 100%25 <sure>? of it. To mend it: tag it
::error title=Lethe CG001::no JSON. To mend it: correct it
::warning file=schemas/a%2Cb%3Ac.avsc,line=2,col=3,title=Lethe CG011::name: it is probably user.name. To mend it: tag it
::warning file=schemas/a%2Cb%3Ac.avsc,line=8,col=1,title=Lethe CG004::total: breaks billing. To mend it: leave it
::warning file=db/2.sql,line=4,col=1,title=Lethe CG013::note: the catalog says no. To mend it: ask
::warning file=db/3.sql,line=1,col=9,title=Lethe CG015::memo: free text. To mend it: tag it
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
	if err := json.Unmarshal([]byte(written(t, "gitlab")), &issues); err != nil || len(issues) != 7 {
		t.Fatal(err, len(issues))
	}
	seen := map[string]bool{}
	for i, want := range []string{"critical", "critical", "minor", "minor", "minor", "minor", "info"} {
		is := issues[i]
		if is.Severity != want || is.Description == "" || is.CheckName == "" || is.Location.Path == "" || is.Location.Lines.Begin < 1 || len(is.Fingerprint) != 32 || seen[is.Fingerprint] {
			t.Errorf("%+v, want %s", is, want)
		}
		seen[is.Fingerprint] = true
	}
	if at := issues[5].Location; at.Path != "db/3.sql" || at.Lines.Begin != 1 {
		t.Errorf("a finding of a table stands at %+v", at)
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
	if suite.Tests != 4 || suite.Failures != 2 || len(suite.Cases) != 4 || suite.Cases[2].Failure != nil || suite.Cases[3].Failure != nil {
		t.Fatalf("%+v", suite)
	}
	if f := suite.Cases[0].Failure; f.Message != "findings that fail: 1" || f.Type != "CG010" {
		t.Errorf("%+v", f)
	}
	if first := suite.Cases[0]; !strings.Contains(first.Failure.Text, "a,b:c.avsc:7:5: CG010") || strings.Contains(first.Failure.Text, "CG011") || !strings.Contains(first.Out, "CG011") {
		t.Errorf("%+v", first)
	}
	if table := suite.Cases[2]; table.Name != "orders-db/public.order" || !strings.Contains(table.Out, "db/2.sql:4:1: CG013") || !strings.Contains(table.Out, "db/3.sql:1:9: CG015") {
		t.Errorf("%+v", table)
	}
}

// A table is told once, with what stands in each of its files, and has no level
// of compatibility.
func TestTablesAreToldOnce(t *testing.T) {
	t.Parallel()
	const want = `WARN  orders-db/public.order  would be version 7 (gate WARN)
  db/2.sql:4:1: warning CG013 note: the catalog says no
    mend: ask
  db/3.sql:1:9: warning CG015 memo: free text
    mend: tag it
`
	if got := written(t, "text"); !strings.Contains(got, want) || !strings.Contains(got, "(FULL, gate ENFORCE)") {
		t.Errorf("got\n%s\nwhich lacks\n%s", got, want)
	}
	for form, parts := range map[string][]string{
		"markdown": {"| orders-db/public.order | WARN | 7 (new) |", "| db/2.sql:4:1 | CG013 |", "| db/3.sql:1:9 | CG015 |"},
		"sarif":    {`{"uri":"db/2.sql"},"region":{"startLine":4,`, `{"uri":"db/3.sql"},"region":{"startLine":1,`},
		"json":     {`"file": "db/3.sql"`},
	} {
		got := written(t, form)
		for _, part := range parts {
			if strings.Count(got, part) != 1 {
				t.Errorf("%s says %q %d times in\n%s", form, part, strings.Count(got, part), got)
			}
		}
		if n := strings.Count(got, `"compatibility": `); form == "json" && n != 3 {
			t.Errorf("of 3 subjects and a table %d have a level", n)
		}
	}
}

// A file in which several things are wrong is told once, and what was not read
// has no version.
func TestMistakesOfAFileAreToldTogether(t *testing.T) {
	t.Parallel()
	a := OfMistakes(errors.Join(
		fault.New(fault.Invalid, "UNKNOWN_KEY", `a manifest has no key "prefx"; did you mean "prefix"?`).At("lethe.yaml", "1", "1"),
		fault.New(fault.Invalid, "REQUIRED", "the files are missing").At("lethe.yaml", "7", "5"),
		fault.New(fault.Invalid, "NO_FILES", "there is none").At("other.yaml", "2", "1")))
	if len(a.Schemas) != 2 || len(a.Schemas[0].Findings) != 2 || a.Schemas[0].Findings[1].Line != 7 || a.Verdict != gate.Fail {
		t.Fatalf("%+v", a)
	}
	for form, part := range map[string]string{
		"markdown": "| lethe.yaml | FAIL | cannot be read |\n| other.yaml | FAIL | cannot be read |\n",
		"github":   `::a manifest has no key "prefx"; did you mean "prefix"? To mend it: see docs/ci.md`,
		"junit":    `tests="2" failures="2"`,
	} {
		var b bytes.Buffer
		if err := Write(&b, form, a); err != nil || !strings.Contains(b.String(), part) {
			t.Errorf("%s: %v\n%s", form, err, b.String())
		}
	}
}

// What is said of some files has the verdict of what is said there.
func TestIn(t *testing.T) {
	t.Parallel()
	table := Checked{File: "1.sql", Subject: "t", Verdict: gate.Fail, Policy: gate.Enforce, Findings: []Finding{
		{Code: "CG010", Severity: "ERROR", File: "1.sql"}, {Code: "CG015", Severity: "WARNING", File: "2.sql"}, {Code: "CG031", Severity: "ERROR", File: "3.sql", Baseline: true}}}
	for file, want := range map[string]struct {
		verdict gate.Verdict
		some    bool
	}{"1.sql": {gate.Fail, true}, "2.sql": {gate.Warning, true}, "3.sql": {gate.Pass, true}, "4.sql": {gate.Pass, false}} {
		got, some := table.In(func(f string) bool { return f == file })
		if got.Verdict != want.verdict || some != want.some || some && len(got.Findings) != 1 {
			t.Errorf("%s: %s %v, want %+v", file, got.Verdict, got.Findings, want)
		}
	}
	schema := Checked{File: "a.avsc", Verdict: gate.Fail, Findings: []Finding{{Code: "CG001", Severity: "REFUSED"}}}
	if got, some := schema.In(func(f string) bool { return f == "a.avsc" }); !some || len(got.Findings) != 1 || got.Verdict != gate.Fail {
		t.Errorf("%+v %v", got, some)
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

// Whatever a name holds, it stands in its line and does nothing to whom it is
// shown: no command of GitHub's, nothing to a terminal, no link in a comment.
func TestNamesThatDo(t *testing.T) {
	t.Parallel()
	bad := "a\x1b[31m\n::error::x\r\u202e\ufffe\xff![b](https://c.example)\\|d"
	a := Answer{Verdict: gate.Fail, Schemas: []Checked{{File: bad, Subject: bad, Verdict: gate.Fail, Policy: gate.Enforce, Version: 1,
		Findings: []Finding{{Code: "CG001", Severity: "ERROR", Path: bad, Line: 3, Message: bad, Mend: bad}, {Code: "CG002", Severity: "WARNING", Path: bad, Message: bad, Mend: bad}},
		Tags:     []Tag{{bad, bad, "BINDING", bad}}, Difference: []Difference{{"MOVED", bad, bad, bad, true}}, Needs: []Need{{bad, bad, []string{bad}, false}}}}}
	for _, form := range Forms() {
		var b bytes.Buffer
		if err := Write(&b, form, a); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if strings.HasPrefix(strings.TrimSpace(line), "::error::x") || strings.ContainsAny(line, "\x1b\r") {
				t.Errorf("%s: %q", form, line)
			}
			if form == "markdown" && (strings.Contains(line, "![") || strings.Contains(line, `\\|d`) && !strings.Contains(line, `\\\|d`)) {
				t.Errorf("%s: %q", form, line)
			}
		}
		if form == "junit" {
			if err := xml.Unmarshal(b.Bytes(), new(struct{})); err != nil {
				t.Error(err)
			}
		}
	}
}

// Mistakes in many files are told at once.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	var all []error
	for i := range 20_000 {
		all = append(all, strict.Mistake(fmt.Sprint("schemas/", i, ".avsc"), strict.Mark{}, "X", "amiss"))
	}
	err := errors.Join(all...)
	var a Answer
	if took := cputest.Thread(func() { a = OfMistakes(err) }); took > time.Second || len(a.Schemas) != len(all) {
		t.Errorf("%v of a processor, %d files", took, len(a.Schemas))
	}
}
