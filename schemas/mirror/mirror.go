// Package mirror keeps one registry as another is: subjects, versions, ids,
// deletions and settings. Both are spoken to by the REST API of Confluent's
// schema registry alone, so that either may be Lethe, and what was mirrored can
// be mirrored back.
//
// Ids are kept, because they stand in front of every message: the registry that
// is written to is in the mode IMPORT, takes ids and numbers as they come, and
// takes nothing from others until the switch; or in the mode FORWARD, in which it
// has the mirrored one written to.
package mirror

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/remote"
)

// Mirror makes To what From is. What it has read once of a version it does not
// read again, so following costs little; the newest version of each subject is
// read each time.
type Mirror struct {
	From, To *Registry
	Prefix   string // of the subjects that are mirrored; "" for all of every context
	Purge    bool   // delete for good what From does not have
	Force    bool   // enter IMPORT where versions are registered already, once
	Closed   bool   // From takes nothing any more, and is not to be closed by a switch

	read    map[*Registry]map[place]Version
	spelled map[spelling]bool // what Lethe said is one content
	aliases map[string]bool   // names that others are read by, as far as they were seen
}

// place is where a version is.
type place struct {
	subject string
	version int
}

// Act is what is done, or has to be done by people.
type Act string

// The acts, in the order in which they are done.
const (
	Take      Act = "TAKE"      // register a version with its id
	Hide      Act = "DELETE"    // delete it softly, as it is there
	Purge     Act = "PURGE"     // delete for good what is not there
	Configure Act = "CONFIGURE" // settings
	Conflict  Act = "CONFLICT"  // the same version is another schema, or has another id: nobody can mend this by copying
	Surplus   Act = "SURPLUS"   // what From does not have; left alone without Purge
)

// Step is one difference, and what mends it.
type Step struct {
	Act     Act    `json:"act"`
	Subject string `json:"subject,omitempty"` // "" for the registry's settings
	Version int    `json:"version,omitempty"`
	ID      int    `json:"id,omitempty"`
	Why     string `json:"why,omitempty"`
	Failed  string `json:"failed,omitempty"` // why it could not be done

	content  Version
	settings map[string]any
}

// mends reports whether the step is done by copying.
func (s Step) mends() bool { return s.Act != Conflict && s.Act != Surplus }

// Plan lists what differs. It writes nothing. The copy is looked at first: what is
// written through it meanwhile, in the mode FORWARD, is in From before it is in To,
// and would else seem to be gone from there.
func (m *Mirror) Plan(ctx context.Context) ([]Step, error) {
	to, err := m.inventory(ctx, m.To)
	if err != nil {
		return nil, fmt.Errorf("the registry that is written to: %w", err)
	}
	from, err := m.inventory(ctx, m.From)
	if err != nil {
		return nil, fmt.Errorf("the registry that is mirrored: %w", err)
	}
	if m.Purge && len(from) == 0 && len(to) > 0 {
		return nil, errors.New("the registry that is mirrored has no subject, so nothing is deleted for good for want of it there; is it the right one?")
	}
	if err := m.respelled(ctx, from, to); err != nil {
		return nil, err
	}
	steps := m.versions(from, to)
	settings, err := m.settings(ctx, from)
	return append(steps, settings...), err
}

// versions compares two inventories.
func (m *Mirror) versions(from, to map[place]Version) []Step {
	var takes, hides, rest []Step
	again := superseded(from)
	for _, v := range ordered(from) {
		p := place{v.Subject, v.Version}
		step := Step{Subject: v.Subject, Version: v.Version, ID: v.ID, content: v}
		there, has := to[p]
		switch {
		case !has && again[p]:
		case !has && v.Unread:
			step.Act, step.Why = Conflict, "it is deleted there, and listed, but not given, by its number or by an id: delete it for good there, and messages that were written with it have no schema then"
			rest = append(rest, step)
		case !has:
			step.Act = Take
			takes = append(takes, step)
		case !v.Unread && !there.Unread && m.alike(v, there) != "":
			step.Act, step.Why = Conflict, m.alike(v, there)
			rest = append(rest, step)
		case v.Deleted && !there.Deleted:
			step.Act = Hide
			hides = append(hides, step)
		case !v.Deleted && there.Deleted:
			step.Act, step.Why = Conflict, "it lives there, and is deleted here; a deleted version does not come back under its number"
			rest = append(rest, step)
		}
	}
	slices.Reverse(hides) // what refers to another goes before it
	old := superseded(to)
	for _, v := range slices.Backward(ordered(to)) {
		p := place{v.Subject, v.Version}
		if _, has := from[p]; has || old[p] && !m.Purge {
			continue
		}
		step := Step{Act: Surplus, Subject: v.Subject, Version: v.Version, ID: v.ID, content: v}
		if m.Purge {
			step.Act = Purge
		}
		rest = append(rest, step)
	}
	return slices.Concat(takes, hides, rest)
}

