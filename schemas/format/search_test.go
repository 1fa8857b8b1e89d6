package format_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A search for slow texts that nobody thought of: small texts of all families are
// taken, pieces of some put into others, and two or three pieces repeated, put around
// one another or made long. What comes of it is a family like the others.

// seeker makes recipes of one language.
type seeker struct {
	*rand.Rand
	language
	seeds []string
}

func newSeeker(l language, seed uint64) seeker {
	s := seeker{rand.New(rand.NewPCG(seed, 0)), l, nil}
	for _, f := range l.families {
		s.seeds = append(s.seeds, f.of(2))
	}
	const shortest, longest = 4, 3000
	s.seeds = slices.DeleteFunc(s.seeds, func(text string) bool {
		return len(text) < shortest || len(text) > longest || l.read(text) != nil
	})
	return s
}

// oneIn is true once in so many times.
func (s seeker) oneIn(n int) bool { return s.IntN(n) == 0 }

func (s seeker) recipe() recipe {
	r := recipe{text: s.seeds[s.IntN(len(s.seeds))]}
	if s.oneIn(3) {
		r.text = s.grafted(r.text)
	}
	for range 1 + s.IntN(3) {
		if p, ok := s.part(r.text); ok {
			r.add(p)
		}
	}
	return r
}

// grafted is a text with a piece of another one in it.
func (s seeker) grafted(text string) string {
	other := s.seeds[s.IntN(len(s.seeds))]
	at, of := s.piece(text), s.piece(other)
	if at == nil || of == nil {
		return text
	}
	return text[:at[1]] + s.separator(text, at) + other[of[0]:of[1]] + text[at[1]:]
}

