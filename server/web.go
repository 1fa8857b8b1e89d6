package server

import (
	"context"
	"net/http"

	"github.com/flowmart/lethe/catalog/apikey"
	"github.com/flowmart/lethe/catalog/trust"
	"github.com/flowmart/lethe/graph"
	"github.com/flowmart/lethe/graph/graphiql"
	"github.com/flowmart/lethe/web"
)

// wireWeb opens the front door: GraphQL, and the portal that speaks it.
func wireWeb(g *ground, h *house, r *rooms) error {
	api := graph.New(graph.Config{
		DB: g.web, Audit: r.log, Catalog: r.catalog, Schemas: r.registry, Tables: r.tables, Lineage: r.lineage, Requests: r.requests, Deliveries: r.deliveries, Exports: r.exports,
		Challenge: r.dispatcher.Challenge, Rotate: r.dispatcher.Rotate, Now: g.now, Version: Version(), Dev: g.conf.Dev, Timeout: g.conf.AnswerWithin,
		Report: func(ctx context.Context, requestID string, err error) {
			g.log.ErrorContext(ctx, "graph", "request_id", requestID, "err", scrub(err))
		},
	})
	h.site = web.Handler()
	h.doors = append(h.doors, mounted(func(mux *http.ServeMux) {
		mux.Handle("/graphql", api)
		if g.conf.Dev {
			mux.Handle("GET /graphiql", graphiql.Handler())
			mux.Handle("GET /graphiql/", graphiql.Handler())
		}
	}), &catalogFile{r.catalog, g.log}, &apiKeys{apikey.New(g.web, g.now), g.log}, &trustsDoor{trust.New(g.web, g.now, g.conf.CIIssuers), g.log})
	return nil
}
