// Package rollout makes of a manifest and what a registry says of it the steps
// that are left to do, and does them. A plan is of what schemas say, not of how
// they are written: white space, the order of members and the spelling of names
// make no step. Nothing is deleted that somebody did not ask to have deleted.
package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/changes"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/manifest"
	"github.com/flowmart/lethe/schemas/report"
	"github.com/flowmart/lethe/schemas/stores"
)

// Action is what a step does.
type Action string

// The actions.
const (
	Set    Action = "SET"    // the level, the policy or the topics of a subject, or the policy of a store
	Create Action = "CREATE" // the first version of a subject, or of a store's tables
	Update Action = "UPDATE" // the next one
	Delete Action = "DELETE" // a subject, softly
)

// Settings are what is set on a subject, or the policy of a store; what is empty
// is left as it is.
type Settings struct {
	Level  schemas.Level `json:"compatibility,omitempty"`
	Policy gate.Policy   `json:"gate,omitempty"`
	Topics []string      `json:"topics,omitempty"` // nil leaves them, an empty list takes them back
}

// Step is one thing to do.
type Step struct {
	Action  Action `json:"action"`
	Subject string `json:"subject,omitempty"`
	Store   string `json:"store,omitempty"` // whose tables are pushed, or whose policy is set, in place of a subject's
	File    string `json:"file,omitempty"`
	Version int    `json:"version,omitempty"` // that it would get, or got
	ID      int    `json:"id,omitempty"`      // that it got
	Settings
	Changes []changes.Change `json:"changes,omitempty"`
	Done    bool             `json:"done"`

	// Tables is what is pushed to a store.
	Tables stores.Submission `json:"-"`

	entry manifest.Entry
}

// name is what a step is about.
func (s Step) name() string { return cmp.Or(s.Subject, s.Store) }

// Push does a step that is about a store, and tells the version that its tables
// got.
type Push func(context.Context, Step) (version int, err error)

// Plan is what is left to do, in the order in which it can be done.
type Plan struct {
	Verdict   gate.Verdict `json:"verdict"`
	Steps     []Step       `json:"steps"`
	Unchanged int          `json:"unchanged"` // how many schemas are registered as they are
}

// Make plans what brings a registry to what a manifest says. The answer is that
// of the registry to the entries, in their order; surplus is what to delete.
func Make(ctx context.Context, r Registry, all []manifest.Entry, found report.Answer, surplus []Registered) (Plan, error) {
	p := Plan{Verdict: found.Verdict, Steps: []Step{}}
	p.settings(all, found)
	var changed []string
	for i, c := range found.Schemas {
		if c.Known {
			p.Unchanged++
		}
		if c.Known || c.Version == 0 { // what cannot be read makes no step; the verdict says so
			continue
		}
		s := Step{Action: Create, Subject: c.Subject, File: c.File, Version: c.Version, entry: all[i]}
		if c.Version != 1 {
			s.Action, changed = Update, append(changed, c.Subject)
		}
		p.Steps = append(p.Steps, s)
	}
	if err := p.explain(ctx, r, all, found, changed); err != nil {
		return p, err
	}
	for _, s := range surplus {
		p.Steps = append(p.Steps, Step{Action: Delete, Subject: s.Subject, Version: s.Version})
	}
	return p, nil
}

// Store plans what brings a store to what a manifest says: its policy, and then
// its tables. Found is the answer of the server to them.
func (p *Plan) Store(tables stores.Submission, found stores.Answer) {
	if want := tables.Policy; want != "" && want != found.Set && found.Version > 0 {
		p.Steps = append(p.Steps, Step{Action: Set, Store: found.Store, Settings: Settings{Policy: want},
			Changes: []changes.Change{{Kind: changes.Changed, Place: "gate", Before: string(found.Set), After: string(want)}}})
	}
	switch {
	case found.Known:
		p.Unchanged++
	case found.Version > 0: // what cannot be read makes no step; the verdict says so
		s := Step{Action: Create, Store: found.Store, Version: found.Version, Changes: found.Lines(), Tables: tables}
		if found.Version > 1 {
			s.Action = Update
		}
		p.Steps = append(p.Steps, s)
	}
}

// settings plans the levels, policies and topics that do not hold yet. They come
// first: the schemas are registered under them.
func (p *Plan) settings(all []manifest.Entry, found report.Answer) {
	for i, c := range found.Schemas {
		s := Step{Action: Set, Subject: c.Subject, File: c.File}
		if want := all[i].Level; want != "" && string(want) != c.Level {
			s.Level = want
			s.Changes = append(s.Changes, changes.Change{Kind: changes.Changed, Place: "compatibility", Before: c.Level, After: string(want)})
		}
		if want := all[i].Policy; want != "" && want != c.Set {
			s.Policy = want
			s.Changes = append(s.Changes, changes.Change{Kind: changes.Changed, Place: "gate", Before: string(c.Set), After: string(want)})
		}
		if want := all[i].Topics; len(want) > 0 && !slices.Equal(want, c.Topics) {
			s.Topics = want
			s.Changes = append(s.Changes, changes.Change{Kind: changes.Changed, Place: "topics", Before: strings.Join(c.Topics, ", "), After: strings.Join(want, ", ")})
		}
		if len(s.Changes) > 0 && c.Version > 0 {
			p.Steps = append(p.Steps, s)
		}
	}
}