// token is a quoted text, a word, a number, white space or any one character.
var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_]*|[0-9]+|\s+|(?s:.)`)

// piece finds a piece that opens no bracket which it does not shut: a member, an
// item, a statement, a line, a word. Mostly it begins and ends where something does.
func (s seeker) piece(text string) []int {
	all := token.FindAllStringIndex(text, -1)
	for range 20 {
		i := s.IntN(len(all))
		if i > 0 && !s.oneIn(4) && !strings.Contains(",;{[(\n", text[all[i-1][0]:all[i-1][1]]) {
			continue
		}
		ends := endsOf(text, all[i:])
		if len(ends) == 0 {
			continue
		}
		to := ends[min(s.IntN(len(ends)), s.IntN(len(ends)))]
		if !s.oneIn(3) {
			to = ends[max(0, slices.IndexFunc(ends, func(e int) bool {
				return e >= to && (e == len(text) || strings.Contains(",;}])\n", text[e:e+1]))
			}))]
		}
		return []int{all[i][0], to}
	}
	return nil
}

// endsOf lists where a piece that begins with the first of some tokens can end.
func endsOf(text string, tokens [][]int) (ends []int) {
	open := 0
	for _, t := range tokens {
		switch text[t[0]] {
		case '{', '[', '(', '<':
			open++
		case '}', ']', ')', '>':
			open--
		}
		if open < 0 {
			return ends
		}
		if open == 0 {
			ends = append(ends, t[1])
		}
	}
	return ends
}

// separator is what stands before or after a piece, if that separates; else any.
func (s seeker) separator(text string, at []int) string {
	for _, i := range []int{at[1], at[0] - 1} {
		if i >= 0 && i < len(text) && strings.Contains(",;\n", text[i:i+1]) {
			return text[i : i+1]
		}
	}
	return []string{"", ",", ";", "\n"}[s.IntN(4)]
}

func (s seeker) part(text string) (p part, ok bool) {
	at := s.piece(text)
	if at == nil {
		return p, false
	}
	piece := text[at[0]:at[1]]
	words := counted.FindAllString(piece, -1)
	if s.oneIn(10) && len(words) > 0 { // a long word
		w := words[s.IntN(len(words))]
		from := at[0] + strings.Index(piece, w)
		return part{from: from, to: from + len(w), times: s.times()}, true
	}
	p = part{from: at[0], to: at[1], between: s.separator(text, at), times: s.times(), apart: s.apart(words), next: s.oneIn(4)}
	if s.oneIn(6) {
		if of := s.piece(piece); of != nil && of[1]-of[0] < len(piece) {
			p.around, p.between = [2]int{at[0] + of[0], at[0] + of[1]}, ""
		}
	}
	return p, true
}

// times is how often a part is there.
func (s seeker) times() func(n int) int {
	switch s.IntN(6) {
	case 0:
		return func(n int) int { return n/10 + 1 }
	case 1:
		return func(n int) int { return min(n, 100) }
	case 2:
		return func(n int) int { return min(n, 10) }
	}
	return func(n int) int { return n }
}

// apart chooses which words are told apart: some, and all numbers or none.
func (s seeker) apart(words []string) map[string]bool {
	out := map[string]bool{}
	if len(words) > 0 {
		for range s.IntN(4) {
			out[words[s.IntN(len(words))]] = true
		}
	}
	if s.oneIn(2) {
		for _, w := range words {
			out[w] = out[w] || isNumber(w)
		}
	}
	return out
}

// worth reports whether a recipe makes texts that are read; of the others a few are
// tried, as to refuse takes time, too.
func (s seeker) worth(r recipe) bool {
	return len(r.parts) > 0 && (s.read(r.of(3)) == nil || s.oneIn(50))
}

// family is the next family to be tried.
func (s seeker) family() family {
	for {
		r := s.recipe()
		if !s.worth(r) {
			continue
		}
		f := family{name: r.of(2), of: r.of}
		if was := s.recipe(); s.oneIn(3) && s.worth(was) {
			f.was = was.of
		}
		return f
	}
}

// longest is how long the texts of a family take, as slowest finds it, but for
// those that stay cheap.
func (s seeker) longest(f family) (worst taken) {
	const cheap, long, enough = 6 * time.Millisecond, 150 << 10, 2 * time.Second
	for n := 64; n <= s.most; n *= 2 {
		one, fits := s.take(f, n)
		if !fits {
			break
		}
		if one.cpu > worst.cpu {
			worst = one
		}
		if one.bytes > long && one.cpu < cheap || one.cpu > enough {
			break
		}
	}
	return worst
}

// Slow texts that nobody thought of. SEARCH says for how long each language is
// searched, LANGUAGE which, SEED where to begin. What takes long is told at once, with
// a small text of its kind, and what that follows.
func BenchmarkSearch(b *testing.B) {
	lasts, err := time.ParseDuration(os.Getenv("SEARCH"))
	if err != nil {
		b.Skip("SEARCH=10m searches each language for ten minutes")
	}
	const slow = 600 * time.Millisecond
	seed, _ := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	for _, l := range languages() {
		if !strings.Contains(l.name, os.Getenv("LANGUAGE")) {
			continue
		}
		b.Run(strings.ReplaceAll(l.name, " ", "_"), func(b *testing.B) {
			s := newSeeker(l, seed)
			var worst time.Duration
			tried := 0
			for began := time.Now(); time.Since(began) < lasts; tried++ {
				f := s.family()
				one := s.longest(f)
				worst = max(worst, one.cpu)
				if one.cpu > slow {
					tell(f, one)
				}
			}
			b.ReportMetric(float64(tried), "families")
			b.ReportMetric(ms(worst), "ms")
		})
	}
}

func tell(f family, one taken) {
	fmt.Fprintf(os.Stderr, "%7.1f ms  n = %d, %d KB: %.60v\n%s\n", ms(one.cpu), one.n, one.bytes>>10, fmt.Sprint(one.err), f.name)
	if f.was != nil {
		fmt.Fprintf(os.Stderr, "after\n%s\n", f.was(2))
	}
}
