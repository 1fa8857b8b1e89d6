package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/remote"
)

// Why a registry is not written to, or not switched from: it keeps the mode that it
// is told, and goes on as before, as Apicurio's newer ones do; or a part of it has a
// mode of its own.
var (
	ErrOwnIDs = errors.New("the registry that is written to gives ids of its own, whatever its mode, so nothing can be mirrored to it; what it took was deleted again")
	ErrOpen   = errors.New("the registry that is mirrored is not closed, and nothing was switched")
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
	force := m.Force
	m.Force = false // once: who opens it while it is followed, means it
	if mode == "IMPORT" || mode == forwards {
		return close, nil
	}
	if err := m.To.setMode(ctx, "IMPORT", force); err != nil {
		return nil, fmt.Errorf("the registry that is written to does not enter the mode IMPORT; if that is because it has versions already, --force has it: %w", err)
	}
	return close, nil
}

// takeBack deletes for good the version that came of asking for another id, if one
// came of it and was not there before. What others registered meanwhile stays.
func (m *Mirror) takeBack(ctx context.Context, made *ownID) error {
	all, _, err := m.To.numbers(ctx, made.subject)
	if err != nil {
		return err
	}
	for _, n := range slices.Backward(all) {
		if _, was := m.known(m.To)[place{made.subject, n}]; was {
			continue
		}
		switch v, err := m.To.version(ctx, made.subject, n); {
		case err != nil:
			return err
		case v.ID != made.got:
			continue
		}
		if err := m.To.hide(ctx, made.subject, n); err != nil {
			return err
		}
		return m.To.purge(ctx, made.subject, n)
	}
	return nil
}

// ErrDiffers is why a switch did not come about.
var ErrDiffers = errors.New("the registries differ; nothing was switched")

// Switch makes To the registry that is written to by everybody: From is closed
// first, if it is not, what was registered meanwhile is taken, and only when nothing
// differs To is opened. If something does, From is opened again. Killed in between
// it leaves From closed, and is done again.
func (m *Mirror) Switch(ctx context.Context) (left []Step, err error) {
	reopen, err := m.close(ctx)
	if err == nil {
		err = m.closed(ctx)
	}
	m.read = nil // nothing changes any more: what is compared now is what stays
	if err == nil {
		left, err = m.settled(ctx)
	}
	if err != nil {
		return left, errors.Join(err, reopen(context.WithoutCancel(ctx)))
	}
	return nil, m.handOver(context.WithoutCancel(ctx), reopen)
}

// close has From take nothing more, unless it does not already, and returns what
// opens it again as it was, also where it may be closed only.
func (m *Mirror) close(ctx context.Context) (reopen func(context.Context) error, err error) {
	stays := func(context.Context) error { return nil }
	if m.Closed {
		return stays, nil
	}
	was, err := m.From.mode(ctx)
	if unknown(err) {
		return stays, fmt.Errorf("the registry that is mirrored has no modes, so it cannot be closed from here, and nothing was switched: have it take nothing more (Apicurio Registry: apicurio.storage.read-only.enabled), and switch with --closed: %w", err)
	}
	if err != nil {
		return stays, err
	}
	if readOnly(was) {
		return func(context.Context) error {
			return fmt.Errorf("the registry that is mirrored was %s before, and stays so", clip(was))
		}, nil
	}
	here, err := m.To.mode(ctx)
	if err != nil {
		return stays, err
	}
	reopen = func(ctx context.Context) error {
		if err := m.From.setMode(ctx, was, true); err != nil {
			return fmt.Errorf("the registry that is mirrored may be closed still; its mode was %s: %w", clip(was), err)
		}
		return nil
	}
	if err := m.From.setMode(ctx, "READONLY", false); err != nil {
		return reopen, fmt.Errorf("the registry that is mirrored does not enter the mode READONLY; close it there, and switch with --closed: %w", err)
	}
	if now, err := m.To.mode(ctx); err != nil || readOnly(now) && now != here {
		return reopen, cmp.Or(err, fmt.Errorf("%w: both are one and the same, by two names", ErrOpen))
	}
	return reopen, nil
}

func readOnly(mode string) bool { return mode == "READONLY" || mode == outright }

// outright is the mode in which no subject and no context is open of its own.
const outright = "READONLY_OVERRIDE"

// handOver opens To. An answer may be lost on its way, so what came of it is asked;
// where nobody says that it is not open, From stays closed: both open is worse than
// none.
func (m *Mirror) handOver(ctx context.Context, reopen func(context.Context) error) error {
	err := m.To.setMode(ctx, "READWRITE", false)
	if err == nil {
		return nil
	}
	switch mode, unsaid := m.To.mode(ctx); {
	case unsaid != nil:
		return fmt.Errorf("whether the registry that is written to is open now is not known, so the mirrored one stays closed; switch again when it answers: %w", err)
	case mode == "READWRITE":
		return nil
	}
	return errors.Join(err, reopen(ctx))
}

// closed makes sure that From is closed, everywhere.
func (m *Mirror) closed(ctx context.Context) error {
	mode, err := m.From.mode(ctx)
	if err != nil && !unknown(err) {
		return err
	}
	if err := m.From.takesNone(ctx); err != nil || mode == "" || mode == outright {
		return err
	}
	subjects, err := m.From.subjects(ctx, "", true)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	around := ""
	for _, subject := range subjects {
		if within := schemas.Qualified(subject, ""); within != around {
			around = within
			g.Go(func() error { return m.From.noneOpen(ctx, within) })
		}
		g.Go(func() error { return m.From.noneOpen(ctx, subject) })
	}
	return g.Wait()
}

// noneOpen makes sure that a subject or a context is not open of its own.
func (r *Registry) noneOpen(ctx context.Context, name string) error {
	var own struct{ Mode string }
	err := r.Ask(ctx, http.MethodGet, at("/mode", name), nil, &own)
	if remote.Absent(err) || err == nil && readOnly(own.Mode) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s has the mode %s of its own; take that back (DELETE %s), and switch again", ErrOpen, clip(name), clip(own.Mode), clip(at("/mode", name)))
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
	return errors.Join(fmt.Errorf("%w: it took a schema, which was deleted again; have it take nothing more (Apicurio Registry: apicurio.storage.read-only.enabled), and switch with --closed", ErrOpen),
		r.Ask(ctx, http.MethodDelete, at, nil, nil), r.Ask(ctx, http.MethodDelete, at+"?permanent=true", nil, nil))
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
