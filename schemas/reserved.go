package schemas

import (
	"context"
	"fmt"
	"strings"

	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/format"
)

// reservedProperty is the property of metadata that lists, with commas between,
// fields that a schema must not have: those it had once, or will have.
const reservedProperty = "confluent:reserved"

// reserves reports whether reserved fields are looked for.
func (c Config) reserves() bool { return c.ValidateFields != nil && *c.ValidateFields }

// reserved are the names of the reserved fields, each once, in the order in which
// the metadata list them.
func (m *Metadata) reserved() (names []string, known map[string]bool) {
	known = map[string]bool{}
	for name := range strings.SplitSeq(said(m).Properties[reservedProperty], ",") {
		if name = strings.TrimSpace(name); name != "" && !known[name] {
			names, known[name] = append(names, name), true
		}
	}
	return names, known
}

// mostReserved is how many reserved fields are told of.
const mostReserved = 50

// keptFree lists the reserved fields that a content has, and those that it does
// not reserve any longer. The latest version is the first of those given.
func (r *Registry) keptFree(ctx context.Context, db postgres.DB, c *content, live []earlier) (out []Mismatch, err error) {
	_, reserved := c.Metadata.reserved()
	var found []format.Difference
	for _, f := range c.schema.Places() {
		if reserved[f.Path] && len(found) < mostReserved {
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
		names, _ := latest.Metadata.reserved()
		for _, name := range names {
			if !reserved[name] && len(found) < mostReserved {
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
