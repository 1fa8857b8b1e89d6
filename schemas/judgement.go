package schemas

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/contract"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/topic"
)

// judgement is what is said of a content that would follow the versions of a
// subject.
type judgement struct {
	verdict     Verdict
	harms       []harm
	gate        gate.Result
	fingerprint []byte          // of a change that breaks somebody; nil else
	needs       []contract.Need // whose owners have to agree to it
	agreed      bool            // all of them did, and not who asks
	unforced    bool            // who asks for force may not set the level
}

// weighed judges a content that would follow live versions, newest first. What
// the policy makes nothing of is looked for only where all is to be told.
func (r *Registry) weighed(ctx context.Context, by access.Principal, around *scene, live []earlier, config Config, c *content, all bool) (j judgement, err error) {
	db, p := around.db, around.place
	held, err := r.grouped(ctx, db, live, config, c)
	if err != nil {
		return j, err
	}
	if j.verdict, err = r.judge(ctx, db, c, config, held); err != nil {
		return j, err
	}
	enforced := config.policy() == gate.Enforce
	if j.verdict.Compatible() && !enforced && !all {
		return j, nil
	}
	if enforced || all {
		if j.gate, err = around.gated(ctx, live, config, c); err != nil {
			return j, err
		}
	}
	consumers, err := around.readers(ctx)
	if err != nil {
		return j, err
	}
	before, err := r.before(ctx, db, live, c)
	if err != nil {
		return j, err
	}
	if j.harms, err = around.harms(ctx, consumers, before, c, config.strictness()); err != nil {
		return j, err
	}
	if !j.breaks(config) {
		return j, nil
	}
	j.needs = j.needed(consumers)
	j.fingerprint = j.sealed(p, live, c)
	return j, r.agree(ctx, db, by, p, &j)
}

// passes refuses a content that may not follow live versions. Force stands for
// the level NONE, once: it passes what the level alone refuses, and is for who
// may set that. It tells whether force was needed.
func (r *Registry) passes(ctx context.Context, by access.Principal, around *scene, live []earlier, config Config, c *content, force bool) (forced bool, err error) {
	j, err := r.weighed(ctx, by, around, live, config, c, false)
	if err != nil {
		return false, err
	}
	if force && !j.verdict.Compatible() && !j.agreed {
		j.unforced = !mayForce(by) // whose subject it is was asked before
		forced = !j.unforced
	}
	if !forced {
		return false, j.mayPass(config, around.of.Part)
	}
	return true, r.passesWithout(ctx, by, around, live, config, c, j.needs)
}

// passesBeside is passes where another registry judges what the level says. It
// tells whether force will be needed there, if that judges alike.
func (r *Registry) passesBeside(ctx context.Context, by access.Principal, around *scene, live []earlier, config Config, c *content, force bool) (forced bool, err error) {
	j, err := r.weighed(ctx, by, around, live, config, c, false)
	if err != nil {
		return false, err
	}
	if j.verdict.Compatible() || j.agreed {
		return false, j.mayPass(config, around.of.Part)
	}
	return force && mayForce(by), r.passesWithout(ctx, by, around, live, config, c, j.needs)
}

// mayForce reports whether force is for somebody whose the subject is.
func mayForce(by access.Principal) bool { return by.Require(access.Steward, access.Admin) == nil }

// passesWithout refuses what may not follow under the level NONE. Who is needed
// agrees to the change under the level that holds.
func (r *Registry) passesWithout(ctx context.Context, by access.Principal, around *scene, live []earlier, config Config, c *content, needs []contract.Need) error {
	config.Level = None
	j, err := r.weighed(ctx, by, around, live, config, c, false)
	if err != nil {
		return err
	}
	j.needs = needs
	return j.mayPass(config, around.of.Part)
}

// before is the latest version, where it is of the same type.
func (r *Registry) before(ctx context.Context, db postgres.DB, live []earlier, c *content) (format.Schema, error) {
	if len(live) == 0 {
		return nil, nil
	}
	id := contentID{live[0].Context, live[0].SchemaID}
	stored, err := r.load(ctx, db, id)
	if err != nil || stored.Type != c.kind {
		return nil, err
	}
	return r.schemaOf(ctx, db, id)
}

// breaks reports whether the change needs somebody's agreement: it may not
// follow under the level, or the gate is enforced and somebody could not read
// it.
func (j judgement) breaks(config Config) bool {
	return !j.verdict.Compatible() || config.policy() == gate.Enforce && slices.ContainsFunc(j.harms, func(h harm) bool { return len(h.broken) > 0 })
}

