package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// teller prints what happens, and keeps what was expected and seen.
type teller struct {
	out    io.Writer
	began  time.Time
	proofs []proof
}

type proof struct {
	what string
	held bool
	seen string
}

func (t *teller) step(format string, args ...any) {
	fmt.Fprintf(t.out, "\n\033[1m%5.1fs  %s\033[0m\n", time.Since(t.began).Seconds(), fmt.Sprintf(format, args...))
}

func (t *teller) say(format string, args ...any) {
	fmt.Fprintf(t.out, "        %s\n", fmt.Sprintf(format, args...))
}

// expect records one expectation of the demo and whether it held.
func (t *teller) expect(held bool, what, seen string, args ...any) {
	seen = fmt.Sprintf(seen, args...)
	t.proofs = append(t.proofs, proof{what, held, seen})
	mark := "\033[32m✓\033[0m"
	if !held {
		mark = "\033[31m✗\033[0m"
	}
	fmt.Fprintf(t.out, "      %s %s: %s\n", mark, what, seen)
}

// failed counts the expectations that did not hold.
func (t *teller) failed() (n int) {
	for _, p := range t.proofs {
		if !p.held {
			n++
		}
	}
	return n
}

// table prints rows in columns.
func (t *teller) table(head []string, rows [][]string) {
	width := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	line := func(row []string) {
		var b strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&b, "%s%s  ", cell, strings.Repeat(" ", width[i]-len([]rune(cell))))
		}
		fmt.Fprintf(t.out, "        %s\n", strings.TrimRight(b.String(), " "))
	}
	line(head)
	for _, row := range rows {
		line(row)
	}
}

// summary prints what was shown.
func (t *teller) summary() {
	fmt.Fprintf(t.out, "\n\033[1mWhat was shown, in %.0f s\033[0m\n", time.Since(t.began).Seconds())
	for _, p := range t.proofs {
		mark := "yes"
		if !p.held {
			mark = "NO "
		}
		fmt.Fprintf(t.out, "  %s  %s\n", mark, p.what)
	}
}
