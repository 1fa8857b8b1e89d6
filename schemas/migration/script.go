package migration

import "strings"

// script reads the literals of JavaScript: objects, arrays, texts and numbers.
// Whatever else stands for a value is read over, and has no value.
type script struct {
	lines
	in    string
	i     int
	codes []bool // per byte, whether it is code: no comment and no text
}

// hidden reports whether a byte lies in a comment or in a text.
func (s *script) hidden(at int) bool {
	if s.codes == nil {
		s.codes = make([]bool, len(s.in))
		for i := 0; i < len(s.in); {
			next := i + 1
			switch c := s.in[i]; {
			case strings.HasPrefix(s.in[i:], "//"):
				next = s.past(i, "\n")
			case strings.HasPrefix(s.in[i:], "/*"):
				next = s.past(i+2, "*/")
			case c == '"' || c == '\'' || c == '`':
				next = s.quoteEnd(i)
			default:
				s.codes[i] = true
			}
			i = next
		}
	}
	return !s.codes[at]
}

// past is the byte behind the next of some words, or the end.
func (s *script) past(from int, words string) int {
	if i := strings.Index(s.in[min(from, len(s.in)):], words); i >= 0 {
		return from + i + len(words)
	}
	return len(s.in)
}

// quoteEnd is the byte behind a text that begins at i.
func (s *script) quoteEnd(i int) int {
	quote := s.in[i]
	for i++; i < len(s.in); i++ {
		switch s.in[i] {
		case '\\':
			i++
		case quote:
			return i + 1
		}
	}
	return len(s.in)
}

// blank skips white space and comments.
func (s *script) blank() {
	for s.i < len(s.in) {
		switch {
		case strings.HasPrefix(s.in[s.i:], "//"):
			s.i = s.past(s.i, "\n")
		case strings.HasPrefix(s.in[s.i:], "/*"):
			s.i = s.past(s.i+2, "*/")
		case strings.IndexByte(" \t\r\n", s.in[s.i]) >= 0:
			s.i++
		default:
			return
		}
	}
}

// arguments reads the arguments of a call up to its end.
func (s *script) arguments() (out []*node, ok bool) {
	list := &node{}
	ok = s.items(list, ')', 0)
	return list.kids, ok
}

// items reads values up to a closing sign.
func (s *script) items(n *node, closing byte, depth int) bool {
	for {
		s.blank()
		if s.i >= len(s.in) {
			return false
		}
		if s.in[s.i] == closing {
			s.i++
			return true
		}
		k := &node{}
		if !s.value(k, depth) {
			return false
		}
		n.kids = append(n.kids, k)
		if !s.comma(closing) {
			return false
		}
	}
}

// comma takes a comma, or stops before the closing sign.
func (s *script) comma(closing byte) bool {
	s.blank()
	if s.i < len(s.in) && s.in[s.i] == ',' {
		s.i++
		return true
	}
	return s.i < len(s.in) && s.in[s.i] == closing
}

func (s *script) value(n *node, depth int) bool {
	s.blank()
	if s.i >= len(s.in) || depth > deepest {
		return false
	}
	n.at = s.place(s.i)
	switch c := s.in[s.i]; c {
	case '{':
		s.i++
		return s.members(n, depth+1)
	case '[':
		s.i++
		n.list = true
		return s.items(n, ']', depth+1)
	case '"', '\'', '`':
		n.value = s.text()
		return true
	}
	return s.other(n)
}

func (s *script) text() string {
	end := s.quoteEnd(s.i)
	raw := s.in[s.i+1 : max(end-1, s.i+1)]
	s.i = end
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' && i+1 < len(raw) {
			i++
			if j := strings.IndexByte("nrt", raw[i]); j >= 0 {
				b.WriteByte("\n\r\t"[j])
				continue
			}
		}
		b.WriteByte(raw[i])
	}
	return b.String()
}

// members reads the members of an object.
func (s *script) members(n *node, depth int) bool {
	for {
		s.blank()
		if s.i >= len(s.in) {
			return false
		}
		if s.in[s.i] == '}' {
			s.i++
			return true
		}
		k, at := &node{}, s.place(s.i)
		switch c := s.in[s.i]; {
		case c == '"' || c == '\'':
			k.name = s.text()
		default:
			start := s.i
			for s.i < len(s.in) && (s.in[s.i] == '$' || s.in[s.i] == '_' || isWord(s.in[s.i])) {
				s.i++
			}
			k.name = s.in[start:s.i]
		}
		if s.blank(); k.name == "" || s.i >= len(s.in) || s.in[s.i] != ':' {
			return false
		}
		s.i++
		if !s.value(k, depth) {
			return false
		}
		k.at = at
		n.kids = append(n.kids, k)
		if !s.comma('}') {
			return false
		}
	}
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// other reads a number, a word, or over an expression up to where it ends.
func (s *script) other(n *node) bool {
	start, depth := s.i, 0
	for s.i < len(s.in) {
		switch c := s.in[s.i]; {
		case c == '"' || c == '\'' || c == '`':
			s.i = s.quoteEnd(s.i)
			continue
		case c == '(' || c == '[' || c == '{':
			depth++
		case depth == 0 && (c == ',' || c == ')' || c == ']' || c == '}'):
			word := strings.TrimSpace(s.in[start:s.i])
			if word == "true" || word == "false" || word != "" && strings.Trim(word, "0123456789.-") == "" {
				n.value = word
			}
			return word != ""
		case c == ')' || c == ']' || c == '}':
			depth--
		}
		s.i++
	}
	return false
}
