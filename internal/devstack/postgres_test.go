package devstack

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// stayAlive makes a re-executed test binary start a server and wait to be
// killed.
const stayAlive = "LETHE_DEVSTACK_STAY_ALIVE"

func TestMain(m *testing.M) {
	if os.Getenv(stayAlive) != "" {
		pg, err := StartPostgres(context.Background(), PostgresOptions{NoSync: true})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Fprintln(os.Stdout, pg.super.Host, pg.dir)
		select {}
	}
	os.Exit(m.Run())
}

func TestPostgresKeepsItsPromises(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pg, err := StartPostgres(ctx, PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer pg.Stop()
	for range 2 { // making it twice is no error
		if err := pg.CreateDatabase(ctx, "kept"); err != nil {
			t.Fatal(err)
		}
	}
	query := func(url, sql string) (string, error) {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return "", err
		}
		defer conn.Close(ctx)
		var s string
		return s, conn.QueryRow(ctx, sql).Scan(&s)
	}
	conn, err := pgx.Connect(ctx, pg.OwnerURL("kept"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, `CREATE TABLE person (email text PRIMARY KEY); INSERT INTO person VALUES ('maria.lopez@example.com')`); err != nil {
		t.Fatal(err)
	}
	// Three ways in which a careless server would log a value.
	for _, sql := range []string{
		`INSERT INTO person VALUES ('maria.lopez@example.com')`,
		`SELECT 'maria.lopez@example.com'::uuid`,
		`SELECT maria_lopez FROM person WHERE email = 'maria.lopez@example.com'`,
	} {
		if _, err := conn.Exec(ctx, sql); err == nil {
			t.Errorf("%s: no error", sql)
		}
	}
	conn.Close(ctx)
	if who, err := query(pg.AppURL("kept"), `SELECT current_user || current_setting('is_superuser')`); err != nil || who != "lethe_appoff" {
		t.Errorf("app is %q, %v", who, err)
	}
	if sync, err := query(pg.SuperURL("kept"), `SELECT current_setting('fsync') || current_setting('synchronous_commit')`); err != nil || sync != "onon" {
		t.Errorf("fsync and synchronous_commit are %q, %v; want on", sync, err)
	}

	pg.Crash()
	if _, err := query(pg.SuperURL("kept"), `SELECT 'alive'`); err == nil {
		t.Error("the server answers after its crash")
	}
	if err := pg.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := query(pg.OwnerURL("kept"), `SELECT email FROM person`); err != nil || got != "maria.lopez@example.com" {
		t.Errorf("after the restart: %q, %v", got, err)
	}
	log, err := os.ReadFile(pg.LogPath())
	if err != nil || len(log) == 0 {
		t.Fatalf("no log: %v", err)
	}
	if strings.Contains(strings.ToLower(string(log)), "maria") {
		t.Errorf("the server's log holds a value:\n%s", log)
	}
	pg.Stop()
	pg.Stop()
	if _, err := os.Stat(pg.dir); !os.IsNotExist(err) {
		t.Errorf("the throw-away directory is still there: %v", err)
	}
}

func TestKeptDirectory(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir, err := makeTemp(serverAccount())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	dir = filepath.Join(dir, "kept")
	for n := range 2 {
		pg, err := StartPostgres(ctx, PostgresOptions{Dir: dir, NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			if err := pg.CreateDatabase(ctx, "survivor"); err != nil {
				t.Fatal(err)
			}
			if _, err := StartPostgres(ctx, PostgresOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another process uses") {
				t.Errorf("a second server on the directory: %v", err)
			}
		}
		conn, err := pgx.Connect(ctx, pg.AppURL("survivor"))
		if err != nil {
			t.Fatal(err)
		}
		conn.Close(ctx)
		pg.Stop()
	}
}

// A server does not survive the program that started it, however that ends;
// its directory goes with the next start.
func TestNoServerSurvivesItsParent(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), stayAlive+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	host, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
	if !ok {
		t.Fatalf("the program says %q", line)
	}
	defer os.RemoveAll(dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("the server outlived its parent by a minute")
		}
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(dir, long, long); err != nil {
		t.Fatal(err)
	}
	removeAbandoned()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the abandoned directory is still there: %v", err)
	}
}

func TestUnreachableServerIsAnError(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://127.0.0.1:1/postgres", "mysql://127.0.0.1/x", "::"} {
		if _, err := StartPostgres(context.Background(), PostgresOptions{URL: url}); err == nil {
			t.Errorf("%s: no error", url)
		}
	}
}

func TestDigits(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)": 15,
		"/usr/lib/postgresql/9/bin":                            9,
		"no number":                                            0,
		"18":                                                   18,
	} {
		if got := digits(in); got != want {
			t.Errorf("digits(%q) = %d, want %d", in, got, want)
		}
	}
}

func TestHealLinks(t *testing.T) {
	t.Parallel()
	lay := func(t *testing.T, links []map[string]string) string {
		native := filepath.Join(t.TempDir(), "native")
		if err := os.MkdirAll(filepath.Join(native, "lib"), 0o755); err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(links)
		for name, content := range map[string][]byte{"lib/libicu.so.60.2": []byte("icu"), "pg-symlinks.json": text} {
			if err := os.WriteFile(filepath.Join(native, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return native
	}
	native := lay(t, []map[string]string{{"source": "native/lib/libicu.so.60.2", "target": "native/lib/libicu.so.60"}})
	for range 2 { // healing what is whole changes nothing
		if err := healLinks(native); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(native, "lib", "libicu.so.60")); err != nil || string(got) != "icu" {
		t.Errorf("through the link: %q, %v", got, err)
	}
	native = lay(t, []map[string]string{{"source": "native/lib/libicu.so.60.2", "target": "../../outside"}})
	if err := healLinks(native); err == nil {
		t.Error("a link out of the package was made")
	}
}
