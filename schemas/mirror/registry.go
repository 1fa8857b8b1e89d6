package mirror

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/schemas/remote"
)

// Registry is a registry that speaks the REST API of Confluent's.
type Registry struct{ remote.Registry }

// Version is a version of a subject, as registries tell it.
type Version = remote.Version

// Refusal is an answer of a registry that is no success.
type Refusal = remote.Refusal

// unknown reports whether a registry does not know the path at all.
func unknown(err error) bool {
	r, ok := errors.AsType[*Refusal](err)
	return ok && r.Status == http.StatusNotFound && r.Code == http.StatusNotFound
}

// everySubject is the prefix of all subjects, in every context.
const everySubject = ":*:"

// usualCut is how many subjects a registry lists at most that says nothing of
// there being more: Apicurio's, unless it is set otherwise.
const usualCut = 1000

// mostSubjects is how many a registry is taken to have: one that makes up further
// names is asked no more.
const mostSubjects = 1_000_000

// subjects lists the subjects that start with prefix, deleted ones too if that is
// asked; every one of them where there is none.
func (r *Registry) subjects(ctx context.Context, prefix string, deleted bool) ([]string, error) {
	asked := cmp.Or(prefix, everySubject)
	names, err := r.listed(ctx, asked, deleted)
	if err != nil || len(names) > 0 || asked != everySubject {
		return ofPrefix(names, prefix), err
	}
	return r.byContext(ctx, deleted)
}

