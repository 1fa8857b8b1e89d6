package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/servertest"
)

// desk is a folder of schemas beside a running Lethe.
type desk struct {
	*servertest.Server
	dir string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return &desk{servertest.New(t), t.TempDir()}
}

// write puts a file into the folder and returns its path.
func (d *desk) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// as runs a command line as somebody.
func (d *desk) as(t *testing.T, role access.Role, args ...string) result {
	t.Helper()
	return lethe(t, env{environ: []string{"LETHE_URL=" + d.URL, "LETHE_TOKEN=" + d.Token(role)}}, args...)
}

// call does something over REST as an admin.
func (d *desk) call(t *testing.T, method, path, body string) {
	t.Helper()
	resp := d.Do(t, method, path, d.Token(access.Admin), strings.NewReader(body))
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

const withEmail = `{"type": "record", "name": "Order", "fields": [
  {"name": "id", "type": "string"},
  {"name": "email", "type": "string"}
]}`

// From the file to the verdict of a running Lethe and the exit code.
func TestSchemaCheck(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	file := d.write(t, "order.avsc", withEmail)
	r := d.as(t, access.Viewer, "schema", "check", file, "--subject", "orders-value")
	if want := file + ":3:3: warning CG010 email: it is probably user.contact.email"; r.code != exitOK || !strings.Contains(r.out, want) || !strings.HasSuffix(r.out, "\nWARN\n") {
		t.Errorf("by default nothing fails: %d\n%s%s", r.code, r.out, r.err)
	}
	d.call(t, "PUT", "/registry/config", `{"gate":"enforce"}`)
	r = d.as(t, access.Viewer, "schema", "check", file, "--subject", "orders-value", "--output", "github")
	if want := "::error file=" + file + ",line=3,col=3,title=Lethe CG010::email: it is probably user.contact.email"; r.code != exitNo || !strings.Contains(r.out, want) {
		t.Errorf("where the gate is enforced: %d\n%s%s", r.code, r.out, r.err)
	}
	tagged := d.write(t, "tagged.avsc", strings.Replace(withEmail, `"email",`, `"email", "confluent:tags": ["user.contact.email"],`, 1))
	r = d.as(t, access.Viewer, "schema", "check", tagged, "--subject", "orders-value", "-o", "text")
	if r.code != exitOK || !strings.HasSuffix(r.out, "PASS\n") || !strings.Contains(r.out, "tag email user.contact.email (inline)") {
		t.Errorf("classified: %d\n%s%s", r.code, r.out, r.err)
	}
}

func TestSchemaCheckUsage(t *testing.T) {
	t.Parallel()
	f := answering(t, 200, `{"verdict":"PASS","schemas":[]}`)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"schema", "check", "none.avsc", "--subject", "x"}, exitUsage, "there is no file none.avsc"},
		{[]string{"schema", "check", "schema_test.go"}, exitUsage, "there is no file lethe.yaml; write a manifest"},
		{[]string{"schema", "check", "--type", "AVRO"}, exitUsage, "--type goes with --subject"},
		{[]string{"schema", "check", "a", "b", "--subject", "x"}, exitUsage, "--subject is for one file, and 2 are named"},
		{[]string{"schema", "check", "schema_test.go", "--subject", "x", "--output", "junti"}, exitUsage, `did you mean "junit"`},
		{[]string{"schema", "check", "schema_test.go", "--subject", "x"}, exitAway, "of the same version"},
	} {
		if r := lethe(t, f.env(), c.args...); r.code != c.code || !strings.Contains(r.err, c.says) {
			t.Errorf("%q: %d %s", c.args, r.code, r.err)
		}
	}
}

// shop is a manifest of two schemas, of which the first in the alphabet takes
// the other, and an old one that nobody changed.
func (d *desk) shop(t *testing.T) (manifest string) {
	t.Helper()
	d.write(t, "events/order.avsc", `{"type": "record", "name": "shop.Order", "fields": [
  {"name": "id", "type": "string"},
  {"name": "total", "type": "shop.Total"}
]}`)
	d.write(t, "events/total.avsc", `{"type": "record", "name": "shop.Total", "fields": [{"name": "cents", "type": "long"}]}`)
	return d.write(t, "lethe.yaml", "prefix: shop.\nschemas:\n  - files: events/*.avsc\n    subject: shop.{name}-value\n")
}

