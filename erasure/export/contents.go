package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/export/manifest"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/postgres"
)

// contents is everything that a package is built from. The same contents give
// the same package, so it need not be built twice.
type contents struct {
	request  erasure.Request
	nodes    []erasure.Node
	parts    map[uuid.UUID][]Part // by dataset, in order
	answers  map[uuid.UUID]word   // by dataset
	handover handover
	before   *Package           // the newest package that was sealed
	packed   map[uuid.UUID]bool // the parts in it
	next     int                // number of the package to come
}

// word is the last one of a service about a dataset.
type word struct {
	outcome string // EXPORTED, NOT_FOUND, NOT_APPLICABLE; "" if there is none
	code    string // of its task: why it stopped
}

// gather reads the contents of a request's package.
func gather(ctx context.Context, db postgres.DB, request uuid.UUID) (c contents, err error) {
	ids := []uuid.UUID{request}
	if c.request, err = erasure.RequestByID(ctx, db, request); err != nil {
		return c, err
	}
	nodes, err := erasure.NodesOf(ctx, db, ids)
	if err != nil {
		return c, err
	}
	parts, err := PartsOf(ctx, db, ids)
	if err != nil {
		return c, err
	}
	c.nodes, c.parts = nodes[request], map[uuid.UUID][]Part{}
	for _, p := range parts[request] {
		c.parts[p.DatasetID] = append(c.parts[p.DatasetID], p)
	}
	if c.answers, err = answersOf(ctx, db, request); err != nil {
		return c, err
	}
	if c.handover, err = handoverOf(ctx, db, request); err != nil {
		return c, err
	}
	return c, c.readBefore(ctx, db)
}

func (c *contents) readBefore(ctx context.Context, db postgres.DB) error {
	packages, err := PackagesOf(ctx, db, []uuid.UUID{c.request.ID})
	if err != nil {
		return err
	}
	c.next, c.packed = 1, map[uuid.UUID]bool{}
	for _, p := range packages[c.request.ID] {
		c.next = p.No + 1
		if p.State != Assembling {
			c.before = &p
		}
	}
	if c.before == nil {
		return nil
	}
	ids, err := packedParts(ctx, db, c.before.ID)
	for _, id := range ids {
		c.packed[id] = true
	}
	return err
}

