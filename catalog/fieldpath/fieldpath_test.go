package fieldpath_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/fault"
)

// The grammar is that of the reference for the catalog: a.b, a[], a{}, a<R>,
// #key. and #header.; the taken-apart form is written by hand.
func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"email":                     "|email",
		"customer.address.street":   "|customer|address|street",
		"items[].sku":               "|items []|sku",
		"labels{}":                  "|labels {}",
		"matrix[][]":                "|matrix [] []",
		"payment<shop.Card>.number": "|payment <shop.Card>|number",
		"by_day{}<Entry>[].at":      "|by_day {} <Entry> []|at",
		"#key":                      "#key",
		"#value":                    "#value",
		"#key.customerId":           "#key|customerId",
		"#header.trace-id":          "#header|trace-id",
		"[].id":                     "| []|id",
		"<Order>.id":                "| <Order>|id",
		"first name":                "|first name",
		"straße":                    "|straße",
		`a\.b`:                      "|a.b",
		`\#key`:                     "|#key",
		`weird\[\]\\`:               `|weird[]\`,
		`#header.content\.type`:     "#header|content.type",
		"#key[]":                    "",
	} {
		p, err := fieldpath.Parse(in)
		if want == "" {
			if err == nil {
				t.Errorf("Parse(%q) passed", in)
			}
			continue
		}
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
			continue
		}
		got := p.Part
		if len(p.Steps) > 0 && p.Part == "" {
			got = ""
		}
		for _, s := range p.Steps {
			got += "|" + strings.Join(append([]string{s.Name}, s.Suffixes...), " ")
		}
		if got != want {
			t.Errorf("Parse(%q) = %q, want %q", in, got, want)
		}
		if p.String() != in {
			t.Errorf("Parse(%q).String() = %q", in, p)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", ".", "a.", ".a", "a..b", "a[", "a]", "a[0]", "a{x}", "a<", "a<>", "a<b", "a<b c>", "a[]b", "a{}b", "#", "#keys", "#key.",
		"#value.a", "#header", "#header.", "#header.a.b", "#header.a[]", `a\`, `a\x`, "a\x00", "a\nb", "a\xff", "a<b.>", strings.Repeat("a", 1001)} {
		if p, err := fieldpath.Parse(in); err == nil {
			t.Errorf("Parse(%q) = %v, want a fault", in, p)
		} else if fault.KindOf(err) != fault.Invalid {
			t.Errorf("Parse(%q): %v is not an invalid input", in, err)
		}
	}
}

// Whatever Parse takes, String writes back byte for byte, and it means the
// same again; any name at all becomes one step when escaped.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a.b", "a[]", "#key.a<b>", `a\.b`, "[].x", "#header.x", "é{}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := fieldpath.Parse(s); err == nil {
			if p.String() != s {
				t.Fatalf("Parse(%q) writes %q", s, p)
			}
			again, err := fieldpath.Parse(p.String())
			if err != nil || again.Part != p.Part || !slices.EqualFunc(again.Steps, p.Steps, func(a, b fieldpath.Step) bool {
				return a.Name == b.Name && slices.Equal(a.Suffixes, b.Suffixes)
			}) {
				t.Fatalf("Parse(%q) is not stable: %v", s, err)
			}
		}
		if one, err := fieldpath.Parse(fieldpath.Escape(s)); err == nil && utf8.ValidString(s) {
			if len(one.Steps) != 1 || one.Steps[0].Name != s || len(one.Steps[0].Suffixes) != 0 || one.Part != "" {
				t.Fatalf("Escape(%q) is not one name: %+v", s, one)
			}
		}
	})
}

// What a path lies in is what is left of it, taken apart and written anew without
// its last suffix or name.
func TestOuterIsHowThePathBegins(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "ü", `\.`, `\[`, `\]`, `\\`, `\>`, `\<`, `\#`, ".", ".", "[]", "{}", "<a.B>", "#key", "#header."}
	tried := 0
	for range 200_000 {
		var b strings.Builder
		for range 1 + r.IntN(9) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		path := b.String()
		p, err := fieldpath.Parse(path)
		if err != nil || len(p.Steps) == 0 {
			continue
		}
		tried++
		last := &p.Steps[len(p.Steps)-1]
		suffixes, name := strings.Join(last.Suffixes, ""), fieldpath.Escape(last.Name)
		if n := len(last.Suffixes); n > 0 {
			last.Suffixes = last.Suffixes[:n-1]
		} else {
			p.Steps = p.Steps[:len(p.Steps)-1]
		}
		if got, want := fieldpath.Outer(path), p.String(); got != want {
			t.Fatalf("%q lies in %q, want %q", path, got, want)
		}
		in, cut, behind := fieldpath.Split(path)
		if whole := strings.TrimPrefix(in+"."+cut+behind, "."); cut != name || behind != suffixes || whole != path {
			t.Fatalf("%q is %q, %q and %q, want %q and %q at the end", path, in, cut, behind, name, suffixes)
		}
	}
	if tried < 10_000 {
		t.Errorf("only %d are paths; the test sees too little", tried)
	}
}
