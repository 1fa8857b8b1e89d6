package rest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
)

func (d *Door) root(*call) (any, error) { return struct{}{}, nil }

func (d *Door) types(*call) (any, error) { return schemas.Types(), nil }

func (d *Door) contexts(c *call) (any, error) {
	names, err := d.registry.Contexts(c.Context(), access.From(c.Context()), c.query("contextPrefix"))
	if err != nil {
		return nil, err
	}
	return window(c, names)
}

func (d *Door) deleteContext(c *call) (any, error) {
	registry, err := d.changes(c)
	if err != nil {
		return nil, err
	}
	return nil, registry.DeleteContext(c.Context(), access.From(c.Context()), dotted(c.arg(0)))
}

// which reads which versions a request means.
func (c *call) which() schemas.Which {
	switch {
	case c.flag("deletedOnly"):
		return schemas.OnlyDeleted
	case c.flag("deletedAsNegative"):
		return schemas.DeletedNegative
	case c.flag("deleted"):
		return schemas.WithDeleted
	}
	return schemas.Live
}

// prefix is the prefix of the names of subjects that a request means: within the
// context of its path, and without one, of every context where it names none.
func (c *call) prefix() string {
	if c.context == "" && !c.URL.Query().Has("subjectPrefix") {
		return ":*:"
	}
	return c.qualified(c.query("subjectPrefix"))
}

func (d *Door) subjects(c *call) (any, error) {
	names, err := d.registry.Subjects(c.Context(), access.From(c.Context()), c.prefix(), c.which())
	if err != nil {
		return nil, err
	}
	return window(c, names)
}

func (d *Door) versions(c *call) (any, error) {
	numbers, err := d.registry.Versions(c.Context(), access.From(c.Context()), c.subject(), c.which())
	if err != nil {
		return nil, err
	}
	return window(c, numbers)
}

func (d *Door) deleteSubject(c *call) (any, error) {
	registry, err := d.changes(c)
	if err != nil {
		return nil, err
	}
	return registry.DeleteSubject(c.Context(), access.From(c.Context()), c.subject(), c.flag("permanent"))
}

func (d *Door) deleteVersion(c *call) (any, error) {
	n, err := number(c.arg(1))
	if err != nil {
		return nil, err
	}
	registry, err := d.changes(c)
	if err != nil {
		return nil, err
	}
	return registry.DeleteVersion(c.Context(), access.From(c.Context()), c.subject(), n, c.flag("permanent"))
}

func (d *Door) referencedBy(c *call) (any, error) {
	n, err := number(c.arg(1))
	if err != nil {
		return nil, err
	}
	ids, err := d.registry.ReferencedBy(c.Context(), access.From(c.Context()), c.subject(), n, c.which())
	if err != nil {
		return nil, err
	}
	return window(c, ids)
}

// window cuts a list as the query asks. Without a limit it is whole: clients
// of this API do not page.
func window[T any](c *call, list []T) ([]T, error) {
	offset, limit, err := bounds(c)
	if err != nil {
		return nil, err
	}
	list = list[min(max(offset, 0), len(list)):]
	if limit > 0 { // none, as for clients of old: all
		list = list[:min(limit, len(list))]
	}
	return append([]T{}, list...), nil
}

func bounds(c *call) (offset, limit int, err error) {
	limit = -1
	for name, into := range map[string]*int{"offset": &offset, "limit": &limit} {
		text := c.query(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, 0, failure{http.StatusNotFound, http.StatusNotFound, "the parameter " + name + " is a whole number; send one, or leave it out"}
		}
		*into = n
	}
	return offset, limit, nil
}

func (d *Door) register(c *call) (any, error) {
	s, err := submit(c)
	if err != nil {
		return nil, err
	}
	s.Force = c.flag("force")
	v, err := d.registry.Register(c.Context(), access.From(c.Context()), s)
	if e, ok := errors.AsType[*schemas.IncompatibleError](err); ok {
		return nil, d.incompatible(c, e)
	}
	if err == nil {
		v.Schema, err = d.asSent(c, s, v.Schema)
	}
	return d.registered(c, v, err)
}

