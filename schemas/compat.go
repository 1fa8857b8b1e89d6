package schemas

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/format"
)

// Direction says which of two schemas is to read the other's data.
type Direction string

// The directions.
const (
	NewReadsOld Direction = "BACKWARD"
	OldReadsNew Direction = "FORWARD"
)

// Mismatch is why a schema and an earlier version do not go together.
type Mismatch struct {
	Version   int // the earlier version
	Direction Direction
	Found     []format.Difference
}

// Verdict is the answer to whether a schema may follow.
type Verdict struct {
	Level      Level
	Mismatches []Mismatch // none: it may
	Warnings   []Mismatch // what may pass, and people should know of
	Old        string     // the text of the version that the first mismatch is about
}

// Compatible reports whether the schema may follow.
func (v Verdict) Compatible() bool { return len(v.Mismatches) == 0 }

// IncompatibleError refuses a registration. It is a fault of the kind CONFLICT
// and tells every difference.
type IncompatibleError struct {
	Verdict
	Asked string // who has to agree before it passes as it is
	fault *fault.Fault
}

func (e *IncompatibleError) Error() string { return e.fault.Error() }
func (e *IncompatibleError) Unwrap() error { return e.fault }

// refuse turns a verdict that says no into words.
func refuse(j judgement) error {
	v := j.verdict
	var lines []string
	more := 0
	for _, m := range v.Mismatches {
		for _, d := range m.Found {
			if len(lines) == 5 {
				more++
				continue
			}
			place := d.Path
			if place == "" {
				place = "the whole"
			}
			if m.Version > 0 {
				place = fmt.Sprintf("against version %d, %s", m.Version, place)
			}
			lines = append(lines, place+": "+d.Message)
		}
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	asked := j.asked()
	if asked != "" {
		lines = append(lines, asked)
	}
	return &IncompatibleError{v, asked, fault.New(fault.Conflict, "SCHEMA_INCOMPATIBLE",
		"the schema may not follow under the level %s: %s", v.Level, strings.Join(lines, "; "))}
}

// Test tells whether a schema could follow one version of a subject, under the
// level that holds for it. The transitive levels ask no more here than the
// others. A subject without versions can be followed by anything.
func (r *Registry) Test(ctx context.Context, by access.Principal, s Submission, version int) (Verdict, error) {
	p, c, config, err := r.trial(ctx, by, s)
	if err == nil {
		err = checkVersion(version)
	}
	if err != nil {
		return Verdict{}, err
	}
	v, err := r.version(ctx, p, version, Live)
	held := []earlier{{v.Version, v.Context, v.ID}}
	if errors.Is(err, errNoSubject) {
		if version != Latest {
			return Verdict{}, noVersion(p, version, 0)
		}
		held, err = nil, nil
	}
	if err != nil {
		return Verdict{}, err
	}
	if c, err = r.dressed(ctx, r.db, s, held, config, c); err != nil {
		return Verdict{}, err
	}
	return r.judge(ctx, r.db, c, config, held)
}

// TestAll tells whether a schema could be registered under a subject now.
func (r *Registry) TestAll(ctx context.Context, by access.Principal, s Submission) (Verdict, error) {
	p, c, config, err := r.trial(ctx, by, s)
	if err != nil {
		return Verdict{}, err
	}
	st, err := r.subjects.subject(ctx, p)
	if err != nil {
		return Verdict{}, err
	}
	live := st.live()
	if c, err = r.dressed(ctx, r.db, s, live, config, c); err != nil {
		return Verdict{}, err
	}
	if live, err = r.grouped(ctx, r.db, live, config, c); err != nil {
		return Verdict{}, err
	}
	return r.judge(ctx, r.db, c, config, live)
}

// trial reads what is to be tested: where it would be registered, what it is, and
// by what it is judged.
func (r *Registry) trial(ctx context.Context, by access.Principal, s Submission) (p place, c *content, config Config, err error) {
	if err := signedIn(by); err != nil {
		return p, nil, config, err
	}
	if p, err = placeOf(s.Subject); err == nil {
		p, err = r.meant(ctx, p, s)
	}
	if err != nil {
		return p, nil, config, err
	}
	if c, err = r.read(ctx, r.db, p.context, s); err != nil {
		return p, nil, config, err
	}
	layers, err := r.layers(ctx, p)
	return p, c, holding(layers), err
}

// earlier is a live version a new one is held against.
type earlier struct {
	Version  int
	Context  string
	SchemaID int
}

// judge holds a content against the versions that a level names, of those
// given newest first, and against what its metadata reserve.
func (r *Registry) judge(ctx context.Context, db postgres.DB, c *content, config Config, live []earlier) (Verdict, error) {
	verdict, err := r.compared(ctx, db, c, config, live)
	if err != nil || !config.reserves() {
		return verdict, err
	}
	taken, err := r.keptFree(ctx, db, c, live)
	verdict.Mismatches = append(taken, verdict.Mismatches...)
	return verdict, err
}

// compared holds a content against the versions that a level names. What was
// compared before is remembered.
func (r *Registry) compared(ctx context.Context, db postgres.DB, c *content, config Config, live []earlier) (Verdict, error) {
	level := config.Level
	verdict, options := Verdict{Level: level}, config.strictness()
	if !level.transitive() && len(live) > 1 {
		live = live[:1]
	}
	if level == None {
		live = nil
	}
	question := asking(c, options, level, live)
	if known, ok := r.verdicts.get(question); ok {
		return known, nil
	}
	for _, e := range live {
		if err := ctx.Err(); err != nil {
			return verdict, err // a thousand versions in memory are read without asking anybody
		}
		id := contentID{e.Context, e.SchemaID}
		stored, err := r.load(ctx, db, id)
		if err != nil {
			return verdict, err
		}
		if stored.Type != c.kind {
			verdict.Mismatches = append(verdict.Mismatches, Mismatch{e.Version, NewReadsOld, []format.Difference{otherType(c.kind, stored.Type)}})
			verdict.Old = cmp.Or(verdict.Old, stored.Text)
			continue
		}
		old, err := r.schemaOf(ctx, db, id)
		if err != nil {
			return verdict, err
		}
		if err := verdict.holdAs(level, e.Version, c.schema, old, options); err != nil {
			return verdict, err
		}
		if !verdict.Compatible() {
			verdict.Old = cmp.Or(verdict.Old, stored.Text)
		}
	}
	if !slices.ContainsFunc(live, func(e earlier) bool { return r.fresh[contentID{e.Context, e.SchemaID}] != nil }) {
		r.verdicts.put(question, verdict, verdict.weight())
	}
	return verdict, nil
}

// asking is what a verdict is remembered by: contents never change, so neither
// does what is said of them.
func asking(c *content, options format.Options, level Level, live []earlier) (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(c.body[:])
	for _, t := range c.references {
		fmt.Fprintln(h, t.schemaID)
	}
	fmt.Fprintln(h, level, options, live)
	h.Sum(sum[:0])
	return sum
}

// weight is what it takes in memory, in bytes.
func (v Verdict) weight() int {
	total := 500 + len(v.Old)
	for _, m := range slices.Concat(v.Mismatches, v.Warnings) {
		for _, d := range m.Found {
			total += 300 + len(d.Path) + len(d.Message) + len(d.Reader) + len(d.Writer) + len(d.Detail)
		}
	}
	return total
}

// strictness is how a format is to compare under the settings.
func (c Config) strictness() format.Options {
	return format.Options{Lenient: c.Policy != nil && *c.Policy == "LENIENT"}
}

// otherType is the difference between schemas of two types: neither reads what
// the other wrote.
func otherType(now, before string) format.Difference {
	return format.Difference{
		Kind: "SCHEMA_TYPE_CHANGED", Pointer: "/", Detail: before + " to " + now,
		Message: fmt.Sprintf("the subject holds %s schemas and this is one of the type %s; register it under a subject of its own, or set the level NONE", before, now),
	}
}

// holdAs holds a new schema against that of a version, in the directions of a
// level.
func (v *Verdict) holdAs(level Level, version int, now, old format.Schema, o format.Options) error {
	if level.backward() {
		if err := v.hold(version, NewReadsOld, now, old, o); err != nil {
			return err
		}
	}
	if level.forward() {
		return v.hold(version, OldReadsNew, old, now, o)
	}
	return nil
}

func (v *Verdict) hold(version int, d Direction, reader, writer format.Schema, o format.Options) error {
	found, err := reader.CanRead(writer, o)
	if d == OldReadsNew {
		found = readByOlder(found)
	}
	if len(found) > 0 {
		v.Mismatches = append(v.Mismatches, Mismatch{version, d, found})
	}
	if said := reader.Warnings(writer); len(said) > 0 {
		v.Warnings = append(v.Warnings, Mismatch{version, d, said})
	}
	return err
}