// needed lists whose owners have to agree. A consumer that does not say what it
// reads is asked where the level is broken; where nobody can be asked, the
// subject's own service answers.
func (j judgement) needed(all consumers) []contract.Need {
	var out []contract.Need
	ask := func(c consumer, why ...string) {
		out = append(out, contract.Need{ServiceID: c.id, Service: c.ref, Owner: c.owner, Why: why})
	}
	for _, h := range j.harms {
		var why []string
		for _, l := range h.broken {
			why = append(why, strings.TrimPrefix(l.path+": "+l.why, ": "))
		}
		if h.untold && !j.verdict.Compatible() {
			why = append(why, "it reads this data and does not say with which schema, or which fields")
		}
		if len(why) > 0 {
			ask(h.consumer, why...)
		}
	}
	reason := "no consumer is known to be affected, so the subject's own service answers for the change"
	if len(all.unknown) > 0 {
		reason = fmt.Sprintf("%d consumer groups read this data and nobody knows whose they are, so the subject's own service answers for them", len(all.unknown))
	}
	if len(out) > 0 && len(all.unknown) == 0 {
		return out
	}
	owned := false
	for _, c := range all.known {
		if c.own && !slices.ContainsFunc(out, func(n contract.Need) bool { return n.ServiceID == c.id }) {
			ask(c, reason)
		}
		owned = owned || c.own
	}
	if !owned {
		ask(consumer{}, reason)
	}
	return out
}

// sealed is the fingerprint of a change: of its content, of what it follows and
// of whom it breaks and how. With any of it changed it is another change.
func (j judgement) sealed(p place, live []earlier, c *content) []byte {
	h := sha256.New()
	write(h, "lethe-approval/1")
	write(h, p.context)
	write(h, p.name)
	h.Write(c.hash[:])
	for _, e := range live[:min(1, len(live))] {
		number(h, e.Version)
		number(h, e.SchemaID)
	}
	for _, m := range j.verdict.Mismatches {
		number(h, m.Version)
		write(h, string(m.Direction))
		for _, d := range m.Found {
			write(h, d.Kind)
			write(h, d.Pointer)
		}
	}
	for _, n := range j.needs {
		h.Write(n.ServiceID[:])
		for _, why := range n.Why {
			write(h, why)
		}
	}
	return h.Sum(nil)
}

// agree looks up who agreed. Nobody agrees to a change of their own.
func (r *Registry) agree(ctx context.Context, db postgres.DB, by access.Principal, p place, j *judgement) error {
	given, err := contract.Approvals(ctx, db, p.context, p.name, j.fingerprint)
	j.agreed = len(j.needs) > 0
	for i, n := range j.needs {
		j.needs[i].Approved = slices.ContainsFunc(given, func(a contract.Approval) bool {
			service := uuid.Nil
			if a.ServiceID != nil {
				service = *a.ServiceID
			}
			return service == n.ServiceID && a.ApprovedBy != by.ID
		})
		j.agreed = j.agreed && j.needs[i].Approved
	}
	return err
}

// findings are what is amiss, with the place in a record's key or value. What
// everybody who is affected agreed to is told and does not fail.
func (j judgement) findings(of topic.Part) []gate.Finding {
	out := append(incompatible(j.verdict, of), j.hurt()...)
	for i := range out {
		out[i].Approved = j.agreed
	}
	return append(out, j.gate.Findings...)
}

// hurt are the findings about consumers.
func (j judgement) hurt() []gate.Finding {
	var out []gate.Finding
	for _, h := range j.harms {
		owner := "nobody owns it"
		if h.owner != "" {
			owner = "team " + h.owner
		}
		for _, l := range h.broken {
			out = append(out, gate.Finding{Code: "CG004", Severity: gate.Error, Path: l.path, Rule: h.ref,
				Message: fmt.Sprintf("breaks %s (%s): %s", h.ref, owner, l.why), Mend: l.mend})
		}
	}
	return out
}

// mayPass turns a judgement into the refusal of a registration.
func (j judgement) mayPass(config Config, of topic.Part) error {
	var refused error
	if !j.verdict.Compatible() && !j.agreed {
		refused = refuse(j)
	}
	if refused == nil && config.policy() == gate.Enforce {
		refused = guard(j.findings(of), j.asked())
	}
	return refused
}

// asked says who has to agree to a change before it passes, and whom force is for
// where it was asked for in vain.
func (j judgement) asked() string {
	var missing []string
	for _, n := range j.needs {
		if n.Approved {
			continue
		}
		who := n.Service
		if n.ServiceID == uuid.Nil {
			who = "an admin"
		} else if n.Owner != "" {
			who += " (team " + n.Owner + ")"
		}
		missing = append(missing, who)
	}
	if len(missing) == 0 {
		return ""
	}
	const most = 5
	if more := len(missing) - most; more > 0 {
		missing = append(missing[:most], fmt.Sprintf("and %d more", more))
	}
	force := ""
	if j.unforced {
		force = "force=true is for who may set the level: a steward of the owning team, or an admin; "
	}
	return force + "to pass as it is, it needs the approval of " + strings.Join(missing, ", ") + ", given by somebody else than registers it: lethe schema approve"
}
