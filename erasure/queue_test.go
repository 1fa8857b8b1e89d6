package erasure

import (
	"testing"

	"github.com/flowmart/lethe/erasure/answer"
	"github.com/google/uuid"
)

// letters of as many answers as given, each about tasks of its own.
func letters(answers ...int) []*letter {
	out := make([]*letter, len(answers))
	for i, n := range answers {
		out[i] = &letter{done: make(chan struct{})}
		for range n {
			out[i].message.Answers = append(out[i].message.Answers, answer.Answer{Task: uuid.New()})
		}
	}
	return out
}

// groups puts letters into a queue while its worker is busy, and takes them
// all: the numbers of the letters of each group.
func groups(ls ...*letter) (q *intake, out [][]int) {
	q = &intake{busy: intakeWidth}
	number := map[*letter]int{}
	for i, l := range ls {
		number[l] = i
		if q.add(l) {
			panic("a second worker")
		}
	}
	for group := q.next(); len(group) > 0; group = q.next() {
		var numbers []int
		for _, l := range group {
			numbers = append(numbers, number[l])
		}
		out = append(out, numbers)
	}
	return q, out
}

// The limits are those that intake.go states: 100 answers to a unit of work,
// but for a single message, which may hold 500 by the protocol.
func TestLettersOfAUnitOfWork(t *testing.T) {
	t.Parallel()
	about := letters(1, 1, 1)
	about[2].message.Answers[0].Task = about[0].message.Answers[0].Task
	for name, c := range map[string]struct {
		ls   []*letter
		want [][]int
	}{
		"none":                             {nil, nil},
		"exactly as many as fit":           {letters(60, 40), [][]int{{0, 1}}},
		"one more":                         {letters(60, 41), [][]int{{0}, {1}}},
		"a smaller one goes before":        {letters(60, 41, 40), [][]int{{0, 2}, {1}}},
		"one message beyond the limit":     {letters(500, 1), [][]int{{0}, {1}}},
		"the same task is not met twice":   {about, [][]int{{0, 1}, {2}}},
		"nobody waits behind small ones":   {letters(90, 100, 1, 1), [][]int{{0, 2, 3}, {1}}},
		"the first in line always goes on": {letters(1, 100, 100), [][]int{{0}, {1}, {2}}},
	} {
		_, got := groups(c.ls...)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
			continue
		}
		for i := range got {
			if len(got[i]) != len(c.want[i]) {
				t.Errorf("%s: %v, want %v", name, got, c.want)
				break
			}
			for n := range got[i] {
				if got[i][n] != c.want[i][n] {
					t.Errorf("%s: %v, want %v", name, got, c.want)
				}
			}
		}
	}
}

// A worker begins with the first letter and ends with the last, and another
// begins with the next.
func TestOneWorkerAtATime(t *testing.T) {
	t.Parallel()
	q, ls := &intake{}, letters(1, 1, 1)
	if !q.add(ls[0]) || q.add(ls[1]) {
		t.Fatal("the first letter begins the work and the second joins it")
	}
	if got := q.next(); len(got) != 2 {
		t.Fatalf("%d letters", len(got))
	}
	if got := q.next(); len(got) != 0 || q.busy != 0 {
		t.Fatalf("%d letters, %d workers", len(got), q.busy)
	}
	if !q.add(ls[2]) {
		t.Fatal("nobody works, and nobody begins")
	}
}
