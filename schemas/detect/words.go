package detect

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
)

//go:embed words.txt
var wordsFile string

//go:embed classes.txt
var classesFile string

// A class is what a word says about what stands beside or inside of it.
type class uint32

const (
	person    class = 1 << iota
	address         // says where
	work            // a person who is employed
	home            // goes before the address of a person
	org             // an organization, or its place
	thing           // anything else that has a name
	neutral         // goes before anything and changes nothing
	negative        // speaks of the datum, and is not the datum
	aggregate       // speaks of many
	verb            // something done, before "by"
	machine         // something that programs do
	head            // begins a name of a language that puts the head first
	hashed          // what is left is a pseudonym
	noise           // goes after anything and changes nothing
	blob            // bytes that are not content
	party           // after home, a person: billing details
	keyed           // a person whose name alone, as a text, is of their id
	carrier         // says nothing of what it holds
	clinical        // of somebody's health
	wrap            // goes after the name of a record and changes nothing
	shape           // as wrap, and the record's id is still that of what it says
	either          // an organization, or a person where what only people have is beside it
)

var classNames = map[string]class{
	"person": person, "address": address, "work": work, "home": home, "org": org, "thing": thing, "neutral": neutral,
	"negative": negative, "aggregate": aggregate, "verbs": verb, "machine": machine, "head": head, "hash": hashed,
	"noise": noise, "blob": blob, "party": party, "key": keyed, "carrier": carrier, "clinical": clinical, "wrap": wrap,
	"shape": shape, "either": either,
}

var (
	dictionary, longest = readWords(wordsFile)
	classes             = readClasses(classesFile)
)

// readWords reads what words stand for, and of how many words the longest
// entry is.
func readWords(file string) (map[string][]string, int) {
	m, most := map[string][]string{}, 1
	for line := range strings.Lines(file) {
		from, to, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		m[from] = strings.Fields(to)
		most = max(most, len(strings.Fields(from)))
	}
	return m, most
}

func readClasses(file string) map[string]class {
	m := map[string]class{}
	for line := range strings.Lines(file) {
		name, words, _ := strings.Cut(strings.TrimSpace(line), "\t")
		for _, w := range strings.Fields(words) {
			m[w] |= classNames[name]
		}
	}
	return m
}

func is(word string, c class) bool { return (classes[word]|byEnding(word))&c != 0 }

// byEnding is what the ending of a word says: whom something is done to is a
// person (insuree, mentee), unless the word ends so by chance (guarantee,
// committee, pedigree).
func byEnding(word string) class {
	if len(word) < 7 || !strings.HasSuffix(word, "ee") || vocabulary[word] {
		return 0
	}
	for _, chance := range []string{"antee", "ttee", "gree", "ffee", "cree"} {
		if strings.HasSuffix(word, chance) {
			return 0
		}
	}
	return person
}

// longestName bounds how much of a name is looked at, in bytes. Registries and
// databases take names of some hundred bytes; what makes a field personal is at
// the end of them.
const longestName = 200

// words takes a name apart into words that the rules know: at changes of case
// and kind of character, unfolded and translated by words.txt, and turned round
// where the head of the name comes first, as in dateOfBirth or nom_client.
func words(name string) []string { return read(split(tail(name))) }

// read is words of what was split.
func read(raw []string) []string {
	turned := len(raw) > 1 && is(raw[0], head)
	out := translate(raw)
	if turned && len(out) > 1 && !slices.Contains(out, "of") {
		n := 1
		if t, ok := dictionary[raw[0]]; ok {
			n = len(t)
		}
		// A phrase of several words was translated as a whole, in our order.
		if slices.Equal(out[:min(n, len(out))], translate(raw[:1])) {
			out = slices.Concat(out[n:], out[:n])
		}
	}
	return turn(unnumbered(out))
}

