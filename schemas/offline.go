package schemas

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/gate"
)

// Comparison is what a schema comes to beside the one that its subject had.
type Comparison struct {
	Answer
	Before, After string // canonical; "" for what is not there or cannot be read

	// Of what was not judged, Before is the text as it was handed in.

	// What was said beside the text before.
	MetadataBefore *Metadata
	RuleSetBefore  *RuleSet
}

// Compare tells what schemas would come to if those before were all that is
// registered, one version a subject, without any registry. Both are given in an
// order in which each comes after what it refers to. What the catalog knows of
// the fields does not count here. A schema that refers to a subject that is not
// given cannot be judged; that is a finding, and fails nothing.
func Compare(before, now []Submission, config func(subject string) Config) []Comparison {
	old, proposed := desk{}, desk{}
	given := map[string]Submission{}
	for _, s := range before {
		_, _ = old.read(s) // what could not be read then is as good as not there
		given[s.Subject] = s
	}
	var out []Comparison
	judged := map[string]bool{}
	for _, s := range now {
		judged[s.Subject] = true
	}
	for _, s := range now {
		if ref, is := outside(s, judged); is {
			judged[s.Subject] = false
			out = append(out, unjudged(s, given[s.Subject], ref, config(s.Subject)))
			continue
		}
		out = append(out, proposed.judge(s, old, config(s.Subject)))
	}
	return out
}

// outside finds a reference to what nobody gave, or what refers to such itself.
func outside(s Submission, judged map[string]bool) (Reference, bool) {
	i := slices.IndexFunc(s.References, func(r Reference) bool { return !judged[r.Subject] })
	if i < 0 {
		return Reference{}, false
	}
	return s.References[i], true
}

// unjudged is what is said of a schema that cannot be judged here, and what it was.
func unjudged(s, was Submission, ref Reference, config Config) Comparison {
	a := Answer{Subject: s.Subject, Level: cmp.Or(config.Level, Backward), Policy: config.policy()}
	a.Findings = []gate.Finding{{Code: "CG050", Severity: gate.Advice, Line: 1, Column: 1,
		Message: fmt.Sprintf("it takes %s from the subject %s, which is in no file here, so that it was not judged", ref.Name, ref.Subject),
		Mend:    "check it against the registry"}}
	a.Verdict = gate.Judge(a.Policy, a.Findings)
	a.Metadata, a.RuleSet = cmp.Or(s.Metadata, was.Metadata), cmp.Or(s.RuleSet, was.RuleSet)
	return Comparison{Answer: a, Before: was.Text, MetadataBefore: was.Metadata, RuleSetBefore: was.RuleSet}
}

// desk is schemas that were read side by side, by subject.
type desk map[string]*content

// read reads a schema among those that were read before it.
func (d desk) read(s Submission) (*content, error) {
	s.Type = cmp.Or(s.Type, Avro)
	read := formats[s.Type]
	if read == nil {
		return nil, unknownType(s.Type)
	}
	var given []format.Reference
	for _, ref := range s.References {
		c, ok := d[ref.Subject]
		if !ok || c.kind != s.Type {
			return nil, fault.Bad("references."+ref.Name, "INVALID_SCHEMA", "the subject %s is not among the schemas that can be read here", ref.Subject)
		}
		given = append(given, format.Reference{Name: ref.Name, Schema: c.schema})
	}
	schema, err := read(s.Text, given)
	if err != nil {
		return nil, err
	}
	if _, _, err := s.Metadata.assigned(s.Type, schema.Places()); err != nil {
		return nil, err
	}
	if err := s.RuleSet.check("ruleSet"); err != nil {
		return nil, err
	}
	c, err := (&content{kind: s.Type, text: schema.Canonical(), schema: schema}).with(s.Metadata, s.RuleSet)
	if err != nil {
		return nil, err
	}
	d[s.Subject] = c
	return c, nil
}

// judge judges a schema by the one that its subject had.
func (d desk) judge(s Submission, old desk, config Config) Comparison {
	a := Comparison{Answer: Answer{Subject: s.Subject, Level: cmp.Or(config.Level, Backward), Policy: config.policy()}}
	p, err := placeOf(s.Subject)
	was := old[s.Subject]
	if was != nil {
		a.Before, a.MetadataBefore, a.RuleSetBefore = was.text, was.Metadata, was.RuleSet
		s.Metadata, s.RuleSet = cmp.Or(s.Metadata, was.Metadata), cmp.Or(s.RuleSet, was.RuleSet)
	}
	var c *content
	if err == nil {
		c, err = d.read(s)
	}
	if err != nil {
		a.Answer, _ = a.unreadable(s, err) // every error here is a fault of the schema
		return a
	}
	of := describes(p, config.Settings).Part
	is, _ := c.describe(of) // it was tried when it was read
	change := gate.Change{New: is.fields, Dangling: is.dangling, Policy: a.Policy}
	a.After, a.Metadata, a.RuleSet = c.text, c.Metadata, c.RuleSet
	if was != nil {
		// What it refers to may have changed though the text is the same.
		a.Findings = incompatible(follows(c, was, a.Level, config.strictness()), of)
		a.Known = was.kind == c.kind && was.hash == c.hash
		before, _ := was.describe(of)
		change.Old = before.fields
	}
	found := gate.Check(change)
	a.Tags, a.Difference = found.Tags, found.Difference
	a.Findings = placed(append(a.Findings, found.Findings...), fieldsOf(c, of))
	a.Verdict = gate.Judge(a.Policy, a.Findings)
	return a
}

// follows holds a schema against the one version before it.
func follows(c, was *content, level Level, o format.Options) Verdict {
	v := Verdict{Level: level}
	if level == None {
		return v
	}
	if was.kind != c.kind {
		v.Mismatches = []Mismatch{{0, NewReadsOld, []format.Difference{otherType(c.kind, was.kind)}}}
		return v
	}
	var err error
	if level.backward() {
		err = v.hold(0, NewReadsOld, c.schema, was.schema, o)
	}
	if level.forward() && err == nil {
		err = v.hold(0, OldReadsNew, was.schema, c.schema, o)
	}
	if err != nil {
		v.Mismatches = append(v.Mismatches, Mismatch{0, NewReadsOld, []format.Difference{{Kind: "UNDECIDED", Pointer: "/", Message: err.Error()}}})
	}
	return v
}
