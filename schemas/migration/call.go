package migration

import "strings"

// mongoCall is a call on the database, db.createCollection( and its like, or on
// a collection of it: db.customers.drop(, db.getCollection("x").rename(.
type mongoCall struct {
	begins, arguments int // bytes
	collection        string
	does              string
}

// nextCall finds the next call from a byte on. A regular expression would find
// it, too, and take a hundred times as long over a file that has none.
func nextCall(text string, from int) (c mongoCall, found bool) {
	for {
		i := strings.Index(text[from:], "db")
		if i < 0 {
			return c, false
		}
		from += i + len("db")
		begins := from - len("db")
		if begins > 0 && isName(text[begins-1]) {
			continue
		}
		if c, found = (&callReader{text, from}).call(); found {
			c.begins = begins
			return c, true
		}
	}
}

// assigned is where a function is given to a name, or declared by it; -1 if it
// is nowhere.
func assigned(text, name string) int {
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return -1
		}
		begins := from + i
		from = begins + len(name)
		r := &callReader{text, from}
		if (begins == 0 || !isName(text[begins-1])) && (r.sign('(') || r.sign(':') || r.sign('=')) {
			return begins
		}
	}
}

func isName(c byte) bool { return c < 0x80 && (c == '_' || isWord(c)) }

// callReader reads a call behind the word db.
type callReader struct {
	text string
	i    int
}

// call reads up to the arguments.
func (r *callReader) call() (c mongoCall, ok bool) {
	if !r.sign('.') {
		return c, false
	}
	word := r.word()
	switch {
	case word == "":
		return c, false
	case (word == "createCollection" || word == "runCommand" || word == "command") && r.sign('('):
		return mongoCall{arguments: r.i, does: word}, true
	case (word == "getCollection" || word == "collection") && r.sign('('):
		if word, ok = r.quoted(); !ok || !r.sign(')') {
			return c, false
		}
	}
	if !r.sign('.') {
		return c, false
	}
	does := r.word()
	if does != "drop" && does != "renameCollection" && does != "rename" || !r.sign('(') {
		return c, false
	}
	return mongoCall{arguments: r.i, collection: word, does: does}, true
}

// blank skips white space.
func (r *callReader) blank() {
	for r.i < len(r.text) && strings.IndexByte(" \t\r\n\f", r.text[r.i]) >= 0 {
		r.i++
	}
}

// sign takes a sign, if it stands next.
func (r *callReader) sign(c byte) bool {
	r.blank()
	if r.i < len(r.text) && r.text[r.i] == c {
		r.i++
		return true
	}
	return false
}

// word reads a name, "" if none stands next.
func (r *callReader) word() string {
	r.blank()
	start := r.i
	for r.i < len(r.text) && (isName(r.text[r.i]) || r.text[r.i] == '$') {
		r.i++
	}
	if start < r.i && r.text[start] >= '0' && r.text[start] <= '9' {
		return ""
	}
	return r.text[start:r.i]
}

// quoted reads a text in quotes of any sort.
func (r *callReader) quoted() (string, bool) {
	const quotes = "\"'`"
	r.blank()
	if r.i == len(r.text) || strings.IndexByte(quotes, r.text[r.i]) < 0 {
		return "", false
	}
	n := strings.IndexAny(r.text[r.i+1:], quotes)
	if n <= 0 {
		return "", false
	}
	s := r.text[r.i+1 : r.i+1+n]
	r.i += n + 2
	return s, true
}
