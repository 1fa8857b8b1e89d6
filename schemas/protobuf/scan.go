package protobuf

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/fault"
)

const (
	// maxDepth is how deep brackets may nest in a text, and messages in a
	// descriptor. protoc itself takes 32 messages in one another.
	maxDepth = 100
	// maxDeclarations is how much a file may declare: what ends with a semicolon,
	// what has a body, each list of options and each further item of a list
	// count alike, and take about as long to compile. A oneof counts twice.
	maxDeclarations = 10_000
	// maxOneofs is how many oneofs a file may have if they stand in one message, with
	// a field in each and no other. An optional field of proto3 stands in a oneof of its own, and for
	// each oneof the compiler goes through all fields of the message.
	maxOneofs = 5_000
	// maxName is the longest name, in bytes.
	maxName = 1000
	// longLine is how long a line gets before it is broken for the parser, which
	// counts columns from the start of the line each time it needs one.
	longLine = 200
	// maxCounted is how many columns it may have to count, roughly: where comments
	// stand between all that there is on a line, it cannot be broken.
	maxCounted = 100_000_000
)

// layout is a text as the parser gets it: the same, but that long lines are
// broken between two tokens. It knows where each byte came from.
type layout struct {
	text   string // as it was sent
	parsed string
	breaks []int // where in parsed there is a line feed that text does not have
	lines  []int // where in text a line starts
	starts []int // where in parsed one does
}

