package chaos

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage is processor time, in seconds, of everything that this process has
// started and of itself. Empty where the system does not tell (not Linux).
type usage struct{ lethe, postgres, services float64 }

func (a usage) minus(b usage) usage {
	return usage{a.lethe - b.lethe, a.postgres - b.postgres, a.services - b.services}
}

func (a usage) all() float64 { return a.lethe + a.postgres + a.services }

// cpu adds up the processor time of our own processes: those that lead back to
// this one.
func cpu() (u usage) {
	type process struct {
		name    string
		parent  int
		seconds float64
	}
	all := map[int]process{}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		end := strings.LastIndexByte(string(text), ')')
		if err != nil || end < 0 {
			continue
		}
		_, name, _ := strings.Cut(string(text[:end]), "(")
		f := strings.Fields(string(text[end+1:]))
		parent, _ := strconv.Atoi(f[1])
		ticks := 0.0
		for _, word := range f[11:15] { // ours, and that of children that have ended
			n, _ := strconv.ParseFloat(word, 64)
			ticks += n
		}
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		all[id] = process{name, parent, ticks / 100}
	}
	me := os.Getpid()
	for id, p := range all {
		for at := id; at > 1; at = all[at].parent {
			if at != me {
				continue
			}
			switch {
			case id == me:
				u.services += p.seconds
			case p.name == "postgres":
				u.postgres += p.seconds
			default:
				u.lethe += p.seconds
			}
			break
		}
	}
	return u
}
