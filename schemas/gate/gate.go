// Package gate judges a schema by the personal data in it: what is classified,
// what only looks personal, where personal data must not be, and what a version
// changes about it. It decides nothing else and reads nothing: whoever asks
// brings the fields of both versions and what the catalog says of them.
//
// The codes of findings are those of the reference's table of the gate (CG010
// and on); CG016 is our own. They never change their meaning.
package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/schemas/detect"
)

// Policy is how much a subject makes of what the gate finds.
type Policy string

// The policies. Warn is what a subject has unless somebody says otherwise.
const (
	Enforce Policy = "ENFORCE" // what is found as an error fails
	Warn    Policy = "WARN"    // nothing fails
	Off     Policy = "OFF"     // nothing is looked for
)

// Policies lists the policies, the strictest first.
func Policies() []Policy { return []Policy{Enforce, Warn, Off} }

// Stricter is the policy of two that lets less pass. What is none counts for
// nothing.
func (p Policy) Stricter(other Policy) Policy {
	for _, one := range Policies() {
		if p == one || other == one {
			return one
		}
	}
	return ""
}

// Verdict is what a check comes to.
type Verdict string

// The verdicts, from the best to the worst.
const (
	Pass    Verdict = "PASS"
	Warning Verdict = "WARN"
	Fail    Verdict = "FAIL"
)

// Severity says what a finding means where the policy is Enforce.
type Severity string

// The severities.
const (
	Refused Severity = "REFUSED" // the registry does not take it, whatever the policy
	Error   Severity = "ERROR"   // it must be mended
	Advice  Severity = "WARNING" // it should be
)

// Finding is one thing amiss in a schema.
type Finding struct {
	Code     string
	Severity Severity
	Path     string // of the field; "" if it is of the schema as a whole
	Message  string // what is amiss
	Mend     string // what to do about it
	Rule     string // the rule of the detector that spoke, for a rejection to name
	Category string // the category it is about
	File     string // of a table, which several files make: where it stands; else ""
	Line     int    // of the text, from 1; 0 if it is of no place there
	Column   int    // likewise
	// Baseline is true for what was there before and was not touched: it is
	// told, and does not count.
	Baseline bool
	// Approved is true for what everybody whom it affects agreed to: it is told,
	// and fails nothing.
	Approved bool
}

// Field is a field of a schema, with what the schema itself says of it.
type Field struct {
	detect.Field
	Tags     []string   // inline: keys of the taxonomy as they are written
	Assigned []Assigned // by patterns of the schema's metadata
	Aliases  []string   // former names of the field, without their path
}

// Assigned is a tag that the metadata of a schema give to the fields of a
// pattern.
type Assigned struct{ Tag, Pattern string }

// Rejection is a suggestion that somebody turned down: what a rule suggested,
// or a category, whatever suggests it.
type Rejection struct {
	Rule     string
	Version  int    // of the rules; a later version may suggest it again
	Category string // said not to apply
}

// covers reports whether a suggestion was turned down.
func (r Rejection) covers(s detect.Suggestion) bool {
	if r.Category != "" {
		return covers(r.Category, s.Category)
	}
	return r.Rule == s.Rule && r.Version >= detect.Version
}

// Change is a version on its way to a subject.
type Change struct {
	Old       []Field // of the version before; empty for a first one
	New       []Field
	Dangling  []string               // names in the metadata that no field of New has
	Confirmed map[string][]string    // path → categories that people confirmed
	Earlier   map[string][]string    // path → categories that versions said, for fields that were renamed
	Rejected  map[string][]Rejection // path → suggestions that were rejected
	Policy    Policy
	Around    []Around // what the catalog says of the data, wherever they are; empty: it knows nothing of them

	// GuessedNew and GuessedOld are the guesses of the fields, where whoever asks
	// remembers them; nil: the detector is asked.
	GuessedNew, GuessedOld []detect.Suggestion

	slips slips // of this check
}

// Guess is what the detector suggests of the fields of one version, by what it
// remembers of others; it is never nil.
func Guess(m *detect.Memory, fields []Field) []detect.Suggestion {
	plain := make([]detect.Field, len(fields))
	for i, f := range fields {
		plain[i] = f.Field
	}
	return append([]detect.Suggestion{}, m.Fields(plain)...)
}

// Result is what the gate has to say about a change.
type Result struct {
	Verdict    Verdict
	Findings   []Finding // in the order of the fields, those of the whole schema last
	Tags       []Tag     // those the schema would have, in the order of the fields
	Difference []Difference
}

// Check judges a change. Findings of others about the same change are judged
// with these by Judge.
func Check(c Change) Result {
	c.guess()
	c.slips = slips{map[string]string{}, map[slip]string{}}
	now, before := c.tagsOf(c.New), c.tagsOf(c.Old)
	r := Result{Tags: now.list(), Difference: c.difference(before, now)}
	if c.Policy != Off {
		r.Findings = c.find(now, r.Difference)
		personal := now.said()
		for _, a := range c.Around {
			r.Findings = append(r.Findings, a.find(c, now, personal, r.Difference, mostFound-len(r.Findings))...)
		}
	}
	if untouched(c.Old, c.New) {
		for i := range r.Findings {
			r.Findings[i].Baseline = true
		}
	}
	r.Verdict = Judge(c.Policy, r.Findings)
	return r
}