// asSent puts a text into the form in which it was sent, unless the request
// asks for another: clients that send descriptors remember what they are
// answered, and read it as one.
func (d *Door) asSent(c *call, s schemas.Submission, found schemas.Schema) (schemas.Schema, error) {
	form := s.Form()
	if form == "" || c.URL.Query().Get("format") != "" {
		return found, nil
	}
	return d.registry.Show(c.Context(), access.From(c.Context()), found, schemas.View{Form: form})
}

// registered answers a registration.
func (d *Door) registered(c *call, v schemas.Version, err error) (any, error) {
	if err == nil {
		v.Schema, err = d.shown(c, v.Schema)
	}
	return registeredBody{v.ID, v.Version, d.bodyOf(v.Schema)}, err
}

func (d *Door) lookup(c *call) (any, error) {
	s, err := submit(c)
	if err != nil {
		return nil, err
	}
	v, err := d.registry.Lookup(c.Context(), access.From(c.Context()), s, c.which())
	if err == nil {
		v.Schema, err = d.asSent(c, s, v.Schema)
	}
	if err == nil {
		v.Schema, err = d.shown(c, v.Schema)
	}
	return d.versionBody(v), err
}

// named finds the version that a path names, in a registry.
func (d *Door) named(c *call, in *schemas.Registry) (schemas.Version, error) {
	n, err := number(c.arg(1))
	if err != nil {
		return schemas.Version{}, err
	}
	v, err := in.Version(c.Context(), access.From(c.Context()), c.subject(), n, c.which())
	if err == nil {
		v.Schema, err = d.shown(c, v.Schema)
	}
	return v, err
}

func (d *Door) version(c *call) (any, error) {
	v, err := d.named(c, d.answering(c))
	return d.versionBody(v), err
}

func (d *Door) versionText(c *call) (any, error) {
	v, err := d.named(c, d.registry)
	return plain(v.Text), err
}

// byID finds the content of an id in a registry. What is no number is no id of
// ours.
func (d *Door) byID(c *call, in *schemas.Registry) (schemas.Schema, error) {
	id, err := strconv.ParseInt(c.arg(0), 10, 32)
	if err != nil {
		return schemas.Schema{}, failure{http.StatusNotFound, http.StatusNotFound, "an id is a whole number; take it from the answer to a registration"}
	}
	return in.ByID(c.Context(), access.From(c.Context()), int(id), c.qualified(c.query("subject")))
}

func (d *Door) schema(c *call) (any, error) {
	s, err := d.byID(c, d.answering(c))
	if err == nil {
		s, err = d.shown(c, s)
	}
	b := d.bodyOf(s)
	if err == nil && c.flag("fetchMaxId") {
		b.MaxID, err = d.registry.MaxID(c.Context(), access.From(c.Context()), c.qualified(c.query("subject")))
	}
	return b, err
}

func (d *Door) schemaText(c *call) (any, error) {
	s, err := d.byID(c, d.registry)
	if err == nil {
		s, err = d.shown(c, s)
	}
	return plain(s.Text), err
}

// uses finds the versions with the content of an id; a subject that is asked
// for narrows them.
func (d *Door) uses(c *call) ([]schemas.SubjectVersion, error) {
	s, err := d.byID(c, d.registry)
	if err != nil {
		return nil, err
	}
	subject := c.qualified(c.query("subject"))
	uses, err := d.registry.UsesOf(c.Context(), access.From(c.Context()), s.ID, subject, c.which())
	if subject != "" && !strings.HasSuffix(subject, ":") {
		uses = slices.DeleteFunc(uses, func(u schemas.SubjectVersion) bool { return u.Subject != subject })
	}
	return uses, err
}

