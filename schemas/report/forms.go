package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/gate"
)

// forms are the ways to write an answer, by name.
var forms = map[string]func(io.Writer, Answer) error{
	"text": writeText, "json": writeJSON, "junit": writeJUnit, "sarif": writeSARIF,
	"github": writeGitHub, "gitlab": writeGitLab, "markdown": writeMarkdown,
}

// Forms names the forms, the one for people first.
func Forms() []string {
	return []string{"text", "json", "junit", "sarif", "github", "gitlab", "markdown"}
}

// Known refuses a form that there is not.
func Known(form string) error {
	if forms[form] == nil {
		return fmt.Errorf("%s", fault.Suggest(fmt.Sprintf("--output is %q; write %s", form, strings.Join(Forms(), ", ")), form, Forms()))
	}
	return nil
}

// Write writes an answer in a form.
func Write(w io.Writer, form string, a Answer) error { return forms[form](w, a) }

// weight is what a finding means for the verdict.
type weight int

const (
	note    weight = iota // was there before
	warning               // does not fail
	failure
)

// weigh says of one finding what gate.Judge says of all.
func weigh(c Checked, f Finding) weight {
	switch {
	case f.Approved:
		return warning
	case f.Severity == string(gate.Refused):
		return failure
	case f.Baseline:
		return note
	case f.Severity == string(gate.Error) && c.Policy == gate.Enforce:
		return failure
	}
	return warning
}

// Fails reports whether a finding of a schema makes the verdict FAIL.
func (c Checked) Fails(f Finding) bool { return weigh(c, f) == failure }

// file is where a finding stands; "" where nobody said.
func (c Checked) file(f Finding) string { return cmp.Or(f.File, c.File) }

// name is the file of a finding; the subject where it is of none.
func (c Checked) name(f Finding) string { return cmp.Or(c.file(f), c.Subject) }

// title is the subject of a schema; of files that are judged by themselves, the
// file.
func (c Checked) title() string { return cmp.Or(c.Subject, c.File) }

// where is the place of a finding as editors write it.
func where(c Checked, f Finding) string {
	if f.Line == 0 {
		return c.name(f)
	}
	return fmt.Sprintf("%s:%d:%d", c.name(f), f.Line, f.Column)
}

// sentence is a finding as one line: of what, what is amiss, what to do.
func sentence(f Finding) string {
	s := f.Message
	if !strings.HasSuffix(s, "?") { // of who did you mean
		s += "."
	}
	s += " To mend it: " + f.Mend
	if f.Path != "" {
		s = f.Path + ": " + s
	}
	return Line(s)
}

// Line is a text as one line that does nothing to whom it is shown.
func Line(s string) string { return visible(strings.Join(strings.Fields(s), " ")) }

// visible has a question mark in place of what is not to be seen, as what moves
// the cursor of a terminal or turns the way of reading.
func visible(s string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsGraphic(c) {
			return '?'
		}
		return c
	}, s)
}

// fingerprint names a finding, so that a screen knows it again after the lines
// have moved.
func fingerprint(c Checked, f Finding) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{c.Subject, f.Code, f.Path, f.Rule, f.Category, f.Message}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// each calls a function for every finding, those that fail first: some screens
// show only the first few.
func each(a Answer, of func(Checked, Finding)) {
	for _, w := range []weight{failure, warning, note} {
		for _, c := range a.Schemas {
			for _, f := range c.Findings {
				if weigh(c, f) == w {
					of(c, f)
				}
			}
		}
	}
}

func writeJSON(w io.Writer, a Answer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(a)
}

func writeText(w io.Writer, a Answer) error {
	var b strings.Builder
	for _, c := range a.Schemas {
		state := fmt.Sprintf("would be version %d", c.Version)
		switch {
		case c.Known && c.ID > 0:
			state = fmt.Sprintf("is version %d, id %d", c.Version, c.ID)
		case c.Known: // tables have no id
			state = fmt.Sprintf("is version %d", c.Version)
		case c.State != "":
			state = c.State
		case c.Version == 0:
			state = "cannot be read"
		}
		level := ""
		if c.Level != "" {
			level = c.Level + ", "
		}
		fmt.Fprintf(&b, "%-4s  %s  %s (%sgate %s)\n", c.Verdict, Line(c.title()), state, level, c.Policy)
		for _, f := range c.Findings {
			label := []string{"before", "warning", "error"}[weigh(c, f)]
			fmt.Fprintf(&b, "  %s: %s %s %s\n    mend: %s\n", Line(where(c, f)), label, f.Code, Line(strings.TrimPrefix(f.Path+": "+f.Message, ": ")), Line(f.Mend))
		}
		for _, n := range c.Needs {
			fmt.Fprintf(&b, "  %s\n", Line(n.String()))
		}
		for _, t := range c.Tags {
			fmt.Fprintf(&b, "  tag %s %s (%s)\n", Line(t.Path), Line(t.Category), strings.ToLower(t.Source))
		}
		for _, d := range c.Difference {
			fmt.Fprintf(&b, "  personal data %s\n", Line(d.String()))
		}
	}
	fmt.Fprintf(&b, "%s\n", a.Verdict)
	_, err := io.WriteString(w, b.String())
	return err
}

