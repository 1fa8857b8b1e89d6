package detect

import (
	"slices"
	"strings"
)

// Names without any mark between their words (realname, profileurl) are taken
// apart where they are words of the rules from the first letter to the last.
// Words without vowels (strt, gndr) are those that they are the consonants of.
// Nothing is ever found inside of a word that has a rest.

var (
	// vocabulary is every word that the rules know by itself.
	vocabulary = readVocabulary()
	// skeletons are words that phrases and classes know by their consonants.
	skeletons = readSkeletons()
	// longestPart is that of a word that is part of a longer one, in bytes: its
	// plural may be two longer.
	longestPart = longestOf(vocabulary) + 2
)

func readVocabulary() map[string]bool {
	m := map[string]bool{}
	for from := range dictionary {
		if !strings.Contains(from, " ") {
			m[from] = true
		}
	}
	for _, phrases := range byEnd {
		for _, p := range phrases {
			for _, w := range p.words {
				m[w] = true
			}
		}
	}
	for w := range classes {
		m[w] = true
	}
	return m
}

func longestOf(words map[string]bool) (n int) {
	for w := range words {
		n = max(n, len(w))
	}
	return n
}

func readSkeletons() map[string]string {
	m := map[string]string{}
	for w := range vocabulary {
		s := skeleton(w)
		if _, translated := dictionary[w]; translated || len(s) < 3 || s == w {
			continue
		}
		if _, twice := m[s]; twice {
			m[s] = "" // it may be either
		} else {
			m[s] = w
		}
	}
	return m
}

// skeleton is a word without its vowels, but for the first letter.
func skeleton(word string) string {
	var out strings.Builder
	for i, r := range word {
		if i == 0 || !strings.ContainsRune("aeiouy", r) {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// shortest is how long a word must be that is part of a longer one; shorter
// ones are found by chance. Short are those that names are glued to.
const shortest = 4

var short = []string{"id", "ip", "url", "uid", "dob", "ssn", "zip"}

// mostParts is how many words one is taken apart into.
const mostParts = 3

// unglue takes a word apart into as few as can be, all of them known; nil if it
// cannot be.
func unglue(word string) []string {
	if vocabulary[word] || len(word) < shortest+2 || len(word) > mostParts*longestPart {
		return nil
	}
	best := make([][]string, len(word)+1)
	best[0] = []string{}
	for end := 2; end <= len(word); end++ {
		for start := max(0, end-longestPart); start < end-1; start++ {
			part := word[start:end]
			if best[start] == nil || len(best[start]) >= mostParts || best[end] != nil && len(best[end]) <= len(best[start])+1 {
				continue
			}
			if !piece(part, start == 0) {
				continue
			}
			best[end] = append(slices.Clone(best[start]), part)
		}
	}
	if len(best[len(word)]) < 2 {
		return nil
	}
	return best[len(word)]
}

// piece reports whether a word may be a part of a longer one. A plural may end
// it.
func piece(w string, first bool) bool {
	if len(w) < shortest {
		return slices.Contains(short, w) && (!first || w != "id")
	}
	return vocabulary[w] || vocabulary[singular(w)]
}
