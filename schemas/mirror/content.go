package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/flowmart/lethe/schemas/remote"
)

// otherID is how a registry refuses an id for a content that has another one, or
// for another content.
const otherID = 42207

// marked is a version with its id among its metadata.
func marked(v Version) Version {
	metadata, _ := decoded(v.Metadata).(map[string]any)
	properties, _ := metadata["properties"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
	}
	if properties == nil {
		properties = map[string]any{}
	}
	properties[remote.IDProperty] = strconv.Itoa(v.ID)
	metadata["properties"] = properties
	v.Metadata, _ = json.Marshal(metadata)
	return v
}

// unmarked is metadata, decoded, without the mark, and without the version's number:
// versions are compared by their numbers, and some registries tell it of all.
func unmarked(metadata any) any {
	object, _ := metadata.(map[string]any)
	properties, _ := object["properties"].(map[string]any)
	delete(properties, remote.IDProperty)
	delete(properties, remote.VersionProperty)
	return bare(metadata)
}

// spelling is a pair of texts, of which each may be a way to write the other.
type spelling struct{ there, here string }

// respelled asks Lethe, whichever side it is, which versions that are spelled
// differently are one content: another registry keeps a text as it came, and
// Lethe its canonical text.
func (m *Mirror) respelled(ctx context.Context, from, to map[place]Version) error {
	judge, err := m.judge(ctx)
	if err != nil || judge == nil {
		return err
	}
	var mu sync.Mutex
	known := maps.Clone(m.spelled) // what is asked now is written while this is read
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for p, there := range from {
		here, both := to[p]
		pair := spelling{text(there), text(here)}
		if !both || pair.there == pair.here || kind(there) != kind(here) || known[pair] {
			continue
		}
		g.Go(func() error {
			theirs, ours := there, here
			if judge == m.From {
				theirs, ours = here, there
			}
			same, err := judge.holds(ctx, ours, theirs)
			mu.Lock()
			defer mu.Unlock()
			if same {
				m.spelled[pair] = true
			}
			return err
		})
	}
	return g.Wait()
}

// judge is the side that can be asked whether two texts are one content.
func (m *Mirror) judge(ctx context.Context) (*Registry, error) {
	if m.spelled == nil {
		m.spelled = map[spelling]bool{}
	}
	for _, r := range []*Registry{m.To, m.From} {
		if is, err := r.isLethe(ctx); is || err != nil {
			return r, err
		}
	}
	return nil, nil
}

// holds reports whether a version of the registry is the content that another
// one's text is.
func (r *Registry) holds(ctx context.Context, ours, theirs Version) (bool, error) {
	asked := Version{Type: theirs.Type, Schema: theirs.Schema, References: theirs.References, Metadata: named(ours.Metadata), RuleSet: named(ours.RuleSet)}
	var found Version
	err := r.Ask(ctx, http.MethodPost, "/subjects/"+url.PathEscape(ours.Subject)+"?deleted=true", asked, &found)
	if r, is := errors.AsType[*Refusal](err); is && r.Status < http.StatusInternalServerError {
		return false, nil // it has none such, or it is no schema to it
	}
	return err == nil && found.Version == ours.Version && found.ID == ours.ID, err
}

// named is metadata or a rule set of which it is said that there is none.
func named(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("{}")
	}
	return raw
}

// superseded are the deleted versions whose content is a later version of the
// subject, too: registered again, it has that number, and the deleted one is not
// kept.
func superseded(all map[place]Version) map[place]bool {
	type content struct {
		subject string
		id      int
	}
	kept := map[content]Version{}
	for _, v := range all {
		c := content{v.Subject, v.ID}
		other, has := kept[c]
		if !has || other.Deleted && !v.Deleted || other.Deleted == v.Deleted && v.Version > other.Version {
			kept[c] = v
		}
	}
	out := map[place]bool{}
	for p, v := range all {
		if v.Deleted && kept[content{v.Subject, v.ID}].Version != v.Version {
			out[p] = true
		}
	}
	return out
}
