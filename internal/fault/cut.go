package fault

import (
	"strings"
	"unicode/utf8"
)

// Cut shortens a text to so many bytes, between two characters, and ends it with
// "…" where it did, which is among the bytes. It is valid UTF-8 whatever it was: each
// run of bytes that are none is "�".
func Cut(text string, most int) string {
	const sign = "…"
	long := len(text) > most
	text = strings.ToValidUTF8(text[:min(len(text), most)], "�")
	if !long && len(text) <= most {
		return text
	}
	end := max(0, min(len(text), most-len(sign)))
	for end > 0 && end < len(text) && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + sign
}
