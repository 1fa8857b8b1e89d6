package erasure

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/postgres"
)

// Waves carry the order of a plan: the taps are closed first, then the source,
// then its copies, and last the directory through which all others know
// people. Probes and what follows come after.
const (
	waveResolve   = 0
	waveLocate    = 1
	waveSource    = 3
	waveCopies    = 4
	waveDirectory = 5
	waveExport    = 6
	waveProbe     = 10 // the first probe; erasing again and probing again take the next two
	waveFollowUp  = 30 // the first probe after closing
	waveReplan    = 40 // resolve, and locate after it, when everybody is asked again; then 42, 44 …
	wavesEachTime = 100
)

// wave numbers a wave of r. A request that was opened again is worked in waves
// of its own, so that its tasks are new ones.
func (r Request) wave(w int) int { return r.Reopened*wavesEachTime + w }

// planning numbers a wave in which r is prepared. Each time r is planned anew
// has waves of its own, above those of the work.
func (r Request) planning(w int) int {
	if r.Replanned == 0 {
		return w
	}
	return waveReplan + 2*(r.Replanned-1) + w
}

// tasks lists the tasks of one request.
func tasks(ctx context.Context, db postgres.DB, request uuid.UUID) ([]task.Task, error) {
	found, err := task.Of(ctx, db, []uuid.UUID{request})
	return found[request], err
}

func of(all []task.Task, action task.Action) []task.Task {
	var out []task.Task
	for _, t := range all {
		if t.Action == action {
			out = append(out, t)
		}
	}
	return out
}

func inWave(all []task.Task, wave int) []task.Task {
	return slices.DeleteFunc(all, func(t task.Task) bool { return t.Wave != wave })
}

func terminal(all []task.Task) bool {
	return !slices.ContainsFunc(all, func(t task.Task) bool { return !t.State.Terminal() })
}