// guess asks the detector for what nobody brought. Versions have most fields in
// common.
func (c *Change) guess() {
	var m detect.Memory
	if c.GuessedNew == nil {
		c.GuessedNew = Guess(&m, c.New)
	}
	if c.GuessedOld == nil {
		c.GuessedOld = Guess(&m, c.Old)
	}
}

// Judge turns findings into a verdict. Those of the baseline do not count, and
// what the registry refuses fails under every policy.
func Judge(policy Policy, findings []Finding) Verdict {
	v := Pass
	for _, f := range findings {
		switch {
		case f.Approved:
			v = Warning
		case f.Severity == Refused:
			return Fail
		case policy == Off || f.Baseline:
		case policy == Enforce && f.Severity == Error:
			return Fail
		default:
			v = Warning
		}
	}
	return v
}

// mostCompared bounds how many bytes of texts two versions are compared by: a
// definition that is used in many places brings its texts to each. What says more
// counts as touched.
const mostCompared = 1 << 30

// untouched reports whether two versions say the same of the same fields, in
// whatever order. Who changes anything in a schema answers for all of it.
func untouched(before, now []Field) bool {
	if len(before) != len(now) || len(now) == 0 {
		return false
	}
	was := make(map[string]Field, len(before))
	for _, f := range before {
		was[f.Path] = f
	}
	left := mostCompared
	return !slices.ContainsFunc(now, func(f Field) bool {
		w, ok := was[f.Path]
		left -= f.weight()
		return !ok || left < 0 || w.Field != f.Field || !slices.Equal(w.Tags, f.Tags) || !slices.Equal(w.Assigned, f.Assigned)
	})
}

// weight is how many bytes of texts a field brings.
func (f Field) weight() int {
	n := len(f.Record) + len(f.Type) + len(f.Logical) + len(f.Doc)
	for _, tag := range f.Tags {
		n += len(tag)
	}
	return n
}

// find lists what is amiss with the new version.
func (c Change) find(now tags, changes []Difference) []Finding {
	var out []Finding
	suggestions := c.standing(c.GuessedNew)
	personal := c.personal(now, suggestions)
	lost := map[string][]string{} // path → categories that the version before said
	for _, d := range changes {
		if d.Kind == Downgraded {
			lost[d.Path] = append(lost[d.Path], d.Category)
		}
	}
	for _, f := range c.New {
		out = c.inline(out, f)
		if s, ok := suggestions[f.Path]; ok && !now.classify(f.Path, s.Category) {
			out = append(out, unclassified(s, personal)...)
		}
		if inEnvelope(f.Path) {
			out = append(out, envelope(f.Path, now.at[f.Path], suggestions[f.Path])...)
		}
		for _, category := range lost[f.Path] {
			out = append(roomy(out), Finding{Code: "CG016", Severity: Error, Path: f.Path, Category: category,
				Message: "the version before says " + category + "; this one says less",
				Mend:    "leave the tag, or have a steward confirm the other category in the catalog first"})
		}
	}
	for _, name := range c.Dangling {
		out = append(out, Finding{Code: "CG017", Severity: Advice,
			Message: fmt.Sprintf("the metadata tag %q, and no field is called so", name),
			Mend:    "call a field by its record's full name, a dot and its own (in JSON Schema by $.and.the.way), or write a pattern such as **.name"})
	}
	if f, ok := withoutSubject(now, suggestions); ok {
		out = append(out, f)
	}
	return out
}

// standing are the guesses that nobody rejected, by path.
func (c Change) standing(guesses []detect.Suggestion) map[string]detect.Suggestion {
	m := map[string]detect.Suggestion{}
	for _, s := range guesses {
		if !slices.ContainsFunc(c.Rejected[s.Path], func(r Rejection) bool { return r.covers(s) }) {
			m[s.Path] = s
		}
	}
	return m
}

// vague reports whether a category says that anything may be there.
func vague(category string) bool {
	return category == "user.free_text" || category == "user.opaque_payload"
}

// personal reports whether anything in the schema speaks of a person: only
// there do free text and payloads matter.
func (c Change) personal(now tags, suggestions map[string]detect.Suggestion) bool {
	for path := range now.at {
		if slices.ContainsFunc(now.at[path], func(t Tag) bool { return taxonomy.Personal(t.Category) && !vague(t.Category) }) {
			return true
		}
	}
	for path, s := range suggestions {
		if !vague(s.Category) && !now.classify(path, s.Category) {
			return true
		}
	}
	return false
}

