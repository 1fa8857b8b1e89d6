package detect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/fieldpath"
)

// place is a field with what is around it.
type place struct {
	in      string // the names on the way to what it lies in
	begins  string // the first of the words of its name as they are written, if there are more
	leaf    []string
	around  [][]string // words of what it lies in, the nearest first
	inner   int        // how many of these are on the path: what is left is the record
	few     int        // how many of these, the outermost, hold no sums over people
	kind    kind
	implied bool // by what stands beside it, it is of a person
	subject bool // somebody is named beside it, of whom it may speak
	card    bool // it stands on a card, with an e-mail, a telephone and an address
	lone    bool // nothing beside it is a part of an address
	patient bool // a patient is named beside it
	gender  bool // somebody's gender stands beside it

	first, outer class // what the innermost record says that it is, or else the first of the others that says anything
}

// furthest is how many names are looked at of what a field lies in, the nearest
// first. What people write is not that deep.
const furthest = 50

// place takes a field's names apart, without the word that begins all names
// beside it.
func (m *Memory) place(f Field, prefix string) place {
	c, name := m.way(f.Path)
	c.kind = kindOf(f.Type, f.Logical)
	if name != "" {
		raw := split(tail(without(prefix, name)))
		if len(raw) > 1 {
			c.begins = raw[0]
		}
		c.leaf = read(raw)
	}
	// Namespaces say whose the schema is, not of whom it speaks.
	if record := f.Record[strings.LastIndexAny(f.Record, "./")+1:]; record != "" {
		c.lies(m.outer(record))
	}
	return c
}

// way is a place with what a path says of what it lies in, and its name. What
// many fields lie in is looked at once.
func (m *Memory) way(path string) (c place, name string) {
	in, last, suffixes := fieldpath.Split(path)
	own := names(last)
	if in == "" || last == "" || len(own) != 1 || len(path) > fieldpath.Longest || strings.Contains(suffixes, "<") {
		return m.wayOf(names(path))
	}
	c, known := m.ways[in]
	if !known {
		if _, err := fieldpath.Parse(in); err != nil { // a header lies in nothing
			return m.wayOf(names(path))
		}
		c, _ = m.wayOf(append(names(in), ""))
		if m.ways != nil {
			m.ways[in] = c
			m.weight += weightOfField + len(in)
		}
	}
	c.around = slices.Clip(c.around) // the record comes behind it
	return c, own[0]
}

// wayOf is way of the names that lead to a field, itself the last.
func (m *Memory) wayOf(steps []string) (c place, name string) {
	n := len(steps) - 1
	if n < 0 {
		return c, ""
	}
	c.in = strings.Join(steps[:n], "\x00")
	for _, s := range slices.Backward(steps[max(n-furthest, 0):n]) {
		c.lies(m.outer(s))
	}
	c.inner = len(c.around)
	return c, steps[n]
}

// lies notes what is around all that was noted before.
func (c *place) lies(in outer) {
	switch {
	case len(c.around) == 0:
		c.first = in.class
	case c.first == 0 && c.outer == 0:
		c.outer = in.class
	}
	c.around = append(c.around, in.words)
	if c.few++; in.many {
		c.few = 0
	}
}

// unsaid is a name without the words that what it lies in begins with, too, but
// for those of persons: in a table of e-mails, email_subject is a subject. It is
// nil where nothing is left that says anything, or nothing was taken away.
func (c place) unsaid() []string {
	if len(c.around) == 0 {
		return nil
	}
	n := 0
	for n < len(c.leaf) && n < len(c.around[0]) && c.leaf[n] == c.around[0][n] && !is(c.leaf[n], person) {
		n++
	}
	rest := c.leaf[n:]
	if n == 0 || only(rest, hashed|noise) || len(rest) == 1 && slices.Contains(counters, rest[0]) {
		return nil
	}
	return rest
}

