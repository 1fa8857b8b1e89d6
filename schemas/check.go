package schemas

import (
	"context"
	"fmt"
	"slices"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/avro"
	"github.com/flowmart/lethe/schemas/contract"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/jsonschema"
	"github.com/flowmart/lethe/schemas/protobuf"
	"github.com/flowmart/lethe/schemas/topic"
)

// Answer is what registering a schema would come to. The codes of its findings
// are those of the gate, and five of the registry itself: CG001 the schema
// cannot be read, CG002 it may not follow, CG004 a consumer could not read what
// is written with it, CG005 the subject does not take it now, CG050 what it refers
// to is not there.
type Answer struct {
	Subject string
	Version int  // that it has, or would get; 0 if it cannot be read
	ID      int  // of its content, where that is registered; else 0
	Known   bool // it is a version of the subject already
	Level   Level
	Policy  gate.Policy // by which it was judged
	Set     gate.Policy // that the subject has; another only where one is intended
	Owners  []string    // refs of the services that the subject belongs to
	gate.Result

	// What is said beside the text, as it would be kept: its own, or the latest
	// version's, with what is set on the subject.
	Metadata *Metadata
	RuleSet  *RuleSet

	// Topics are those declared for the subject, as topic.Spell spells them.
	Topics []string

	// Fingerprint and Needs are of a change that breaks somebody: what those who
	// are affected agree to, and who they are.
	Fingerprint []byte
	Needs       []contract.Need
}

// mostChecked is how many schemas one call checks.
const mostChecked = 1000