// inline checks the tags that stand in the schema itself, and those that its
// metadata give by patterns. What somebody rejected of a field is an exception
// from a pattern, and a contradiction to a tag that stands at it.
func (c Change) inline(out []Finding, f Field) []Finding {
	for _, key := range f.Tags {
		if found, ok := c.tagged(f.Path, key, ""); ok {
			out = append(roomy(out), found)
		}
		if c.denied(f.Path, key) {
			out = append(out, Finding{Code: "CG013", Severity: Error, Path: f.Path, Category: key,
				Message: fmt.Sprintf("the schema says %s, and somebody rejected that in the catalog", key),
				Mend:    "take the tag out of the schema, or have a steward confirm the category in the catalog"})
		}
	}
	for _, a := range f.Assigned {
		if found, ok := c.tagged(f.Path, a.Tag, a.Pattern); ok {
			out = append(roomy(out), found)
		}
	}
	return out
}

// tagged checks one tag of a field, which stands there or is of a pattern,
// against the vocabulary and the catalog.
func (c Change) tagged(path, key, pattern string) (Finding, bool) {
	if !taxonomy.Has(key, taxonomy.Category) {
		return Finding{Code: "CG012", Severity: Error, Path: path, Message: c.slips.why(key, pattern), Mend: "write a key of the vocabulary"}, true
	}
	confirmed := c.Confirmed[path]
	if len(confirmed) == 0 || slices.ContainsFunc(confirmed, func(known string) bool { return related(known, key) }) {
		return Finding{}, false
	}
	says := "the schema says"
	if pattern != "" {
		says = fmt.Sprintf("the metadata say by %q", pattern)
	}
	return Finding{Code: "CG013", Severity: Error, Path: path, Category: key,
		Message: fmt.Sprintf("%s %s, and the catalog %s", says, key, strings.Join(confirmed, ", ")),
		Mend:    "take the catalog's category, or have a steward change it there first"}, true
}

// denied reports whether somebody rejected a category of a field, and nobody
// confirmed it.
func (c Change) denied(path, key string) bool {
	return slices.ContainsFunc(c.Rejected[path], func(r Rejection) bool { return r.Category == key }) && !slices.Contains(c.Confirmed[path], key)
}

// unclassified is a field that the detector takes for personal, and nobody
// said what it is.
func unclassified(s detect.Suggestion, personal bool) []Finding {
	f := Finding{Code: "CG011", Severity: Advice, Path: s.Path, Rule: s.Rule, Category: s.Category,
		Message: fmt.Sprintf("it is probably %s: %s", s.Category, s.Why),
		Mend:    fmt.Sprintf("tag it %s in the schema, or have a steward confirm or deny that in the catalog", s.Category)}
	switch {
	case vague(s.Category) && !personal:
		return nil
	case s.Category == "user.opaque_payload":
		f.Code, f.Message = "CG014", "what is in it cannot be told, and the schema holds personal data: "+s.Why
		f.Mend = "describe its fields, or tag it user.opaque_payload"
	case s.Category == "user.free_text":
		f.Code, f.Message = "CG015", "people may write anything there, and the schema holds personal data: "+s.Why
		f.Mend = "tag it user.free_text, or reject the suggestion where only programs write there"
	case s.Confidence >= detect.Certain:
		f.Code, f.Severity = "CG010", Error
	}
	return []Finding{f}
}

// inEnvelope reports whether a path is of a record's key or a header.
func inEnvelope(path string) bool {
	return strings.HasPrefix(path, "#key") || strings.HasPrefix(path, "#header.")
}

// envelope finds personal data where compaction and every tool of the log keep
// and show it.
func envelope(path string, tagged []Tag, s detect.Suggestion) []Finding {
	category := ""
	for _, t := range tagged {
		if taxonomy.Personal(t.Category) {
			category = cmp.Or(category, t.Category)
		}
	}
	if len(tagged) == 0 && s.Confidence >= detect.Certain {
		category = s.Category
	}
	if category == "" {
		return nil
	}
	return []Finding{{Code: "CG030", Severity: Error, Path: path, Rule: s.Rule, Category: category,
		Message: category + " stands in the key or a header, where it outlives the value",
		Mend:    "key by an id that is of no person, or by a pseudonym whose table can be erased, and keep the value's copy"}}
}

// finders are categories by which a person's records can be found.
var finders = []string{
	"user.unique_id", "user.contact.email", "user.contact.phone_number", "user.account.username", "user.device.device_id",
	"user.device.cookie_id", "user.government_id", "user.health_and_medical.record_id", "user.financial.bank_account",
}

// withoutSubject is a schema of personal data in which nobody can be found, so
// that nobody's can be erased. Fields whose content is open do not make one.
func withoutSubject(now tags, suggestions map[string]detect.Suggestion) (Finding, bool) {
	personal := false
	has := func(category string) bool {
		personal = personal || taxonomy.Personal(category) && !vague(category)
		return slices.ContainsFunc(finders, func(f string) bool { return covers(f, category) })
	}
	for _, tagged := range now.at {
		for _, t := range tagged {
			if has(t.Category) {
				return Finding{}, false
			}
		}
	}
	for path, s := range suggestions {
		if !now.classify(path, s.Category) && s.Confidence >= detect.Certain && has(s.Category) {
			return Finding{}, false
		}
	}
	return Finding{Code: "CG031", Severity: Error,
		Message: "it holds personal data and nothing by which the person can be found",
		Mend:    "add the id of the person, tagged user.unique_id"}, personal
}