// answersOf finds the last word about each dataset of a request's exports.
func answersOf(ctx context.Context, db postgres.DB, request uuid.UUID) (map[uuid.UUID]word, error) {
	all, err := task.Of(ctx, db, []uuid.UUID{request})
	if err != nil {
		return nil, err
	}
	var ids []int64
	codes := map[int64]string{}
	for _, t := range all[request] {
		if t.Action != task.Export {
			continue
		}
		ids = append(ids, t.ID)
		if t.Code != nil {
			codes[t.ID] = *t.Code
		}
	}
	scopes, err := task.ScopesOf(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	said, err := task.OutcomesOf(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	answers := map[uuid.UUID]word{}
	for _, id := range ids {
		for _, dataset := range scopes[id] {
			answers[dataset] = word{code: codes[id]}
		}
		for _, o := range said[id] { // oldest first
			if !o.Conflict {
				answers[o.DatasetID] = word{o.Outcome, codes[id]}
			}
		}
	}
	return answers, nil
}

// digest identifies the contents.
func (c contents) digest() []byte {
	type entry struct {
		No      int             `json:"no"`
		Dataset string          `json:"dataset"`
		Status  manifest.Status `json:"status"`
		Reason  string          `json:"reason"`
		Parts   []string        `json:"parts"`
	}
	doc := struct {
		Plan     string  `json:"plan"`
		Handover string  `json:"handover"`
		Entries  []entry `json:"entries"`
	}{Plan: hex.EncodeToString(c.request.PlanDigest), Handover: c.handover.ID.String()}
	for _, n := range c.nodes {
		e := entry{No: n.No, Dataset: n.DatasetID.String()}
		e.Status, e.Reason = c.status(n)
		for _, p := range c.parts[n.DatasetID] {
			e.Parts = append(e.Parts, p.ID.String()+" "+string(p.State)+" "+hex.EncodeToString(p.SHA256))
		}
		doc.Entries = append(doc.Entries, e)
	}
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err) // only strings and numbers
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// status says how the package accounts for a node of the plan.
func (c contents) status(n erasure.Node) (manifest.Status, string) {
	switch n.Kind {
	case erasure.Gap:
		return manifest.Gap, n.Reason
	case erasure.Excluded, erasure.Expire:
		return manifest.Excluded, n.Reason
	}
	a := c.answers[n.DatasetID]
	parts := c.parts[n.DatasetID]
	in := func(s PartState) bool { return slices.ContainsFunc(parts, func(p Part) bool { return p.State == s }) }
	switch {
	case a.outcome == "NOT_FOUND":
		return manifest.NotFound, ""
	case a.outcome == "NOT_APPLICABLE":
		return manifest.NotApplicable, ""
	case in(Quarantined):
		return manifest.Damaged, "PART_UNREADABLE"
	case a.outcome == "EXPORTED" && in(Accepted):
		return manifest.Exported, ""
	case a.outcome == "EXPORTED":
		return manifest.Missing, "NO_PARTS"
	case a.code != "":
		return manifest.Missing, a.code
	}
	return manifest.Missing, "NO_ANSWER"
}

// accepted lists the parts of a dataset that go into the package.
func (c contents) accepted(dataset uuid.UUID) []Part {
	var out []Part
	for _, p := range c.parts[dataset] {
		if p.State == Accepted && p.RemovedAt == nil {
			out = append(out, p)
		}
	}
	return out
}

// late reports whether a part came after a package had been sealed without it.
func (c contents) late(p Part) bool { return c.before != nil && !c.packed[p.ID] }

// manifest accounts for the plan; files and records are filled in as they are
// written.
func (c contents) manifest(about account, no int) manifest.Manifest {
	m := manifest.Manifest{
		Spec: manifest.Spec, Case: c.request.CaseNumber, Type: string(c.request.Kind), Package: no,
		ReceivedOn: civil(c.request.ReceivedOn), DueOn: civil(c.request.DueOn), Controller: about.controller,
		Plan: c.request.PlanNo, PlanDigest: hex.EncodeToString(c.request.PlanDigest), Complete: true,
		Datasets: []manifest.Dataset{}, Late: []manifest.Late{}, Files: []manifest.File{},
	}
	for _, n := range c.nodes {
		h := manifest.Dataset{ID: n.DatasetID, Name: about.names[n.DatasetID]}
		if n.ServiceID != nil {
			h.Service = about.services[*n.ServiceID]
		}
		h.Status, h.Reason = c.status(n)
		m.Complete = m.Complete && h.Status.Whole()
		for _, p := range c.parts[n.DatasetID] {
			note := c.note(p)
			h.Parts = append(h.Parts, note)
			if note.Late {
				m.Late = append(m.Late, manifest.Late{Dataset: p.DatasetID, N: p.N})
			}
		}
		m.Datasets = append(m.Datasets, h)
	}
	return m
}

func (c contents) note(p Part) manifest.Part {
	note := manifest.Part{N: p.N, Bytes: p.Bytes, SHA256: hex.EncodeToString(p.SHA256)}
	switch p.State {
	case Accepted:
		note.Status, note.Format, note.Records, note.Late = "accepted", *p.Format, *p.Records, c.late(p)
	case Quarantined:
		note.Status, note.Code = "quarantined", *p.Code
	case Uploaded:
		note.Status = "undeclared"
	default:
		note.Status = "incomplete"
	}
	return note
}

// missing lists the services of which something is missing.
func (c contents) missing() []uuid.UUID {
	out := []uuid.UUID{}
	for _, n := range c.nodes {
		status, _ := c.status(n)
		if (status == manifest.Missing || status == manifest.Damaged) && n.ServiceID != nil && !slices.Contains(out, *n.ServiceID) {
			out = append(out, *n.ServiceID)
		}
	}
	return out
}

// fileName makes a name for a dataset's files from its number in the plan and
// its name in the catalog, in letters that every system takes.
func fileName(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, strings.ToLower(name))
	return strings.Trim(safe[:min(len(safe), 60)], ".")
}

func civil(t time.Time) string { return t.Format(time.DateOnly) }
