// Package report says what a check of schemas found: in the words of the API,
// and in the forms that people, pipelines and their screens read.
package report

import (
	"cmp"
	"encoding/hex"
	"strconv"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

// Answer is the answer to a check: one verdict, the worst, and what it is made
// of.
type Answer struct {
	Verdict gate.Verdict `json:"verdict"`
	Schemas []Checked    `json:"schemas"`
}

// Checked is what became of one schema. The words are those of the API.
type Checked struct {
	File       string       `json:"file,omitempty"` // where a command line read it
	Subject    string       `json:"subject"`
	Verdict    gate.Verdict `json:"verdict"`
	Policy     gate.Policy  `json:"policy"`                  // by which it was judged
	Set        gate.Policy  `json:"gate,omitempty"`          // that the subject has
	Owners     []string     `json:"owners,omitempty"`        // services that the subject belongs to
	Topics     []string     `json:"topics,omitempty"`        // that are declared for the subject
	Level      string       `json:"compatibility,omitempty"` // tables have none
	Version    int          `json:"version,omitempty"`       // that it has, or would get
	ID         int          `json:"id,omitempty"`            // where it is registered
	Known      bool         `json:"registered"`
	State      string       `json:"state,omitempty"` // what it is beside what it was held against, where that is no registry
	Findings   []Finding    `json:"findings"`
	Tags       []Tag        `json:"tags"`
	Difference []Difference `json:"difference"`

	Metadata *schemas.Metadata `json:"metadata,omitempty"` // beside the text, as they would be kept
	RuleSet  *schemas.RuleSet  `json:"ruleSet,omitempty"`

	Fingerprint string `json:"fingerprint,omitempty"` // of a change that breaks somebody
	Needs       []Need `json:"needs,omitempty"`       // whose owners have to agree to it
}

// Need is a consumer whose owner has to agree to a change.
type Need struct {
	Service  string   `json:"service,omitempty"` // "" where the subject belongs to nobody
	Owner    string   `json:"owner,omitempty"`   // "" where nobody owns it: an admin agrees
	Why      []string `json:"why"`
	Approved bool     `json:"approved"`
}

// Finding is one thing amiss, in the words of the API.
type Finding struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Path     string `json:"path,omitempty"`
	File     string `json:"file,omitempty"` // of a table, which several files make; else it is the schema's
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Message  string `json:"message"`
	Mend     string `json:"mend"`
	Rule     string `json:"rule,omitempty"`
	Category string `json:"category,omitempty"`
	Baseline bool   `json:"baseline,omitempty"`
	Approved bool   `json:"approved,omitempty"`
}

// Tag is a category that a field would have.
type Tag struct {
	Path     string `json:"path"`
	Category string `json:"category"`
	Source   string `json:"source"`
	From     string `json:"from"`
}

// Difference is a change of the personal data in a subject.
type Difference struct {
	Kind     string `json:"kind"`
	Path     string `json:"path"`
	From     string `json:"from,omitempty"`
	Category string `json:"category"`
	Guessed  bool   `json:"guessed,omitempty"`
}

// Of is the answer of the registry in the words of the API.
func Of(found []schemas.Answer) Answer {
	out := Answer{Verdict: gate.Pass, Schemas: []Checked{}}
	for _, a := range found {
		c := Checked{Subject: a.Subject, Verdict: a.Verdict, Policy: a.Policy, Set: a.Set, Owners: a.Owners, Topics: a.Topics, Level: string(a.Level), Version: a.Version, ID: a.ID, Known: a.Known, Metadata: a.Metadata, RuleSet: a.RuleSet,
			Findings: []Finding{}, Tags: []Tag{}, Difference: []Difference{}}
		for _, f := range a.Findings {
			c.Findings = append(c.Findings, Finding{f.Code, string(f.Severity), f.Path, f.File, f.Line, f.Column, f.Message, f.Mend, f.Rule, f.Category, f.Baseline, f.Approved})
		}
		for _, t := range a.Tags {
			c.Tags = append(c.Tags, Tag{t.Path, t.Category, string(t.Source), t.From})
		}
		for _, x := range a.Result.Difference {
			c.Difference = append(c.Difference, Difference{string(x.Kind), x.Path, x.From, x.Category, x.Guessed})
		}
		if a.Fingerprint != nil {
			c.Fingerprint = hex.EncodeToString(a.Fingerprint)
		}
		for _, n := range a.Needs {
			c.Needs = append(c.Needs, Need{n.Service, n.Owner, n.Why, n.Approved})
		}
		out.Add(c)
	}
	return out
}

// OfCompared is what schemas come to beside those before, in the same words;
// against says what these are, "" that there are none.
func OfCompared(found []schemas.Comparison, against string) Answer {
	var plain []schemas.Answer
	for _, c := range found {
		plain = append(plain, c.Answer)
	}
	out := Of(plain)
	for i, c := range found {
		checked := &out.Schemas[i]
		checked.Known = false
		switch {
		case c.After == "" && c.Verdict == gate.Fail:
			checked.State = "cannot be read"
		case c.After == "":
			checked.State = "was not judged"
		case against == "":
			checked.State = "can be read"
		case c.Before == "":
			checked.State = "new since " + against
		case c.Known:
			checked.State = "as in " + against
		default:
			checked.State = "changed since " + against
		}
	}
	return out
}

// In leaves of what is said of a schema what stands in some files. It reports
// false where nothing does.
func (c Checked) In(wanted func(file string) bool) (Checked, bool) {
	out := c
	out.Findings = []Finding{}
	for _, f := range c.Findings {
		if wanted(cmp.Or(f.File, c.File)) {
			out.Findings = append(out.Findings, f)
		}
	}
	if len(out.Findings) < len(c.Findings) {
		out.Verdict = c.judged(out.Findings)
	}
	return out, wanted(c.File) || len(out.Findings) > 0
}

// judged is the verdict that findings of a schema come to.
func (c Checked) judged(of []Finding) gate.Verdict {
	var all []gate.Finding
	for _, f := range of {
		all = append(all, gate.Finding{Severity: gate.Severity(f.Severity), Baseline: f.Baseline, Approved: f.Approved})
	}
	return gate.Judge(c.Policy, all)
}

// Add adds what became of one more schema.
func (a *Answer) Add(c Checked) {
	a.Schemas, a.Verdict = append(a.Schemas, c), worse(a.Verdict, c.Verdict)
}

// OfMistakes is what is wrong with a file that says which schemas there are,
// in the form of an answer: each file once. The path of each fault is file, line
// and column.
func OfMistakes(err error) Answer {
	out := Answer{Verdict: gate.Fail, Schemas: []Checked{}}
	at := map[string]int{} // by the file
	for _, f := range fault.All(err) {
		if len(f.Path) != 3 {
			continue
		}
		line, _ := strconv.Atoi(f.Path[1])
		column, _ := strconv.Atoi(f.Path[2])
		i, met := at[f.Path[0]]
		if !met {
			i, at[f.Path[0]] = len(out.Schemas), len(out.Schemas)
			out.Add(Checked{File: f.Path[0], Subject: f.Path[0], Verdict: gate.Fail})
		}
		c := &out.Schemas[i]
		c.Findings = append(c.Findings, Finding{Code: f.Code, Severity: string(gate.Refused), Line: line, Column: column, Message: f.Message, Mend: "see docs/ci.md for what a manifest holds"})
	}
	return out
}

// worse is the worse of two verdicts.
func worse(a, b gate.Verdict) gate.Verdict {
	for _, v := range []gate.Verdict{gate.Fail, gate.Warning} {
		if a == v || b == v {
			return v
		}
	}
	return gate.Pass
}
