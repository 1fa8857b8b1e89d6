package rollout

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/manifest"
	"github.com/flowmart/lethe/schemas/report"
)

// Registry is a registry as a client of its REST API sees it.
type Registry struct{ *sr.Client }

// Registered is a version of a subject, as the API writes it.
type Registered struct {
	Subject    string      `json:"subject"`
	Version    int         `json:"version"`
	ID         int         `json:"id"`
	Type       string      `json:"schemaType,omitempty"` // "" for AVRO
	Text       string      `json:"schema"`
	References []Reference `json:"references,omitempty"`

	Metadata *schemas.Metadata `json:"metadata,omitempty"`
	RuleSet  *schemas.RuleSet  `json:"ruleSet,omitempty"` // in lists it is spelled otherwise, which JSON takes as well
}

// Reference is what a version takes from another subject.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Submission is the version as the registry would take it anew.
func (v Registered) Submission() schemas.Submission {
	s := schemas.Submission{Subject: v.Subject, Type: v.Type, Text: v.Text, Metadata: v.Metadata, RuleSet: v.RuleSet}
	for _, ref := range v.References {
		s.References = append(s.References, schemas.Reference(ref))
	}
	return s
}

// inFull is a version with what the API leaves out: the type Avro, and the
// context of what it refers to, where that is its own.
func (v Registered) inFull() Registered {
	v.Type = cmp.Or(v.Type, schemas.Avro)
	for i, ref := range v.References {
		v.References[i].Subject = schemas.Qualified(v.Subject, ref.Subject)
	}
	return v
}

// Absent reports whether an error says that there is no such thing.
func Absent(err error) bool {
	said, ok := errors.AsType[*sr.ResponseError](err)
	return ok && said.StatusCode == http.StatusNotFound
}

// Version finds a version of a subject by its number, or "latest".
func (r Registry) Version(ctx context.Context, subject, version string) (v Registered, err error) {
	err = r.Do(ctx, http.MethodGet, "/subjects/"+url.PathEscape(subject)+"/versions/"+url.PathEscape(version), nil, &v)
	return v.inFull(), err
}

// Latest lists the latest versions of subjects that begin with a prefix, some at a
// time, and fewer where these are too large together. A registry that does not know
// where to go on gives the same again.
func (r Registry) Latest(ctx context.Context, prefix string) (all []Registered, err error) {
	page := 1000
	seen := map[string]bool{}
	for {
		q := url.Values{"subjectPrefix": {prefix}, "latestOnly": {"true"}, "limit": {strconv.Itoa(page)}, "offset": {strconv.Itoa(len(all))}}
		var some []Registered
		err := r.Do(sr.WithParams(ctx, sr.RawParams(q)), http.MethodGet, "/schemas", nil, &some)
		if said, ok := errors.AsType[*sr.ResponseError](err); ok && said.StatusCode == http.StatusRequestEntityTooLarge && page > 1 {
			page /= 10
			continue
		}
		if err != nil {
			return nil, err
		}
		before := len(all)
		for _, v := range some {
			if !seen[v.Subject] {
				seen[v.Subject], all = true, append(all, v.inFull())
			}
		}
		if len(some) < page || len(all) == before {
			return all, nil
		}
	}
}

// Register registers an entry. What it takes from a subject that got a version
// just now is of that version, whoever came between.
func (r Registry) Register(ctx context.Context, e manifest.Entry, got map[string]int) (v Registered, err error) {
	body := Registered{Type: e.Type, Text: e.Text, Metadata: e.Metadata, RuleSet: e.RuleSet}
	for _, ref := range e.References {
		body.References = append(body.References, Reference{ref.Name, ref.Subject, cmp.Or(ref.Version, got[ref.Subject], schemas.Latest)})
	}
	err = r.Do(ctx, http.MethodPost, "/subjects/"+url.PathEscape(e.Subject)+"/versions", body, &v)
	return v, err
}

// Configure sets what is set on a subject.
func (r Registry) Configure(ctx context.Context, subject string, to Settings) error {
	body := map[string]any{}
	if to.Level != "" {
		body["compatibility"] = to.Level
	}
	if to.Policy != "" {
		body["gate"] = to.Policy
	}
	if to.Topics != nil {
		body["topics"] = to.Topics
	}
	var answer map[string]any
	return r.Do(ctx, http.MethodPut, "/config/"+url.PathEscape(subject), body, &answer)
}

// Config tells what holds for a subject.
func (r Registry) Config(ctx context.Context, subject string) (map[string]any, error) {
	var c map[string]any
	ctx = sr.WithParams(ctx, sr.RawParams(url.Values{"defaultToGlobal": {"true"}}))
	err := r.Do(ctx, http.MethodGet, "/config/"+url.PathEscape(subject), nil, &c)
	return c, err
}

// Delete deletes a subject softly, or for good what was deleted softly.
func (r Registry) Delete(ctx context.Context, subject string, permanent bool) (versions []int, err error) {
	if permanent {
		ctx = sr.WithParams(ctx, sr.RawParams(url.Values{"permanent": {"true"}}))
	}
	err = r.Do(ctx, http.MethodDelete, "/subjects/"+url.PathEscape(subject), nil, &versions)
	return versions, err
}

