package ddl

import (
	"strings"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/tables"
)

// class is what a token is.
type class uint8

const (
	end    class = iota
	word         // a keyword or a name, in lower case
	quoted       // a name in quotes
	text         // a string
	number
	symbol // one character of its own
)

// token is the smallest piece of SQL (PostgreSQL manual, 4.1 Lexical Structure).
type token struct {
	class class
	text  string
	at    int // byte
	to    int // the byte behind it
}

// lexer cuts a script into statements.
type lexer struct {
	in    string
	i     int
	from  tables.Place
	lines format.Lines
	near  spot    // where the last place was
	toks  []token // of the statement; the next one is read into them
}

// spot is a byte, and what stands before it in its line.
type spot struct{ line, at, column int }

func newLexer(from tables.Place, in string) *lexer {
	return &lexer{in: in, from: from, lines: format.LinesOf(in)}
}

// place says where a byte stands in the file.
func (l *lexer) place(at int) tables.Place {
	if l.from.Line > 0 && l.from.Column == 0 {
		return l.from // all of it is said at one place
	}
	line, _ := l.lines.Place(at)
	p := tables.Place{File: l.from.File, Line: line, Column: l.column(line, at)}
	if l.from.Line > 0 {
		if line == 1 {
			p.Column += l.from.Column - 1
		}
		p.Line += l.from.Line - 1
	}
	return p
}

// column counts characters up to a byte of a line, from 1. Places are mostly
// asked for one after the other, and a line can be all of a script.
func (l *lexer) column(line, at int) int {
	if l.near.line != line || l.near.at > at {
		l.near = spot{line, l.lines[line-1], 1}
	}
	l.near.column += utf8.RuneCountInString(l.in[l.near.at:at])
	l.near.at = at
	return l.near.column
}

func (l *lexer) bad(at int, code, message string, args ...any) error {
	return fault.New(fault.Invalid, code, message, args...).At(l.place(at).String())
}

// How many tokens of a statement are kept: of one that says nothing of tables,
// and at most. A table may have 1,600 columns.
const (
	mostElsewhere = 16
	mostTokens    = 100_000
)

// statement reads the tokens up to the next semicolon; none at the end. Of a
// statement that is not about tables only the first are kept, and of COPY what
// stands in no parentheses: whether rows follow. They are good until the next
// statement is read.
func (l *lexer) statement() ([]token, error) {
	out := l.toks[:0]
	defer func() { l.toks = out }()
	parens, blocks := 0, 0
	for {
		t, err := l.next(len(out) == 0)
		if err != nil {
			return nil, err
		}
		t.to = l.i
		switch {
		case t.class == end && len(out) > 0:
			return out, nil
		case t.class == end:
			return nil, nil
		case t.class == symbol && t.text == ";":
			if parens > 0 || blocks > 0 {
				break
			}
			if len(out) == 0 {
				continue
			}
			if copiesIn(out) {
				l.skipData()
			}
			return out, nil
		case t.class == symbol && t.text == "(":
			parens++
		case t.class == symbol && t.text == ")":
			parens = max(parens-1, 0)
		case t.class == word:
			blocks = block(blocks, out, t.text)
		}
		if len(out) >= mostTokens {
			return nil, l.bad(out[0].at, "SQL_TOO_LONG", "this statement has more than %d words; split it", mostTokens)
		}
		if len(out) < mostElsewhere || aboutTables(out[0].text) || out[0].text == "copy" && parens == 0 {
			out = append(out, t)
		}
	}
}

func aboutTables(first string) bool {
	return first == "create" || first == "alter" || first == "drop" || first == "comment" || first == "set" || first == "select"
}

// block counts how deep the body of a function lies that is written in SQL and
// not quoted: semicolons in it do not end the statement.
func block(depth int, before []token, word string) int {
	switch {
	case word == "atomic" && len(before) > 0 && before[len(before)-1].text == "begin" && before[0].text == "create":
		return depth + 1
	case word == "case" && depth > 0:
		return depth + 1
	case word == "end" && depth > 0:
		return depth - 1
	}
	return depth
}

