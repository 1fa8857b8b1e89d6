package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/flowmart/lethe/schemas/remote"
)

// listed is a version as a list of versions tells it.
type listed struct {
	remote.Version
	Aliases []string `json:"aliases"` // other names that its subject is read by
}

// mostListed is how many versions a list is taken to have: a registry that makes up
// further ones is asked no more.
const mostListed = mostSubjects

// list reads a list of versions, which comes in parts, and in smaller ones where
// these are too large. In it an alias is not followed. One that knows no such list
// has none.
func (r *Registry) list(ctx context.Context, q url.Values) (out []listed, err error) {
	for limit := 1000; ; { // which is what none is taken for
		var more []listed
		q.Set("offset", strconv.Itoa(len(out)))
		err := r.Ask(ctx, http.MethodGet, "/schemas?"+q.Encode(), nil, &more)
		refused, ok := errors.AsType[*Refusal](err)
		if ok && refused.Status == http.StatusRequestEntityTooLarge && limit > 1 {
			limit /= 10
			q.Set("limit", strconv.Itoa(limit))
			continue
		}
		if ok && !away(err) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if len(more) == 0 || len(out) > 0 && more[0].Subject == out[0].Subject && more[0].Version.Version == out[0].Version.Version {
			return out, nil
		}
		if out = append(out, more...); len(out) > mostListed {
			return nil, fmt.Errorf("it lists more than %d versions; mirror them by prefixes", mostListed)
		}
	}
}

// own reads the versions of a subject that is read as another, its own ones.
func (r *Registry) own(ctx context.Context, subject string) (out []Version, err error) {
	live := map[int]bool{}
	for _, deleted := range []string{"false", "true"} {
		all, err := r.list(ctx, url.Values{"subjectPrefix": {subject}, "deleted": {deleted}})
		if err != nil {
			return nil, err
		}
		for _, l := range all {
			switch v := l.Version; {
			case v.Subject != subject:
			case deleted == "false":
				live[v.Version] = true
			default:
				v.Deleted = !live[v.Version]
				out = append(out, v)
			}
		}
	}
	return out, nil
}

// aliased lists the names that From has others read by, and those that it had:
// they may have no versions, and then no list of subjects has them.
func (m *Mirror) aliased(ctx context.Context) (map[string]bool, error) {
	all, err := m.From.list(ctx, url.Values{"subjectPrefix": {cmp.Or(m.Prefix, everySubject)}, "aliases": {"true"}, "latestOnly": {"true"}})
	if m.aliases == nil {
		m.aliases = map[string]bool{}
	}
	for _, l := range all {
		for _, name := range l.Aliases {
			if len(ofPrefix([]string{name}, m.Prefix)) > 0 {
				m.aliases[name] = true
			}
		}
	}
	return m.aliases, err
}