// alike says how two versions differ, or "".
func (m *Mirror) alike(a, b Version) string {
	switch {
	case a.ID != b.ID:
		return fmt.Sprintf("its id is %d there and %d here", a.ID, b.ID)
	case kind(a) != kind(b):
		return "its type differs"
	case text(a) != text(b) && !m.spelled[spelling{text(a), text(b)}]:
		return "its text differs"
	case !slices.Equal(a.References, b.References):
		return "its references differ"
	case !reflect.DeepEqual(unmarked(decoded(a.Metadata)), unmarked(decoded(b.Metadata))):
		return "its metadata differs"
	case !same(a.RuleSet, b.RuleSet):
		return "its rules differ"
	}
	return ""
}

func kind(v Version) string {
	if v.Type == "" {
		return "AVRO"
	}
	return v.Type
}

// text is a schema without what only lays it out.
func text(v Version) string {
	if kind(v) == "PROTOBUF" {
		return strings.Join(strings.Fields(v.Schema), " ")
	}
	var b bytes.Buffer
	if json.Compact(&b, []byte(v.Schema)) != nil {
		return v.Schema
	}
	return b.String()
}

// same compares two JSON values; what is empty is as if it were not there.
func same(a, b json.RawMessage) bool {
	return reflect.DeepEqual(decoded(a), decoded(b))
}

func decoded(raw json.RawMessage) any {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return bare(v)
}

