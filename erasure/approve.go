package erasure

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// ErrPlanStale reports that the catalog has changed since the plan was made.
var ErrPlanStale = fault.New(fault.Conflict, "PLAN_STALE", "the catalog has changed since this plan was made; read the new plan and approve its digest")

// Approve approves the plan with the given digest, and makes its tasks in the
// same unit of work. Approver and opener are two people. A plan that the
// catalog has overtaken is made anew and must be read again: ErrPlanStale.
func (s *Requests) Approve(ctx context.Context, by access.Principal, request uuid.UUID, planDigest []byte) (Request, error) {
	if err := by.Require(access.Approver); err != nil {
		return Request{}, err
	}
	stale := false
	r, err := s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		stale = false
		if err := s.mayApprove(ctx, tx, by, *r, planDigest); err != nil {
			return err
		}
		fresh, err := s.refresh(ctx, tx, r)
		if err != nil || !fresh {
			stale = true
			return err
		}
		r.ApprovedBy, r.ApprovedAt = &by.ID, ptr(s.now())
		if err := s.move(ctx, tx, by, r, Executing, "APPROVED"); err != nil {
			return err
		}
		if err := s.dispatchPlan(ctx, tx, *r); err != nil {
			return err
		}
		return s.execute(ctx, tx, r)
	})
	if err == nil && stale {
		return r, ErrPlanStale
	}
	return r, s.recordRefusal(ctx, by, request, err)
}

func (s *Requests) mayApprove(ctx context.Context, db postgres.DB, by access.Principal, r Request, planDigest []byte) error {
	if by.ID == r.OpenedBy {
		return errSelfApproval
	}
	if err := r.in(Planned); err != nil {
		return err
	}
	if !bytes.Equal(planDigest, r.PlanDigest) {
		return ErrPlanStale.At("digest")
	}
	return nil
}

var errSelfApproval = fault.New(fault.Denied, "APPROVER_IS_REQUESTER", "you opened this request; another approver must decide on it")

// decide runs fn as the decision of an approver who did not open the request.
func (s *Requests) decide(ctx context.Context, by access.Principal, request uuid.UUID, fn func(tx pgx.Tx, r *Request) error) (Request, error) {
	if err := by.Require(access.Approver); err != nil {
		return Request{}, err
	}
	r, err := s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		if by.ID == r.OpenedBy {
			return errSelfApproval
		}
		return fn(tx, r)
	})
	return r, s.recordRefusal(ctx, by, request, err)
}

// recordRefusal leaves a trace of somebody who tried to decide on their own
// request. The refusal itself rolled back, so the trace is a work of its own.
func (s *Requests) recordRefusal(ctx context.Context, by access.Principal, request uuid.UUID, err error) error {
	if !errors.Is(err, errSelfApproval) {
		return err
	}
	trace := audit.Entry{Actor: by.ID, Act: "request.approval_refused", Entity: request, Request: request, Code: errSelfApproval.Code}
	if traceErr := audit.Append(ctx, s.db, trace); traceErr != nil {
		return traceErr
	}
	return err
}

// refresh reports whether the plan of r still follows from the catalog; if
// not, it replaces it.
func (s *Requests) refresh(ctx context.Context, tx pgx.Tx, r *Request) (bool, error) {
	types, err := subject.Types(ctx, tx, r.ID)
	if err != nil {
		return false, err
	}
	f, err := s.gather(ctx, tx, *r, types)
	if err != nil {
		return false, err
	}
	if bytes.Equal(digest(r.ID, r.PlanNo, draft(f)), r.PlanDigest) {
		return true, nil
	}
	if err := s.replan(ctx, tx, r, f); err != nil {
		return false, err
	}
	if why := r.unusualCount(f); why != "" && r.Kind == Erasure {
		return false, s.block(ctx, tx, r, why) // the catalog has gained what nobody has counted
	}
	return false, nil
}

func (s *Requests) replan(ctx context.Context, tx pgx.Tx, r *Request, f facts) error {
	if err := s.writePlan(ctx, tx, r, f); err != nil {
		return err
	}
	if err := saveRequest(ctx, tx, *r); err != nil {
		return err
	}
	return audit.Append(ctx, tx, audit.Entry{
		Actor: access.System.ID, Act: "request.replanned", Entity: r.ID, Request: r.ID, Digest: r.PlanDigest,
		Amounts: map[string]int64{"plan": int64(r.PlanNo)},
	})
}

// writePlan drafts the next plan of r and writes its nodes; the caller saves r.
func (s *Requests) writePlan(ctx context.Context, tx pgx.Tx, r *Request, f facts) error {
	f.basis = s.now().UTC().Truncate(time.Microsecond)
	r.PlanNo++
	r.PlannedAt = &f.basis
	nodes := draft(f)
	r.PlanDigest = digest(r.ID, r.PlanNo, nodes)
	return insertNodes(ctx, tx, r.ID, r.PlanNo, nodes)
}

// Replan makes the plan of a request anew from the catalog as it is now, and
// asks the services again what they hold. One that waits for a person because
// of what was found before its approval may be planned anew, too: what stopped
// it is judged again.
func (s *Requests) Replan(ctx context.Context, by access.Principal, request uuid.UUID) (Request, error) {
	if err := by.Require(access.Handler, access.Approver); err != nil {
		return Request{}, err
	}
	return s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		if r.State != Blocked || r.ApprovedBy != nil {
			if err := r.in(Planned); err != nil {
				return err
			}
		}
		if err := s.planAnew(ctx, tx, by, r, "REPLAN"); err != nil {
			return err
		}
		return s.prepare(ctx, tx, r, nil)
	})
}

// dispatchPlan makes one task for each service and wave of the plan.
func (s *Requests) dispatchPlan(ctx context.Context, tx pgx.Tx, r Request) error {
	nodes, err := nodesOf(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	type slot struct {
		service uuid.UUID
		action  task.Action
		wave    int
	}
	var order []slot
	scope := map[slot][]uuid.UUID{}
	for _, n := range nodes {
		if n.Kind != Ask && n.Kind != Keep {
			continue
		}
		k := slot{*n.ServiceID, *n.Action, *n.Wave}
		if _, ok := scope[k]; !ok {
			order = append(order, k)
		}
		scope[k] = append(scope[k], n.DatasetID)
	}
	todo := make([]task.Assignment, 0, len(order))
	for _, k := range order {
		todo = append(todo, task.Assignment{Service: k.service, Action: k.action, Wave: r.wave(k.wave), State: task.Waiting, NextAt: s.now(), Datasets: scope[k]})
	}
	slices.SortStableFunc(todo, func(a, b task.Assignment) int { return a.Wave - b.Wave })
	if len(todo) == 0 {
		return nil
	}
	return task.Insert(ctx, tx, r.ID, todo)
}
