// Package stores takes in what pipelines say of the tables of a store: it
// judges them by the same gate as the schemas of topics, keeps each state that
// was pushed, and enters tables and columns into the catalog as datasets and
// fields of the store. A store belongs to its service.
//
// The codes of findings are those of the gate, and CG001 a file cannot be read,
// CG004 something is taken away that somebody reads, CG006 a part of a file was
// not read.
package stores

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/migration"
	"github.com/flowmart/lethe/schemas/report"
	"github.com/flowmart/lethe/schemas/tables"
)

// Stores checks and keeps the schemas of stores.
type Stores struct{ db *pgxpool.Pool }

// New returns the schemas of stores kept in db.
func New(db *pgxpool.Pool) *Stores { return &Stores{db} }

// Submission is what a pipeline says of the tables of a store.
type Submission struct {
	migration.Source
	// Namespace is that of the store's datasets in the catalog; "" is the one
	// they have, or one made of the store's name, such as postgres://orders-db.
	Namespace string `json:"namespace,omitempty"`
	// Policy is what the store's is to be set to: a check judges by it, too, if it
	// is stricter. A push goes by what holds.
	Policy gate.Policy `json:"gate,omitempty"`
}

// Answer is what pushing a submission comes to, or would.
type Answer struct {
	report.Answer
	Store     string      `json:"store"`
	Service   string      `json:"service,omitempty"` // that the store belongs to
	Namespace string      `json:"namespace"`
	Policy    gate.Policy `json:"policy"`         // by which it was judged
	Set       gate.Policy `json:"gate,omitempty"` // that the store has
	Version   int         `json:"version"`        // that the tables have, or would get; 0 if they cannot be read
	Known     bool        `json:"known"`          // they are the version before
	Pushed    bool        `json:"pushed"`
	Changes   []Change    `json:"changes"` // against the version before
}

// Change is one difference to the version before. Dataset and Field name what
// it is about in the catalog: by the names that they have there now.
type Change struct {
	tables.Change
	Dataset   string     `json:"dataset"`
	DatasetID *uuid.UUID `json:"datasetId,omitempty"` // nil: the catalog does not know it yet
	Field     string     `json:"field,omitempty"`
}

// State is the tables of a store as they were last pushed.
type State struct {
	Store     string         `json:"store"`
	Namespace string         `json:"namespace"`
	Policy    gate.Policy    `json:"policy"`
	Version   int            `json:"version"` // 0 if nothing was pushed yet
	PushedAt  *time.Time     `json:"pushedAt,omitempty"`
	Tables    []tables.Table `json:"tables"`
}

// Check tells what pushing would come to, and writes nothing. What is wrong with
// the files is a finding, not an error. Whoever is signed in may check.
func (s *Stores) Check(ctx context.Context, by access.Principal, store string, sub Submission) (a Answer, err error) {
	if by.ID == uuid.Nil {
		return a, by.Require(access.Viewer)
	}
	if sub.Policy != "" {
		if err := checkPolicy("gate", sub.Policy); err != nil {
			return a, err
		}
	}
	read, err := readAll(sub.Source)
	if err != nil {
		return a, err
	}
	still := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = postgres.WorkTx(ctx, s.db, still, func(tx pgx.Tx) error {
		v, err := visit(ctx, tx, store, sub.Namespace)
		if err != nil {
			return err
		}
		if err := v.latest(ctx); err != nil {
			return err
		}
		v.policy = v.set.Stricter(sub.Policy)
		a, _, err = v.judge(ctx, read)
		return err
	})
	return a, err
}

// checkPolicy refuses a policy that there is not.
func checkPolicy(path string, p gate.Policy) error {
	if slices.Contains(gate.Policies(), p) {
		return nil
	}
	return fault.Bad(path, "UNKNOWN_VALUE", "the policy is one of ENFORCE, WARN, OFF")
}

// Push makes the tables of a submission the store's, unless the verdict is FAIL:
// that is an answer and no error. Pushing what was pushed last changes nothing.
// It is for the pipeline of the store's service, a steward of its team, and an
// admin.
func (s *Stores) Push(ctx context.Context, by access.Principal, store string, sub Submission) (a Answer, err error) {
	read, err := readAll(sub.Source)
	if err != nil {
		return a, err
	}
	err = postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		v, err := visit(ctx, tx, store, sub.Namespace)
		if err != nil {
			return err
		}
		if err := v.authorise(ctx, by, true); err != nil {
			return err
		}
		if err := v.lock(ctx); err != nil {
			return err
		}
		var all []*judged
		if a, all, err = v.judge(ctx, read); err != nil || a.Verdict == gate.Fail || a.Known {
			return err
		}
		if err := v.settle(ctx, by); err != nil {
			return err
		}
		a.Pushed = true
		return v.keep(ctx, by, read.state, all, a.Version)
	})
	return a, err
}

// SetPolicy says how much the gate's findings are to a store, which it returns
// as it stands. It is for a steward of the team of the store's service, and an admin.
func (s *Stores) SetPolicy(ctx context.Context, by access.Principal, store string, policy gate.Policy) (now State, err error) {
	if err := checkPolicy("policy", policy); err != nil {
		return now, err
	}
	err = postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		v, err := visit(ctx, tx, store, "")
		if err != nil {
			return err
		}
		if err := v.authorise(ctx, by, false); err != nil {
			return err
		}
		if err := v.setPolicy(ctx, by, policy); err != nil {
			return err
		}
		err = v.latest(ctx)
		now = v.state()
		return err
	})
	return now, err
}

// reading is a source as it was read.
type reading struct {
	first tables.Place // the first file
	state *tables.State
	notes []finding
	wrong []finding // files that cannot be read
}

// readAll reads a source. What is wrong with its files are findings; what is
// wrong with the request is an error.
func readAll(src migration.Source) (reading, error) {
	found, err := migration.Read(src)
	if found.State == nil {
		return reading{}, err
	}
	r := reading{state: found.State, first: tables.Place{File: src.Files[0].Path, Line: 1, Column: 1}}
	for _, n := range found.Notes {
		r.notes = append(r.notes, finding{n.At, gate.Finding{Code: "CG006", Severity: gate.Advice, Message: n.Message, Mend: n.Mend}})
	}
	for _, f := range fault.All(err) {
		if f.Code == tables.TooLarge || slices.Equal(f.Path, []string{"root"}) {
			return r, f // of the store or of what was asked, and not of a file
		}
		r.wrong = append(r.wrong, finding{placeOf(f.Path), gate.Finding{
			Code: "CG001", Severity: gate.Refused, Rule: f.Code, Message: f.Message, Mend: "correct the file; nothing else was judged",
		}})
	}
	if err != nil && r.wrong == nil {
		return r, err
	}
	return r, bound(found.State.All())
}
