package rest

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas"
)

// guid reads the guid of a path. What is none is no schema's.
func guid(c *call) (uuid.UUID, error) {
	id, err := uuid.Parse(c.arg(0))
	if err != nil {
		return id, failure{http.StatusNotFound, 40403, "Schema not found. This is no guid, which has the form 00000000-0000-0000-0000-000000000000: take it from the answer to a registration"}
	}
	return id, nil
}

func (d *Door) byGUID(c *call) (any, error) {
	id, err := guid(c)
	if err != nil {
		return nil, err
	}
	s, err := d.registry.ByGUID(c.Context(), access.From(c.Context()), id)
	if err == nil {
		s, err = d.shown(c, s)
	}
	return d.bodyOf(s), err
}

func (d *Door) idsByGUID(c *call) (any, error) {
	id, err := guid(c)
	if err != nil {
		return nil, err
	}
	found, err := d.registry.IDsByGUID(c.Context(), access.From(c.Context()), id)
	type pair struct {
		Context string `json:"context"`
		ID      int    `json:"id"`
	}
	out := []pair{}
	for _, s := range found {
		out = append(out, pair{s.Context, s.ID})
	}
	return out, err
}

// withProperties reads pairs of key and value, in their order.
func (d *Door) withProperties(c *call) (any, error) {
	keys, values := c.URL.Query()["key"], c.URL.Query()["value"]
	if len(keys) != len(values) {
		return nil, failure{http.StatusUnprocessableEntity, http.StatusUnprocessableEntity, "each parameter key has a parameter value; send them in pairs"}
	}
	wanted := map[string]string{}
	for i, key := range keys {
		wanted[key] = values[i]
	}
	v, err := d.registry.WithProperties(c.Context(), access.From(c.Context()), c.subject(), wanted, c.which())
	if err == nil {
		v.Schema, err = d.shown(c, v.Schema)
	}
	return d.versionBody(v), err
}

func (d *Door) list(c *call) (any, error) {
	l := schemas.Listing{Prefix: c.prefix(), Aliases: c.flag("aliases"), Latest: c.flag("latestOnly"), RuleType: c.query("ruleType")}
	if c.flag("deleted") {
		l.Which = schemas.WithDeleted
	}
	var err error
	if l.Offset, l.Limit, err = bounds(c); err != nil {
		return nil, err
	}
	found, err := d.registry.List(c.Context(), access.From(c.Context()), l)
	out := []schemaBody{}
	for _, v := range found {
		b := d.versionBody(v)
		b.RuleSet, b.RuleSetInList, b.Aliases = nil, b.RuleSet, v.Aliases
		out = append(out, b)
	}
	return out, err
}
