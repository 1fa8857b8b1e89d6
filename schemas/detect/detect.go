// Package detect guesses from names, types and places which fields of a schema
// hold personal data. It is a guess for a person to confirm: everything it says
// is a suggestion with the rule that made it, and what it says nothing of may
// still be personal.
//
// A name is taken apart into words (customerEMail, CUST_EML and e-mail-kunde
// are the same two), also where nothing stands between them, if all of it is
// words; no rule looks at parts of words, so that reservationId holds no VAT
// number and percentage no age. The last words of a name say what it is of (an
// e-mail template is a template), those before it, the records around it and
// the fields beside it of whom (a name is personal in a customer, not in a
// product). The rules, what words mean and what they stand for are the files
// rules.txt, classes.txt and words.txt.
package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Field is a place in a schema, as whoever parsed the schema describes it.
type Field struct {
	Record  string // the record, table or event it lies in, with or without its namespace
	Path    string // in the grammar of package fieldpath
	Type    string // as its technology calls it
	Logical string // the logical type or format, "" if it has none
	Doc     string
	Opaque  bool // may hold anything: raw bytes, free JSON
}

// Suggestion is a category that a field probably has.
type Suggestion struct {
	Path       string
	Category   string  // a key of the taxonomy
	Confidence float64 // Certain and above, or Likely and above
	Rule       string  // which rule of rules.txt fired, for a rejection to name
	Why        string  // for people; words of the schema, never values
}

// From Certain on a field has to be classified before it is registered; from
// Likely on it should be. Nothing less sure is suggested.
const (
	Certain = 0.85
	Likely  = 0.5
)

const (
	inContext = 15 // hundredths that a person or an address around a name adds
	outside   = 25 // what a thing or organization around it takes away
	fromDoc   = 55 // the most that a description alone is worth
)

// Fields suggests at most one category for each field, the likeliest, in the
// order of the fields. An array whose items have the same category is not
// named beside them.
//
// The fields are those of one schema: each is judged by those beside it, too.
func Fields(fields []Field) []Suggestion { return new(Memory).Fields(fields) }

// cut is a field with no more of its texts than is looked at. They may be long,
// and one text be that of many fields.
func (f Field) cut() Field {
	f.Record = tail(f.Record)
	f.Type = f.Type[:min(len(f.Type), longestName)]
	f.Logical = f.Logical[:min(len(f.Logical), longestName)]
	f.Doc = f.Doc[:min(len(f.Doc), longestName)]
	return f
}

// One suggests a category for one field by itself, or none.
func One(f Field) (Suggestion, bool) {
	f = f.cut()
	return new(Memory).place(f, "").suggest(f)
}

func (c place) suggest(f Field) (Suggestion, bool) {
	best, ok := c.byName(c.leaf)
	if !ok {
		best, ok = c.byWhole()
	}
	if !ok {
		best, ok = c.byDoc(f.Doc)
	}
	if !ok {
		best, ok = c.byType(f)
	}
	if !ok && c.opaque(f) {
		best, ok = guess{rule: &rule{id: "payload.opaque"}, category: "user.opaque_payload", sure: 60, why: "its content is not described, so it may hold anything"}, true
	}
	if !ok {
		return Suggestion{}, false
	}
	return Suggestion{f.Path, best.category, float64(best.sure) / 100, best.id, best.why}, true
}

// guess is a rule that fired.
type guess struct {
	*rule
	category       string // the rule's, but of what is hashed
	sure           int
	why            string
	phrase, beside []string // of the name
	pseudonym      bool     // a hash of it is kept
}

// byName finds the rule for a name, and says why.
func (c place) byName(leaf []string) (guess, bool) {
	g, ok := c.match(leaf)
	if !ok {
		return guess{}, false
	}
	g.why = c.explain(g.phrase, g.beside)
	if g.pseudonym {
		g.why += "; what is hashed still tells people apart"
	}
	return g, true
}

// match finds the rule for a name. The phrase of most words that fires is
// right: a mobile phone number is no number of a phone.
func (c place) match(leaf []string) (best guess, found bool) {
	leaf, pseudonym := trim(leaf)
	if len(leaf) == 0 || c.ofMany() {
		return guess{}, false
	}
	best, found = c.find(c.joined(leaf), leaf)
	if found && pseudonym && !strings.HasPrefix(best.category, "user.authorization") {
		best.category, best.pseudonym = "user.unique_id.pseudonymous", true
	}
	return best, found
}

