package schemas

import (
	"context"
	"errors"
	"slices"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

func (s Submission) retags() bool { return len(s.AddTags)+len(s.RemoveTags) > 0 || s.KeepTags }

// bare reports whether a submission has metadata or rules alone.
func (s Submission) bare() bool { return s.Text == "" && (s.Metadata != nil || s.RuleSet != nil) }

// takes reports whether a submission takes something of the latest version.
func (s Submission) takes() bool { return s.KeepTags || s.bare() }

// retagged is a content with the tags in its text changed as a submission asks.
func (r *Registry) retagged(ctx context.Context, p place, s Submission, c *content) (*content, error) {
	schema, ok := c.schema.(format.Taggable)
	if !ok {
		return nil, fault.Bad("schemaTagsToAdd", "INVALID_SCHEMA", "a schema of the type %s has no tags that can be changed from outside; change its text", c.kind)
	}
	add := s.AddTags
	if s.KeepTags {
		before, err := r.tagsBefore(ctx, p, schema)
		if err != nil {
			return nil, err
		}
		add = append(before, add...)
	}
	if err := errors.Join(tooMany("schemaTagsToAdd", s.AddTags), tooMany("schemaTagsToRemove", s.RemoveTags)); err != nil {
		return nil, err
	}
	text, err := schema.Retag(add, s.RemoveTags)
	if err != nil {
		return nil, err
	}
	s.Text = text
	return r.read(ctx, r.db, p.context, s)
}

// tagsBefore lists the tags of the latest version at what a schema has and does
// not tag itself.
func (r *Registry) tagsBefore(ctx context.Context, p place, schema format.Taggable) ([]format.Tagged, error) {
	latest, err := r.version(ctx, p, Latest, Live)
	if errors.Is(err, errNoSubject) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	old, err := r.schemaOf(ctx, r.db, contentID{latest.Context, latest.ID})
	before, ok := old.(format.Taggable)
	if err != nil || !ok {
		return nil, err
	}
	untagged := map[format.Entity]bool{}
	for _, is := range schema.Entities() {
		if len(is.Tags) == 0 {
			untagged[is.Entity] = true
		}
	}
	return slices.DeleteFunc(before.Entities(), func(was format.Tagged) bool {
		return len(was.Tags) == 0 || !untagged[was.Entity]
	}), nil
}

// tooMany refuses to change more tags at one place than may stand there.
func tooMany(member string, tags []format.Tagged) error {
	at := map[format.Entity]int{}
	for _, t := range tags {
		if at[t.Entity] += max(1, len(t.Tags)); at[t.Entity] > format.MostTags {
			return fault.Bad(member, "INVALID_SCHEMA", "more than %d tags are named at one place; keep those that say something", format.MostTags)
		}
	}
	return nil
}

// Amend registers a version of a subject anew with other tags, metadata or
// rules: what the submission leaves out stays as it is in that version. Rules
// to merge replace those of their names, and rules are dropped by their names.
// Without a number the next one is meant. It needs who may register.
func (r *Registry) Amend(ctx context.Context, by access.Principal, version int, s Submission, merge *RuleSet, drop []string) (Version, error) {
	v, err := r.Version(ctx, by, s.Subject, version, Live)
	if err != nil {
		return Version{}, err
	}
	if err := merge.check("rulesToMerge"); err != nil {
		return Version{}, err
	}
	s.Subject, s.Type, s.Text, s.References = v.Subject, v.Type, v.Text, v.References
	if s.Metadata == nil {
		s.Metadata = said(v.Metadata)
	}
	if s.RuleSet == nil {
		s.RuleSet = said(v.RuleSet)
	}
	if err := s.RuleSet.check("ruleSet"); err != nil {
		return Version{}, err
	}
	s.RuleSet = merge.over(s.RuleSet.without(drop))
	if s.Version <= 0 {
		st, err := r.subjectAt(ctx, split(v.Subject))
		if err != nil {
			return Version{}, err
		}
		s.Version = st.next()
	}
	return r.Register(ctx, by, s)
}

// View is how a schema is to be shown.
type View struct {
	Form      string // of the text: one of those its type has, such as "resolved"; else as it is kept
	Tags      bool   // list those that stand in the text
	Qualified bool   // the subjects of references with their contexts
}

// Show returns a schema as a view has it.
func (r *Registry) Show(ctx context.Context, by access.Principal, s Schema, view View) (Schema, error) {
	if err := signedIn(by); err != nil {
		return Schema{}, err
	}
	if view.Qualified {
		s.References = slices.Clone(s.References)
		for i, ref := range s.References {
			s.References[i].Subject = from(s.Context, ref.Subject).String()
		}
	}
	if view.Form == "" && !view.Tags {
		return s, nil
	}
	schema, err := r.schemaOf(ctx, r.db, contentID{s.Context, s.ID})
	if err != nil {
		return Schema{}, err
	}
	if printed, ok := schema.(format.Printed); ok && view.Form != "" {
		if text, ok := printed.Print(view.Form); ok {
			s.Text = text
		}
	}
	if tagged, ok := schema.(format.Taggable); ok && view.Tags {
		s.Tags = slices.DeleteFunc(tagged.Entities(), func(t format.Tagged) bool { return len(t.Tags) == 0 })
	}
	return s, nil
}
