package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// written finds what a page tells its reader to type: between backticks, or as
// a line of a block.
var written = regexp.MustCompile("`(lethe [a-z][^`\n]*)`|(?m:^[ \t]*(lethe [a-z].*)$)")

// placeholder stands for what the reader puts in.
var placeholder = regexp.MustCompile(`^([A-Z][A-Z0-9_]*|…|\.\.\.)$`)

// Every command line in the documents is one: the command exists, and has the
// flags that are written. A runbook with a command that is none is read on the
// day when nobody has time to look for the right one.
func TestDocumentedCommandsExist(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	lines := 0
	for _, page := range append(pages, "../../README.md", "../../CHANGELOG.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range written.FindAllStringSubmatch(string(text), -1) {
			line := m[1] + m[2]
			lines++
			if why := wrongLine(line); why != "" {
				t.Errorf("%s: %q: %s", filepath.Base(page), line, why)
			}
		}
	}
	if lines < 30 {
		t.Errorf("only %d command lines were found", lines)
	}
}

// wrongLine says why nobody can type a command line, or "".
func wrongLine(line string) string {
	line, _, _ = strings.Cut(line, " #")
	for _, end := range []string{" > ", " < ", " | ", " && ", ";"} {
		line, _, _ = strings.Cut(line, end)
	}
	words := strings.Fields(line)[1:]
	var path []string
	for _, w := range words {
		if strings.HasPrefix(w, "-") || placeholder.MatchString(w) || strings.ContainsAny(w, "./") {
			break
		}
		path = append(path, w)
	}
	root := newRoot(&env{})
	c, rest, err := root.Find(path)
	switch {
	case err != nil:
		return err.Error()
	case len(rest) > 0 && c.HasSubCommands():
		return c.CommandPath() + " has no subcommand " + rest[0]
	}
	for _, w := range words {
		name, long := strings.CutPrefix(w, "--")
		if name, _, _ = strings.Cut(name, "="); long && !flagOf(c, name) {
			return c.CommandPath() + " has no flag --" + name
		}
	}
	return ""
}

func flagOf(c *cobra.Command, name string) bool {
	return name == "help" || c.Flags().Lookup(name) != nil || c.InheritedFlags().Lookup(name) != nil
}

// The runbook names every command about requests: each is for a situation that
// it describes.
func TestRunbookNamesTheCommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range newRequest(&env{}).Commands() {
		if !regexp.MustCompile("`lethe request " + c.Name() + "[ `]").Match(text) {
			t.Errorf("docs/runbook.md does not name lethe request %s", c.Name())
		}
	}
}

// What the test must find wrong, it does.
func TestWrongLinesAreFound(t *testing.T) {
	t.Parallel()
	for line, wrong := range map[string]bool{
		"lethe request retry CASE --service REF": false, "lethe audit verify --output json": false, "lethe serve --print-config": false,
		"lethe key signing FILE --rotate": false, "lethe key kek /etc/lethe/kek": false, "lethe request open --identifier - < identifiers.txt": false,
		"lethe request reopen CASE": true, "lethe request retry CASE --task x": true, "lethe rewrap": true, "lethe key rewrap --dryrun": true,
	} {
		if got := wrongLine(line); (got != "") != wrong {
			t.Errorf("%q: %q", line, got)
		}
	}
}
