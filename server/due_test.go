package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever is asked of it first, such a context says what one of package context
// says: before its time, after it, once it was given up, and once its parent was.
func TestDueIsAsOfPackageContext(t *testing.T) {
	t.Parallel()
	type side struct {
		ctx  context.Context
		end  func()
		done <-chan struct{} // of a child; nil where nobody waits
	}
	type says struct {
		err, cause  error
		over, child bool
		value       any
		in          time.Duration
	}
	ended := func(done <-chan struct{}) bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
	for _, c := range []struct {
		name string
		wait bool // for its end, and for that of a child, from the beginning
		then func(parent func(), s side)
	}{
		{"before its time", false, func(func(), side) {}},
		{"before its time, waited for", true, func(func(), side) {}},
		{"after it", false, func(func(), side) { time.Sleep(2 * time.Second) }},
		{"after it, waited for", true, func(func(), side) { time.Sleep(2 * time.Second) }},
		{"given up", false, func(_ func(), s side) { s.end() }},
		{"given up, waited for", true, func(_ func(), s side) { s.end() }},
		{"of a parent that ended", false, func(parent func(), _ side) { parent() }},
		{"of a parent that ended, waited for", true, func(parent func(), _ side) { parent() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				why := errors.New("why")
				said := func(with func(context.Context, time.Time) (context.Context, func())) (all says) {
					parent, cancel := context.WithCancelCause(context.WithValue(t.Context(), t, "value"))
					defer cancel(nil)
					began := time.Now()
					var s side
					s.ctx, s.end = with(parent, began.Add(time.Second))
					defer s.end()
					if c.wait {
						of, stop := context.WithCancel(s.ctx)
						defer stop()
						s.done = of.Done()
					}
					c.then(func() { cancel(why) }, s)
					synctest.Wait()
					until, _ := s.ctx.Deadline()
					return says{s.ctx.Err(), context.Cause(s.ctx), ended(s.ctx.Done()), ended(s.done), s.ctx.Value(t), until.Sub(began)}
				}
				want := said(func(parent context.Context, at time.Time) (context.Context, func()) {
					ctx, cancel := context.WithDeadline(parent, at)
					return ctx, cancel
				})
				got := said(func(parent context.Context, at time.Time) (context.Context, func()) {
					d := withDue(parent, at)
					return d, d.end
				})
				if got != want {
					t.Errorf("%+v; package context says %+v", got, want)
				}
			})
		})
	}
}