func (d *Door) schemaVersions(c *call) (any, error) {
	uses, err := d.uses(c)
	if err != nil {
		return nil, err
	}
	type pair struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	out := make([]pair, len(uses))
	for i, u := range uses {
		out[i] = pair(u)
	}
	return window(c, out)
}

func (d *Door) schemaSubjects(c *call) (any, error) {
	uses, err := d.uses(c)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, u := range uses {
		if len(out) == 0 || out[len(out)-1] != u.Subject {
			out = append(out, u.Subject)
		}
	}
	return window(c, out)
}

// compatibility: with verbose, a schema that cannot be read is an answer and
// not an error.
func (d *Door) compatibility(c *call) (any, error) {
	verdict, err := d.test(c)
	compatible, messages := verdict.Compatible(), lines(verdict)
	if f, ok := errors.AsType[*fault.Fault](err); ok && c.flag("verbose") && f.Code == "INVALID_SCHEMA" {
		compatible, messages, err = false, []string{shown(err).message}, nil
	}
	answer := map[string]any{"is_compatible": compatible}
	if c.flag("verbose") {
		answer["messages"] = append([]string{}, messages...)
	}
	return answer, err
}

func (d *Door) test(c *call) (schemas.Verdict, error) {
	s, err := submit(c)
	if err != nil {
		return schemas.Verdict{}, err
	}
	by := access.From(c.Context())
	if len(c.args) == 1 {
		return d.registry.TestAll(c.Context(), by, s)
	}
	n, err := number(c.arg(1))
	if err != nil {
		return schemas.Verdict{}, err
	}
	return d.registry.Test(c.Context(), by, s, n)
}

// lines tells every difference in the form that plugins of build tools read.
func lines(v schemas.Verdict) []string {
	return append(append(said("errorType", v.Mismatches), against(v)...), said("warningType", v.Warnings)...)
}

// against tells what a schema that may not follow was held against.
func against(v schemas.Verdict) []string {
	if len(v.Mismatches) == 0 {
		return nil
	}
	level := fmt.Sprintf("{compatibility: '%s'}", v.Level)
	if v.Mismatches[0].Version == 0 {
		return []string{level}
	}
	const most = 2000 // a message is for people
	return []string{fmt.Sprintf("{oldSchemaVersion: %d}", v.Mismatches[0].Version), fmt.Sprintf("{oldSchema: '%s'}", fault.Cut(v.Old, most)), level}
}

// said writes each difference with what stands there in both schemas.
func said(kind string, of []schemas.Mismatch) []string {
	const most = 100
	var out []string
	for _, m := range of {
		for _, f := range m.Found {
			if len(out) == most {
				return out
			}
			what := f.Message
			if f.Path != "" {
				what = f.Path + ": " + what
			}
			out = append(out, fmt.Sprintf("{%s:'%s', description:'%s (path '%s')', additionalInfo:'%s', reader:'%s', writer:'%s'}",
				kind, f.Kind, what, f.Pointer, f.Detail, f.Reader, f.Writer))
		}
	}
	return out
}

// incompatible is the refusal of a schema. It tells as many differences as an
// error may be long.
func (d *Door) incompatible(c *call, e *schemas.IncompatibleError) error {
	subject := fault.Cut(c.arg(0), 200)
	details := said("errorType", e.Mismatches)
	told, size := 0, 500+len(e.Asked) // what stands around them
	for told < len(details) && size+len(details[told]) < mostTold {
		size += len(details[told]) + len(", ")
		told++
	}
	if left := len(details) - told; left > 0 {
		details = append(details[:told], fmt.Sprintf("{more: %d, description:'test it with verbose=true to see them'}", left))
	}
	if e.Asked != "" {
		details = append(details, fmt.Sprintf("{approval: '%s'}", e.Asked))
	}
	return failure{http.StatusConflict, http.StatusConflict, fmt.Sprintf("Schema being registered is incompatible with an earlier schema for subject %q, details: [%s]",
		subject, strings.Join(append(details, against(e.Verdict)...), ", "))}
}
