package architecture_test

import (
	"go/build/constraint"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every linter says why it is there: one that nobody can give a reason for is
// switched off by whoever it is in the way of.
func TestLintersHaveReasons(t *testing.T) {
	t.Parallel()
	_, enabled, found := strings.Cut(read(t, ".golangci.yml"), "\n  enable:\n")
	enabled, _, more := strings.Cut(enabled, "\n  settings:")
	if !found || !more {
		t.Fatal("the list of linters is not where it was")
	}
	reason := regexp.MustCompile(`^    - [a-z]+ # \w.{15,}$`)
	for line := range strings.Lines(enabled) {
		if !reason.MatchString(strings.TrimRight(line, "\n")) {
			t.Errorf("this linter has no reason: %s", line)
		}
	}
}

// Files with a build tag are compiled by nobody who does not name it. Linters
// and make check name each that the code has, but for what the toolchain sets.
func TestTaggedFilesAreLookedAt(t *testing.T) {
	t.Parallel()
	lint := regexp.MustCompile(`(?m)^  build-tags: \[(.*)\]$`).FindStringSubmatch(read(t, ".golangci.yml"))
	vet := regexp.MustCompile(`(?m)^TAGS := (.*)$`).FindStringSubmatch(read(t, "Makefile"))
	if lint == nil || vet == nil {
		t.Fatal("the build tags are not where they were")
	}
	named := map[string]int{"race": 2, "linux": 2}
	for _, list := range []string{lint[1], vet[1]} {
		for tag := range strings.SplitSeq(list, ",") {
			named[strings.TrimSpace(tag)]++
		}
	}
	tagged := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		for line := range strings.Lines(read(t, path)) {
			if !constraint.IsGoBuild(line) {
				continue
			}
			expr, err := constraint.Parse(line)
			if err != nil {
				return err
			}
			expr.Eval(func(tag string) bool {
				tagged++
				if named[tag] != 2 {
					t.Errorf("%s: files of the tag %s are not linted, or not vetted by make check", path, tag)
				}
				return true
			})
		}
		return nil
	})
	if err != nil || tagged < 10 {
		t.Errorf("%d tags were found: %v", tagged, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