// unnumbered leaves out the numbers between the words of a name: the second of
// three addresses (address2City) is one.
func unnumbered(in []string) []string {
	if len(in) < 3 || !slices.ContainsFunc(in[1:len(in)-1], isNumber) {
		return in
	}
	out := in[:1:1]
	for i, w := range in[1:] {
		if i == len(in)-2 || !isNumber(w) {
			out = append(out, w)
		}
	}
	return out
}

func isNumber(w string) bool { return w[0] >= '0' && w[0] <= '9' }

// tail is the last bytes of a name that is too long.
func tail(name string) string {
	if len(name) <= longestName {
		return name
	}
	return strings.ToValidUTF8(name[len(name)-longestName:], "")
}

// split takes a name apart as it is written.
func split(name string) []string {
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, string(word))
			word = nil
		}
	}
	rs := []rune(name)
	for i, r := range rs {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r):
			end()
			continue
		case i > 0 && unicode.IsDigit(r) != unicode.IsDigit(rs[i-1]):
			end()
		case unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rs[i-1]):
			end()
		case unicode.IsUpper(r) && i+1 < len(rs) && unicode.IsLower(rs[i+1]) && !plural(rs, i+1):
			end()
		}
		if r = unicode.ToLower(r); r < unicode.MaxASCII {
			word = append(word, r)
		} else {
			word = append(word, plain(r)...)
		}
	}
	end()
	return out
}

// plural reports whether an s that ends an acronym stands there: IDs.
func plural(rs []rune, i int) bool {
	return rs[i] == 's' && (i+1 == len(rs) || !unicode.IsLower(rs[i+1]))
}

// plain writes a letter without what stands on or beside it.
func plain(r rune) []rune {
	const from, to = "àáâãåçèéêëìíîïñòóôõøùúûýÿ", "aaaaaceeeeiiiinooooouuuyy"
	switch r {
	case 'ä':
		return []rune("ae")
	case 'ö':
		return []rune("oe")
	case 'ü':
		return []rune("ue")
	case 'ß':
		return []rune("ss")
	}
	for i, f := range []rune(from) {
		if f == r {
			return []rune{rune(to[i])}
		}
	}
	return []rune{r}
}

// translate puts the words of the rules for those that are written, the
// longest entry first.
func translate(raw []string) []string {
	var out []string
	for i := 0; i < len(raw); {
		n := min(longest, len(raw)-i)
		for ; n > 1; n-- {
			if to, ok := dictionary[strings.Join(raw[i:i+n], " ")]; ok {
				out = append(out, to...)
				break
			}
		}
		if n <= 1 {
			out = append(out, one(raw[i])...)
			n = 1
		}
		i += n
	}
	return again(out)
}

// again merges what is an entry only after translation: mail addr.
func again(in []string) []string {
	var out []string
	for i := 0; i < len(in); i++ {
		if i+1 < len(in) {
			if to, ok := dictionary[in[i]+" "+in[i+1]]; ok {
				out = append(out, to...)
				i++
				continue
			}
		}
		out = append(out, in[i])
	}
	return out
}

// one translates a word, as it is or without the ending of a plural.
func one(word string) []string {
	if to, ok := dictionary[word]; ok {
		return to
	}
	single := singular(word)
	if to, ok := dictionary[single]; ok {
		return to
	}
	if parts := unglue(word); parts != nil {
		return translate(parts)
	}
	if w := skeletons[word]; w != "" && !vocabulary[word] {
		return []string{w}
	}
	return []string{single}
}

func singular(w string) string {
	switch {
	case len(w) > 4 && strings.HasSuffix(w, "ies"):
		return w[:len(w)-3] + "y"
	case strings.HasSuffix(w, "sses"):
		return w[:len(w)-2]
	case len(w) > 3 && w[len(w)-1] == 's' && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us") && !strings.HasSuffix(w, "is"):
		return w[:len(w)-1]
	}
	return w
}

// turn puts the head of a name last: name of product is product name.
func turn(in []string) []string {
	for i, w := range in {
		if (w == "of" || w == "de" || w == "du" || w == "van") && i > 0 && i+1 < len(in) {
			return slices.Concat(turn(in[i+1:]), in[:i])
		}
	}
	return in
}
