package mirror

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
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
	questions := m.questions()
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, path := range questions {
		g.Go(func() error {
			there, err := m.From.answer(ctx, path)
			if err != nil {
				return err
			}
			here, err := m.To.answer(ctx, path)
			if err != nil {
				return err
			}
			if reflect.DeepEqual(there, here) {
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
func (m *Mirror) questions() []string {
	set := map[string]bool{"/subjects?subjectPrefix=" + url.QueryEscape(cmp.Or(m.Prefix, everySubject)): true}
	if m.Prefix == "" {
		set["/config"] = true
	}
	for p, v := range m.known(m.From) {
		subject := url.PathEscape(p.subject)
		set["/subjects/"+subject+"/versions"] = true
		set["/subjects/"+subject+"/versions?deleted=true"] = true
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

// told are the members that clients read of an answer; others come and go with
// the line of a registry.
var told = []string{"subject", "version", "id", "schemaType", "schema", "references", "metadata", "ruleSet", "compatibilityLevel", "normalize", "compatibilityGroup", "alias"}

// answer is what a registry says, without what clients do not read. A refusal
// is an answer: its code counts and its words do not.
func (r *Registry) answer(ctx context.Context, path string) (any, error) {
	raw, err := r.raw(ctx, http.MethodGet, path, nil)
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
	if schema, ok := out["schema"].(string); ok {
		kind, _ := out["schemaType"].(string)
		out["schema"] = text(Version{Type: kind, Schema: schema})
	}
	return out, nil
}

func short(v any) string {
	raw, _ := json.Marshal(v)
	if len(raw) > 300 {
		return strings.ToValidUTF8(string(raw[:300]), "") + "…"
	}
	return string(raw)
}
