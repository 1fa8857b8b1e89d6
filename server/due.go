package server

import (
	"context"
	"sync"
	"time"
)

// due is a context that ends at a time, as of context.WithDeadline. Its timer,
// and its place among its parent's children, are made only once somebody waits
// for its end: most answers are there before anybody does, and cost little more
// than that.
type due struct {
	context.Context // the parent
	at              time.Time
	mu              sync.Mutex
	timed           context.Context // nil until somebody waits
	cancel          context.CancelFunc
	over            bool // end was called
}

// withDue returns a context that ends at a time at the latest. Its method end
// frees what was made for it.
func withDue(parent context.Context, at time.Time) *due { return &due{Context: parent, at: at} }

func (d *due) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	if d.timed != nil {
		d.cancel()
	}
}

// Deadline implements context.Context.
func (d *due) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done implements context.Context.
func (d *due) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
		if d.over {
			d.cancel()
		}
	}
	return d.timed.Done()
}

// Err implements context.Context.
func (d *due) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch err := d.Context.Err(); {
	case d.timed != nil:
		return d.timed.Err()
	case err != nil:
		return err
	case d.over:
		return context.Canceled
	case !time.Now().Before(d.at):
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements context.Context. By a key of its own, package context finds
// the context that has the timer, and hangs children into that one.
func (d *due) Value(key any) any {
	d.mu.Lock()
	timed := d.timed
	d.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return d.Context.Value(key)
}
