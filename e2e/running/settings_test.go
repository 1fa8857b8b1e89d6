package running

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// One error names every setting that is missing, wrong or unknown; the exit
// code says that it was the usage.
func TestWrongSettingsAreAllNamed(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), binary, "serve", "--log-level", "loud")
	cmd.Env = []string{"LETHE_PUBLIC_URL=http://lethe.example.com", "LETHE_DATABASE_URL=postgres://u:hunter2@h:x/d", "LETHE_DATBASE_URL=x",
		"LETHE_KEK_FILE=/nowhere", "LETHE_ONLY=regisry", "LETHE_TIMEZONE=Europe/Berln", "LETHE_MAX_PART_BYTES=many"}
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 {
		t.Errorf("serve ended with %v, want exit code 2", err)
	}
	for _, want := range []string{
		"--log-level", "LETHE_PUBLIC_URL: plain HTTP", "LETHE_DATABASE_URL: this is no PostgreSQL URL", "LETHE_DATBASE_URL", "did you mean LETHE_DATABASE_URL?",
		"/nowhere", `did you mean "registry"?`, "Europe/Berln", "LETHE_MAX_PART_BYTES: write a number of bytes",
		"LETHE_KEYSTORE_URL is not set", "LETHE_SIGNING_KEY_FILE is not set", "LETHE_CHECKPOINT_KEY_FILE is not set", "LETHE_ANCHOR_DIR is not set",
		"LETHE_STORAGE_DIR is not set", "LETHE_OIDC_ISSUER is not set", "LETHE_OIDC_CLIENT_ID is not set", "LETHE_OIDC_AUDIENCE is not set",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the error lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "hunter2") {
		t.Error("the error repeats a password")
	}
}
