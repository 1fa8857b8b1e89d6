package main

import (
	"os"
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
		{[]string{"schema", "check", "schema_test.go"}, exitUsage, "--subject orders-value"},
		{[]string{"schema", "check", "schema_test.go", "--subject", "x", "--output", "junti"}, exitUsage, `did you mean "junit"`},
		{[]string{"schema", "check", "schema_test.go", "--subject", "x"}, exitAway, "of the same version"},
	} {
		if r := lethe(t, f.env(), c.args...); r.code != c.code || !strings.Contains(r.err, c.says) {
			t.Errorf("%q: %d %s", c.args, r.code, r.err)
		}
	}
}
