package rollout

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/changes"
	"github.com/flowmart/lethe/schemas/manifest"
)

// What one question asks for all of several subjects, and for as little else as
// can be. By hand.
func TestShared(t *testing.T) {
	t.Parallel()
	for want, all := range map[string][]string{
		"": nil, "a-value": {"a-value"}, "shop.": {"shop.a", "shop.b"}, ":.eu:": {":.eu:a", ":.eu:b"}, "größe-": {"größe-1", "größe-2"},
		"gr": {"größe", "gräser"}, // ö and ä begin with the same byte
	} {
		if got := shared(all); got != want {
			t.Errorf("%q share %q, want %q", all, got, want)
		}
	}
}

// Whatever a subject is called, its file is one file in one folder, and as a
// pattern means itself.
func FuzzFileName(f *testing.F) {
	for _, s := range []string{"orders-value", "a/b", "../x", ":.eu:x", "*", "[a]", "a?b", `a\b`, "größe", "{a,b}", "x.avsc", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		name := fileName(Registered{Subject: subject})
		if filepath.Base(name) != name || strings.ContainsAny(name, `/\:*?[]{}`) || !strings.HasSuffix(name, ".avsc") {
			t.Errorf("%q is kept in %q", subject, name)
		}
		if ok, err := doublestar.Match(name, name); !ok || err != nil {
			t.Errorf("%q does not mean itself: %v", name, err)
		}
	})
}

// No two subjects are written into one file.
func TestFileNames(t *testing.T) {
	t.Parallel()
	all := []Registered{{Subject: "x"}, {Subject: "x.avsc"}, {Subject: "x.avsc.avsc"}, {Subject: "X"}, {Subject: "x", Type: "JSON"}, {Subject: "a/b.proto", Type: "PROTOBUF"}}
	want := []string{"x.avsc", "x.avsc.avsc", "x.avsc.avsc.avsc", "X.avsc.avsc.avsc.avsc", "x.json", "a%2Fb.proto"}
	if got := fileNames(all); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whatever a schema holds, what is planned stands in lines of its own.
func TestPlanInLines(t *testing.T) {
	t.Parallel()
	bad := "a\n::error::x\x1b[2J"
	p := Plan{Steps: []Step{{Action: Update, Subject: bad, File: bad, Changes: []changes.Change{{Kind: changes.Changed, Place: bad, Before: bad, After: bad}}}}}
	var b bytes.Buffer
	if err := p.text(&b); err != nil || strings.Count(b.String(), "\n") != 3 || strings.Contains(b.String(), "\x1b") {
		t.Errorf("%q, %v", b.String(), err)
	}
}

// However many subjects differ in capitals alone, each has a file of its own whose
// name a disk takes, at once.
func TestFilesOfNamesAlike(t *testing.T) {
	t.Parallel()
	var all []Registered
	for i := range 5_000 {
		name := []byte(strings.Repeat("a", mostOfName))
		for bit := range 13 {
			if i>>bit&1 == 1 {
				name[bit] = 'A'
			}
		}
		all = append(all, Registered{Subject: string(name)})
	}
	var names []string
	if took := cputest.Thread(func() { names = fileNames(all) }); took > time.Second {
		t.Errorf("%v of a processor", took)
	}
	seen := map[string]bool{}
	for _, name := range names {
		if is := strings.ToLower(name); seen[is] || len(name) > 255 {
			t.Fatalf("%s is taken, or too long", name)
		}
		seen[strings.ToLower(name)] = true
	}
}

// A table's cell ends at no bar but its own, and each form tells every step.
func TestForms(t *testing.T) {
	t.Parallel()
	p := Plan{Unchanged: 3, Steps: []Step{
		{Action: Set, Subject: "a|b", Settings: Settings{Level: "FULL"}, Changes: []changes.Change{{Kind: changes.Changed, Place: "compatibility", Before: "BACKWARD", After: "FULL"}}},
		{Action: Create, Subject: "c", Version: 1, ID: 7, Done: true, File: "c.avsc"}, {Action: Update, Subject: "d", Version: 4}, {Action: Delete, Subject: "e", Version: 2},
	}}
	for form, parts := range map[string][]string{
		"text":     {"* a|b set\n    ~ compatibility: BACKWARD → FULL\n+ c version 1 done, id 7 (c.avsc)\n~ d version 4\n- e delete\n1 new, 1 changed, 1 settings, 1 to delete, 3 unchanged\n"},
		"json":     {`"action": "SET"`, `"subject": "c"`, `"unchanged": 3`},
		"markdown": {`| set | a\|b |  | ~ compatibility: BACKWARD → FULL |`, "| create | c | 1 |  |", "| delete | e |  |  |"},
	} {
		var b bytes.Buffer
		if err := p.Write(&b, form); err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			if !strings.Contains(b.String(), part) {
				t.Errorf("%s: %q is not in\n%s", form, part, b.String())
			}
		}
	}
}

// A subject whose versions were all deleted has nothing that could change.
func TestNothingBefore(t *testing.T) {
	t.Parallel()
	const proto = "syntax = \"proto3\";\nmessage A {}\n"
	for _, before := range []string{"", proto} {
		got := Differences(manifest.Entry{Type: "PROTOBUF", Text: proto}, schemas.Comparison{Before: before})
		if len(got) > 0 {
			t.Errorf("after %q: %v", before, got)
		}
	}
}

// What refers to others is deleted before them; the rest stays in its order.
func TestReferringFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ all, want string }{
		{"", ""},
		{"a b c", "a b c"},
		{"a b:a c:b d", "c b a d"},
		{"a:c b:c c d:elsewhere", "a b c d"},
		{"a:b b:a c:a", "c a b"}, // a circle, and self
		{"a:a b", "a b"},
	} {
		var all []Registered
		for one := range strings.FieldsSeq(c.all) {
			subject, to, refers := strings.Cut(one, ":")
			v := Registered{Subject: subject}
			if refers {
				v.References = []Reference{{Subject: to}}
			}
			all = append(all, v)
		}
		var got []string
		for _, v := range referringFirst(all) {
			got = append(got, v.Subject)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.all, got, c.want)
		}
	}
}

// A registry that gives the same page again and again is asked no more.
func TestLatestEnds(t *testing.T) {
	t.Parallel()
	page := "[" + strings.TrimSuffix(strings.Repeat(`{"subject":"a","version":1,"id":1,"schema":"\"int\""},`, 1000), ",") + "]"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(page))
	}))
	defer server.Close()
	client, err := sr.NewClient(sr.URLs(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if all, err := (Registry{client}).Latest(ctx, ""); err != nil || len(all) != 1 {
		t.Errorf("%d subjects, %v", len(all), err)
	}
}

// A list that is refused for its size is read in smaller parts, to its end.
func TestLatestComesInParts(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		limit, _ := strconv.Atoi(req.FormValue("limit"))
		if limit > 50 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			_, _ = w.Write([]byte(`{"error_code":413,"message":"ask for fewer at a time"}`))
			return
		}
		offset, _ := strconv.Atoi(req.FormValue("offset"))
		var part []string
		for i := offset; i < min(offset+limit, 25); i++ {
			part = append(part, fmt.Sprintf(`{"subject":"s%d","version":1,"id":1,"schema":"\"int\""}`, i))
		}
		_, _ = w.Write([]byte("[" + strings.Join(part, ",") + "]"))
	}))
	defer server.Close()
	client, err := sr.NewClient(sr.URLs(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	if all, err := (Registry{client}).Latest(t.Context(), ""); err != nil || len(all) != 25 {
		t.Errorf("%d subjects, %v", len(all), err)
	}
}
