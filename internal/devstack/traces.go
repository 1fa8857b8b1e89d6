package devstack

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
)

// Traces are all the forms in which identifiers of a person could have been
// left behind: as they are, in lower case, URL-encoded, as hex, digested
// without a key, and each of these inside base64, wherever in it they begin,
// or as bytes that PostgreSQL shows as hex.
type Traces [][]byte

// TracesOf lists the forms of some identifiers.
func TracesOf(identifiers ...string) (all Traces) {
	seen := map[string]bool{}
	add := func(form string) {
		if form = strings.ToLower(form); !seen[form] {
			seen[form] = true
			all = append(all, []byte(form))
		}
	}
	for _, id := range identifiers {
		for _, form := range slices.Compact([]string{id, strings.ToLower(id)}) {
			b := []byte(form)
			m, s1, s256 := md5.Sum(b), sha1.Sum(b), sha256.Sum256(b)
			texts := []string{form, url.QueryEscape(form)}
			for _, raw := range [][]byte{b, m[:], s1[:], s256[:]} {
				texts = append(texts, hex.EncodeToString(raw))
				// A digest is kept whole: it begins where its base64 begins.
				add(strings.TrimRight(base64.StdEncoding.EncodeToString(raw), "="))
				add(base64.RawURLEncoding.EncodeToString(raw))
			}
			for _, text := range texts {
				add(text)
				for _, inside := range aligned(text) {
					add(inside)
					add(hex.EncodeToString([]byte(inside)))
				}
			}
		}
	}
	return all
}

// aligned is what every base64 of a longer text that holds this one shows of
// it: six bits a letter (RFC 4648 §4), so there are three places to begin, and
// the letters that share bits with a neighbour are left out.
func aligned(text string) (out []string) {
	for before := range 3 {
		padded := append(make([]byte, before), text...)
		first, last := (8*before+5)/6, 8*len(padded)/6
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			out = append(out, encoding.EncodeToString(padded)[first:last])
		}
	}
	return out
}

// In reports whether any form stands in text, in whatever case.
func (t Traces) In(text []byte) bool {
	text = bytes.ToLower(text)
	return slices.ContainsFunc(t, func(one []byte) bool { return bytes.Contains(text, one) })
}
