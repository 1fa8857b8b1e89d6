package schemas

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/remote"
)

// shared are the names of the settings that other registries have, too.
var shared = func() (names []string) {
	of := reflect.TypeFor[Settings]()
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if !slices.Contains(remote.Ours, name) {
			names = append(names, name)
		}
	}
	return names
}()

// parted is a patch of what only we have, which is set here wherever the rest is, and
// one of the rest.
func (p Patch) parted() (own, theirs Patch) {
	own, theirs = Patch{}, Patch{}
	for member, value := range p {
		if slices.Contains(remote.Ours, member) {
			own[member] = value
		} else {
			theirs[member] = value
		}
	}
	return own, theirs
}

// turnSettings turns back a patch that changes what other registries have, too.
func (r *Registry) turnSettings(m Mode, p Patch) error {
	if own, theirs := p.parted(); len(own) > 0 && len(theirs) == 0 {
		return nil
	}
	return r.turn(m)
}

// setConfigElsewhere has another registry set what a patch says, and keeps what
// is set there then.
func (r *Registry) setConfigElsewhere(ctx context.Context, by access.Principal, subject string, patch Patch) (Config, error) {
	asking, done, err := r.elsewhere.begin(ctx)
	if err != nil {
		return Config{}, err
	}
	defer done()
	p := split(subject)
	own, theirs := patch.parted()
	if err := r.elsewhere.ask(asking, http.MethodPut, pathOf("/config", p), theirs, nil); err != nil {
		return Config{}, err
	}
	const isSet = "it is set in the registry that is written to"
	set, err := r.elsewhere.config(asking, p)
	if err != nil {
		return Config{}, notKept(err, isSet)
	}
	for member, value := range own {
		set[member] = value
	}
	keeping, cancel := r.elsewhere.keeping(ctx)
	defer cancel()
	c, err := r.keepingCopies().SetConfig(keeping, by, subject, set)
	if err != nil {
		return Config{}, notKept(err, isSet)
	}
	return c, nil
}

// config is what is set at a place there, as a patch that makes it so elsewhere.
func (o *elsewhere) config(ctx context.Context, p place) (Patch, error) {
	set := map[string]json.RawMessage{}
	if err := o.ask(ctx, http.MethodGet, pathOf("/config", p), nil, &set); err != nil && !remote.Absent(err) {
		return nil, err
	}
	out := Patch{}
	take := func(member, as string) {
		if out[as] = set[member]; out[as] == nil {
			out[as] = json.RawMessage("null")
		}
	}
	take("compatibilityLevel", "compatibility")
	for _, member := range shared {
		take(member, member)
	}
	return out, nil
}

// deleteConfigElsewhere has another registry take back what is set at a place,
// and then takes it back here, which is what is left to do where nothing is set
// there.
func (r *Registry) deleteConfigElsewhere(ctx context.Context, by access.Principal, subject string) error {
	asking, done, err := r.elsewhere.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := r.elsewhere.ask(asking, http.MethodDelete, pathOf("/config", split(subject)), nil, nil); err != nil && !remote.Absent(err) {
		return err
	}
	keeping, cancel := r.elsewhere.keeping(ctx)
	defer cancel()
	_, err = r.keepingCopies().DeleteConfig(keeping, by, subject)
	return takenBack(err)
}

// deleteContextElsewhere is deleteConfigElsewhere of a context. Registries of old
// keep nothing for one, and have no such path.
func (r *Registry) deleteContextElsewhere(ctx context.Context, by access.Principal, name string) error {
	asking, done, err := r.elsewhere.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	err = r.elsewhere.ask(asking, http.MethodDelete, "/contexts/"+url.PathEscape(name), nil, nil)
	refused, ok := errors.AsType[*remote.Refusal](err)
	if none := ok && (refused.Status == http.StatusNotFound || refused.Status == http.StatusMethodNotAllowed); err != nil && !none {
		return err
	}
	keeping, cancel := r.elsewhere.keeping(ctx)
	defer cancel()
	return takenBack(r.keepingCopies().DeleteContext(keeping, by, name))
}

// takenBack is what came of taking back here what was taken back elsewhere.
// Somebody else may have been before.
func takenBack(err error) error {
	if err == nil || fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return notKept(err, "it is taken back in the registry that is written to")
}