// find finds the first phrase that a rule fires for, the longest ones first.
func (c place) find(all, leaf []string) (guess, bool) {
	for _, end := range []ending{endingOf(all), {"", all[len(all)-1]}} {
		for i := range byEnd[end] {
			if g, ok := c.fired(&byEnd[end][i], all, leaf); ok {
				return g, true
			}
		}
	}
	return guess{}, false
}

// fired finds the surest of a phrase's rules that fires for a name, of which all
// is what it lies in, too.
func (c place) fired(p *phrase, all, leaf []string) (best guess, found bool) {
	n := len(p.words)
	// A user's name is no user name: what is beside the name is not of it.
	if !ends(all, p.words) || n > len(leaf) && is(p.words[0], person) && p.words[0] != "contact" {
		return guess{}, false
	}
	beside := all[:len(all)-n]
	if n <= len(leaf) {
		beside = leaf[:len(leaf)-n]
	}
	if vetoed(beside) {
		return guess{}, false
	}
	for i := range p.rules {
		r := &p.rules[i]
		if sure, ok := c.fires(r, beside, n >= len(leaf)); ok && sure > best.sure {
			best = guess{rule: r, category: r.category, sure: sure, phrase: p.words, beside: beside}
		}
	}
	return best, best.rule != nil
}

// byWhole reads a name that says nothing by itself, such as value or text, as
// that of what it lies in; one that says what it lies in once more without that;
// one with a code or an id behind it as what has such ones; and one whose head
// goes first, as in phone_home, with the head behind.
func (c place) byWhole() (guess, bool) {
	if len(c.leaf) > 0 && only(c.leaf, carrier) && c.inner > 0 {
		up := c
		up.leaf, up.around, up.inner, up.implied = c.around[0], c.around[1:], c.inner-1, false
		return up.settled().byName(up.leaf)
	}
	n := len(c.leaf)
	if n < 2 {
		return guess{}, false
	}
	if g, ok := c.byName(c.unsaid()); ok {
		return g, true
	}
	if g, ok := c.byCode(); ok || c.leaf[n-1] == "code" {
		return g, ok
	}
	if only(c.leaf[1:], neutral|home|party) && !is(c.leaf[0], person|neutral|home) && !slices.Contains(counters, c.leaf[0]) {
		return c.byName(append(slices.Clone(c.leaf[1:]), c.leaf[0]))
	}
	return guess{}, false
}

// codes are what stands for one of several things that somebody can be, and
// words are how one of them is called.
var (
	codes = []string{"id", "key", "code", "value", "concept", "descriptor", "source", "abbreviation", "option", "lookup"}
	calls = []string{"name", "description", "text", "label", "detail"}
)

// byCode reads a name without the code or id that is behind it, as that of an
// enum: a gender's id tells the gender. An id alone is that of a thing, but for
// what people are (a country's is that of a country), and a table of genders is
// of nobody.
func (c place) byCode() (guess, bool) {
	n := len(c.leaf)
	for n > 0 && (slices.Contains(codes, c.leaf[n-1]) || slices.Contains(calls, c.leaf[n-1])) {
		n--
	}
	what, tail := c.leaf[:n], c.leaf[n:]
	if n == 0 || len(tail) == 0 || c.kind&(text|number|enum) == 0 || len(c.around) > 0 && slices.Equal(c.around[0], what) {
		return guess{}, false
	}
	c.kind = enum
	g, ok := c.byName(what)
	switch {
	case !ok || len(tail) > 1 || tail[0] == "code" || covers("user.demographic", g.category):
		return g, ok
	case slices.Contains(calls, tail[0]):
		return g, covers("user.health_and_medical", g.category)
	}
	return g, ofPeople(g.category)
}

// counters go before what they are of, and after what they are a number of.
var counters = []string{"number", "id", "key", "code", "line", "reference", "date"}

// byType takes the word of a type that values of one kind alone have (format
// "email" of JSON Schema and its like), where no name speaks against it.
func (c place) byType(f Field) (guess, bool) {
	for _, name := range []string{f.Logical, f.Type} {
		name = strings.ToLower(name)
		if name != "email" && name != "idn-email" || vetoed(c.leaf) || c.ofMany() {
			continue
		}
		g := guess{rule: &rule{id: "type.email"}, category: "user.contact.email", sure: 75, why: "its type is that of e-mail addresses"}
		switch around := c.nearest(); {
		case strange(c.leaf) || around&(org|thing) != 0:
			g.sure -= outside
		case around&person != 0 || hasAny(c.leaf, person):
			g.sure += inContext
		}
		return g, true
	}
	return guess{}, false
}

