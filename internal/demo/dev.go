package demo

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Serve starts the whole stack with FlowMart open and its catalog imported, and
// serves until ctx ends: for work on Lethe itself.
func Serve(ctx context.Context, o Options, out io.Writer) error {
	t := &teller{out: out, began: time.Now()}
	s, err := start(ctx, o)
	defer s.stop()
	if err != nil {
		return err
	}
	sc := &scene{stack: s, teller: t}
	for _, act := range []func(context.Context) error{sc.furnish, sc.openShops} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	sc.guide()
	select {
	case <-ctx.Done():
		return nil
	case <-s.lethe.Ended():
		return fmt.Errorf("lethe ended; see %s", s.file("lethe.log"))
	}
}
