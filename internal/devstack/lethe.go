package devstack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Lethe is an installation of Lethe on this machine, made by the program's own
// commands as an operator would make it. Whoever fills it in says where its
// parts are.
type Lethe struct {
	Binary string // of the program; see BuildLethe
	Dir    string // of keys, anchors and exports
	URL    string // by which everybody reaches it

	Database, Migrate         string // URLs of the main database: the server's, the owner's
	Keystore, KeystoreMigrate string // … of the key store

	Issuer, Client, Audience string   // of OpenID Connect
	Env                      []string // more settings; of two with one name the later counts

	// Fingerprints of its keys, once SetUp has made them.
	Signing, Checkpoint string
}

// BuildLethe builds the real program into dir, of packages that are compiled for
// the tests as well: -trimpath would have them compiled anew. LETHE_TEST_BINARY
// names one that is built.
func BuildLethe(ctx context.Context, dir string) (string, error) {
	if built := os.Getenv("LETHE_TEST_BINARY"); built != "" {
		return built, nil
	}
	path := filepath.Join(dir, "lethe")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/flowmart/lethe/cmd/lethe").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// FreeAddress is an address of this machine that nobody listens on.
func FreeAddress() (string, error) {
	port, err := freePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

// Create makes the two databases of l on a server of ours.
func (l *Lethe) Create(ctx context.Context, pg *Postgres, name string) error {
	keys := name + "_keys"
	l.Database, l.Migrate = pg.AppURL(name), pg.OwnerURL(name)
	l.Keystore, l.KeystoreMigrate = pg.AppURL(keys), pg.OwnerURL(keys)
	for _, database := range []string{name, keys} {
		if err := pg.CreateDatabase(ctx, database); err != nil {
			return err
		}
	}
	return nil
}

// File is the path of a file of the installation.
func (l *Lethe) File(name string) string { return filepath.Join(l.Dir, name) }

// Settings are Lethe's, as an operator would set them.
func (l *Lethe) Settings() []string {
	return append([]string{
		"LETHE_PUBLIC_URL=" + l.URL, "LETHE_URL=" + l.URL,
		"LETHE_DATABASE_URL=" + l.Database, "LETHE_MIGRATE_URL=" + l.Migrate, "LETHE_KEYSTORE_URL=" + l.Keystore, "LETHE_KEYSTORE_MIGRATE_URL=" + l.KeystoreMigrate,
		"LETHE_KEK_FILE=" + l.File("kek"), "LETHE_SIGNING_KEY_FILE=" + l.File("signing.key"), "LETHE_CHECKPOINT_KEY_FILE=" + l.File("checkpoint.key"),
		"LETHE_ANCHOR_DIR=" + l.File("anchors"), "LETHE_STORAGE_DIR=" + l.File("storage"),
		"LETHE_OIDC_ISSUER=" + l.Issuer, "LETHE_OIDC_CLIENT_ID=" + l.Client, "LETHE_OIDC_AUDIENCE=" + l.Audience,
		"LETHE_COUNTRY=DE", "LETHE_TIMEZONE=Europe/Berlin", "LETHE_DEV=true", "LETHE_DRAIN_DELAY=0s",
	}, l.Env...)
}

// SetUp makes keys and directories, and brings the databases up to date.
func (l *Lethe) SetUp(ctx context.Context) error {
	for _, dir := range []string{"anchors", "storage"} {
		if err := os.Mkdir(l.File(dir), 0o700); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		into *string
		args []string
	}{
		{nil, []string{"key", "kek", l.File("kek")}},
		{&l.Signing, []string{"key", "signing", l.File("signing.key"), "--output", "json"}},
		{&l.Checkpoint, []string{"audit", "key", "generate", l.File("checkpoint.key"), "--name", "flowmart.example/lethe", "--output", "json"}},
		{nil, []string{"migrate"}},
	} {
		out, err := l.Run(ctx, nil, step.args...)
		if err != nil {
			return err
		}
		if step.into == nil {
			continue
		}
		var made struct{ Fingerprint string }
		if err := json.Unmarshal([]byte(out), &made); err != nil {
			return fmt.Errorf("lethe %s: %w", strings.Join(step.args, " "), err)
		}
		*step.into = made.Fingerprint
	}
	return nil
}

// Run runs a command of the program with standard input, and returns what it
// printed.
func (l *Lethe) Run(ctx context.Context, in []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, l.Binary, args...)
	cmd.Env = append(os.Environ(), l.Settings()...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("lethe %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// Serve starts a server and waits until it is ready.
func (l *Lethe) Serve(ctx context.Context, listen, ops, log string, env ...string) (*Program, error) {
	return StartProgram(ctx, ProgramOptions{
		Path: l.Binary, Args: []string{"serve"}, Env: append(append(l.Settings(), "LETHE_LISTEN="+listen, "LETHE_OPS_LISTEN="+ops), env...),
		Log: log, Ready: "http://" + listen + "/readyz",
	})
}
