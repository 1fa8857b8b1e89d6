//go:build chaos

package registry

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
)

// rounds of a race; SHORT campaigns run fewer.
func rounds() int {
	if os.Getenv("CAMPAIGN") == "long" {
		return 200
	}
	return 20
}

// Clients race on one replica and on two. Of schemas that exclude one another
// one gets in; the same schema from everywhere is one id and one version; and
// what is answered to a registration, a deletion, a level and a mode that come
// together is what some order of the four would have had answered.
func TestChaosRaces(t *testing.T) {
	s := open(t, 2)
	s.token("admin")
	for replicas := 1; replicas <= 2; replicas++ {
		for round := range rounds() {
			name := fmt.Sprintf("race-%d-%d", replicas, round)
			s.excluding(t, replicas, name+"-a")
			s.equal(t, replicas, name+"-b")
			s.serial(t, replicas, name+"-c")
		}
	}
}

// want fails the test unless a call was answered.
func (s *stack) want(a answer, err error) answer {
	s.tb.Helper()
	s.must(err)
	return a
}

// together makes calls at once, on replicas by turns.
func (s *stack) together(n int, do func(i int) answer) []answer {
	out := make([]answer, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			out[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	return out
}

// only is a record of one field that has no default: no two go together.
func only(field string) map[string]any {
	return submission(`{"type":"record","name":"R","fields":[{"name":"` + field + `","type":"string"}]}`)
}

func (s *stack) excluding(t *testing.T, replicas int, subject string) {
	got := s.together(12, func(i int) answer {
		return s.want(s.call(i%replicas, "admin", "POST", "/subjects/"+subject+"/versions", only(fmt.Sprintf("f%d", i))))
	})
	won := 0
	for _, a := range got {
		switch a.status {
		case http.StatusOK:
			won++
		case http.StatusConflict:
		default:
			t.Errorf("%s: %d %s", subject, a.status, a.text)
		}
	}
	if versions := s.want(s.call(0, "admin", "GET", "/subjects/"+subject+"/versions", nil)); won != 1 || versions.text != "[1]" {
		t.Fatalf("%s: %d got in, versions %s", subject, won, versions.text)
	}
}

func (s *stack) equal(t *testing.T, replicas int, subject string) {
	got := s.together(12, func(i int) answer {
		return s.want(s.call(i%replicas, "admin", "POST", "/subjects/"+subject+"/versions", only("same")))
	})
	for _, a := range got {
		if a.status != http.StatusOK || a.body["id"] != got[0].body["id"] {
			t.Fatalf("%s: %d %s and %s", subject, a.status, a.text, got[0].text)
		}
	}
	if versions := s.want(s.call(replicas-1, "admin", "GET", "/subjects/"+subject+"/versions", nil)); versions.text != "[1]" {
		t.Fatalf("%s: versions %s", subject, versions.text)
	}
}

// world is what the four acts of serial change, and are answered by.
type world struct {
	first, second bool // versions that live
	level, mode   string
}

const (
	register = iota
	remove
	relax
	seal
	acts
)

// do is an act as the rules have it, and the status of its answer.
func (w *world) do(act int) int {
	if act != seal && w.mode == "READONLY" {
		return http.StatusUnprocessableEntity
	}
	switch act {
	case register:
		if w.level != "NONE" && w.first {
			return http.StatusConflict
		}
		w.second = true
	case remove:
		w.first = false
	case relax:
		w.level = "NONE"
	case seal:
		w.mode = "READONLY"
	}
	return http.StatusOK
}

func (s *stack) serial(t *testing.T, replicas int, subject string) {
	if a := s.want(s.call(0, "admin", "POST", "/subjects/"+subject+"/versions", only("first"))); a.status != http.StatusOK {
		t.Fatalf("%s: %d %s", subject, a.status, a.text)
	}
	answers := s.together(acts, func(act int) answer {
		on := act % replicas
		switch act {
		case register:
			return s.want(s.call(on, "admin", "POST", "/subjects/"+subject+"/versions", only("second")))
		case remove:
			return s.want(s.call(on, "admin", "DELETE", "/subjects/"+subject+"/versions/1", nil))
		case relax:
			return s.want(s.call(on, "admin", "PUT", "/config/"+subject, map[string]string{"compatibility": "NONE"}))
		}
		return s.want(s.call(on, "admin", "PUT", "/mode/"+subject, map[string]string{"mode": "READONLY"}))
	})
	var got [acts]int
	for act, a := range answers {
		got[act] = a.status
	}
	versions := s.want(s.call(replicas-1, "admin", "GET", "/subjects/"+subject+"/versions", nil))
	is := world{level: "BACKWARD", mode: "READWRITE"}
	is.first, is.second = versions.text == "[1]" || versions.text == "[1,2]", versions.text == "[2]" || versions.text == "[1,2]"
	is.level, _ = s.want(s.call(0, "admin", "GET", "/config/"+subject+"?defaultToGlobal=true", nil)).body["compatibilityLevel"].(string)
	is.mode, _ = s.want(s.call(0, "admin", "GET", "/mode/"+subject+"?defaultToGlobal=true", nil)).body["mode"].(string)
	for order := range permutations([]int{register, remove, relax, seal}) {
		w := world{first: true, level: "BACKWARD", mode: "READWRITE"}
		var would [acts]int
		for _, act := range order {
			would[act] = w.do(act)
		}
		if would == got && w == is {
			return
		}
	}
	t.Errorf("%s: no order explains the answers %v and %+v (%s)", subject, got, is, versions.text)
}

// permutations yields every order of a list.
func permutations(list []int) func(yield func([]int) bool) {
	return func(yield func([]int) bool) { permute(slices.Clone(list), 0, yield) }
}

func permute(list []int, fixed int, yield func([]int) bool) bool {
	if fixed == len(list) {
		return yield(list)
	}
	for i := fixed; i < len(list); i++ {
		list[fixed], list[i] = list[i], list[fixed]
		if !permute(list, fixed+1, yield) {
			return false
		}
		list[fixed], list[i] = list[i], list[fixed]
	}
	return true
}
