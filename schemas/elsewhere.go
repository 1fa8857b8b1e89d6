package schemas

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/remote"
)

// elsewhere is the registry that is written to in the mode FORWARD. It judges
// what the level says and gives ids and numbers. Who may write, and what the gate
// says, is judged here before it hears of anything, and what came of it is kept
// here afterwards. Nothing is locked while it is asked: what it took and this one
// could not keep is kept when the same is asked again.
type elsewhere struct {
	reach  func() (*remote.Registry, error)
	within time.Duration // for all that one write asks
	asked  chan struct{} // one for each write that it is asked for now
}

// mostWaiting is how many writes wait for it at once. Those beyond wait for their
// turn as long as patience, which is enough where it answers, and are refused then:
// whoever reads is not to wait for a registry that hangs.
const (
	mostWaiting = 24
	patience    = time.Second
)

// ForwardTo names the registry that is written to in the mode FORWARD, and how
// long it is waited for. It is asked for with each write: secrets change. This is
// called before anything else.
func (r *Registry) ForwardTo(reach func() (*remote.Registry, error), within time.Duration) {
	r.elsewhere = &elsewhere{reach: reach, within: within, asked: make(chan struct{}, mostWaiting)}
}

// Copying is the registry for who copies into it what another one has, in the
// mode FORWARD: what is written is written here alone. It needs an admin.
func (r *Registry) Copying(by access.Principal) (*Registry, error) {
	if err := by.Require(access.Admin); err != nil {
		return nil, err
	}
	return r.keepingCopies(), nil
}

func (r *Registry) keepingCopies() *Registry {
	own := *r
	own.copying = true
	return &own
}

// errTurned undoes a write that is to be forwarded, or is to be no more.
var errTurned = errors.New("the mode has it written elsewhere")

// turn turns back a write, once it was judged, that is to be forwarded.
func (r *Registry) turn(m Mode) error {
	if m == Forwarding && !r.copying {
		return errTurned
	}
	return nil
}

// mayForward refuses the mode where it cannot hold.
func (r *Registry) mayForward(p place) error {
	if p != (place{home, ""}) {
		return fault.Bad("mode", "INVALID_MODE", "the mode FORWARD is the whole registry's (global only); set it without a subject or a context")
	}
	if r.elsewhere == nil {
		return fault.Bad("mode", "INVALID_MODE", "in the mode FORWARD another registry is written to, and this server knows of none; say which with its setting LETHE_FORWARD_URL")
	}
	return nil
}

// begin is the time in which one write is asked for. It does not end because
// whoever asked has gone.
func (o *elsewhere) begin(ctx context.Context) (asking context.Context, done func(), err error) {
	if o == nil {
		return nil, nil, fault.New(fault.Unavailable, "FORWARD_FAILED", "this is to be written to another registry, and this server knows of none; its setting LETHE_FORWARD_URL says which")
	}
	select {
	case o.asked <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-time.After(patience):
		return nil, nil, fault.New(fault.Unavailable, "FORWARD_FAILED", "as many writes as may are waiting for the registry that is written to; try again")
	}
	asking, cancel := o.keeping(ctx)
	return asking, func() { cancel(); <-o.asked }, nil
}

// keeping is the time in which what came of it is kept here, likewise.
func (o *elsewhere) keeping(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), o.within)
}

// ask sends one request, and tells a refusal as a fault.
func (o *elsewhere) ask(ctx context.Context, method, path string, body, into any) error {
	if strays(path) {
		return fault.Bad("subject", "INVALID_SUBJECT", "in the mode FORWARD no part of a name between slashes is empty or of dots alone: on its way it could be taken out, and the rest is another subject; choose another name")
	}
	other, err := o.reach()
	if err == nil {
		err = other.Ask(ctx, method, path, body, into)
	}
	refused, ok := errors.AsType[*remote.Refusal](err)
	switch {
	case err == nil:
		return nil
	case ok && refused.Final():
		f := fault.New(fault.Invalid, "REFUSED_ELSEWHERE", "the registry that is written to refuses this: %s", refused.Message).With(refused)
		f.Kind = kindOf(refused)
		return f
	case ok:
		return fault.New(fault.Unavailable, "FORWARD_FAILED", "the registry that is written to answers with the status %d; nothing is known to be written, so ask the same again, or ask who runs this server to look at its settings LETHE_FORWARD_…", refused.Status).With(err)
	}
	return fault.New(fault.Unavailable, "FORWARD_FAILED", "the registry that is written to does not answer, or not as one; nothing is known to be written, so ask the same again").With(err)
}

// strays reports whether a path leads elsewhere where somebody on the way unescapes
// it and takes out what is no folder, as proxies do. Whoever asks was let in for the
// name as it is.
func strays(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	plain, err := url.PathUnescape(path)
	parts := strings.Split(strings.ReplaceAll(plain, `\`, "/"), "/")
	return err != nil || slices.ContainsFunc(parts[1:], func(p string) bool { return p == "" || p == "." || p == ".." })
}

func kindOf(r *remote.Refusal) fault.Kind {
	switch r.Status {
	case http.StatusNotFound:
		return fault.NotFound
	case http.StatusConflict:
		return fault.Conflict
	}
	return fault.Invalid
}

// odd refuses an answer that no registry gives.
func odd(what string) error {
	return fault.New(fault.Unavailable, "FORWARD_FAILED", "the registry that is written to answers with no %s; ask the same again", what)
}

// pathOf is the path of a subject, or of the registry or a context where it has
// no name.
func pathOf(path string, p place, more ...string) string {
	if p != (place{home, ""}) {
		path += "/" + url.PathEscape(p.String())
	}
	for _, m := range more {
		path += "/" + m
	}
	return path
}
