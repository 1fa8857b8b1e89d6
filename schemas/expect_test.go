package schemas

import (
	"testing"
	"time"
)

// What is set on a subject can be taken back from above, without a change of the
// subject. A version that was registered meanwhile, after the state before that, is
// not taken from memory then: what was set would come back.
func TestWhatWasForgottenMeanwhileDoesNotComeBack(t *testing.T) {
	t.Parallel()
	for _, looked := range []bool{false, true} {
		s := New(nil, time.Now).subjects
		old := &state{place: place{home, "orders"}, own: &layer{Own: true, Context: home}, head: 1}
		s.subjects[old.place] = old
		w := written{after: old, st: old.with(numbered{version: 2}, nil, 2), floor: s.bottom()}
		s.changes++
		s.forget((*state).set)
		s.expect(w)
		if looked && s.ours(`[{"Kind":"REGISTERED","Context":".","Name":"orders","Head":2,"SchemaID":2}]`) {
			t.Error("it was taken from memory")
		}
		s.settle(w, true)
		if st := s.subjects[old.place]; st != nil {
			t.Errorf("memory has %+v", st)
		}
	}
}
