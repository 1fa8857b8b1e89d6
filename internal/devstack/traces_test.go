package devstack

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A person is found inside base64 wherever it begins: DSSE carries its payload
// so, and what stands before the identifier decides on its letters.
func TestTracesAreFoundInsideBase64(t *testing.T) {
	t.Parallel()
	const email = "Ada.Lovelace+news@FlowMart.example"
	sum := sha256.Sum256([]byte(strings.ToLower(email)))
	look := TracesOf(email)
	for before := range 6 {
		for what, word := range map[string]string{"raw": email, "lower case": strings.ToLower(email), "digest": hex.EncodeToString(sum[:])} {
			inside, err := json.Marshal(map[string]string{"a": strings.Repeat("x", before), "person": word, "z": "more"})
			if err != nil {
				t.Fatal(err)
			}
			for name, encoding := range map[string]*base64.Encoding{"base64": base64.StdEncoding, "base64url": base64.RawURLEncoding} {
				text := fmt.Sprintf(`{"payload": %q}`, encoding.EncodeToString(inside))
				if !look.In([]byte(text)) {
					t.Errorf("%s, %s, %d bytes before: not found", what, name, before)
				}
				if shown := `\x` + hex.EncodeToString([]byte(text)); !look.In([]byte(shown)) {
					t.Errorf("%s, %s as PostgreSQL shows bytes, %d bytes before: not found", what, name, before)
				}
			}
		}
	}
	for _, other := range []string{"", "somebody@flowmart.example", base64.StdEncoding.EncodeToString([]byte("grace.hopper@flowmart.example"))} {
		if look.In([]byte(other)) {
			t.Errorf("found in %q, where nothing is", other)
		}
	}
}
