package stores

import (
	"cmp"
	"fmt"

	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/report"
	"github.com/flowmart/lethe/schemas/tables"
)

// Lint judges the files of a store by themselves, without a catalog: what cannot
// be read, and what personal data they classify. Its changes are those of every
// step, in order.
func Lint(store string, sub Submission) (Answer, error) {
	r, err := readAll(sub.Source)
	if err != nil {
		return Answer{}, err
	}
	v := offline(store, sub)
	a, notes := v.open(r)
	if len(r.wrong) > 0 {
		a.add(v, notes)
		return a, nil
	}
	a.Version = 1
	for _, c := range r.state.Log() {
		a.Changes = append(a.Changes, Change{Change: c, Dataset: c.Table.String(), Field: pathOf(c.Column)})
	}
	all := listed(r.state)
	v.gate(all, r.state)
	for _, j := range append(all, notes) {
		a.add(v, j)
	}
	a.call("can be read")
	return a, nil
}

// Compare judges the files of a store by those that there were, without a
// catalog: who reads the tables does not count. Against says what they are called
// that there were; they may be none.
func Compare(store, against string, before, now Submission) (Answer, error) {
	r, err := readAll(now.Source)
	if err != nil {
		return Answer{}, err
	}
	v := offline(store, now)
	if err := v.remember(&r, before, against); err != nil {
		return Answer{}, err
	}
	a, notes := v.open(r)
	if len(r.wrong) > 0 {
		a.add(v, notes)
		return a, nil
	}
	all := listed(r.state)
	v.gate(all, r.state)
	found, gone := v.differ(r.state, all)
	if err := a.tell(v, r.state, found, append(append(all, gone...), notes)); err != nil {
		return a, err
	}
	a.call(a.state(against))
	return a, nil
}

// call says of everything that was judged what it is.
func (a *Answer) call(state string) {
	for i := range a.Schemas {
		a.Schemas[i].Known, a.Schemas[i].State = false, state
	}
}

// offline is a store of which no catalog is asked.
func offline(store string, sub Submission) *work {
	v := &work{home: sub.Namespace, namespace: sub.Namespace, policy: cmp.Or(sub.Policy, gate.Warn), before: tables.New()}
	v.store.Ref = store
	return v
}

// remember has the tables that files made before be the version before. Files
// that could not be read then count for nothing, and that is said.
func (v *work) remember(r *reading, before Submission, against string) error {
	if len(before.Files) == 0 {
		return nil
	}
	was, err := readAll(before.Source)
	if err != nil {
		return err
	}
	if len(was.wrong) == 0 {
		v.version, v.before = 1, was.state
		return nil
	}
	first := was.wrong[0]
	r.notes = append(r.notes, finding{tables.Place{File: first.at.File, Line: 1, Column: 1}, gate.Finding{Code: "CG006", Severity: gate.Advice,
		Message: fmt.Sprintf("what was there in %s cannot be read, so that every table counts as new: %s: %s", against, first.at, first.Message),
		Mend:    "check it against the registry, which knows what was pushed"}})
	return nil
}

// state is what the tables are beside those before, in words.
func (a *Answer) state(against string) string {
	switch {
	case a.Known:
		return "as in " + against
	case a.Version == 1:
		return "new since " + against
	}
	return "changed since " + against
}

// Disown adds a finding where the store belongs to another service than somebody
// says. A store of no service is anybody's to describe.
func (a *Answer) Disown(owner, file string) {
	if owner == "" || a.Service == "" || a.Service == owner {
		return
	}
	a.Schemas = append(a.Schemas, report.Checked{File: file, Subject: a.Store, Verdict: gate.Fail, Policy: a.Policy, Version: a.Version,
		Tags: []report.Tag{}, Difference: []report.Difference{}, Findings: []report.Finding{{Code: "CG007", Severity: string(gate.Refused), Line: 1, Column: 1,
			Message: fmt.Sprintf("the manifest says that the store belongs to %s, and the catalog that it belongs to %s", owner, a.Service),
			Mend:    "correct the owner in the manifest, or have a steward correct the service of the store in the catalog"}}})
	a.Verdict = gate.Fail
}
