package manifest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/flowmart/lethe/catalog/yaml/strict"
)

// validPattern reports whether a pattern names paths below the folder.
func validPattern(pattern string) bool {
	up := slices.Contains(strings.Split(pattern, "/"), "..")
	return doublestar.ValidatePattern(pattern) && !up && !strings.HasPrefix(pattern, "/")
}

// Tree is a folder of files: one on the disk, or one as it was in git. Paths go
// down from it, with slashes.
type Tree struct {
	names []string // sorted
	load  func(names []string) ([]string, error)
}

// match lists the files of a pattern.
func (t Tree) match(pattern string) (out []string) {
	for _, name := range t.names {
		if doublestar.MatchUnvalidated(pattern, name) {
			out = append(out, name)
		}
	}
	return out
}

// named lists the files of a pattern that stands in a manifest; that there are
// none is a mistake, unless they are those of before.
func (t Tree) named(r *strict.Reader, at strict.Mark, pattern string, before bool) []string {
	names := t.match(pattern)
	folder := strings.TrimSuffix(pattern, "/") + "/"
	switch {
	case len(names) > 0 || before:
	case slices.ContainsFunc(t.names, func(name string) bool { return strings.HasPrefix(name, folder) }):
		r.Bad(at, "NO_FILE", "%q is a folder; write %s** for all that is in it", pattern, folder)
	default:
		r.Bad(at, "NO_FILE", "no file is called %q; correct the pattern, it goes down from the folder of the manifest", pattern)
	}
	return names
}

// closed reports whether a folder is not looked into, by its name: it holds what
// tools keep there.
func closed(folder string) bool { return strings.HasPrefix(folder, ".") || folder == "node_modules" }

// Dir is a folder on the disk. What begins with a dot, and node_modules, is not
// looked into; links are not followed.
func Dir(folder string) (Tree, error) {
	t := Tree{load: func(names []string) (texts []string, err error) {
		for _, name := range names {
			raw, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
			if err != nil {
				return nil, err
			}
			texts = append(texts, string(raw))
		}
		return texts, nil
	}}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != folder && closed(d.Name()) {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		name, err := filepath.Rel(folder, path)
		t.names = append(t.names, filepath.ToSlash(name))
		return err
	})
	slices.Sort(t.names)
	if errors.Is(err, fs.ErrNotExist) {
		return t, fmt.Errorf("there is no folder %s", folder)
	}
	return t, err
}

// Git is a folder as it was at a commit, a branch or a tag. It is read by the
// program git; nothing is checked out. A folder that was not there then is
// empty, and those that Dir does not look into count for nothing here, too.
func Git(ctx context.Context, folder, ref string) (Tree, error) {
	commit, err := git(ctx, folder, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return Tree{}, fmt.Errorf("git knows no commit %q in %s%s; a shallow clone holds only the newest: fetch more (fetch-depth: 0 in GitHub, GIT_DEPTH: 0 in GitLab)", ref, folder, because(err))
	}
	listed, err := git(ctx, folder, nil, "ls-tree", "-r", "-z", strings.TrimSpace(string(commit)))
	if err != nil {
		return Tree{}, fmt.Errorf("git cannot list %s at %s%s", folder, ref, because(err))
	}
	blobs := map[string]string{}
	var t Tree
	for line := range strings.SplitSeq(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		about, name, _ := strings.Cut(line, "\t")
		mode, about, _ := strings.Cut(about, " ")
		folders := strings.Split(name, "/")
		if slices.ContainsFunc(folders[:len(folders)-1], closed) {
			continue
		}
		if _, blob, _ := strings.Cut(about, " "); mode == "100644" || mode == "100755" {
			blobs[name] = blob
			t.names = append(t.names, name)
		}
	}
	slices.Sort(t.names)
	t.load = func(names []string) ([]string, error) {
		var ask bytes.Buffer
		for _, name := range names {
			ask.WriteString(blobs[name] + "\n")
		}
		raw, err := git(ctx, folder, &ask, "cat-file", "--batch")
		if err != nil {
			return nil, fmt.Errorf("git cannot read %s at %s%s", folder, ref, because(err))
		}
		return unbatch(raw, len(names))
	}
	return t, nil
}

// unbatch takes apart what git cat-file --batch writes: for each object its
// name, type and size on a line, its bytes, and a line end.
func unbatch(raw []byte, n int) ([]string, error) {
	r := bufio.NewReader(bytes.NewReader(raw))
	var texts []string
	for range n {
		var blob, kind string
		var size int
		if _, err := fmt.Fscanf(r, "%s %s %d\n", &blob, &kind, &size); err != nil || size < 0 || size > len(raw) {
			return nil, errors.New("git's answer has another form than it documents (git cat-file --batch)")
		}
		text := make([]byte, size+1)
		if _, err := io.ReadFull(r, text); err != nil {
			return nil, err
		}
		texts = append(texts, string(text[:size]))
	}
	return texts, nil
}

func git(ctx context.Context, folder string, in io.Reader, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...)
	c.Stdin = in
	return c.Output()
}

// because is what git itself says, if it says anything.
func because(err error) string {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return ": " + err.Error()
	}
	if said := strings.TrimSpace(string(exit.Stderr)); said != "" {
		return ": " + said
	}
	return ""
}
