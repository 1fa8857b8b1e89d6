package ddl

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/fault"
)

// string reads a string in single quotes; with escapes where it was written
// E'…'.
func (l *lexer) string(escapes bool) (string, error) {
	at := l.i
	var b strings.Builder
	for l.i++; l.i < len(l.in); l.i++ {
		switch c := l.in[l.i]; {
		case c == '\'' && l.peek(1) == '\'':
			b.WriteByte(c)
			l.i++
		case c == '\'' && l.goesOn():
		case c == '\'':
			l.i++
			return b.String(), nil
		case c == '\\' && escapes && l.i+1 < len(l.in):
			l.i++
			l.escape(&b)
		default:
			b.WriteByte(c)
		}
	}
	return "", l.bad(at, "BAD_SQL", "this string has no end; a quote in a string is written twice")
}

// goesOn reports whether a string that ends here goes on in another one, and
// moves to where that begins: only white space with a new line is between them.
func (l *lexer) goesOn() bool {
	lines := false
	for i := l.i + 1; i < len(l.in); i++ {
		switch c := l.in[i]; {
		case c == '\'' && lines:
			l.i = i
			return true
		case c == ' ' || c >= '\t' && c <= '\r':
			lines = lines || c == '\n'
		default:
			return false
		}
	}
	return false
}

// escape reads what stands behind a backslash in E'…' (PostgreSQL manual,
// table 4.1), and stops at its last byte.
func (l *lexer) escape(b *strings.Builder) {
	digits := func(most, base int) {
		n := 1
		for n < most && l.i+n < len(l.in) {
			if _, err := strconv.ParseUint(l.in[l.i:l.i+n+1], base, 32); err != nil {
				break
			}
			n++
		}
		v, err := strconv.ParseUint(l.in[l.i:l.i+n], base, 32)
		if err == nil && utf8.ValidRune(rune(v)) {
			b.WriteRune(rune(v))
		}
		l.i += n - 1
	}
	switch c := l.in[l.i]; {
	case c >= '0' && c <= '7':
		digits(3, 8)
	case (c == 'x' || c == 'u' || c == 'U') && l.i+1 < len(l.in):
		l.i++
		digits(map[byte]int{'x': 2, 'u': 4, 'U': 8}[c], 16)
	case strings.IndexByte("bfnrt", c) >= 0:
		b.WriteByte("\b\f\n\r\t"[strings.IndexByte("bfnrt", c)])
	default:
		b.WriteByte(c)
	}
}

// name reads a name in double quotes.
func (l *lexer) name() (string, error) {
	at := l.i
	var b strings.Builder
	for l.i++; l.i < len(l.in); l.i++ {
		switch c := l.in[l.i]; {
		case c == '"' && l.peek(1) == '"':
			b.WriteByte(c)
			l.i++
		case c == '"':
			l.i++
			if b.Len() == 0 {
				return "", l.bad(at, "BAD_SQL", "a name in quotes has at least one character")
			}
			return b.String(), nil
		default:
			b.WriteByte(c)
		}
	}
	return "", l.bad(at, "BAD_SQL", "this name has no end; write \" where it ends")
}

// unicode reads U&'…' or U&"…", with backslashes as they are unless told
// otherwise.
func (l *lexer) unicode() (token, error) {
	at := l.i
	l.i += 2
	kind, read := text, func() (string, error) { return l.string(false) }
	if l.in[l.i] == '"' {
		kind, read = quoted, l.name
	}
	s, err := read()
	if err != nil {
		return token{}, err
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		n, from := 0, i+1
		switch {
		case s[i] == '\\' && strings.HasPrefix(s[i+1:], `\`):
			i++
		case s[i] == '\\' && strings.HasPrefix(s[i+1:], "+"):
			n, from = 6, i+2
		case s[i] == '\\':
			n = 4
		}
		if n == 0 || from+n > len(s) {
			b.WriteByte(s[i])
			continue
		}
		v, err := strconv.ParseUint(s[from:from+n], 16, 32)
		if err != nil {
			return token{}, l.bad(at, "BAD_SQL", `after a backslash stand four hexadecimal digits, or + and six`)
		}
		b.WriteRune(rune(v))
		i = from + n - 1
	}
	if s = b.String(); kind == quoted {
		s = Truncated(s)
	}
	return token{class: kind, text: s, at: at}, nil
}

// dollar reads a string between two $tag$.
func (l *lexer) dollar() (s string, ok bool, err error) {
	n := 1
	for l.i+n < len(l.in) && (isLetter(l.in[l.i+n]) || n > 1 && isDigit(l.in[l.i+n])) {
		n++
	}
	if l.peek(n) != '$' {
		return "", false, nil
	}
	at, tag := l.i, l.in[l.i:l.i+n+1]
	s, _, ok = strings.Cut(l.in[l.i+len(tag):], tag)
	if !ok {
		return "", false, l.bad(at, "BAD_SQL", "this string has no end; write %s where it ends", clip(tag))
	}
	l.i += len(s) + 2*len(tag)
	return s, true, nil
}

// clip shortens what is repeated in a message.
func clip(s string) string { return fault.Cut(s, 60) }
