package schemas

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/format"
)

// reservedProperty is the property of metadata that lists, with commas between,
// fields that a schema must not have: those it had once, or will have.
const reservedProperty = "confluent:reserved"

// reserves reports whether reserved fields are looked for.
func (c Config) reserves() bool { return c.ValidateFields != nil && *c.ValidateFields }

func (m *Metadata) reserved() []string {
	var out []string
	for name := range strings.SplitSeq(said(m).Properties[reservedProperty], ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// keptFree lists the reserved fields that a content has, and those that it does
// not reserve any longer. The latest version is the first of those given.
func (r *Registry) keptFree(ctx context.Context, db postgres.DB, c *content, live []earlier) (out []Mismatch, err error) {
	reserved := c.Metadata.reserved()
	var found []format.Difference
	for _, f := range c.schema.Places() {
		if slices.Contains(reserved, f.Path) {
			found = append(found, format.Difference{
				Kind: "FIELD_CONFLICTS_WITH_RESERVED_FIELD", Path: f.Path, Pointer: "/", Detail: f.Path,
				Message: fmt.Sprintf("the metadata reserve this field (%s); give it another name, or reserve it no longer", reservedProperty),
			})
		}
	}
	version := 0
	if len(live) > 0 {
		version = live[0].Version
		latest, err := r.load(ctx, db, contentID{live[0].Context, live[0].SchemaID})
		if err != nil {
			return nil, err
		}
		for _, name := range latest.Metadata.reserved() {
			if !slices.Contains(reserved, name) {
				found = append(found, format.Difference{
					Kind: "RESERVED_FIELD_REMOVED", Pointer: "/", Detail: name,
					Message: fmt.Sprintf("version %d reserves a field that this one does not reserve; keep it in the property %s of the metadata", version, reservedProperty),
				})
			}
		}
	}
	if len(found) > 0 {
		out = append(out, Mismatch{version, NewReadsOld, found})
	}
	return out, nil
}
