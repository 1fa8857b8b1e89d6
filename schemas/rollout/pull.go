package rollout

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/manifest"
)

// File is a file to write.
type File struct {
	Name, Text string
}

// Pull makes files of the latest versions of the subjects that begin with a
// prefix, and a manifest that says so: registered from there, nothing changes.
func Pull(ctx context.Context, r Registry, prefix string) ([]File, error) {
	all, err := r.Latest(ctx, prefix)
	if err != nil {
		return nil, err
	}
	pulled := map[string]Registered{}
	for _, v := range all {
		pulled[v.Subject] = v
	}
	var out []File
	var b strings.Builder
	if prefix != "" {
		fmt.Fprintf(&b, "prefix: %s\n", strconv.Quote(prefix))
	}
	b.WriteString("schemas:\n")
	names := fileNames(all)
	for i, v := range all {
		if strings.ContainsAny(v.Subject, "{}") {
			return nil, fault.New(fault.Invalid, "SUBJECT_HAS_BRACES", "the subject %s has braces in its name, which mean something else in a manifest; pull others by a prefix", v.Subject)
		}
		f := File{names[i], pretty(v)}
		out = append(out, f)
		fmt.Fprintf(&b, "  - files: %s\n    subject: %s\n    type: %s\n", strconv.Quote(f.Name), strconv.Quote(v.Subject), v.Type)
		if err := r.own(ctx, &b, v.Subject); err != nil {
			return nil, err
		}
		beside, err := writeBeside(&b, f.Name, v)
		if err != nil {
			return nil, err
		}
		out = append(out, beside...)
		writeReferences(&b, v, pulled)
	}
	return append(out, File{manifest.Name, b.String()}), nil
}

// own writes what is set on a subject itself.
func (r Registry) own(ctx context.Context, b *strings.Builder, subject string) error {
	var c struct {
		Level  string   `json:"compatibilityLevel"`
		Policy string   `json:"gate"`
		Topics []string `json:"topics"`
	}
	err := r.Do(ctx, http.MethodGet, "/config/"+url.PathEscape(subject), nil, &c)
	if err != nil && !Absent(err) {
		return err
	}
	if c.Level != "" {
		fmt.Fprintf(b, "    level: %s\n", c.Level)
	}
	if c.Policy != "" {
		fmt.Fprintf(b, "    policy: %s\n", c.Policy)
	}
	for i, topic := range c.Topics {
		if i == 0 {
			b.WriteString("    topics:\n")
		}
		fmt.Fprintf(b, "      - %s\n", strconv.Quote(topic))
	}
	return nil
}

// writeBeside writes what is said beside the text of a version, in files of a
// folder that no text is in.
func writeBeside(b *strings.Builder, name string, v Registered) (out []File, err error) {
	write := func(key string, said any) error {
		text, err := json.MarshalIndent(said, "", "  ")
		f := File{"contracts/" + name + "." + key + ".json", string(text) + "\n"}
		fmt.Fprintf(b, "    %s: %s\n", key, strconv.Quote(f.Name))
		out = append(out, f)
		return err
	}
	if v.Metadata != nil {
		err = write("metadata", v.Metadata)
	}
	if v.RuleSet != nil && err == nil {
		err = write("ruleSet", v.RuleSet)
	}
	return out, err
}

// writeReferences writes what the files themselves do not tell: names other
// than of types in Avro, what was not pulled, versions that are not the latest.
func writeReferences(b *strings.Builder, v Registered, pulled map[string]Registered) {
	head := "    references:\n"
	for _, ref := range v.References {
		to, here := pulled[ref.Subject]
		latest := here && to.Version == ref.Version
		if latest && v.Type == schemas.Avro {
			continue
		}
		fmt.Fprintf(b, "%s      - {name: %s, subject: %s", head, strconv.Quote(ref.Name), strconv.Quote(ref.Subject))
		if !latest {
			fmt.Fprintf(b, ", version: %d", ref.Version)
		}
		b.WriteString("}\n")
		head = ""
	}
}

// fileNames gives each subject a file of its own, also where a disk takes A for
// a, and where one subject is called as the file of another.
func fileNames(all []Registered) []string {
	out := make([]string, len(all))
	taken := map[string]bool{}
	for i, v := range all {
		out[i] = fileName(v)
		for again := 0; taken[strings.ToLower(out[i])]; again++ {
			if out[i] += path.Ext(out[i]); again == mostAlike {
				out[i] = hashed(fileName(v), v.Subject) + path.Ext(out[i])
			}
		}
		taken[strings.ToLower(out[i])] = true
	}
	return out
}

// mostOfName is how much of a subject's name is in that of its file: with what
// stands behind it, no file system takes more than 255 bytes.
const mostOfName = 200

// mostAlike is how many files have their end once more than the one before, where
// names are alike; those of further ones have a hash.
const mostAlike = 5

// hashed is the beginning of a file's name, and what tells its subject apart.
func hashed(name, subject string) string {
	hash := sha256.Sum256([]byte(subject))
	return name[:min(len(name), mostOfName)] + "~" + hex.EncodeToString(hash[:8])
}

// fileName is the name of a subject's file. What some file system does not
// take, what means something in a pattern, and a dot that would hide the file
// from one, is written as in a URL. A longer name ends with a hash instead.
func fileName(v Registered) string {
	end := map[string]string{"PROTOBUF": ".proto", "JSON": ".json"}[v.Type]
	if end == "" {
		end = ".avsc"
	}
	name := strings.NewReplacer(":", "%3A", "*", "%2A", "\\", "%5C").Replace(url.PathEscape(v.Subject))
	if rest, dotted := strings.CutPrefix(name, "."); dotted {
		name = "%2E" + rest
	}
	if len(name) > mostOfName {
		name = hashed(name, v.Subject)
	}
	return strings.TrimSuffix(name, end) + end
}

// pretty is a text as people read it.
func pretty(v Registered) string {
	var b bytes.Buffer
	if v.Type == "PROTOBUF" || json.Indent(&b, []byte(v.Text), "", "  ") != nil {
		return v.Text
	}
	return b.String() + "\n"
}
