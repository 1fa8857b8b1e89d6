package server

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/dispatch"
	"github.com/flowmart/lethe/erasure/duedate"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/results"
	"github.com/flowmart/lethe/lineage"
	"github.com/flowmart/lethe/lineage/observer"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/pipeline"
	"github.com/flowmart/lethe/schemas/rest"
	"github.com/flowmart/lethe/schemas/stores"
	storesrest "github.com/flowmart/lethe/schemas/stores/rest"
)

// rooms are the rooms that more than one door needs.
type rooms struct {
	log        *audit.Log
	catalog    *catalog.Catalog
	registry   *schemas.Registry
	tables     *stores.Stores
	lineage    *lineage.Lineage
	requests   *erasure.Requests
	deliveries *queue.Queue
	exports    *export.Exports
	dispatcher *dispatch.Dispatcher
}

// wireRooms makes the rooms and opens the doors of the parts that this process
// runs.
func wireRooms(g *ground, h *house, log *audit.Log) error {
	r, err := makeRooms(g, log)
	if err != nil {
		return err
	}
	if g.conf.Runs(Registry) {
		wireRegistry(g, h, r)
	}
	if g.conf.Runs(Intake) {
		wireUpkeep(g, h, r)
		if err := wireObserver(g, h); err != nil {
			return err
		}
	}
	if g.conf.Runs(Requests) {
		if err := wireRequests(g, h, r); err != nil {
			return err
		}
	}
	if g.conf.Runs(Web) {
		return wireWeb(g, h, r)
	}
	return nil
}

// wireRegistry opens the doors to schemas.
func wireRegistry(g *ground, h *house, r *rooms) {
	h.doors = append(h.doors, rest.New(r.registry, g.log), pipeline.New(r.registry, g.log), storesrest.New(r.tables, g.log))
	h.checks = append(h.checks, check{"registry", g.conf.runsAlone(Registry), r.registry.Ready})
	if f := g.conf.Forward; f.URL != "" {
		h.checks = append(h.checks, check{"forward", false, f.look(g.conf.Dev)})
	}
	g.metrics.watchRegistry(r.registry.AsOf)
	h.loops = append(h.loops, loop{"fields", newFiller(g).run}, pruner(g), loop{"registry", func(ctx context.Context) error {
		r.registry.Follow(ctx, func(err error) { report(ctx, g.log, "reading what is registered", err) })
		return nil
	}})
}

func makeRooms(g *ground, log *audit.Log) (*rooms, error) {
	r := &rooms{log: log}
	options := []catalog.Option{catalog.Calendars(func(country, region string) error {
		_, err := duedate.For(country, region)
		return err
	}), catalog.Home(g.conf.Country, g.conf.TimeZone)}
	if g.conf.Dev {
		options = append(options, catalog.Dev)
	}
	r.catalog = catalog.New(g.web, g.now, options...)
	r.lineage = lineage.New(g.web, g.now)
	r.registry = schemas.New(g.web, g.now, g.conf.clusters()...)
	r.tables = stores.New(g.web)
	r.registry.LookThrough(g.looks, g.conf.AnswerWithin/2) // what is in memory is to be told before an answer is due
	if g.conf.Forward.URL != "" {
		r.registry.ForwardTo(g.conf.Forward.reach(g.conf.Dev), g.conf.AnswerWithin/2)
	}
	keys, err := ReadSigningKeys(g.conf.SigningKeyFile)
	if err != nil {
		return nil, err
	}
	r.requests = erasure.New(erasure.Setup{
		DB: g.web, Jobs: g.queue, Vault: g.vault, Log: log, Now: g.now, Issuer: g.conf.PublicURL, Keys: keys,
		Parts: export.Accept, Config: g.conf.Requests, Alerted: g.alerted,
	})
	r.deliveries = queue.New(g.web, g.queue, g.vault, g.now, g.process)
	r.exports, err = export.New(g.web, g.queue, g.vault, g.conf.StorageDir, g.now, export.Config{Log: g.log, MaxPartBytes: g.conf.MaxPartBytes}, r.requests.Packaged)
	if err != nil {
		return nil, err
	}
	r.dispatcher = dispatch.New(g.jobs, r.deliveries, r.requests, r.catalog, g.vault, dispatch.Config{
		PublicURL: g.conf.PublicURL, Keys: messageKeys(keys), Dev: g.conf.Dev,
		MaxPartBytes: g.conf.MaxPartBytes, Failed: g.metrics.failedDelivery,
	}, g.log)
	return r, nil
}

