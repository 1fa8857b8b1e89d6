package clients

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/devstack"
)

// checkout is a repository as a pipeline has it, and what it is told.
type checkout struct {
	dir string
	env []string
}

func (c *checkout) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// does runs a program in the repository and wants parts of what it says.
func (c *checkout) does(t *testing.T, code int, line string, parts ...string) string {
	t.Helper()
	words := strings.Fields(line)
	if words[0] == "lethe" {
		words[0] = lethe.binary
	}
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // how it ended is in its state
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("%s ended with %d, want %d\n%s%s", line, got, code, out.String(), errs.String())
	}
	for _, part := range parts {
		if !strings.Contains(out.String()+errs.String(), part) {
			t.Errorf("%s: %q is not in\n%s%s", line, part, out.String(), errs.String())
		}
	}
	return out.String()
}

// A team's pipeline, as a machine of its service signs in: a branch is checked,
// merged and registered; one that breaks readers, and one with an e-mail that
// nobody classified, are stopped at their lines.
func TestPipeline(t *testing.T) {
	t.Parallel()
	c := &checkout{dir: t.TempDir(), env: []string{"LETHE_TOKEN=", "LETHE_URL=" + lethe.url, "LETHE_OIDC_ISSUER=" + lethe.issuer, "LETHE_OIDC_CLIENT_ID=orders-pipeline", "LETHE_OIDC_CLIENT_SECRET=" + secret}}
	c.write(t, "lethe.yaml", "prefix: pipeline.\nschemas:\n  - {files: events/*.avsc, subject: 'pipeline.{name}-value'}\n")
	c.write(t, "events/money.avsc", `{"type":"record","name":"shop.Money","fields":[{"name":"cents","type":"long"}]}`)
	c.write(t, "events/invoice.avsc", "{\"type\":\"record\",\"name\":\"shop.Invoice\",\"fields\":[\n  {\"name\":\"id\",\"type\":\"string\"},\n  {\"name\":\"total\",\"type\":\"Money\"}\n]}\n")
	c.does(t, 0, "git init -q -b main")
	c.does(t, 0, "git add .")
	c.does(t, 0, "git -c user.name=x -c user.email=x@flowmart.example commit -qm first")
	c.does(t, 0, "lethe schema lint", "PASS")
	c.does(t, 0, "lethe schema check --output github", "PASS")
	c.does(t, 0, "lethe schema plan", "+ pipeline.money-value version 1 (events/money.avsc)", "2 new, 0 unchanged")
	c.does(t, 0, "lethe schema register", "+ pipeline.invoice-value version 1 done")
	c.does(t, 0, "lethe schema plan --exit-code", "2 unchanged")
	var ids []struct {
		ID            int
		Subject, File string
	}
	if out := c.does(t, 0, "lethe schema ids --output json"); json.Unmarshal([]byte(out), &ids) != nil || len(ids) != 2 || ids[1].ID == 0 || ids[1].File != "events/invoice.avsc" {
		t.Errorf("ids: %s", out)
	}

	c.write(t, "events/invoice.avsc", "{\"type\":\"record\",\"name\":\"shop.Invoice\",\"fields\":[\n  {\"name\":\"id\",\"type\":\"string\"},\n  {\"name\":\"total\",\"type\":\"Money\"},\n  {\"name\":\"customer_email\",\"type\":\"string\"}\n]}\n")
	where := "file=events/invoice.avsc,line=4,col=3,title=Lethe "
	c.does(t, 1, "lethe schema check --output github", "::error "+where+"CG002::customer_email", "::warning "+where+"CG010::customer_email")
	c.does(t, 1, "lethe schema check --against git:main --output github", "::error "+where+"CG002")
	c.does(t, 1, "lethe schema register", "CG002")
	c.does(t, 0, "lethe schema diff --against git:main", "+ fields.customer_email: ", "personal data added: customer_email user.contact.email")
	c.does(t, 0, "git checkout -q events")
	c.does(t, 0, "lethe schema plan --exit-code", "2 unchanged")

	c.write(t, "lethe.yaml", "schemas:\n  - {files: events/*.avsc, subjct: x}\n")
	c.does(t, 2, "lethe schema check --output github", "::error file=lethe.yaml,line=2,col=28,title=Lethe UNKNOWN_KEY")
	c.does(t, 0, "git checkout -q lethe.yaml")
	nobody, err := devstack.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	c.env = append(c.env, "LETHE_URL=http://"+nobody)
	c.does(t, 3, "lethe schema check", "cannot be reached")
}