// Check tells what registering schemas one after another would come to, each in
// the place of the ones before it where they refer to one another, and writes
// nothing. What is wrong with a schema is a finding, not an error. Whoever may
// read may check.
func (r *Registry) Check(ctx context.Context, by access.Principal, all []Submission) ([]Answer, error) {
	if err := signedIn(by); err != nil {
		return nil, err
	}
	if len(all) == 0 || len(all) > mostChecked {
		return nil, fault.Bad("schemas", "OUT_OF_RANGE", "check 1 to %d schemas at a time", mostChecked)
	}
	needed := needed(all)
	if len(needed) > 0 {
		r = r.rehearsing()
	}
	var out []Answer
	for _, s := range all {
		a, draft, err := r.check(ctx, r.db, by, s)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
		passes := !a.Known && draft.content != nil && gate.Judge(a.Set, a.Findings) != gate.Fail
		if !passes || !needed[split(s.Subject)] {
			continue
		}
		if err := r.rehearse(ctx, draft, a.Version); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// needed are the subjects of schemas that others of them refer to.
func needed(all []Submission) map[place]bool {
	given, out := map[place]bool{}, map[place]bool{}
	for _, s := range all {
		given[split(s.Subject)] = true
	}
	for _, s := range all {
		for _, ref := range s.References {
			if p := from(split(s.Subject).context, ref.Subject); given[p] {
				out[p] = true
			}
		}
	}
	return out
}

// draft is a content as it would be kept at a place.
type draft struct {
	place   place
	content *content
}

// rehearsing is a registry that takes on schemas in memory alone: whoever may
// only read holds no lock that somebody waits for who writes. What it remembers
// is its own, for none of it is registered.
func (r *Registry) rehearsing() *Registry {
	dry := New(r.db, r.now, r.clusters...)
	dry.subjects, dry.rehearsed = r.subjects, map[place]*state{}
	return dry
}

// rehearse takes a draft for the next version of its subject, under an id that
// no content has.
func (r *Registry) rehearse(ctx context.Context, d draft, version int) error {
	st, err := r.subjectIn(ctx, r.db, d.place)
	if err != nil {
		return err
	}
	if st == nil {
		st = &state{place: d.place}
	}
	r.drafts++
	v := d.content.as(d.place, version, -r.drafts, r.now())
	r.remember(r.byID.mark(), v.Schema)
	n := numbered{int32(version), int32(v.ID), false, v.RegisteredAt.UnixMicro(), d.content.body, d.content.shape()}
	r.rehearsed[d.place] = st.with(n, nil, st.head)
	return nil
}

// check judges one schema as it would be registered now, and returns it as it
// would be kept; without content where it cannot be read.
func (r *Registry) check(ctx context.Context, db postgres.DB, by access.Principal, s Submission) (Answer, draft, error) {
	a := Answer{Subject: s.Subject, Level: Backward, Policy: gate.Warn, Set: gate.Warn}
	p, err := placeOf(s.Subject)
	if err == nil {
		p, err = r.meant(ctx, p, s)
	}
	var layers []layer
	if err == nil {
		layers, err = layersOf(ctx, db, p)
		a.under(holding(layers), s)
	}
	if err == nil {
		err = s.RuleSet.check("ruleSet")
	}
	if err == nil {
		s, err = r.texted(ctx, p, s)
	}
	var c *content
	if err == nil {
		c, err = r.read(ctx, db, p.context, s)
	}
	if err == nil {
		_, err = c.named(s)
	}
	if err == nil {
		_, _, err = s.Metadata.assigned(c.kind, c.schema.Places())
	}
	if err != nil {
		a, err = a.unreadable(s, err)
		return a, draft{}, err
	}
	around := r.scene(db, p, layers)
	if s.Intended.Topics != nil {
		around.of = describes(p, s.Intended.Settings)
	}
	kept, err := r.judgeAll(ctx, by, &a, around, layers, s, c)
	a.Findings = placed(a.Findings, fieldsOf(c, around.of.Part))
	a.Verdict = gate.Judge(a.Policy, a.Findings)
	if kept != nil {
		a.Metadata, a.RuleSet = kept.Metadata, kept.RuleSet
	}
	return a, draft{p, kept}, err
}

// under says by what a schema is judged: what is set, and what it is about to be.
func (a *Answer) under(config Config, s Submission) Config {
	a.Level, a.Set = config.Level, config.policy()
	if config.Topics != nil {
		a.Topics = *config.Topics
	}
	config = config.tightened(s.Intended)
	a.Policy = config.policy()
	return config
}

// judgeAll fills in what is said of a schema that was read, and returns it as it
// would be kept.
func (r *Registry) judgeAll(ctx context.Context, by access.Principal, a *Answer, around *scene, layers []layer, s Submission, c *content) (*content, error) {
	config, db := a.under(holding(layers), s), around.db
	owners, err := around.belongsTo(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range owners {
		a.Owners = append(a.Owners, o.ref)
	}
	st, err := r.subjectIn(ctx, db, around.place)
	if err != nil {
		return nil, err
	}
	mode := holdingMode(layers)
	if s.Normalize {
		c = c.normal()
	}
	v, known, err := r.known(ctx, db, st, s, c, Live)
	if err != nil {
		return nil, err
	}
	if c, err = r.asKept(ctx, db, s, st.live(), mode, config, c); err != nil {
		return nil, err
	}
	if !known {
		if v, known, err = r.known(ctx, db, st, c.inFull(s), c, Live); err != nil {
			return nil, err
		}
	}
	a.Known, a.Version, a.ID = known, v.Version, max(v.ID, 0) // one that is rehearsed has none yet
	if known {
		err = around.asItIs(ctx, a, v, config, c)
		a.refuse(asked(v, s, nil), "leave out what the schema has already")
		return c, err
	}
	var taken error
	if a.Version, taken = st.numberFor(s, mode); taken != nil {
		a.Version = st.next()
	}
	c, err = r.asNext(ctx, by, a, around, s, c, config, st.live(), mode)
	a.refuse(mode.admits(around.place, s), "ask a steward of the subject")
	a.refuse(taken, "leave the version out, if any will do")
	if err != nil {
		return c, err
	}
	now, err := c.describe(around.of.Part)
	if err == nil {
		err = around.bound(ctx, now)
	}
	if fault.KindOf(err) == fault.TooLarge {
		a.refuse(err, "let the schema say less to the catalog")
		err = nil
	}
	return c, err
}

// refuse notes why a subject does not take a schema, whatever it says.
func (a *Answer) refuse(why error, mend string) {
	for _, f := range fault.All(why) {
		a.Findings = append(a.Findings, gate.Finding{Code: "CG005", Severity: gate.Refused, Message: f.Message, Mend: mend})
	}
}

// asItIs judges a version that is registered, against itself.
func (s *scene) asItIs(ctx context.Context, a *Answer, v Version, config Config, c *content) (err error) {
	a.Result, err = s.gated(ctx, []earlier{{v.Version, v.Context, v.ID}}, config, c)
	return err
}

// asNext judges a schema as the next version, and returns it as it would be
// kept.
func (r *Registry) asNext(ctx context.Context, by access.Principal, a *Answer, around *scene, s Submission, c *content, config Config, live []earlier, mode Mode) (_ *content, err error) {
	if mode.copies(s) {
		a.Result, err = around.gated(ctx, live, config, c)
	} else {
		if c, err = c.numbered(a.Version, s.Version > 0); err != nil {
			return nil, err
		}
		j, failed := r.weighed(ctx, by, around, live, config, c, true)
		a.Result, a.Fingerprint, a.Needs, err = j.gate, j.fingerprint, j.needs, failed
		a.Findings = j.findings(around.of.Part)
		if err == nil {
			err = around.asIntended(ctx, a, s, c, config, live)
		}
	}
	return c, err
}

// asIntended judges a schema under the level that its subject is to be set to,
// beside the one that holds: until it is set, that one counts.
func (s *scene) asIntended(ctx context.Context, a *Answer, given Submission, c *content, config Config, live []earlier) error {
	if given.Intended.Level == "" || given.Intended.Level == config.Level {
		return nil
	}
	config.Level = given.Intended.Level
	held, err := s.r.grouped(ctx, s.db, live, config, c)
	if err != nil {
		return err
	}
	verdict, err := s.r.judge(ctx, s.db, c, config, held)
	for _, f := range incompatible(verdict, s.of.Part) {
		told := slices.ContainsFunc(a.Findings, func(o gate.Finding) bool {
			return o.Code == f.Code && o.Rule == f.Rule && o.Path == f.Path && o.Mend == f.Mend
		})
		if !told {
			a.Findings = append(a.Findings, f)
		}
	}
	return err
}

// incompatible turns differences into findings.
func incompatible(v Verdict, of topic.Part) []gate.Finding {
	var out []gate.Finding
	for _, m := range v.Mismatches {
		before := fmt.Sprintf("version %d", m.Version)
		if m.Version == 0 {
			before = "the version before" // where there are no numbers
		}
		who := "this version cannot read data of " + before
		if m.Direction == OldReadsNew {
			who = before + " cannot read data of this one"
		}
		for _, d := range m.Found {
			out = append(out, gate.Finding{
				Code: "CG002", Severity: gate.Refused, Path: of.At(d.Path), Rule: d.Kind,
				Message: fmt.Sprintf("%s (%s)", who, v.Level), Mend: d.Message,
			})
		}
	}
	return out
}

// unreadable turns the faults of a schema that cannot be read into findings.
func (a Answer) unreadable(s Submission, err error) (Answer, error) {
	faults := fault.All(err)
	if faults == nil {
		return a, err
	}
	locate := locator(s)
	for _, f := range faults {
		if f.Kind == fault.Unavailable || f.Kind == fault.Internal {
			return a, err
		}
		finding := gate.Finding{Code: "CG001", Severity: gate.Refused, Rule: f.Code, Message: f.Error(), Mend: "correct the schema; nothing else was judged"}
		if len(f.Path) > 0 && f.Path[0] == "references" {
			finding.Code, finding.Mend = "CG050", "register what it refers to first, or check both together"
		}
		finding.Line, finding.Column = locate(f.Path)
		a.Findings = append(a.Findings, finding)
	}
	a.Verdict = gate.Fail
	return a, nil
}

// locator finds places in the text of a submission.
func locator(s Submission) format.Locator {
	switch s.Type {
	case "", Avro:
		return avro.Locate(s.Text)
	case "JSON":
		return jsonschema.Locate(s.Text)
	case "PROTOBUF":
		return protobuf.Locate(s.Text)
	}
	return func([]string) (line, column int) { return 1, 1 }
}

// placed gives each finding the line of its field, or of the nearest one that
// it lies in; what is of the whole stands at the first line.
func placed(findings []gate.Finding, fields []format.Field) []gate.Finding {
	at := map[string]format.Field{}
	for _, f := range fields {
		at[f.Path] = f
	}
	for i := range findings {
		f := &findings[i]
		if f.Line > 0 {
			continue
		}
		f.Line, f.Column = 1, 1
		for _, path := range append([]string{f.Path}, gate.Enclosing(f.Path)...) {
			if place, ok := at[path]; ok && place.Line > 0 {
				f.Line, f.Column = place.Line, place.Column
				break
			}
		}
	}
	return findings
}