// messageKeys names keys by the first half of their fingerprints.
func messageKeys(keys []ed25519.PrivateKey) []signature.Key {
	out := make([]signature.Key, len(keys))
	for i, k := range keys {
		public := k.Public().(ed25519.PublicKey)
		out[i] = signature.Key{ID: "lethe-" + signature.Fingerprint(public)[:16], Private: k}
	}
	return out
}

// wireRequests opens the doors to services and works the jobs of requests.
func wireRequests(g *ground, h *house, r *rooms) error {
	keys, err := ReadSigningKeys(g.conf.SigningKeyFile)
	if err != nil {
		return err
	}
	var public []signature.PublicKey
	for _, k := range messageKeys(keys) {
		public = append(public, k.Public())
	}
	g.metrics.watchWork(g.jobs, r.log, g.now)
	h.doors = append(h.doors,
		&results.Results{DB: g.web, Requests: r.requests, PublicURL: g.conf.PublicURL, Keys: public, Log: g.log, Judged: g.metrics.judged},
		mounted(r.exports.Routes))
	w := h.workers.workers
	erasure.AddWorkers(w, r.requests)
	river.AddWorker(w, r.dispatcher)
	river.AddWorker(w, &dispatch.Recaller{Dispatcher: r.dispatcher})
	river.AddWorker(w, &export.Packer{Exports: r.exports})
	river.AddWorker(w, &sweeper{exports: r.exports})
	h.workers.queues[river.QueueDefault] = river.QueueConfig{MaxWorkers: 50}
	h.workers.every(sweepInterval, Sweep{})
	h.loops = append(h.loops, loop{"clock", (&ticker{ground: g, requests: r.requests}).run}, loop{"exports", func(ctx context.Context) error {
		<-ctx.Done()
		return r.exports.Close()
	}})
	return nil
}

// mounted makes a door of a function.
type mounted func(mux *http.ServeMux)

// Mount calls the function.
func (m mounted) Mount(mux *http.ServeMux) { m(mux) }

// wireObserver asks the Kafka clusters who reads what.
func wireObserver(g *ground, h *house) error {
	if len(g.conf.Kafka) == 0 {
		return nil
	}
	clusters := make([]observer.Cluster, len(g.conf.Kafka))
	for i, k := range g.conf.Kafka {
		c, err := observed(k)
		if err != nil {
			return fmt.Errorf("cluster %s: %w", k.Name, err)
		}
		clusters[i] = c
	}
	o, err := observer.New(g.jobs, clusters, observer.Config{Interval: g.conf.ObserveInterval}, g.log, g.now)
	if err != nil {
		return err
	}
	g.metrics.watchClusters(g.conf.clusters(), o.States)
	for i, k := range g.conf.Kafka {
		h.checks = append(h.checks, check{"kafka " + k.Name, false, func(context.Context) error { return seen(o.States()[i]) }})
	}
	h.loops = append(h.loops, loop{"observer", func(ctx context.Context) error {
		defer o.Close()
		return o.Run(ctx)
	}})
	return nil
}

// seen reports whether the last round at a cluster went well. A first round
// that is still under way says nothing against the cluster.
func seen(s observer.State) error { return s.Err }

func observed(k Cluster) (observer.Cluster, error) {
	c := observer.Cluster{Name: k.Name, Environment: k.Environment, Brokers: k.Brokers}
	if k.TLS != nil {
		conf, err := tlsOf(*k.TLS)
		if err != nil {
			return c, err
		}
		c.TLS = conf
	}
	if k.SASL != nil {
		file := k.SASL.PasswordFile
		if file == "" {
			file = k.SASL.TokenFile
		}
		c.SASL = &observer.SASL{Mechanism: k.SASL.Mechanism, User: k.SASL.User, Secret: func(context.Context) (string, error) {
			raw, err := os.ReadFile(file)
			return strings.TrimSpace(string(raw)), err
		}}
	}
	return c, nil
}

func tlsOf(t TLS) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, err
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}
