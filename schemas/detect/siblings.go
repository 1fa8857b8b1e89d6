package detect

import (
	"slices"
	"strings"
)

// What stands beside a field says of whom it speaks, where the names around it
// do not: a record with a first name and a date of birth is a person's, whatever
// it is called. And it says which word goes before every name of a table, so
// that the word means nothing.

// enough is how many kinds of what only people have make a record a person's:
// of those whose names say so by themselves, and of those together with others
// that say so only beside a person, such as an age.
const (
	enough     = 2
	enoughWeak = 3
)

// together tells of each field of one schema what the others say of it.
func (m *Memory) together(fields []Field, all []*seen) []context {
	places := make([]place, len(fields))
	in := map[string][]int{}
	for i := range fields {
		places[i] = all[i].place
		in[places[i].in] = append(in[places[i].in], i)
	}
	out := make([]context, len(fields))
	for _, own := range in {
		c := m.contextOf(fields, places, own)
		for _, i := range own {
			out[i] = c
		}
	}
	return out
}

// contextOf is what the fields of one container say of one another.
func (m *Memory) contextOf(fields []Field, places []place, own []int) (c context) {
	if c.prefix = prefixOf(places, own); c.prefix != "" {
		for _, i := range own {
			places[i] = m.place(fields[i], c.prefix)
		}
	}
	c.program = slices.ContainsFunc(own, func(i int) bool { return signsIn(places[i].leaf) })
	for _, i := range own {
		places[i] = places[i].beside(c)
	}
	c.personal, c.subject = people(places, own)
	c.gender = slices.ContainsFunc(own, func(i int) bool { return slices.ContainsFunc(places[i].leaf, ofGender) })
	stated := slices.ContainsFunc(own, func(i int) bool { return isState(places[i].leaf) })
	if !c.personal || stated {
		said := onCard(places, own)
		c.card = !c.personal && card(said) && !slices.ContainsFunc(own, func(i int) bool { return slices.ContainsFunc(places[i].leaf, ofBusiness) })
		c.lone = stated && !slices.ContainsFunc(said, func(g guess) bool { return covers("user.contact.address", g.category) && g.id != "address.state" })
	}
	c.patient = slices.ContainsFunc(own, func(i int) bool {
		return slices.Contains(places[i].leaf, "patient") && whose(places[i].leaf) == "patient" && places[i].kind&(text|number) != 0
	})
	return c
}

// beside is a place with what the fields beside it say of it.
func (c place) beside(said context) place {
	if said.program {
		c = c.ofProgram()
	}
	c.implied, c.subject, c.card = said.personal, said.subject, said.card
	c.lone, c.patient, c.gender = said.lone, said.patient, said.gender
	return c
}

// people reports whether the fields of a container are a person's, and whether
// somebody is named among them, of whom they may speak.
func people(places []place, own []int) (person, subject bool) {
	strong, weak := map[string]bool{}, map[string]bool{}
	named, identified := map[string]bool{}, map[string]bool{}
	for _, i := range own {
		p := places[i]
		g, ok := p.match(p.leaf)
		if ok && ofPeople(g.category) {
			weak[g.category] = true
			// What may be a person takes nothing away.
			strong[g.category] = strong[g.category] || g.sure >= 85 || p.first&either != 0 && g.sure+outside >= 85
		}
		if who := whose(p.leaf); ok && who != "" {
			named[who] = named[who] || g.id == "name.person"
			identified[who] = identified[who] || g.category == "user.unique_id"
		}
		if p.implied = true; !ok {
			if g, ok := p.match(p.leaf); ok && ofPeople(g.category) {
				weak[g.category] = true
			}
		}
	}
	sure := 0
	for _, is := range strong {
		if is {
			sure++
		}
	}
	for who := range named {
		subject = subject || named[who] && identified[who]
	}
	return sure >= enough || len(weak) >= enoughWeak, subject
}

