package pgtest

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// A server that has no connection left for a process that comes is the server of
// all the others: it is waited for, and not replaced.
func TestABusyServerIsNotReplaced(t *testing.T) {
	t.Parallel()
	_, _, super := URLs(t)
	conn, err := pgx.Connect(t.Context(), super)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	role := "lethe_busy_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	run := func(q string) {
		t.Helper()
		if _, err := conn.Exec(context.Background(), q); err != nil {
			t.Fatal(err)
		}
	}
	run(`CREATE ROLE ` + role + ` LOGIN PASSWORD 'secret' CONNECTION LIMIT 0`)
	t.Cleanup(func() { run(`DROP ROLE ` + role) })

	dir := t.TempDir()
	keeper, err := lockFile(filepath.Join(dir, "keeper"), syscall.LOCK_EX)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keeper.Close() })
	at, err := url.Parse(super)
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.UserPassword(role, "secret")
	state, err := json.Marshal(sharedState{URL: at.String()})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "state.json")
	if err := os.WriteFile(file, state, 0o600); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if found, err := serverOf(short, dir); err == nil {
		t.Errorf("it answered at %s", found)
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != string(state) {
		t.Errorf("the others' server is told of no more: %s %v", kept, err)
	}
	run(`ALTER ROLE ` + role + ` CONNECTION LIMIT 5`)
	if found, err := serverOf(t.Context(), dir); err != nil || found != at.String() {
		t.Errorf("found %s, %v", found, err)
	}
}