// byContext lists the subjects of one context after the other. A registry that does
// not know the prefix of all of them has none that starts so, and seems to be empty.
func (r *Registry) byContext(ctx context.Context, deleted bool) ([]string, error) {
	names, err := r.listed(ctx, "", deleted)
	if err != nil {
		return nil, err
	}
	var contexts []string
	if err := r.Ask(ctx, http.MethodGet, "/contexts", nil, &contexts); err != nil && !unknown(err) {
		return nil, err
	}
	for _, c := range contexts {
		if c == "." {
			continue
		}
		prefix := ":" + c + ":"
		more, err := r.listed(ctx, prefix, deleted)
		if err != nil {
			return nil, err
		}
		names = append(names, ofPrefix(more, prefix)...)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// listed is what a registry lists under a prefix. It may give a list in parts, so it
// is asked for more until nothing new comes. One that does not know where to go on
// gives the same again, in whatever order; it may know no prefix either.
func (r *Registry) listed(ctx context.Context, prefix string, deleted bool) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	for {
		var more []string
		q := url.Values{"deleted": {strconv.FormatBool(deleted)}}
		if prefix != "" {
			q.Set("subjectPrefix", prefix)
		}
		if len(names) > 0 {
			q.Set("offset", strconv.Itoa(len(names)))
		}
		if err := r.Ask(ctx, http.MethodGet, "/subjects?"+q.Encode(), nil, &more); err != nil {
			return nil, atNoRegistry(err)
		}
		fresh := slices.DeleteFunc(slices.Clone(more), func(name string) bool { return seen[name] })
		if len(fresh) == 0 && len(more) > 0 && len(names)%usualCut == 0 {
			return nil, fmt.Errorf("it lists %d subjects and does not say whether there are more; have it list all (Apicurio Registry: apicurio.ccompat.max-subjects), for what is left out would seem to be gone", len(names))
		}
		if len(fresh) == 0 {
			return names, nil
		}
		for _, name := range fresh {
			seen[name] = true
		}
		if names = append(names, fresh...); len(names) > mostSubjects {
			return nil, fmt.Errorf("it lists more than %d subjects; mirror them by prefixes", mostSubjects)
		}
	}
}

// atNoRegistry says of what is no answer of a registry's where one is.
func atNoRegistry(err error) error {
	_, page := errors.AsType[*json.SyntaxError](err)
	_, other := errors.AsType[*json.UnmarshalTypeError](err)
	if !page && !other && !unknown(err) {
		return err
	}
	return fmt.Errorf("there is no registry at this URL; it goes up to the paths of the API, like https://lethe.example/registry or https://apicurio.example/apis/ccompat/v7: %w", err)
}

// ofPrefix leaves the subjects that start with prefix, of one that names the default
// context those that are told without it. One of every context is left to the
// registry, which has them.
func ofPrefix(names []string, prefix string) []string {
	if strings.HasPrefix(prefix, ":*:") {
		return names
	}
	prefix = strings.TrimPrefix(prefix, ":.:")
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

// numbers lists the versions of a subject: all that are kept, and which of them
// live.
func (r *Registry) numbers(ctx context.Context, subject string) (all, live []int, err error) {
	path := "/subjects/" + url.PathEscape(subject) + "/versions"
	if err := r.Ask(ctx, http.MethodGet, path+"?deleted=true", nil, &all); err != nil {
		if remote.Absent(err) {
			return nil, nil, nil // it ended meanwhile
		}
		return nil, nil, err
	}
	if err := r.Ask(ctx, http.MethodGet, path, nil, &live); err != nil && !remote.Absent(err) {
		return nil, nil, err
	}
	slices.Sort(all)
	return all, live, nil
}

func (r *Registry) version(ctx context.Context, subject string, n int) (Version, error) {
	var v Version
	err := r.Ask(ctx, http.MethodGet, "/subjects/"+url.PathEscape(subject)+"/versions/"+strconv.Itoa(n)+"?deleted=true", nil, &v)
	return v, err
}

// take registers a version under its id. Where the content has another id
// already it is taken with a mark, so that messages with either can be read.
func (r *Registry) take(ctx context.Context, v Version) error {
	err := r.register(ctx, v)
	if refused, ok := errors.AsType[*Refusal](err); ok && refused.Code == otherID {
		return r.register(ctx, marked(v))
	}
	return err
}

func (r *Registry) register(ctx context.Context, v Version) error {
	var made struct{ ID int }
	subject := v.Subject
	v.Subject = ""
	if err := r.Ask(ctx, http.MethodPost, "/subjects/"+url.PathEscape(subject)+"/versions", v, &made); err != nil {
		return err
	}
	if made.ID != v.ID {
		return &ownID{subject, v.Version, v.ID, made.ID}
	}
	return nil
}

// ownID is an id that a registry gave instead of the one that was asked for.
type ownID struct {
	subject             string
	version, asked, got int
}

func (e *ownID) Error() string {
	return fmt.Sprintf("%s version %d got the id %d and not %d: %s", e.subject, e.version, e.got, e.asked, ErrOwnIDs)
}

func (e *ownID) Unwrap() error { return ErrOwnIDs }

func (r *Registry) hide(ctx context.Context, subject string, version int) error {
	return r.Ask(ctx, http.MethodDelete, "/subjects/"+url.PathEscape(subject)+"/versions/"+strconv.Itoa(version), nil, nil)
}

func (r *Registry) purge(ctx context.Context, subject string, version int) error {
	return r.Ask(ctx, http.MethodDelete, "/subjects/"+url.PathEscape(subject)+"/versions/"+strconv.Itoa(version)+"?permanent=true", nil, nil)
}

// config is what is set on a subject, or on the registry for "": nil for
// nothing. Written, the level has another name than read.
func (r *Registry) config(ctx context.Context, subject string) (map[string]any, error) {
	c, err := r.configAt(ctx, at("/config", subject))
	if err != nil || c == nil {
		return nil, err
	}
	if c["compatibilityLevel"] == "NONE" && len(c) == 1 && subject != "" {
		if own, err := r.tellsNone(ctx, subject); err != nil || !own {
			return nil, err
		}
	}
	if level, ok := c["compatibilityLevel"]; ok {
		c["compatibility"] = level
		delete(c, "compatibilityLevel")
	}
	return c, nil
}

// tellsNone reports whether the level NONE, which a registry tells of a subject,
// is set there. Some say so of a subject on which nothing is set: then another
// one holds, or the registry knows no modes either, as Confluent's does.
func (r *Registry) tellsNone(ctx context.Context, subject string) (bool, error) {
	holds, err := r.configAt(ctx, at("/config", subject)+"?defaultToGlobal=true")
	if err != nil || holds["compatibilityLevel"] != "NONE" {
		return false, err
	}
	_, err = r.mode(ctx)
	if unknown(err) {
		return false, nil
	}
	return err == nil, err
}

func (r *Registry) configAt(ctx context.Context, path string) (c map[string]any, err error) {
	if err = r.Ask(ctx, http.MethodGet, path, nil, &c); remote.Absent(err) {
		return nil, nil
	}
	return c, err
}

// isLethe reports whether the registry is one of ours, as it says itself. One
// that does not say is another, unless it is away.
func (r *Registry) isLethe(ctx context.Context) (bool, error) {
	raw, err := r.Raw(ctx, http.MethodGet, "/v1/metadata/id", nil)
	if away(err) {
		return false, err
	}
	var is struct{ ID string }
	return json.Unmarshal(raw, &is) == nil && is.ID == "lethe", nil
}

// away reports whether something failed for a reason that is not in what was asked:
// the next request fails, too.
func away(err error) bool {
	refused, ok := errors.AsType[*Refusal](err)
	if !ok {
		return err != nil && !errors.Is(err, errThere)
	}
	switch refused.Status {
	case http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func (r *Registry) setConfig(ctx context.Context, subject string, c map[string]any) error {
	if c == nil {
		return r.Ask(ctx, http.MethodDelete, at("/config", subject), nil, nil)
	}
	return r.Ask(ctx, http.MethodPut, at("/config", subject), c, nil)
}

func (r *Registry) mode(ctx context.Context) (string, error) {
	var m struct{ Mode string }
	err := r.Ask(ctx, http.MethodGet, "/mode", nil, &m)
	return m.Mode, err
}

func (r *Registry) setMode(ctx context.Context, mode string, force bool) error {
	return r.Ask(ctx, http.MethodPut, "/mode?force="+strconv.FormatBool(force), map[string]string{"mode": mode}, nil)
}

func at(path, subject string) string {
	if subject == "" {
		return path
	}
	return path + "/" + url.PathEscape(subject)
}