// onCard is what the fields of a container are taken for where they are those of
// a card.
func onCard(places []place, own []int) []guess {
	var out []guess
	for _, i := range own {
		p := places[i]
		p.card = true
		if g, ok := p.match(p.leaf); ok {
			out = append(out, g)
		}
	}
	return out
}

// card reports whether the fields of a container are those of a card: an e-mail
// address, and three parts of an address or a telephone number and two of them.
func card(said []guess) bool {
	has := map[string]bool{}
	parts := 0
	for _, g := range said {
		if !has[g.category] && strings.HasPrefix(g.category, "user.contact.address.") {
			parts++
		}
		has[g.category] = true
	}
	return has["user.contact.email"] && (parts >= 3 || parts >= 2 && has["user.contact.phone_number"])
}

// ofBusiness reports whether a word is of what organizations have, rather than
// people.
func ofBusiness(word string) bool { return word == "tax" || word == "vat" || word == "legal" }

func ofGender(word string) bool { return word == "gender" || word == "sex" }

// whose is the last person that a name speaks of, "" for none.
func whose(leaf []string) string {
	for _, w := range slices.Backward(leaf) {
		if is(w, person) {
			return w
		}
	}
	return ""
}

// signsIn reports whether a name is of what a program signs in with (OAuth 2.0,
// RFC 6749): beside it a client is a program.
func signsIn(leaf []string) bool {
	switch n := len(leaf); {
	case n == 1 && leaf[0] == "secret":
		return true
	case n == 2 && (leaf[0] == "client" && leaf[1] == "secret" || leaf[0] == "redirect" && (leaf[1] == "uri" || leaf[1] == "url") || leaf[0] == "grant" && leaf[1] == "type"):
		return true
	}
	return slices.Contains(leaf, "oauth") || slices.Contains(leaf, "oidc")
}

// ofProgram is a place that speaks of a program where it says client, and not of
// a person.
func (c place) ofProgram() place {
	if signsIn(c.leaf) {
		return c
	}
	program := func(ws []string) []string {
		out := slices.Clone(ws)
		for i, w := range out {
			if w == "client" {
				out[i] = "app"
			}
		}
		return out
	}
	c.leaf, c.around = program(c.leaf), slices.Clone(c.around)
	for i := range min(1, len(c.around)) {
		c.around[i] = program(c.around[i])
	}
	return c.settled()
}

// ofPeople reports whether a category is of what only people have. An
// organization has an e-mail, a name and an address, too.
func ofPeople(category string) bool {
	for _, c := range []string{"user.name.first", "user.name.last", "user.demographic", "user.government_id", "user.job_title"} {
		if covers(c, category) && category != "user.demographic.language" && category != "user.government_id.vehicle_registration" {
			return true
		}
	}
	return false
}

func covers(general, category string) bool {
	return category == general || strings.HasPrefix(category, general+".")
}

// prefixOf is a word without meaning that begins most names in a container:
// tables have their own name there, in short.
func prefixOf(places []place, own []int) string {
	if len(own) < 3 {
		return ""
	}
	count := map[string]int{}
	for _, i := range own {
		if first := places[i].begins; first != "" && !known(first) {
			count[first]++
		}
	}
	for word, n := range count {
		if n >= 3 && n*3 >= len(own)*2 {
			return word // no two words begin two thirds of the names
		}
	}
	return ""
}

// without takes the word from a name that begins all names beside it.
func without(prefix, name string) string {
	if prefix == "" {
		return name
	}
	at := strings.IndexFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == ' ' })
	if at > 0 && strings.EqualFold(name[:at], prefix) {
		return name[at+1:]
	}
	return name
}

// known reports whether a word means something to the rules.
func known(word string) bool {
	_, listed := dictionary[word]
	return listed || vocabulary[singular(word)] && !is(word, wrap|shape) || slices.Contains([]string{"is", "has"}, word)
}