// bare is a value without members that say nothing.
func bare(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		if list, is := v.([]any); is && len(list) == 0 {
			return nil
		}
		return v
	}
	out := map[string]any{}
	for name, member := range object {
		if member = bare(member); member != nil {
			out[name] = member
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// ordered lists versions so that each comes after those it refers to, and after
// the earlier ones of its subject.
func ordered(all map[place]Version) []Version {
	places := slices.SortedFunc(maps.Keys(all), func(a, b place) int {
		if c := strings.Compare(a.subject, b.subject); c != 0 {
			return c
		}
		return a.version - b.version
	})
	var out []Version
	seen := map[place]bool{}
	var visit func(p place)
	visit = func(p place) {
		v, there := all[p]
		if seen[p] || !there {
			return
		}
		seen[p] = true
		for _, ref := range v.References {
			visit(place{schemas.Qualified(v.Subject, ref.Subject), ref.Version})
		}
		out = append(out, v)
	}
	for _, p := range places {
		visit(p)
	}
	return out
}

// settings compares what is set on the registry, on each context and on each
// subject.
func (m *Mirror) settings(ctx context.Context, from map[place]Version) ([]Step, error) {
	set := map[string]bool{}
	for p := range from {
		set[p.subject] = true
		// What holds for more than the prefix is not ours to set.
		if around := schemas.Qualified(p.subject, ""); strings.HasPrefix(around, m.Prefix) {
			set[around] = true
		}
	}
	if m.Prefix == "" {
		set[""], set[everywhere] = true, true
	}
	aliases, err := m.aliased(ctx)
	if err != nil {
		return nil, err
	}
	maps.Copy(set, aliases)
	names := slices.Sorted(maps.Keys(set))
	mode, err := m.To.mode(ctx)
	if err != nil && !unknown(err) {
		return nil, err
	}
	both, err := m.bothLethe(ctx)
	if err != nil {
		return nil, err
	}
	both = both && mode != forwards
	steps := make([]*Step, len(names))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, name := range names {
		g.Go(func() (err error) {
			steps[i], err = m.setting(ctx, name, both)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var out []Step
	for _, s := range steps {
		if s != nil {
			out = append(out, *s)
		}
	}
	return out, nil
}

func (m *Mirror) bothLethe(ctx context.Context) (bool, error) {
	if is, err := m.From.isLethe(ctx); !is || err != nil {
		return false, err
	}
	return m.To.isLethe(ctx)
}

// everywhere is what stands for every context: of it nothing may be known, and then
// it is left as it is.
const everywhere = ":.__GLOBAL:"

// forwards is the mode of a registry that has another written to, and only what
// is its own alone set in itself.
const forwards = "FORWARD"

// setting compares what is set at one place; nil where that is the same. Our own
// settings go from one Lethe to another alone, unless that forwards, and else
// stay as they are. The copy is asked first, as Plan does.
func (m *Mirror) setting(ctx context.Context, name string, both bool) (*Step, error) {
	here, err := m.To.config(ctx, name)
	if err != nil {
		return nil, err
	}
	there, err := m.From.config(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, member := range remote.Ours {
		if _, has := here[member]; has && !both && there == nil {
			there = map[string]any{} // what is ours is left when the rest is cleared
		}
		if !both {
			delete(there, member)
			delete(here, member)
		}
	}
	if reflect.DeepEqual(bare(there), bare(here)) || name == everywhere && (there == nil || here == nil) {
		return nil, nil
	}
	for member := range here {
		if _, kept := there[member]; there != nil && !kept {
			there[member] = nil // clears it
		}
	}
	return &Step{Act: Configure, Subject: name, settings: there}, nil
}

// Apply does what a plan says, in its order, and notes in each step what could
// not be done. It fails only where nothing could be: the registry that is
// written to does not take ids, or is away. What was done stays, and the next round
// goes on.
func (m *Mirror) Apply(ctx context.Context, plan []Step) ([]Step, error) {
	close := func(context.Context) error { return nil }
	if slices.ContainsFunc(plan, Step.mends) {
		var err error
		if close, err = m.open(ctx); err != nil {
			return plan, err
		}
	}
	taken := 0
	for taken < len(plan) && plan[taken].Act == Take {
		err := m.attempt(ctx, &plan[taken], m.do)
		if own, is := errors.AsType[*ownID](err); is {
			return plan, errors.Join(err, m.takeBack(ctx, own), close(ctx))
		}
		if away(err) {
			return plan, err
		}
		taken++
	}
	// What is deleted there is deleted here when all is there that refers to it,
	// and that goes first.
	for i := taken - 1; i >= 0; i-- {
		if plan[i].content.Deleted {
			if err := m.attempt(ctx, &plan[i], m.hideTaken); away(err) {
				return plan, err
			}
		}
	}
	for i := range plan[taken:] {
		if err := m.attempt(ctx, &plan[taken+i], m.do); away(err) {
			return plan, err
		}
	}
	return plan, ctx.Err()
}

// attempt does something for a step, and notes in it what went wrong. What failed
// once is left for the next round.
func (m *Mirror) attempt(ctx context.Context, s *Step, do func(context.Context, Step) error) error {
	if err := ctx.Err(); err != nil || s.Failed != "" {
		return err
	}
	err := do(ctx, *s)
	if err != nil {
		s.Failed = err.Error()
	}
	return err
}

func (m *Mirror) hideTaken(ctx context.Context, s Step) error {
	return m.To.hide(ctx, s.Subject, s.Version)
}

func (m *Mirror) do(ctx context.Context, s Step) error {
	switch s.Act {
	case Take:
		return m.To.take(ctx, s.content)
	case Hide:
		return m.To.hide(ctx, s.Subject, s.Version)
	case Purge:
		return m.purge(ctx, s)
	case Configure:
		return m.To.setConfig(ctx, s.Subject, s.settings)
	}
	return nil
}

// errThere is why a version is not deleted for good.
var errThere = errors.New("it is there, and was not listed; nothing was deleted")

// purge deletes for good what From does not have. It is asked for it once more: its
// id is never given again, and what others delete while a list comes in parts makes
// the list leave something out.
func (m *Mirror) purge(ctx context.Context, s Step) error {
	if _, err := m.From.version(ctx, s.Subject, s.Version); !remote.Absent(err) {
		return cmp.Or(err, errThere)
	}
	delete(m.read[m.To], place{s.Subject, s.Version})
	if !s.content.Deleted {
		if err := m.To.hide(ctx, s.Subject, s.Version); err != nil {
			return err
		}
	}
	return m.To.purge(ctx, s.Subject, s.Version)
}
