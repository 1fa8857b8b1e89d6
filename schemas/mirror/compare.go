package mirror

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/flowmart/lethe/internal/fault"
)

// Disagreement is a question that two registries answer differently.
type Disagreement struct {
	Asked string `json:"asked"`
	There string `json:"there"` // what From answers, shortened
	Here  string `json:"here"`  // what To answers
}

// Compare asks both registries what their clients ask: versions, the latest,
// what each id stands for, which level holds. It returns how many questions it
// asked, and those that were answered differently. Call it after Plan, which
// tells it what there is.
func (m *Mirror) Compare(ctx context.Context) (asked int, found []Disagreement, err error) {
	again := superseded(m.known(m.From))
	questions := m.questions(again)
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, path := range questions {
		g.Go(func() error {
			there, err := m.From.means(ctx, path)
			if err != nil {
				return err
			}
			here, err := m.To.means(ctx, path)
			if err != nil {
				return err
			}
			if m.agree(path, there, here, again) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			found = append(found, Disagreement{path, short(there), short(here)})
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return 0, nil, err
	}
	slices.SortFunc(found, func(a, b Disagreement) int { return strings.Compare(a.Asked, b.Asked) })
	return len(questions), found, nil
}

// questions are the paths that clients ask for, as far as they are of the prefix.
func (m *Mirror) questions(again map[place]bool) []string {
	set := map[string]bool{livingSubjects + url.QueryEscape(cmp.Or(m.Prefix, everySubject)): true}
	if m.Prefix == "" {
		set["/config"] = true
	}
	for p, v := range m.known(m.From) {
		if again[p] || v.Unread {
			continue
		}
		subject := url.PathEscape(p.subject)
		set["/subjects/"+subject+"/versions"] = true
		set["/subjects/"+subject+everyVersion] = true
		set["/subjects/"+subject+"/versions/latest"] = true
		set["/config/"+subject+"?defaultToGlobal=true"] = true
		set[fmt.Sprintf("/subjects/%s/versions/%d", subject, p.version)] = true
		set[fmt.Sprintf("/schemas/ids/%d?subject=%s", v.ID, url.QueryEscape(p.subject))] = true
	}
	var out []string
	for path := range set {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}

// livingSubjects begins the path of the list of subjects.
const livingSubjects = "/subjects?subjectPrefix="

// everyVersion ends the path of the list that holds the deleted versions, too.
const everyVersion = "/versions?deleted=true"

// agree reports whether two answers say the same. A text may be spelled otherwise
// where Lethe said that it is one content, and lists of versions are without the
// deleted ones that are not kept.
func (m *Mirror) agree(path string, there, here any, again map[place]bool) bool {
	if asked, ok := strings.CutSuffix(path, everyVersion); ok {
		there, here = kept(asked, there, again), kept(asked, here, again)
	}
	if reflect.DeepEqual(there, here) {
		return true
	}
	a, isA := there.(map[string]any)
	b, isB := here.(map[string]any)
	if !isA || !isB {
		return false
	}
	textA, _ := a["schema"].(string)
	textB, _ := b["schema"].(string)
	if !m.spelled[spelling{textA, textB}] {
		return false
	}
	a = maps.Clone(a)
	a["schema"] = textB
	return reflect.DeepEqual(a, b)
}

// kept leaves of a list of a subject's versions those that are not superseded.
func kept(asked string, list any, again map[place]bool) any {
	numbers, ok := list.([]any)
	if !ok {
		return list
	}
	subject, _ := url.PathUnescape(strings.TrimPrefix(asked, "/subjects/"))
	return slices.DeleteFunc(slices.Clone(numbers), func(n any) bool {
		number, _ := n.(float64)
		return again[place{subject, int(number)}]
	})
}

// told are the members that clients read of an answer; others come and go with
// the line of a registry.
var told = []string{"subject", "version", "id", "schemaType", "schema", "references", "metadata", "ruleSet", "compatibilityLevel", "normalize", "compatibilityGroup", "alias"}

// means is what a registry says. A list of subjects is whole, and in order. Of the
// level for a subject one that has no modes says NONE where nothing is set, and its
// own level holds.
func (r *Registry) means(ctx context.Context, path string) (any, error) {
	if prefix, ok := strings.CutPrefix(path, livingSubjects); ok {
		prefix, _ = url.QueryUnescape(prefix)
		names, err := r.subjects(ctx, prefix, false)
		slices.Sort(names)
		return names, err
	}
	said, err := r.answer(ctx, path)
	if !strings.HasPrefix(path, "/config/") || !reflect.DeepEqual(said, map[string]any{"compatibilityLevel": "NONE"}) {
		return said, err
	}
	if _, err := r.mode(ctx); unknown(err) {
		return r.answer(ctx, "/config")
	}
	return said, err
}

// answer is what a registry says, without what clients do not read. A refusal
// is an answer: its code counts and its words do not.
func (r *Registry) answer(ctx context.Context, path string) (any, error) {
	raw, err := r.Raw(ctx, http.MethodGet, path, nil)
	if refused, ok := errors.AsType[*Refusal](err); ok && refused.Status < 500 && refused.Status != http.StatusUnauthorized && refused.Status != http.StatusForbidden {
		return fmt.Sprintf("error_code %d", refused.Code), nil
	}
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if json.Unmarshal(raw, &object) != nil {
		var other any
		err := json.Unmarshal(raw, &other)
		return other, err
	}
	out := map[string]any{}
	for _, name := range told {
		if member := bare(object[name]); member != nil {
			out[name] = member
		}
	}
	if metadata := unmarked(out["metadata"]); metadata == nil {
		delete(out, "metadata")
	} else {
		out["metadata"] = metadata
	}
	if schema, ok := out["schema"].(string); ok {
		kind, _ := out["schemaType"].(string)
		out["schema"] = text(Version{Type: kind, Schema: schema})
	}
	if out["schemaType"] == "AVRO" { // as it is where none is told
		delete(out, "schemaType")
	}
	return out, nil
}

func short(v any) string {
	raw, _ := json.Marshal(v)
	return clip(string(raw))
}

// clip shortens what a registry says to what is told of it.
func clip(s string) string {
	const most = 300
	return fault.Cut(s, most)
}