// String is a need in words.
func (n Need) String() string {
	who, state := "an admin", "has to agree"
	if n.Owner != "" {
		who = "team " + n.Owner
	}
	if n.Service != "" {
		who += ", for " + n.Service + ","
	}
	if n.Approved {
		state = "agreed"
	}
	return who + " " + state + ": " + strings.Join(n.Why, "; ")
}

// String is a difference in words.
func (d Difference) String() string {
	s := strings.ToLower(d.Kind) + ": " + d.Path + " " + d.Category
	if d.From != "" {
		s += ", before at " + d.From
	}
	if d.Guessed {
		s += " (nobody classified it; the detector says so)"
	}
	return s
}

// writeGitHub writes workflow commands, which GitHub shows at the line:
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
func writeGitHub(w io.Writer, a Answer) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	var b strings.Builder
	each(a, func(c Checked, f Finding) {
		command := []string{"notice", "warning", "error"}[weigh(c, f)]
		place := ""
		if file := c.file(f); file != "" {
			place = fmt.Sprintf("file=%s,line=%d,col=%d,", visible(property.Replace(file)), max(f.Line, 1), max(f.Column, 1))
		}
		fmt.Fprintf(&b, "::%s %stitle=%s::%s\n", command, place, property.Replace("Lethe "+f.Code), data.Replace(sentence(f)))
	})
	fmt.Fprintf(&b, "%s\n", a.Verdict)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeGitLab writes a report of code quality, which GitLab shows in the merge
// request: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
func writeGitLab(w io.Writer, a Answer) error {
	type lines struct {
		Begin int `json:"begin"`
	}
	type location struct {
		Path  string `json:"path"`
		Lines lines  `json:"lines"`
	}
	type issue struct {
		Description string   `json:"description"`
		CheckName   string   `json:"check_name"`
		Fingerprint string   `json:"fingerprint"`
		Severity    string   `json:"severity"`
		Location    location `json:"location"`
	}
	issues := []issue{}
	each(a, func(c Checked, f Finding) {
		severity := []string{"info", "minor", "critical"}[weigh(c, f)]
		issues = append(issues, issue{sentence(f), f.Code, fingerprint(c, f), severity, location{c.name(f), lines{max(f.Line, 1)}}})
	})
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(issues)
}

// writeJUnit writes one case a schema; what fails is its failure, the rest what
// it says.
func writeJUnit(w io.Writer, a Answer) error {
	type failed struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Name      string  `xml:"name,attr"`
		Classname string  `xml:"classname,attr"`
		File      string  `xml:"file,attr,omitempty"`
		Failure   *failed `xml:"failure,omitempty"`
		Out       string  `xml:"system-out,omitempty"`
	}
	type suite struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Cases    []testcase `xml:"testcase"`
	}
	s := suite{Name: "lethe schema", Tests: len(a.Schemas)}
	for _, c := range a.Schemas {
		one := testcase{Name: c.title(), Classname: "schema", File: c.File}
		var failing, rest []string
		code := ""
		for _, f := range c.Findings {
			line := sound(where(c, f) + ": " + f.Code + " " + sentence(f))
			if weigh(c, f) < failure {
				rest = append(rest, line)
				continue
			}
			failing, code = append(failing, line), cmp.Or(code, f.Code)
		}
		if len(failing) > 0 {
			s.Failures++
			one.Failure = &failed{fmt.Sprintf("findings that fail: %d", len(failing)), code, strings.Join(failing, "\n")}
		}
		one.Out = strings.Join(rest, "\n")
		s.Cases = append(s.Cases, one)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// sound leaves what XML 1.0 can hold.
func sound(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' || c == '\ufffe' || c == '\uffff' {
			return '?'
		}
		return c
	}, s)
}

var cell = strings.NewReplacer(`\`, `\\`, "|", `\|`, "[", `\[`, "&", "&amp;", "<", "&lt;", "`", "'")

// Cell is a text as it stands in a cell of a Markdown table, and means itself.
func Cell(s string) string { return cell.Replace(Line(s)) }

// writeMarkdown writes what fits a comment on a merge request, or a summary.
func writeMarkdown(w io.Writer, a Answer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### Schemas: %s\n\n| subject | verdict | version |\n|---|---|---|\n", a.Verdict)
	for _, c := range a.Schemas {
		version := fmt.Sprint(c.Version)
		switch {
		case c.State != "":
			version = c.State
		case c.Version == 0:
			version = "cannot be read"
		case !c.Known:
			version += " (new)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", Cell(c.title()), c.Verdict, version)
	}
	head := "\n| | where | code | what | mend |\n|---|---|---|---|---|\n"
	each(a, func(c Checked, f Finding) {
		b.WriteString(head)
		head = ""
		label := []string{"before", "warning", "**error**"}[weigh(c, f)]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", label, Cell(where(c, f)), f.Code, Cell(strings.TrimPrefix(f.Path+": "+f.Message, ": ")), Cell(f.Mend))
	})
	head = "\nA breaking change passes when those agree whom it affects (`lethe schema approve`):\n\n"
	for _, c := range a.Schemas {
		for _, n := range c.Needs {
			fmt.Fprintf(&b, "%s* %s: %s\n", head, Cell(c.title()), Cell(n.String()))
			head = ""
		}
	}
	head = "\nPersonal data:\n"
	for _, c := range a.Schemas {
		for _, d := range c.Difference {
			fmt.Fprintf(&b, "%s* %s %s\n", head, Cell(c.title()), Cell(d.String()))
			head = ""
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
