// Package detect guesses from names, types and places which fields of a schema
// hold personal data. It is a guess for a person to confirm: everything it says
// is a suggestion with the rule that made it, and what it says nothing of may
// still be personal.
//
// A name is taken apart into words (customerEMail, CUST_EML and e-mail-kunde
// are the same two); no rule looks at parts of words, so that reservationId
// holds no VAT number and percentage no age. The last words of a name say what
// it is of (an e-mail template is a template), those before it and the records
// around it of whom (a name is personal in a customer, not in a product). The
// rules, what words mean and what they stand for are the files rules.txt,
// classes.txt and words.txt.
package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/fieldpath"
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
func Fields(fields []Field) []Suggestion { return Memory{}.Fields(fields) }

// Memory remembers what One said of fields, for versions of a schema that have
// most of them in common. It is for one goroutine.
type Memory map[Field]Suggestion // the zero Suggestion for none

// Fields is the function of that name.
func (m Memory) Fields(fields []Field) []Suggestion {
	var out []Suggestion
	at := map[string]string{} // path → category
	for _, f := range fields {
		s, known := m[f]
		if !known {
			s, _ = One(f)
			m[f] = s
		}
		if s != (Suggestion{}) {
			out = append(out, s)
			at[s.Path] = s.Category
		}
	}
	return slices.DeleteFunc(out, func(s Suggestion) bool {
		return at[s.Path+"[]"] == s.Category || at[s.Path+"{}"] == s.Category
	})
}

// One suggests a category for one field, or none.
func One(f Field) (Suggestion, bool) {
	c := look(f)
	best, ok := c.byName(c.leaf)
	if !ok {
		best, ok = c.byDoc(f.Doc)
	}
	if !ok && c.opaque(f) {
		best, ok = guess{rule{id: "payload.opaque", category: "user.opaque_payload"}, 60, "its content is not described, so it may hold anything"}, true
	}
	if !ok {
		return Suggestion{}, false
	}
	return Suggestion{f.Path, best.category, float64(best.sure) / 100, best.id, best.why}, true
}

// guess is a rule that fired.
type guess struct {
	rule
	sure int
	why  string
}

// place is a field with what is around it.
type place struct {
	leaf   []string
	around [][]string // words of what it lies in, the nearest first
	kind   kind
}

func look(f Field) place {
	c := place{kind: kindOf(f.Type, f.Logical)}
	steps := names(f.Path)
	if len(steps) > 0 {
		c.leaf = words(steps[len(steps)-1])
		for _, s := range slices.Backward(steps[:len(steps)-1]) {
			c.around = append(c.around, words(s))
		}
	}
	// Namespaces say whose the schema is, not of whom it speaks.
	if record := f.Record[strings.LastIndexAny(f.Record, "./")+1:]; record != "" {
		c.around = append(c.around, words(record))
	}
	return c
}

// names lists the names on the way to a field, outermost first: those of
// records, and of the branches of unions between them.
func names(path string) []string {
	p, err := fieldpath.Parse(path)
	if err != nil {
		return []string{path}
	}
	var out []string
	for _, s := range p.Steps {
		if s.Name != "" {
			out = append(out, s.Name)
		}
		for _, suffix := range s.Suffixes {
			if name, ok := strings.CutPrefix(suffix, "<"); ok {
				name = strings.TrimSuffix(name, ">")
				out = append(out, name[strings.LastIndexByte(name, '.')+1:])
			}
		}
	}
	return out
}