// joined is a name behind that of what it lies in: a word that both have is said
// once, and what only says whose part it is (from, to) is passed over.
func (c place) joined(leaf []string) []string {
	for _, ws := range c.around {
		if len(ws) > 0 && only(ws, party) {
			continue
		}
		ws = shapeless(ws)
		if n := len(ws); n > 0 && ws[n-1] == leaf[0] {
			ws = ws[:n-1]
		}
		return slices.Concat(ws, leaf)
	}
	return leaf
}

// trim takes from the end of a name what does not change of what it is, and
// tells whether a hash of it is kept.
func trim(leaf []string) (rest []string, pseudonym bool) {
	for len(leaf) > 0 && leaf[0] != "" && is(leaf[0], hashed) {
		leaf, pseudonym = leaf[1:], true
	}
	for len(leaf) > 0 {
		last := leaf[len(leaf)-1]
		switch {
		case is(last, hashed):
			pseudonym = true
		case is(last, noise), isNumber(last) && !(last == "4" && len(leaf) > 1 && leaf[len(leaf)-2] == "last"):
		default:
			return leaf, pseudonym
		}
		leaf = leaf[:len(leaf)-1]
	}
	return leaf, pseudonym
}

// vetoed reports whether a word says that the datum is spoken of, and not held,
// unless it is of a person: the policy's holder.
func vetoed(beside []string) bool {
	for _, w := range slices.Backward(beside) {
		if is(w, person) {
			return false
		}
		if is(w, negative) {
			return true
		}
	}
	return false
}

func ends(all, with []string) bool {
	return len(all) >= len(with) && slices.Equal(all[len(all)-len(with):], with)
}

// explain says why in words of the schema.
func (c place) explain(phrase, beside []string) string {
	why := fmt.Sprintf("its name says %q", strings.Join(phrase, " "))
	for _, w := range slices.Backward(beside) {
		if is(w, person) {
			return why + fmt.Sprintf(", of a person (%s)", w)
		}
	}
	for _, ws := range c.around {
		if classOf(ws)&(person|address) != 0 {
			return why + fmt.Sprintf(", inside of %q", strings.Join(ws, " "))
		}
	}
	return why
}

// byDoc reads the first clause of a description as if it were the name, where
// the name says nothing.
func (c place) byDoc(doc string) (guess, bool) {
	clause := firstClause(doc)
	if len(clause) == 0 {
		return guess{}, false
	}
	g, ok := c.byName(clause)
	last := len(c.leaf) - 1
	if !ok && last >= 0 && is(clause[len(clause)-1], person) && (c.leaf[last] == "id" || c.leaf[last] == "key" || c.leaf[last] == "reference") {
		g, ok = c.byName(append(slices.Clone(clause), "id"))
	}
	g.sure = min(g.sure, fromDoc)
	g.why = strings.Replace(g.why, "its name says", "its description says", 1)
	return g, ok
}

// longestClause bounds how many words of a description are read as a name: a
// longer clause speaks of something else.
const longestClause = 8

// firstClause is how a description begins, up to where it goes into detail.
func firstClause(doc string) []string {
	if i := strings.IndexAny(doc, ".,;:(\n"); i >= 0 {
		doc = doc[:i]
	}
	var kept []string
	for w := range strings.FieldsSeq(strings.ToLower(strings.ReplaceAll(doc, "'s", ""))) {
		if slices.Contains([]string{"that", "which", "who", "whom", "in", "for", "with", "when", "where", "as", "to", "if", "used"}, w) {
			break
		}
		if !slices.Contains([]string{"the", "a", "an", "this", "their", "his", "her", "our"}, w) {
			kept = append(kept, w)
		}
	}
	if len(kept) > longestClause {
		return nil
	}
	return words(strings.Join(kept, " "))
}

// opaque reports whether a field may hold anything and its name does not say
// that it is a hash or a key.
func (c place) opaque(f Field) bool {
	anyhow := f.Opaque || c.kind == raw && cmp.Or(f.Logical, f.Type) == f.Type
	switch strings.ToLower(f.Type) {
	case "json", "jsonb", "any", "variant", "hstore", "xml", "google.protobuf.any", "google.protobuf.struct":
		anyhow = true
	}
	return anyhow && !hasAny(c.leaf, blob)
}
