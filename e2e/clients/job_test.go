package clients

import (
	"os"
	"strings"
	"testing"

	"github.com/flowmart/lethe/server/issuertest"
)

// Jobs of a repository, with the program alone and nothing kept as a secret: what
// an admin declares once; the pull request that is checked and may not register,
// and is told why; the merge that registers; the fork, and the repository that has
// taken over the name.
func TestJobsSignInByTheirProvider(t *testing.T) {
	t.Parallel()
	github := issuertest.NewPipeline(t)
	l := another(t, "jobs", "LETHE_CI_ISSUERS=github="+github.URL)
	if _, err := l.Run(t.Context(), []byte(orders), "catalog", "import", "-"); err != nil {
		t.Fatal(err)
	}
	out, err := l.Run(t.Context(), nil, "trust", "declare", "--issuer", github.URL, "--repository", "74", "--owner", "65", "--label", "acme/orders",
		"--workflow", ".github/workflows/schemas.yml", "--service", "orders", "--verbs", "register", "--subjects", "shop.*", "--environment", "production")
	if err != nil || !strings.Contains(out, "acme/orders (74 of 65") {
		t.Fatalf("%s %v", out, err)
	}

	c := &checkout{dir: t.TempDir(), env: []string{"LETHE_TOKEN=", "LETHE_OIDC_CLIENT_ID=", "LETHE_URL=" + l.URL, "ACTIONS_ID_TOKEN_REQUEST_URL=" + github.RequestURL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + github.RequestKey}}
	c.write(t, "lethe.yaml", "prefix: shop.\nschemas:\n  - {files: events/*.avsc, subject: 'shop.{name}-value'}\n")
	c.write(t, "events/order.avsc", `{"type":"record","name":"shop.Order","fields":[{"name":"id","type":"string"}]}`)
	main := issuertest.Claims{"environment": "production"}

	github.Runs(issuertest.PullRequest())
	c.does(t, 0, "lethe schema check --output github", "PASS")
	c.does(t, 0, "lethe schema plan", "+ shop.order-value version 1 (events/order.avsc)")
	c.does(t, 1, "lethe schema register", "this job may only check: it runs for a pull request")

	github.Runs(nil) // the push's other job, in no environment
	c.does(t, 0, "lethe schema check", "PASS")
	c.does(t, 1, "lethe schema register", "this job may only check: it does not run in the environment that its trust names")
	github.Runs(main)
	c.does(t, 0, "lethe schema register", "+ shop.order-value version 1 done")
	c.does(t, 0, "lethe schema ids --output json", `"subject": "shop.order-value"`)
	c.does(t, 1, "lethe schema delete shop.order-value --yes", "this job is trusted to check, register and not to delete")

	c.write(t, "lethe.yaml", "schemas:\n  - {files: events/*.avsc, subject: 'payments.{name}-value'}\n")
	c.does(t, 0, "lethe schema check", "PASS")
	c.does(t, 1, "lethe schema register", "this job is trusted with the subjects shop.* and with no other")

	for name, stranger := range map[string]issuertest.Claims{
		"a fork":             {"repository": "eve/orders", "repository_id": "99", "repository_owner_id": "98", "job_workflow_ref": "eve/orders/.github/workflows/schemas.yml@refs/heads/main"},
		"a resurrected name": {"repository_id": "75", "repository_owner_id": "66"},
		"another workflow":   {"job_workflow_ref": "acme/orders/.github/workflows/other.yml@refs/heads/main"},
	} {
		github.Runs(stranger)
		t.Log(name)
		c.does(t, 1, "lethe schema check", "no trust lets this identity token in")
	}

	id, _, _ := strings.Cut(out, "\n")
	if out, err := l.Run(t.Context(), nil, "trust", "end", id); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	github.Runs(main)
	c.does(t, 1, "lethe schema check", "no trust lets this identity token in")

	// The server's log has the reasons, and nobody's name.
	log, err := os.ReadFile(l.File("log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{"no trust names the repository", "the workflow is not the one that the trust names"} {
		if !strings.Contains(string(log), reason) {
			t.Errorf("the log does not say %q", reason)
		}
	}
	for _, name := range []string{"octocat", "lethejob_", "eyJ"} {
		if strings.Contains(string(log), name) {
			t.Errorf("the log has %q", name)
		}
	}
}