// Versions lists the versions of a subject, with or without those that were
// deleted softly.
func (r Registry) Versions(ctx context.Context, subject string, deleted bool) (numbers []int, err error) {
	if deleted {
		ctx = sr.WithParams(ctx, sr.RawParams(url.Values{"deleted": {"true"}}))
	}
	err = r.Do(ctx, http.MethodGet, "/subjects/"+url.PathEscape(subject)+"/versions", nil, &numbers)
	return numbers, err
}

// Uses tells of which versions of which subjects an id is, in a context: ":.c:"
// or "" for the one that has no name.
func (r Registry) Uses(ctx context.Context, id int, within string) (uses []Registered, err error) {
	if within != "" {
		ctx = sr.WithParams(ctx, sr.RawParams(url.Values{"subject": {within}}))
	}
	err = r.Do(ctx, http.MethodGet, "/schemas/ids/"+strconv.Itoa(id)+"/versions", nil, &uses)
	return uses, err
}

// Compared compares entries with the latest versions of some of their subjects;
// the others are taken to be registered as they are. Beside them it reads what
// they refer to and no entry has. Found is the answer of the registry to the
// entries: what would be kept beside a text only that knows.
func (r Registry) Compared(ctx context.Context, all []manifest.Entry, found report.Answer, changed []string) (map[string]schemas.Comparison, error) {
	latest, err := r.Latest(ctx, shared(changed))
	if err != nil {
		return nil, err
	}
	was := map[string]Registered{}
	for _, v := range latest {
		if slices.Contains(changed, v.Subject) {
			was[v.Subject] = v
		}
	}
	elsewhere, err := r.elsewhere(ctx, all, was)
	if err != nil {
		return nil, err
	}
	before, now := slices.Clone(elsewhere), slices.Clone(elsewhere)
	for _, e := range all {
		now = append(now, e.Submission())
		switch v, ok := was[e.Subject]; {
		case ok:
			before = append(before, v.Submission())
		case !slices.Contains(changed, e.Subject):
			before = append(before, e.Submission())
		}
	}
	out := map[string]schemas.Comparison{}
	for _, c := range schemas.Compare(before, now, func(string) schemas.Config { return schemas.Config{Level: schemas.None} }) {
		if c.Before == "" {
			c.Before = was[c.Subject].Text // canonical, too
		}
		out[c.Subject] = c
	}
	for _, kept := range found.Schemas {
		if c, ok := out[kept.Subject]; ok && kept.Version > 0 {
			c.Metadata, c.RuleSet = kept.Metadata, kept.RuleSet
			out[c.Subject] = c
		}
	}
	return out, nil
}

// elsewhere reads what entries, and the versions before them, refer to and no
// entry has: each after what it refers to itself.
func (r Registry) elsewhere(ctx context.Context, all []manifest.Entry, was map[string]Registered) (out []schemas.Submission, err error) {
	seen := map[string]bool{}
	for _, e := range all {
		seen[e.Subject] = true
	}
	var visit func(subject string, version int) error
	visit = func(subject string, version int) error {
		if seen[subject] {
			return nil
		}
		seen[subject] = true
		number := "latest"
		if version > 0 {
			number = strconv.Itoa(version)
		}
		v, err := r.Version(ctx, subject, number)
		if Absent(err) {
			return nil // the answer to the check says so
		}
		if err != nil {
			return err
		}
		for _, ref := range v.References {
			if err := visit(ref.Subject, ref.Version); err != nil {
				return err
			}
		}
		out = append(out, v.Submission())
		return nil
	}
	for _, e := range all {
		for _, ref := range append(references(e), was[e.Subject].References...) {
			if err := visit(ref.Subject, ref.Version); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func references(e manifest.Entry) (out []Reference) {
	for _, ref := range e.References {
		out = append(out, Reference{ref.Name, ref.Subject, ref.Version})
	}
	return out
}

// shared is the longest prefix that all subjects have.
func shared(subjects []string) string {
	if len(subjects) == 0 {
		return ""
	}
	prefix := subjects[0]
	for _, s := range subjects[1:] {
		for !strings.HasPrefix(s, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return strings.ToValidUTF8(prefix, "")
}

// Surplus lists the subjects with the manifest's prefix that it does not name,
// those that refer to others first.
func (r Registry) Surplus(ctx context.Context, m *manifest.Manifest, all []manifest.Entry) ([]Registered, error) {
	latest, err := r.Latest(ctx, m.Prefix)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, e := range all {
		named[e.Subject] = true
	}
	left := slices.DeleteFunc(latest, func(v Registered) bool { return named[v.Subject] || !strings.HasPrefix(v.Subject, m.Prefix) })
	return referringFirst(left), nil
}

// referringFirst puts versions before those that they refer to, and else keeps
// their order. A circle is the registry's to refuse.
func referringFirst(all []Registered) (out []Registered) {
	wait := map[string]Registered{}
	for _, v := range all {
		wait[v.Subject] = v
	}
	var visit func(subject string)
	visit = func(subject string) {
		v, waits := wait[subject]
		if !waits {
			return
		}
		delete(wait, subject)
		for _, ref := range slices.Backward(v.References) {
			visit(ref.Subject)
		}
		out = append(out, v)
	}
	for _, v := range slices.Backward(all) {
		visit(v.Subject)
	}
	slices.Reverse(out)
	return out
}
