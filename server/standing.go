package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// watchEvery is how often a stream looks whether the session it was opened
// with still stands.
const watchEvery = 2 * time.Second

// Why a stream ends before what it tells of does. Its listener is told.
var (
	errStreamOver  = fault.New(fault.Unavailable, "STREAM_OVER", "a stream lasts an hour at most; subscribe again")
	errStopping    = fault.New(fault.Unavailable, "UNAVAILABLE", "this server is stopping; subscribe again")
	errSessionOver = fault.New(fault.Unknown, "UNAUTHENTICATED", "your session has ended; sign in again")
	errNewRoles    = fault.New(fault.Denied, "ROLES_CHANGED", "the identity provider has changed your roles or teams; subscribe again")
)

// standing is who calls, and how long that may be believed.
type standing struct {
	by    access.Principal
	left  time.Duration                   // of the token that says so; 0 where a session does
	ended func(ctx context.Context) error // why the session that says so stands no longer; nil where a token does
}

// streaming bounds a stream in time. Why it ended is the cause of its context's
// end.
func (f *front) streaming(ctx context.Context, st standing, events bool) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := []func() bool{
		time.AfterFunc(streamFor, func() { cancel(errStreamOver) }).Stop,
		context.AfterFunc(f.ending, func() { cancel(errStopping) }),
	}
	// A file on its way is not cut: all of it was granted at once. What happens
	// later is for those alone who may see it then.
	if events && st.left > 0 {
		stop = append(stop, time.AfterFunc(st.left, func() { cancel(errExpired) }).Stop)
	}
	if events && st.ended != nil {
		go watch(ctx, cancel, st.ended)
	}
	return ctx, func() {
		cancel(nil)
		for _, s := range stop {
			s()
		}
	}
}

// watch ends a stream with its session. A database that is away for a moment
// ends nothing.
func watch(ctx context.Context, end context.CancelCauseFunc, ended func(context.Context) error) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if f, over := errors.AsType[*fault.Fault](ended(ctx)); over {
			end(f)
			return
		}
	}
}

// stillStands tells why a session stands no longer as it did, and has the
// issuer asked when that is due: nobody else may come by who would.
func (s *sessions) stillStands(ctx context.Context, handle, principal uuid.UUID, was rights, key []byte) error {
	const q = `
		SELECT roles, teams, refresh IS NOT NULL AND confirmed_at < now() - interval '5 minutes' AS due
		  FROM server_session
		 WHERE handle = $1
		   AND seen_at > now() - interval '30 minutes'
		   AND signed_in_at > now() - interval '12 hours'
		   AND confirmed_at > now() - interval '1 hour'`
	type row struct {
		rights
		Due bool
	}
	is, err := postgres.One[row](ctx, s.db, q, handle)
	switch {
	case errors.Is(err, postgres.ErrNotFound):
		return errSessionOver
	case err != nil:
		return err
	case !slices.Equal(is.Roles, was.Roles) || !slices.Equal(is.Teams, was.Teams):
		return errNewRoles
	case is.Due:
		return s.ask(ctx, handle, principal, key)
	}
	return nil
}