// explain says of each next version what it changes.
func (p *Plan) explain(ctx context.Context, r Registry, all []manifest.Entry, found report.Answer, changed []string) error {
	if len(changed) == 0 {
		return nil
	}
	compared, err := r.Compared(ctx, all, found, changed)
	if err != nil {
		return err
	}
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Action == Update {
			s.Changes = Differences(s.entry, compared[s.Subject])
		}
	}
	return nil
}

// Differences names what a schema changes about the one before it; nothing where
// there is none, because all versions before were deleted.
func Differences(e manifest.Entry, c schemas.Comparison) []changes.Change {
	if c.Before == "" {
		return nil
	}
	out := changes.Of(e.Type, c.Before, cmp.Or(c.After, e.Text))
	return append(out, changes.Of("JSON", written(c.MetadataBefore, c.RuleSetBefore), written(c.Metadata, c.RuleSet))...)
}

// written is what is said beside a text, as one.
func written(m *schemas.Metadata, s *schemas.RuleSet) string {
	raw, _ := json.Marshal(map[string]any{"metadata": orNone(m), "ruleSet": orNone(s)}) // both came as JSON
	return string(raw)
}

// orNone is a value, or the empty one.
func orNone[T any](v *T) T {
	if v == nil {
		return *new(T)
	}
	return *v
}

// Pending reports whether anything is left to do.
func (p Plan) Pending() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return !s.Done })
}

// Apply does what is planned, step by step, and stops at the first that fails:
// what was done is marked.
func (p *Plan) Apply(ctx context.Context, r Registry, push Push) error {
	got := map[string]int{} // subject → the version that it got here
	for i := range p.Steps {
		s := &p.Steps[i]
		var err error
		switch {
		case s.Store != "":
			var version int
			if version, err = push(ctx, *s); version > 0 {
				s.Version = version
			}
		case s.Action == Set:
			err = r.Configure(ctx, s.Subject, s.Settings)
		case s.Action == Delete:
			_, err = r.Delete(ctx, s.Subject, false)
		default:
			var v Registered
			if v, err = r.Register(ctx, s.entry, got); err == nil {
				s.ID, s.Version = v.ID, v.Version
				got[s.Subject] = v.Version
			}
		}
		if err != nil {
			return &StoppedError{Step: *s, Done: i, All: len(p.Steps), Err: err}
		}
		s.Done = true
	}
	return nil
}

// StoppedError says at which step a plan stopped.
type StoppedError struct {
	Step      Step
	Done, All int
	Err       error
}

func (e *StoppedError) Error() string {
	why := e.Err.Error()
	if e.Step.Action == Set && denied(e.Err) {
		why += "; settings are a steward's of the owning team to set: let one run this once, and from then on there are none to set"
	}
	return fmt.Sprintf("%s %s: %s; %d of %d steps were done and stay done: run it again once this is mended, and what is done is found again",
		strings.ToLower(string(e.Step.Action)), e.Step.name(), why, e.Done, e.All)
}

// denied reports whether somebody may not do what was asked: in the registry's
// words, or in those of a problem.
func denied(err error) bool {
	if said, ok := errors.AsType[*sr.ResponseError](err); ok {
		return said.StatusCode == http.StatusForbidden
	}
	f, ok := errors.AsType[*fault.Fault](err)
	return ok && slices.Contains([]string{"ROLE_REQUIRED", "NOT_OWNER", "NOT_TRUSTED"}, f.Code)
}

// Unwrap is why it stopped.
func (e *StoppedError) Unwrap() error { return e.Err }

// Disowned adds a finding to each schema whose subject belongs to another
// service than the manifest says. A subject that belongs to nobody yet becomes
// that of who registers first.
func Disowned(all []manifest.Entry, found *report.Answer) {
	out := report.Answer{Verdict: gate.Pass, Schemas: []report.Checked{}}
	for i, c := range found.Schemas {
		if want := all[i].Owner; want != "" && len(c.Owners) > 0 && !slices.Contains(c.Owners, want) {
			c.Verdict = gate.Fail
			c.Findings = append(c.Findings, report.Finding{
				Code: "CG007", Severity: string(gate.Refused), Line: 1, Column: 1,
				Message: fmt.Sprintf("the manifest says that the subject belongs to %s, and the catalog that it belongs to %s", want, strings.Join(c.Owners, ", ")),
				Mend:    "correct the owner in the manifest, or have a steward correct the service of the topic in the catalog",
			})
		}
		out.Add(c)
	}
	*found = out
}
