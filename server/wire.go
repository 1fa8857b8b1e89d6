package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"golang.org/x/time/rate"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog/apikey"
	"github.com/flowmart/lethe/catalog/trust"
	"github.com/flowmart/lethe/internal/vault"
)

// ground is what rooms and doors stand on.
type ground struct {
	conf    Config
	web     *pgxpool.Pool // of requests from outside
	jobs    *pgxpool.Pool // of jobs and loops; a full queue must not starve the portal
	sealer  *pgxpool.Pool // of the audit log's sealer alone
	looks   *pgxpool.Pool // of the registry's looks at what changed alone
	beat    *pgxpool.Pool // of this process's beat alone
	keys    *pgxpool.Pool // of the key store
	vault   *vault.Vault
	queue   *Queue    // posts jobs
	process uuid.UUID // this one, among those that work the same database
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time
}

// door mounts the paths it serves.
type door interface{ Mount(mux *http.ServeMux) }

// loop runs beside the requests until ctx ends. It returns early only for an
// error that must stop the server.
type loop struct {
	name string
	run  func(ctx context.Context) error
}

// house is the rooms and doors, made and not yet started.
type house struct {
	doors   []door
	site    http.Handler // the portal; nil where it is not served
	loops   []loop
	checks  []check
	workers workers
}

// wire makes the rooms and their doors on the ground. Order follows the import
// plan: audit, catalog, schemas, lineage, erasure, their doors, the graph.
func wire(g *ground) (*house, error) {
	h := &house{workers: workers{workers: river.NewWorkers(), queues: map[string]river.QueueConfig{}}}
	log, err := wireAudit(g, h)
	if err != nil {
		return nil, err
	}
	return h, wireRooms(g, h, log)
}

// wireAudit opens the audit log, and seals it where requests are worked.
func wireAudit(g *ground, h *house) (*audit.Log, error) {
	signer, err := audit.LoadSigner(g.conf.CheckpointKeyFile)
	if err != nil {
		return nil, err
	}
	anchor, err := audit.OpenAnchor(g.conf.AnchorDir, signer.Keys)
	if err != nil {
		return nil, err
	}
	log := audit.New(g.sealer, signer, anchor)
	if !g.conf.Runs(Requests) {
		return log, nil
	}
	h.loops = append(h.loops, loop{"sealer", func(ctx context.Context) error {
		log.Run(ctx, func(err error) { report(ctx, g.log, "sealing", err) })
		return nil
	}})
	return log, nil
}

// wireSignIn makes what recognises callers.
func wireSignIn(g *ground) (*bearer, *login, error) {
	secret := ""
	if path := g.conf.OIDC.ClientSecretFile; path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		if secret = strings.TrimSpace(string(raw)); secret == "" {
			return nil, nil, errors.New("LETHE_OIDC_CLIENT_SECRET_FILE is empty")
		}
	}
	client := &http.Client{Timeout: issuerFor, Transport: http.DefaultTransport.(*http.Transport).Clone()}
	is := newIssuer(g.conf.OIDC.Issuer, client, g.now)
	known := &people{conf: g.conf.OIDC, now: g.now, ensure: func(ctx context.Context, issuer, subject, name string) (uuid.UUID, error) {
		return audit.EnsurePrincipal(ctx, g.web, issuer, subject, name)
	}}
	tokens := newBearer(g.conf.OIDC, is, g.now, known)
	tokens.keys = &holders{of: apikey.New(g.web, g.now).Holder, now: g.now, outside: errKeyScope}
	tokens.jobs = &holders{of: trust.New(g.web, g.now, g.conf.CIIssuers).Holder, now: g.now, outside: errJobScope}
	public, err := url.Parse(g.conf.PublicURL)
	if err != nil {
		return nil, nil, err
	}
	browsers := &sessions{db: g.web, log: g.log, plain: public.Scheme == "http"}
	l := &login{
		sessions: browsers, conf: g.conf.OIDC, issuer: is, bearer: tokens, people: known, client: client, secret: secret,
		callback: g.conf.PublicURL + "/auth/callback", bucket: rate.NewLimiter(50, 100), within: g.conf.AnswerWithin,
	}
	browsers.again = l.again
	return tokens, l, nil
}