// A whole manifest is checked in one call, references between new files
// included; files that are named are told of alone.
func TestSchemaCheckManifest(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	m := d.shop(t)
	r := d.as(t, access.Viewer, "schema", "check", "-m", m)
	want := "PASS  shop.total-value  would be version 1 (BACKWARD, gate WARN)\nPASS  shop.order-value  would be version 1 (BACKWARD, gate WARN)\nPASS\n"
	if r.code != exitOK || r.out != want {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	r = d.as(t, access.Viewer, "schema", "check", "-m", m, filepath.Join(d.dir, "events/order.avsc"))
	if r.code != exitOK || strings.Contains(r.out, "total") || !strings.Contains(r.out, "shop.order-value") {
		t.Errorf("one file: %d\n%s%s", r.code, r.out, r.err)
	}
	if r = d.as(t, access.Viewer, "schema", "check", "-m", m, "other.avsc"); r.code != exitUsage || !strings.Contains(r.err, "other.avsc is no file of "+m) {
		t.Errorf("a file of nothing: %d\n%s", r.code, r.err)
	}
}

// What is wrong with a manifest is told at its line, where editors and
// pipelines look for it.
func TestManifestMistakesAreAnnotations(t *testing.T) {
	t.Parallel()
	d := &desk{dir: t.TempDir()}
	m := d.write(t, "lethe.yaml", "schemas:\n  - files: events/*.avsc\n    subjct: a\n")
	r := lethe(t, env{}, "schema", "check", "-m", m, "-o", "github")
	if want := "::error file=" + m + ",line=3,col=5,title=Lethe UNKNOWN_KEY::"; r.code != exitUsage || !strings.Contains(r.out, want) {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	if want := "lethe: " + m + `:3:5: an entry of schemas has no key "subjct"`; !strings.Contains(r.err, want) || !strings.Contains(r.err, `did you mean "subject"`) {
		t.Errorf("%s", r.err)
	}
}

// git runs git in the desk's folder.
func (d *desk) git(t *testing.T, args ...string) {
	t.Helper()
	c := exec.Command("git", append([]string{"-C", d.dir, "-c", "user.name=x", "-c", "user.email=x@flowmart.example"}, args...)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %s", args, out)
	}
}

// Without any server: what the branch changes against what was committed, or
// against another folder, or nothing at all.
func TestSchemaCheckOffline(t *testing.T) {
	t.Parallel()
	d := &desk{dir: t.TempDir()}
	m := d.shop(t)
	d.git(t, "init", "-q", "-b", "main")
	d.git(t, "add", ".")
	d.git(t, "commit", "-q", "-m", "first")
	total := d.write(t, "events/total.avsc", "{\"type\": \"record\", \"name\": \"shop.Total\",\n \"fields\": [\n  {\"name\": \"cents\", \"type\": \"string\"}]}")
	for _, c := range []struct {
		args []string
		code int
		out  []string
		err  string
	}{
		{[]string{"check", "--against", "git:main"}, exitNo, []string{
			"FAIL  shop.total-value  changed since git:main", total + ":3:3: error CG002 cents: this version cannot read data of the version before (BACKWARD)",
			"FAIL  shop.order-value  as in git:main", "order.avsc:3:3: error CG002 total.cents"}, "the verdict is FAIL"},
		{[]string{"check", "--against", "git:main", "-o", "github"}, exitNo, []string{"::error file=" + total + ",line=3,col=3,title=Lethe CG002::cents"}, ""},
		{[]string{"check", "--against", "dir:" + d.dir}, exitOK, []string{"PASS  shop.total-value  as in dir:" + d.dir}, ""},
		{[]string{"check", "--against", "dir:" + t.TempDir()}, exitOK, []string{"PASS  shop.total-value  new since dir:"}, ""},
		{[]string{"check", "--against", "dir:/nowhere"}, exitUsage, nil, "there is no folder /nowhere"},
		{[]string{"check", "--against", "git:nowhere"}, exitUsage, nil, "fetch-depth: 0"},
		{[]string{"check", "--against", "gti:main"}, exitUsage, nil, `did you mean "git"`},
		{[]string{"check", "--against", "dir:"}, exitUsage, nil, "git:REF or dir:PATH\n"},
		{[]string{"lint"}, exitOK, []string{"PASS  shop.total-value  can be read"}, ""},
		{[]string{"check", "--against", "git:main", "--fail-on", "never"}, exitOK, []string{"\nFAIL\n"}, ""},
		{[]string{"lint", "--fail-on", "warnings"}, exitUsage, nil, `did you mean "warning"`},
	} {
		r := lethe(t, env{}, append(append([]string{"schema"}, c.args...), "-m", m)...)
		if r.code != c.code || !strings.Contains(r.err, c.err) {
			t.Errorf("%q: %d\n%s%s", c.args, r.code, r.out, r.err)
		}
		for _, part := range c.out {
			if !strings.Contains(r.out, part) {
				t.Errorf("%q: %q is not in\n%s", c.args, part, r.out)
			}
		}
	}
	d.write(t, "events/total.avsc", withEmail)
	d.write(t, "warn.yaml", "schemas: [{files: events/total.avsc, subject: a}]")
	for on, code := range map[string]int{"error": exitOK, "warning": exitNo, "never": exitOK} {
		if r := lethe(t, env{}, "schema", "lint", "-m", filepath.Join(d.dir, "warn.yaml"), "--fail-on", on); r.code != code || !strings.HasSuffix(r.out, "\nWARN\n") {
			t.Errorf("a warning with --fail-on %s: %d\n%s%s", on, r.code, r.out, r.err)
		}
	}
	d.write(t, "events/total.avsc", "{")
	if r := lethe(t, env{}, "schema", "lint", "-m", m, "-o", "json"); r.code != exitNo || !strings.Contains(r.out, `"code": "CG001"`) || !strings.Contains(r.out, `type \"shop.Total\" is not known here`) {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
}
