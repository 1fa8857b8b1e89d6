package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// Why a registry is not written to, or not switched from: it keeps the mode that it
// is told, and goes on as before, as Apicurio's newer ones do.
var (
	ErrOwnIDs = errors.New("the registry that is written to gives ids of its own, whatever its mode, so nothing can be mirrored to it; what it took was deleted again")
	ErrOpen   = errors.New("the registry that is mirrored is not closed, and nothing was switched: it took a schema, which was deleted again; have it take nothing more (Apicurio Registry: apicurio.storage.read-only.enabled), and switch with --closed")
)

// open has the registry that is written to take ids and numbers, and returns what
// has it be as it was. One in the mode FORWARD does, and stays in it: what is copied
// is written there alone.
func (m *Mirror) open(ctx context.Context) (close func(context.Context) error, err error) {
	mode, err := m.To.mode(ctx)
	if unknown(err) {
		return nil, fmt.Errorf("the registry that is written to has no modes, so it takes no ids that are chosen: nothing was written, as each schema would get another id there: %w", err)
	}
	if err != nil {
		return nil, err
	}
	close = func(ctx context.Context) error { return m.To.setMode(ctx, mode, true) }
	m.To.Copies = mode == forwards
	if mode == "IMPORT" || mode == forwards {
		return close, nil
	}
	if err := m.To.setMode(ctx, "IMPORT", m.Force); err != nil {
		return nil, fmt.Errorf("the registry that is written to does not enter the mode IMPORT: %w", err)
	}
	return close, nil
}

// takeBack deletes for good the version that came of a step that asked for another
// id, if one came of it and was not there before.
func (m *Mirror) takeBack(ctx context.Context, s Step) error {
	all, _, err := m.To.numbers(ctx, s.Subject)
	if err != nil {
		return err
	}
	for _, n := range slices.Backward(all) {
		if _, was := m.known(m.To)[place{s.Subject, n}]; was {
			continue
		}
		if err := m.To.hide(ctx, s.Subject, n); err != nil {
			return err
		}
		return m.To.purge(ctx, s.Subject, n)
	}
	return nil
}

// ErrDiffers is why a switch did not come about.
var ErrDiffers = errors.New("the registries differ; nothing was switched")

// Switch makes To the registry that is written to by everybody: From is closed
// first, if it is not, what was registered meanwhile is taken, and only when nothing
// differs To is opened. If something does, From is opened again.
func (m *Mirror) Switch(ctx context.Context) (left []Step, err error) {
	reopen, err := m.close(ctx)
	if err != nil {
		return nil, err
	}
	m.read = nil // nothing changes any more: what is compared now is what stays
	if err = m.From.takesNone(ctx); err == nil {
		left, err = m.settled(ctx)
	}
	if err == nil {
		err = m.To.setMode(ctx, "READWRITE", false)
	}
	if err != nil {
		return left, errors.Join(err, reopen(context.WithoutCancel(ctx)))
	}
	return nil, nil
}

// close has From take nothing more, unless it does not already, and returns what
// opens it again as it was.
func (m *Mirror) close(ctx context.Context) (reopen func(context.Context) error, err error) {
	if m.Closed {
		return func(context.Context) error { return nil }, nil
	}
	was, err := m.From.mode(ctx)
	if unknown(err) {
		return nil, fmt.Errorf("the registry that is mirrored has no modes, so it cannot be closed from here, and nothing was switched: have it take nothing more (Apicurio Registry: apicurio.storage.read-only.enabled), and switch with --closed: %w", err)
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return m.From.setMode(ctx, was, true) }, m.From.setMode(ctx, "READONLY", false)
}

// knock is the subject under which a registry that is said to be closed is asked to
// take a schema.
const knock = "lethe-mirror-is-it-closed"

// judges are the statuses with which a registry that is closed refuses: Confluent's
// and Lethe's, Apicurio's, and a gateway's that lets no writes through.
var judges = []int{http.StatusUnprocessableEntity, http.StatusConflict, http.StatusMethodNotAllowed}

// takesNone makes sure that a registry is closed. If it is not, what it took is
// deleted again. Only a judgement of what is written says so: that it is not well,
// or lets nobody like us write, says nothing of others.
func (r *Registry) takesNone(ctx context.Context) error {
	at := "/subjects/" + url.PathEscape(knock)
	err := r.Ask(ctx, http.MethodPost, at+"/versions", map[string]string{"schema": `"null"`}, nil)
	refused, ok := errors.AsType[*Refusal](err)
	switch {
	case ok && slices.Contains(judges, refused.Status):
		return nil
	case err != nil:
		return fmt.Errorf("whether the registry that is mirrored is closed cannot be told, and nothing was switched; sign in there as somebody who might write, or try again: %w", err)
	}
	return errors.Join(ErrOpen, r.Ask(ctx, http.MethodDelete, at, nil, nil), r.Ask(ctx, http.MethodDelete, at+"?permanent=true", nil, nil))
}

// settled takes what is left and fails if anything still differs.
func (m *Mirror) settled(ctx context.Context) ([]Step, error) {
	plan, err := m.Plan(ctx)
	if err != nil {
		return plan, err
	}
	if plan, err = m.Apply(ctx, plan); err != nil {
		return plan, err
	}
	if plan, err = m.Plan(ctx); err != nil || len(plan) > 0 {
		return plan, errors.Join(err, ErrDiffers)
	}
	return nil, nil
}
