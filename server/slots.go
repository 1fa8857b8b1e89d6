package server

import (
	"sync"

	"github.com/google/uuid"
)

// slots are the places of requests that are answered at a time. One caller has
// at most half of them: whoever asks for everything at once is told to wait
// before the others are.
type slots struct {
	most  int
	mu    sync.Mutex
	taken int
	by    map[uuid.UUID]int // of callers who are known
}

func newSlots(most int) *slots { return &slots{most: most, by: map[uuid.UUID]int{}} }

// admission is what comes of asking for a place.
type admission int

const (
	admitted admission = iota
	full               // for everybody
	greedy             // for this caller
)

// enter takes a place for a caller, the zero id if nobody knows who it is.
// Whoever is admitted leaves again.
func (s *slots) enter(who uuid.UUID) admission {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.taken >= s.most:
		return full
	case who != uuid.Nil && s.by[who] >= s.most/2:
		return greedy
	}
	s.taken++
	if who != uuid.Nil {
		s.by[who]++
	}
	return admitted
}

func (s *slots) leave(who uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if who == uuid.Nil {
		return
	}
	if s.by[who]--; s.by[who] == 0 {
		delete(s.by, who)
	}
}

// inUse is how many places are taken.
func (s *slots) inUse() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}