// byName finds the rule for a name. The phrase of most words that fires is
// right: a mobile phone number is no number of a phone.
func (c place) byName(leaf []string) (best guess, found bool) {
	leaf, pseudonym := trim(leaf)
	if len(leaf) == 0 || c.ofMany() {
		return guess{}, false
	}
	all := leaf
	if len(c.around) > 0 {
		all = slices.Concat(c.around[0], leaf)
	}
	for _, p := range byLast[all[len(all)-1]] {
		n := len(p.words)
		// A user's name is no user name: what is beside the name is not of it.
		if !ends(all, p.words) || n > len(leaf) && is(p.words[0], person) {
			continue
		}
		beside := all[:len(all)-n]
		if n <= len(leaf) {
			beside = leaf[:len(leaf)-n]
		}
		if vetoed(beside) {
			continue
		}
		for _, r := range p.rules {
			sure, ok := c.fires(r, beside, n >= len(leaf))
			if !ok || found && sure <= best.sure {
				continue
			}
			found = true
			best = guess{r, sure, c.explain(p.words, beside)}
		}
		if found {
			break
		}
	}
	if found && pseudonym && !strings.HasPrefix(best.category, "user.authorization") {
		best.category = "user.unique_id.pseudonymous"
		best.why += "; what is hashed still tells people apart"
	}
	return best, found
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
		case is(last, noise), last[0] >= '0' && last[0] <= '9' && !(last == "4" && len(leaf) > 1 && leaf[len(leaf)-2] == "last"):
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

// ofMany reports whether the record holds sums over people.
func (c place) ofMany() bool {
	return len(c.around) > 0 && slices.ContainsFunc(c.around, func(ws []string) bool {
		return len(ws) > 0 && slices.ContainsFunc(ws, func(w string) bool { return is(w, aggregate) })
	})
}

// nearest is what the innermost record that says anything says it is.
func (c place) nearest() class {
	for _, ws := range c.around {
		if k := classOf(ws); k != 0 {
			return k
		}
	}
	return 0
}

// classOf is what the last word says that says anything.
func classOf(ws []string) class {
	if len(ws) > 0 && is(ws[0], home) && only(ws, home|party) {
		return person // shipping, billing details
	}
	for _, w := range slices.Backward(ws) {
		if k := classes[w] & (person | address | work | org | thing); k != 0 {
			return k
		}
	}
	return 0
}

// businessAround reports whether a place of business is around, whatever is
// nearer.
func (c place) businessAround() bool {
	return slices.ContainsFunc(c.around, func(ws []string) bool {
		k := classOf(ws)
		return k&org != 0 && k&person == 0
	})
}

// fires reports whether a rule holds here, and how sure it is.
func (c place) fires(r rule, beside []string, whole bool) (sure int, ok bool) {
	if c.kind&r.types == 0 {
		return 0, false
	}
	around := c.nearest()
	sure = r.sure
	near := hasAny(beside, person) || around&(person|address) != 0
	switch r.needs {
	case "none":
		ok = !strange(beside)
	case "free":
		ok = !strange(beside)
		if around&(org|thing) != 0 && !near {
			sure -= outside
		}
	case "person":
		ok = only(beside, person|neutral) && (hasAny(beside, person) || around&person != 0)
	case "work":
		ok = only(beside, person|neutral) && (hasAny(beside, work) || around&work != 0)
	case "address":
		ok = only(beside, person|neutral|home|address) && (hasAny(beside, person|home|address) || around&(person|address) != 0) &&
			(hasAny(beside, person) || !c.businessAround())
	case "home":
		ok = only(beside, person|neutral|home) && hasAny(beside, person|home)
	case "place":
		ok = only(beside, person|neutral|home) && around&(org|thing) == 0
	case "beside":
		ok = c.besidePerson(beside, whole)
	case "key":
		ok = whole
	case "verb":
		ok = len(beside) > 0 && is(beside[len(beside)-1], verb)
	case "human":
		ok = !hasAny(beside, machine)
	case "in":
		ok = c.inside(r.around)
	default:
		ok = true
	}
	if near {
		sure = min(sure+inContext, 99)
	}
	return sure, ok && float64(sure)/100 >= Likely
}

// besidePerson reports whether a person stands directly before: customerId,
// or id in a customer.
func (c place) besidePerson(beside []string, whole bool) bool {
	if len(beside) == 0 && whole && len(c.around) > 0 {
		beside = c.around[0]
	}
	return len(beside) > 0 && is(beside[len(beside)-1], person)
}

func (c place) inside(of []string) bool {
	return slices.ContainsFunc(c.around, func(ws []string) bool {
		return slices.ContainsFunc(ws, func(w string) bool { return slices.Contains(of, w) })
	})
}

func hasAny(ws []string, c class) bool {
	return slices.ContainsFunc(ws, func(w string) bool { return is(w, c) })
}

// only reports whether each word is of one of the classes, or a digit.
func only(ws []string, c class) bool {
	return !slices.ContainsFunc(ws, func(w string) bool { return !is(w, c) && (w[0] < '0' || w[0] > '9') })
}

// strange reports whether the nearest word that says anything is of a thing or
// an organization: the hotel's phone.
func strange(beside []string) bool {
	for _, w := range slices.Backward(beside) {
		if is(w, person|home) {
			return false
		}
		if is(w, org|thing) {
			return true
		}
	}
	return false
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
	doc = doc[:min(len(doc), longestName)]
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
