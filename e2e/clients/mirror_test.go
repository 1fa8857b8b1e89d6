package clients

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flowmart/lethe/internal/devstack"
)

// another starts a server that the test alone uses.
func another(t *testing.T, name string, settings ...string) *devstack.Lethe {
	t.Helper()
	l, program, err := lethe.start(t.Context(), t.TempDir(), name, settings...)
	if program != nil {
		t.Cleanup(program.Kill)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// clientOf is franz-go's client of a server.
func clientOf(t *testing.T, l *devstack.Lethe) *sr.Client {
	t.Helper()
	cl, err := sr.NewClient(sr.URLs(l.URL+"/registry"), sr.BasicAuth("token", lethe.token))
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// A registry is copied to another with the command, ids kept; the two answer
// alike; after the switch producers go on at the new one, and who reads finds
// the same schema behind the same id.
func TestMirrorWithTheCommand(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	old, fresh := another(t, "old"), another(t, "fresh")
	client := func(l *devstack.Lethe) *sr.Client { return clientOf(t, l) }
	var last sr.SubjectSchema
	for _, text := range []string{v1, v2} {
		var err error
		if last, err = client(old).CreateSchema(ctx, "orders-value", sr.Schema{Schema: text}); err != nil {
			t.Fatal(err)
		}
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(lethe.token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mirror := func(ctx context.Context, args ...string) (string, error) {
		return fresh.Run(ctx, nil, append([]string{"schema", "mirror", "--from", old.URL + "/registry", "--from-token-file", token}, args...)...)
	}
	if out, err := mirror(ctx, "--dry-run"); err == nil || !strings.Contains(out, "2 differences. Nothing was changed.") {
		t.Fatalf("a dry run: %v %s", err, out)
	}
	if out, err := mirror(ctx); err != nil || !strings.Contains(out, "2 differences, 0 of them left.") {
		t.Fatalf("%v %s", err, out)
	}
	if out, err := mirror(ctx, "--dry-run", "--compare", "--output", "json"); err != nil || strings.Contains(out, "differ") {
		t.Fatalf("%v %s", err, out)
	}
	if _, err := client(fresh).CreateSchema(ctx, "else-value", sr.Schema{Schema: `"long"`}); err == nil {
		t.Error("a mirror took a schema from somebody else")
	}
	following, stop := context.WithCancel(ctx)
	ended := make(chan string, 1)
	go func() {
		out, _ := mirror(following, "--follow", "--every", "100ms")
		ended <- out
	}()
	late, err := client(old).CreateSchema(ctx, "late-value", sr.Schema{Schema: v1})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if copied, err := client(fresh).SchemaByVersion(ctx, "late-value", 1); err == nil && copied.ID == late.ID {
			break
		}
		if time.Now().After(deadline) {
			stop()
			t.Fatalf("what was registered meanwhile was not followed: %s", <-ended)
		}
	}
	stop()
	<-ended
	if out, err := mirror(ctx, "--switch"); err != nil || !strings.Contains(out, "is open") {
		t.Fatalf("%v %s", err, out)
	}
	if again, err := client(fresh).CreateSchema(ctx, "orders-value", sr.Schema{Schema: v2}); err != nil || again.ID != last.ID || again.Version != 2 {
		t.Errorf("%+v %v", again, err)
	}
	if text, err := client(fresh).SchemaTextByID(ctx, last.ID); err != nil || text != v2 {
		t.Errorf("%s %v", text, err)
	}
	if _, err := client(old).CreateSchema(ctx, "else-value", sr.Schema{Schema: `"long"`}); err == nil {
		t.Error("the old registry is still open")
	}
}
