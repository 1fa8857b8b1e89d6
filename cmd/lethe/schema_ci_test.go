package main

import (
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas/manifest"
)

// examples are the blocks of YAML in the page about pipelines.
func examples(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, part := range strings.Split(string(page), "```") {
		if text, is := strings.CutPrefix(part, "yaml\n"); is && i%2 == 1 {
			out = append(out, text)
		}
	}
	if len(out) != 3 {
		t.Fatalf("%d examples", len(out))
	}
	return out
}

// steps collects the command lines of a pipeline: run in GitHub, script in
// GitLab.
func steps(v any, under string) (out []string) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			out = append(out, steps(inner, key)...)
		}
	case []any:
		for _, inner := range v {
			out = append(out, steps(inner, under)...)
		}
	case string:
		if under == "run" || under == "script" {
			out = append(out, v)
		}
	}
	return out
}

// What the page shows works: its manifest is read, and every command line of
// its pipelines ends well in a repository with schemas.
func TestDocumentedPipelinesWork(t *testing.T) {
	t.Parallel()
	all := examples(t)
	if _, err := manifest.Read(manifest.Name, []byte(all[0])); err != nil {
		t.Errorf("the manifest of the page: %v", manifest.Lines(err))
	}
	d := newDesk(t)
	m := d.shop(t)
	d.git(t, "init", "-q", "-b", "main")
	d.git(t, "add", ".")
	d.git(t, "commit", "-q", "-m", "first")
	d.git(t, "update-ref", "refs/remotes/origin/main", "HEAD")
	for _, example := range all[1:] {
		var pipeline map[string]any
		if err := yaml.Unmarshal([]byte(example), &pipeline); err != nil {
			t.Fatal(err)
		}
		lines := steps(pipeline, "")
		for _, first := range []bool{true, false} { // what asks for ids comes after register
			for _, line := range lines {
				if strings.Contains(line, " ids") == first {
					continue
				}
				command, to, _ := strings.Cut(line, ">")
				words := strings.Fields(command)
				if words[0] != "lethe" {
					t.Errorf("%q is no command line of Lethe", line)
					continue
				}
				r := d.as(t, access.Admin, append(words[1:], "-m", m)...)
				if r.code != exitOK || to != "" && r.out == "" {
					t.Errorf("%s: %d\n%s%s", line, r.code, r.out, r.err)
				}
			}
		}
		if len(lines) < 3 {
			t.Errorf("only %q were found", lines)
		}
	}
}