// scan bounds a text by one pass over its bytes, before any parser sees it.
func scan(text string) (*layout, error) {
	if !utf8.ValidString(text) {
		return nil, fault.New(fault.Invalid, codeInvalid, "the schema is not UTF-8 text")
	}
	if strings.TrimSpace(text) == "" {
		return nil, fault.New(fault.Invalid, codeInvalid, "the schema is empty")
	}
	s := &scanner{text: text}
	for s.at < len(text) {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	return s.layout(), nil
}

// scanner goes over a text, token by token as far as it needs to tell them
// apart.
type scanner struct {
	text      string
	at        int
	line      int // where the line starts
	depth     int
	declared  int   // of maxDeclarations
	counted   int   // of maxCounted
	last      byte  // of the token before
	commented bool  // a comment stands behind it
	cuts      []int // where a line may be broken
}

func (s *scanner) step() error {
	c := s.text[s.at]
	if s.at-s.line > longLine && s.mayBreak(c) {
		s.cuts, s.line = append(s.cuts, s.at), s.at
	}
	if isWord(c) {
		return s.pastWord()
	}
	start := s.at
	s.at++
	switch c {
	case '\n':
		s.line = s.at
	case '"', '\'':
		s.at = min(len(s.text), pastString(s.text, start)+1)
	case '/':
		s.pastSlash()
	case '{', '[':
		s.depth++
		if s.last != '=' { // the value of an option counts with the option
			s.declared++
		}
	case '<', '(':
		s.depth++
	case '}', ']', '>', ')':
		s.depth--
	case ';', ',':
		s.declared++
	}
	if strings.IndexByte(";{},[", c) >= 0 {
		s.count(10) // what is declared has parts, each with a place
	}
	if c > ' ' && c != '/' {
		s.last, s.commented = c, false
	}
	switch {
	case s.depth > maxDepth:
		return fault.New(fault.Invalid, codeInvalid, "the schema nests more than %d deep", maxDepth)
	case s.declared > maxDeclarations:
		return tooMany().At(s.place(start))
	case s.counted > maxCounted:
		return fault.New(fault.Invalid, codeInvalid, "too much stands on one line, with comments between all of it; begin a new line behind each declaration").At(s.place(start))
	}
	return nil
}

// place is that of a byte for the path of a fault.
func (s *scanner) place(at int) string {
	before := s.text[:at]
	return fmt.Sprintf(atLine, 1+strings.Count(before, "\n"), at-strings.LastIndexByte(before, '\n'))
}

// count notes that the parser will ask for the column where we are, so often.
func (s *scanner) count(times int) {
	if column := s.at - s.line; column > longLine {
		s.counted += times * column
	}
}

// pastSlash passes a comment, or the slash itself where none begins.
func (s *scanner) pastSlash() {
	s.count(1)
	start := s.at - 1
	s.at = min(len(s.text), pastComment(s.text, start)+1)
	if i := strings.LastIndexByte(s.text[start:s.at], '\n'); i >= 0 {
		s.line = start + i + 1
	}
	s.commented = s.at > start+1
	s.count(1)
}

func tooMany() *fault.Fault {
	return fault.New(fault.Invalid, codeInvalid, "the schema has more than %d declarations, lists of options and items of lists together; split it into files that import one another", maxDeclarations)
}

func isWord(c byte) bool {
	return c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func (s *scanner) pastWord() error {
	start := s.at
	for s.at < len(s.text) && isWord(s.text[s.at]) {
		s.at++
	}
	s.last, s.commented = s.text[start], false
	if s.text[start:s.at] == "oneof" {
		s.declared++
	}
	if s.at-start > maxName {
		return fault.New(fault.Invalid, codeInvalid, "a name of the schema has more than %d characters", maxName)
	}
	return nil
}

// mayBreak reports whether a line feed here, before a byte, stands between two
// tokens and leaves every comment where it is. Which of two tokens a comment is
// of goes by the lines of all three: between these there must be none.
func (s *scanner) mayBreak(c byte) bool {
	return c > ' ' && c != '/' && !s.commented && strings.IndexByte(" \t\r;{},=", s.text[s.at-1]) >= 0
}

// pastString finds the end of a string, or of the line that it cannot pass.
func pastString(text string, at int) int {
	quote := text[at]
	for at++; at < len(text) && text[at] != quote && text[at] != '\n'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at
}

// pastComment finds the end of a comment; where none begins, the slash itself.
func pastComment(text string, at int) int {
	var end string
	switch {
	case strings.HasPrefix(text[at:], "//"):
		end = "\n"
	case strings.HasPrefix(text[at:], "/*"):
		end = "*/"
	default:
		return at
	}
	n := strings.Index(text[at+2:], end)
	if n < 0 {
		return len(text)
	}
	return at + 2 + n + len(end) - 1
}

func (s *scanner) layout() *layout {
	l := &layout{text: s.text, lines: starts(s.text)}
	var b strings.Builder
	last := 0
	for _, cut := range s.cuts {
		b.WriteString(s.text[last:cut])
		l.breaks = append(l.breaks, b.Len())
		b.WriteByte('\n')
		last = cut
	}
	b.WriteString(s.text[last:])
	l.parsed = b.String()
	l.starts = starts(l.parsed)
	return l
}

// starts is where the lines of a text start.
func starts(text string) []int {
	out := []int{0}
	for i := range len(text) {
		if text[i] == '\n' {
			out = append(out, i+1)
		}
	}
	return out
}

// place is the line and column, in bytes and from 1, of a byte of the parsed
// text, in the text as it was sent.
func (l *layout) place(offset int) (line, column int) {
	offset = min(max(0, offset), len(l.parsed))
	offset -= sort.SearchInts(l.breaks, offset) // line feeds before it
	line = sort.SearchInts(l.lines, offset+1)
	return line, offset - l.lines[line-1] + 1
}

// found is place of a line and column as the parser counts them, from 0: a tab
// goes on to the next multiple of eight, and other characters count as one.
func (l *layout) found(line, column int) (int, int) {
	if line < 0 || line >= len(l.starts) {
		return 0, 0
	}
	at := l.starts[line]
	for n := 0; at < len(l.parsed) && n < column; {
		_, size := utf8.DecodeRuneInString(l.parsed[at:])
		if l.parsed[at] == '\t' {
			n += 8 - n%8
		} else {
			n++
		}
		at += size
	}
	return l.place(at)
}