// copiesIn reports whether rows follow a statement.
func copiesIn(s []token) bool {
	if s[0].text != "copy" {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i].text == "stdin" && s[i-1].text == "from" {
			return true
		}
	}
	return false
}

// skipData skips the rows of COPY … FROM stdin.
func (l *lexer) skipData() {
	for l.i < len(l.in) {
		line, _, more := strings.Cut(l.in[l.i:], "\n")
		l.i += len(line)
		if more {
			l.i++
		}
		if strings.TrimRight(line, "\r") == `\.` {
			return
		}
	}
}

// next reads a token. At the beginning of a statement a line may be a command
// to psql, which begins with a backslash.
func (l *lexer) next(first bool) (token, error) {
	if err := l.blank(); err != nil {
		return token{}, err
	}
	at := l.i
	if l.i >= len(l.in) {
		return token{class: end, text: "", at: at}, nil
	}
	c := l.in[l.i]
	switch {
	case c == '\\' && first:
		line, _, _ := strings.Cut(l.in[l.i:], "\n")
		l.i += len(line)
		return token{class: symbol, text: ";", at: at}, nil
	case c == '\'':
		s, err := l.string(false)
		return token{class: text, text: s, at: at}, err
	case c == '"':
		s, err := l.name()
		return token{class: quoted, text: Truncated(s), at: at}, err
	case (c == 'e' || c == 'E' || c == 'b' || c == 'B' || c == 'x' || c == 'X' || c == 'n' || c == 'N') && l.peek(1) == '\'':
		l.i++
		s, err := l.string(c == 'e' || c == 'E')
		return token{class: text, text: s, at: at}, err
	case (c == 'u' || c == 'U') && l.peek(1) == '&' && (l.peek(2) == '\'' || l.peek(2) == '"'):
		return l.unicode()
	case c == '$':
		if s, ok, err := l.dollar(); ok || err != nil {
			return token{class: text, text: s, at: at}, err
		}
	case isDigit(c), c == '.' && isDigit(l.peek(1)):
		for l.i < len(l.in) && (isDigit(l.in[l.i]) || isLetter(l.in[l.i]) || l.in[l.i] == '.') {
			l.i++
		}
		return token{class: number, text: l.in[at:l.i], at: at}, nil
	case isLetter(c):
		for l.i < len(l.in) && (isLetter(l.in[l.i]) || isDigit(l.in[l.i]) || l.in[l.i] == '$') {
			l.i++
		}
		return token{class: word, text: Truncated(folded(l.in[at:l.i])), at: at}, nil
	}
	_, size := utf8.DecodeRuneInString(l.in[l.i:])
	l.i += size
	return token{class: symbol, text: l.in[at:l.i], at: at}, nil
}

func (l *lexer) peek(n int) byte {
	if l.i+n < len(l.in) {
		return l.in[l.i+n]
	}
	return 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isLetter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// folded is a name in lower case: of ASCII letters alone, as PostgreSQL does.
func folded(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' }) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// longestName is how many bytes of a name PostgreSQL keeps.
const longestName = 63

// Truncated is as much of a name as PostgreSQL keeps.
func Truncated(s string) string {
	if len(s) <= longestName {
		return s
	}
	n := longestName
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// blank skips white space and comments, which nest.
func (l *lexer) blank() error {
	for l.i < len(l.in) {
		switch c := l.in[l.i]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			l.i++
		case strings.HasPrefix(l.in[l.i:], "\uFEFF"):
			l.i += len("\uFEFF")
		case strings.HasPrefix(l.in[l.i:], "--"):
			line, _, _ := strings.Cut(l.in[l.i:], "\n")
			l.i += len(line)
		case strings.HasPrefix(l.in[l.i:], "/*"):
			if err := l.comment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) comment() error {
	at, depth := l.i, 0
	for l.i < len(l.in) {
		switch {
		case strings.HasPrefix(l.in[l.i:], "/*"):
			depth++
			l.i += 2
		case strings.HasPrefix(l.in[l.i:], "*/"):
			depth--
			l.i += 2
			if depth == 0 {
				return nil
			}
		default:
			l.i++
		}
	}
	return l.bad(at, "BAD_SQL", "this comment has no end; write */ where it ends")
}