// settled is a place whose surroundings were changed, and what classes that is of
// found anew.
func (c place) settled() place {
	c.first, c.outer = 0, 0
	for i, ws := range c.around {
		k := classOf(ws)
		if i == 0 {
			c.first = k
		} else {
			c.outer = k
		}
		if k != 0 {
			return c
		}
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

// ofMany reports whether the record holds sums over people.
func (c place) ofMany() bool { return len(c.around) > c.few }

// nearest is what the innermost record that says anything says it is.
func (c place) nearest() class {
	if c.implied && (c.first == 0 || c.first&either != 0) {
		return person
	}
	return cmp.Or(c.first, c.outer)
}

// classOf is what the last word says that says anything.
func classOf(ws []string) class {
	if len(ws) > 0 && is(ws[0], home) && only(ws, home|party) {
		return person // shipping, billing details
	}
	if of := shapeless(ws); len(of) > 0 {
		ws = of // the object of a customer is no object
	}
	for _, w := range slices.Backward(ws) {
		if k := (classes[w] | byEnding(w)) & (person | address | work | org | thing | either); k&^either != 0 {
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
		return k&org != 0 && k&person == 0 && (k&either == 0 || !c.implied)
	})
}

// clinicalAround reports whether it lies in what is noted of somebody's health,
// as is what names a patient, and not in a description of such notes.
func (c place) clinicalAround() bool {
	has := func(k class) bool {
		return slices.ContainsFunc(c.around, func(ws []string) bool { return hasAny(ws, k) })
	}
	return (c.patient || has(clinical)) && !has(negative|thing)
}

// fires reports whether a rule holds here, and how sure it is.
func (c place) fires(r *rule, beside []string, whole bool) (sure int, ok bool) {
	if c.kind&r.types == 0 || !c.meets(r, beside, whole) {
		return 0, false
	}
	sure = r.sure
	around := c.nearest()
	switch near := hasAny(beside, person) || around&(person|address) != 0; {
	case near:
		sure = min(sure+inContext, 99)
	case r.needs == "free" && around&(org|thing) != 0:
		sure -= outside
	}
	return sure, float64(sure)/100 >= Likely
}

// meets reports whether what a rule needs is here.
func (c place) meets(r *rule, beside []string, whole bool) bool {
	switch r.needs {
	case "":
		return true
	case "none", "free":
		return !strange(beside)
	case "key":
		return whole
	case "person_key":
		return whole && only(beside, neutral|verb)
	case "beside":
		return c.besidePerson(beside, whole)
	case "clinical":
		return only(beside, neutral) && c.clinicalAround()
	case "verb":
		return len(beside) > 0 && is(beside[len(beside)-1], verb)
	case "human":
		return !hasAny(beside, machine)
	case "within":
		return c.inside(r.around)
	case "in":
		return c.inside(r.around) && only(beside, person|neutral|home|noise|verb)
	case "addressee", "address", "home", "place":
		return c.located(r, beside)
	}
	return c.ofSomebody(r, beside)
}

// located reports whether what a rule needs is here, for one that needs a place.
func (c place) located(r *rule, beside []string) bool {
	switch r.needs {
	case "addressee":
		return only(beside, person|neutral) && c.nearest()&address != 0 && !c.businessAround()
	case "address":
		return c.addressed(r, beside)
	case "home":
		return only(beside, person|neutral|home) && hasAny(beside, person|home)
	}
	return only(beside, person|neutral|home) && c.nearest()&(org|thing) == 0
}

// ofSomebody reports whether what a rule needs is here, for one that needs a
// person.
func (c place) ofSomebody(r *rule, beside []string) bool {
	around := c.nearest()
	switch r.needs {
	case "person":
		return ofPerson(beside) || only(beside, person|neutral) && c.personal(r, beside)
	case "headed":
		return ofPerson(beside) || only(beside, person|neutral) && (hasAny(beside, person) || c.headed())
	case "people":
		return only(beside, neutral) && c.implied
	case "gendered":
		return only(beside, person|neutral) && c.gender && around&person != 0
	case "owned":
		return !strange(beside) && around&person != 0 && c.headed()
	}
	return only(beside, person|neutral) && // work
		(hasAny(beside, work) || around&work != 0 || c.spoken(r) || c.implied && r.category == "user.job_title")
}

// personal reports whether a person is named beside, around or in the description.
func (c place) personal(r *rule, beside []string) bool {
	return hasAny(beside, person) || c.nearest()&person != 0 || c.spoken(r)
}

// addressed reports whether it is a part of somebody's address, and not of a
// business's.
func (c place) addressed(r *rule, beside []string) bool {
	if !only(beside, person|neutral|home|address) || !hasAny(beside, person) && c.businessAround() {
		return false
	}
	around := c.nearest()
	if c.lone && around&address == 0 && isState(c.leaf) {
		return false // it may as well be what state somebody is in
	}
	return hasAny(beside, person|home|address) || around&(person|address) != 0 || c.spoken(r) || c.card && around == 0
}

// isState reports whether a name says state and nothing else.
func isState(leaf []string) bool { return len(leaf) == 1 && leaf[0] == "state" }

// headed reports whether the innermost record that says anything is a person,
// and not something of one: a patient, and not a patient's appointment.
func (c place) headed() bool {
	if c.implied || c.card && c.nearest() == 0 {
		return true
	}
	for _, ws := range c.around {
		n := len(ws)
		for n > 0 && is(ws[n-1], wrap|verb|noise) {
			n--
		}
		if n > 0 {
			return is(ws[n-1], person) && (ws[n-1] != "profile" || only(ws[:n-1], person|neutral)) || classOf(ws) == person && is(ws[0], home)
		}
	}
	return false
}

// ofPerson reports whether the word directly before is a person, whatever that
// one is of: a wallet's owner.
func ofPerson(beside []string) bool {
	n := len(beside)
	return n > 0 && is(beside[n-1], person) && !is(beside[n-1], org) && beside[n-1] != "profile" && beside[n-1] != "parent"
}

// spoken reports whether it may be of somebody who is named beside it: the
// department in a record of an employee's leave. A name or a title may as well
// be that of the record.
func (c place) spoken(r *rule) bool {
	if !c.subject {
		return false
	}
	if r.id == "work.period" {
		return false // of whatever the record is about
	}
	for _, of := range []string{"user.contact.address", "user.contact.email", "user.contact.phone_number", "user.workplace", "user.demographic"} {
		if covers(of, r.category) {
			return true
		}
	}
	return r.id == "id.superior" || r.id == "job.position" && c.leafIs("designation", "position")
}

func (c place) leafIs(names ...string) bool {
	return len(c.leaf) > 0 && slices.Contains(names, c.leaf[len(c.leaf)-1])
}

// besidePerson reports whether a person stands directly before: customerId,
// or id in a customer.
func (c place) besidePerson(beside []string, whole bool) bool {
	if len(beside) == 0 && whole {
		beside = c.holder()
	}
	n := len(beside)
	if n > 0 && (beside[n-1] == "provider" && c.clinicalAround() || is(beside[n-1], either) && c.implied) {
		return true // of care
	}
	if n == 0 || !is(beside[n-1], person) {
		return false
	}
	// A profile is a person's only by itself; what has a parent is mostly no child.
	switch beside[n-1] {
	case "profile":
		return only(beside[:n-1], person|neutral)
	case "parent":
		return c.nearest() == person
	}
	return true
}

// holder is what the innermost record is that says what it is.
func (c place) holder() []string {
	for _, ws := range c.around {
		if ws = shapeless(ws); len(ws) > 0 {
			return ws
		}
	}
	return nil
}

// shapeless is what a record is called without what says that it is a record. A
// billing entity is one, all the same.
func shapeless(ws []string) []string {
	n := len(ws)
	for n > 0 && (classes[ws[n-1]]&shape != 0 || isNumber(ws[n-1])) {
		n--
	}
	if n > 0 && n < len(ws) && only(ws[:n], home|neutral) {
		return ws
	}
	return ws[:n]
}

func (c place) inside(of []string) bool {
	return slices.ContainsFunc(c.around, func(ws []string) bool {
		return !hasAny(ws, negative) && slices.ContainsFunc(ws, func(w string) bool { return slices.Contains(of, w) })
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
