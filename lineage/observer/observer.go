// Package observer is lineage's door to the Kafka clusters: it asks each who
// reads what, and how long topics keep data, and writes down what it is told.
// It reads no records and commits no offsets.
//
// What people declare can be wrong or missing; a consumer group cannot read
// without the cluster knowing.
package observer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Config is how often and how long the clusters are asked. The zero value is
// fit for production.
type Config struct {
	// Interval is how long to wait between two rounds. Default 60 s.
	Interval time.Duration
	// Patience is how long one cluster may take in one round. Default 30 s.
	Patience time.Duration
	// OwnGroups are Lethe's own consumer groups, which are no readers of
	// anyone's data. They are named in full: a pattern would be a way to hide.
	OwnGroups []string
}

// Observer asks the clusters. Make it with New.
type Observer struct {
	db      *pgxpool.Pool
	log     *slog.Logger
	now     func() time.Time
	config  Config
	watched []*watched

	mu     sync.Mutex
	states map[string]State
}

// State is how the last round went for a cluster. A reader that was not seen
// may only mean that nobody could look.
type State struct {
	Cluster string
	At      time.Time // of the last round that succeeded; zero if none did
	Topics  int       // topics, groups and reads found by it
	Groups  int
	Reads   int
	Unknown int   // reads of groups that nobody said which service they are
	Err     error // why the last round failed; nil if it did not
}

// watched is a cluster with a client to it.
type watched struct {
	Cluster
	client *kgo.Client
	admin  *kadm.Client
}

// New returns an observer of clusters that writes to db. It connects when it
// first asks. Close it after use.
func New(db *pgxpool.Pool, clusters []Cluster, config Config, log *slog.Logger, now func() time.Time) (*Observer, error) {
	if config.Interval == 0 {
		config.Interval = time.Minute
	}
	if config.Patience == 0 {
		config.Patience = 30 * time.Second
	}
	o := &Observer{db: db, log: log, now: now, config: config, states: map[string]State{}}
	for _, c := range clusters {
		if _, twice := o.states[c.Name]; twice || c.Name == "" {
			o.Close()
			return nil, fault.Bad("kafka.name", "BAD_SETTING", "each cluster has a name of its own")
		}
		client, err := c.open()
		if err != nil {
			o.Close()
			return nil, fmt.Errorf("cluster %s: %w", c.Name, err)
		}
		o.watched = append(o.watched, &watched{c, client, kadm.NewClient(client)})
		o.states[c.Name] = State{Cluster: c.Name}
	}
	return o, nil
}

// Close lets go of the clusters.
func (o *Observer) Close() {
	for _, w := range o.watched {
		w.client.Close()
	}
}

// Run asks the clusters again and again until ctx ends, and returns nil then.
// A round that fails is logged and the next one tried.
func (o *Observer) Run(ctx context.Context) error {
	for {
		if err := o.Once(ctx); err != nil && ctx.Err() == nil {
			o.log.WarnContext(ctx, "observer: a cluster could not be asked", "err", err)
		}
		// Replicas that started together do not ask together for ever.
		wait := o.config.Interval + time.Duration(rand.Int64N(int64(o.config.Interval/10)+1))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Once asks every cluster once, all at the same time. A cluster that fails
// keeps nobody from asking the others; the error tells of each that did.
func (o *Observer) Once(ctx context.Context) error {
	errs := make([]error, len(o.watched))
	var asked sync.WaitGroup
	for i, w := range o.watched {
		asked.Go(func() {
			patient, cancel := context.WithTimeout(ctx, o.config.Patience)
			defer cancel()
			state, err := o.look(patient, w)
			if err != nil {
				errs[i] = fmt.Errorf("cluster %s: %w", w.Name, err)
			}
			o.keep(state, err)
		})
	}
	asked.Wait()
	return errors.Join(errs...)
}

// States tells how the last round went for each cluster, in the order they
// were given.
func (o *Observer) States() []State {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]State, len(o.watched))
	for i, w := range o.watched {
		out[i] = o.states[w.Name]
	}
	return out
}

func (o *Observer) keep(s State, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		last := o.states[s.Cluster]
		last.Err = err
		s = last
	}
	o.states[s.Cluster] = s
}

// look asks one cluster and writes down what it said. What it could not say is
// an error, after the rest was kept.
func (o *Observer) look(ctx context.Context, w *watched) (State, error) {
	at := o.now()
	state := State{Cluster: w.Name, At: at}
	topics, err := topicsOf(ctx, w.admin, w.Name, at)
	if err != nil {
		return state, err
	}
	groups, partly := groupsOf(ctx, w.admin, o.config.OwnGroups)
	err = postgres.Work(ctx, o.db, func(tx pgx.Tx) error {
		if err := catalog.RecordTopic(ctx, tx, w.Environment, topics...); err != nil {
			return err
		}
		reads, err := readsOf(ctx, tx, w.Name, groups, at)
		if err != nil {
			return err
		}
		state.Topics, state.Groups, state.Reads, state.Unknown = len(topics), len(groups), len(reads), unknown(reads)
		return catalog.RecordObservedReads(ctx, tx, reads)
	})
	return state, errors.Join(err, partly)
}

func unknown(reads []catalog.ObservedRead) int {
	n := 0
	for _, r := range reads {
		if r.ServiceID == nil {
			n++
		}
	}
	return n
}

// readsOf turns groups into reads of datasets by services. A topic that the
// catalog does not know, because the group read it before it was deleted, is
// left out.
func readsOf(ctx context.Context, db postgres.DB, cluster string, groups []group, at time.Time) ([]catalog.ObservedRead, error) {
	var topics, groupNames, clientNames []string
	for _, g := range groups {
		groupNames = append(groupNames, names(g.name)...)
		for topic := range g.topics {
			topics = append(topics, topic)
		}
		for client := range g.clients {
			clientNames = append(clientNames, names(client)...)
		}
	}
	datasets, err := catalog.DatasetsByTopic(ctx, db, cluster, topics)
	if err != nil {
		return nil, err
	}
	byGroup, err := catalog.ServicesByActor(ctx, db, cluster, "GROUP", groupNames)
	if err != nil {
		return nil, err
	}
	byClient, err := catalog.ServicesByActor(ctx, db, cluster, "CLIENT_ID", clientNames)
	if err != nil {
		return nil, err
	}
	var reads []catalog.ObservedRead
	for _, g := range groups {
		service := serviceOf(g, byGroup, byClient)
		for topic := range g.topics {
			if dataset, ok := datasets[topic]; ok {
				reads = append(reads, catalog.ObservedRead{Cluster: cluster, Group: g.name, DatasetID: dataset, ServiceID: service, FirstSeen: at, LastSeen: at})
			}
		}
	}
	return reads, nil
}

// serviceOf finds the service behind a group: by the name of the group, or
// else by what its members call themselves if they agree. Nobody is guessed.
func serviceOf(g group, byGroup, byClient map[string]uuid.UUID) *uuid.UUID {
	if id, ok := first(names(g.name), byGroup); ok {
		return &id
	}
	var found *uuid.UUID
	for client := range g.clients {
		id, ok := first(names(client), byClient)
		if !ok || found != nil && *found != id {
			return nil
		}
		found = &id
	}
	return found
}

func first(names []string, services map[string]uuid.UUID) (uuid.UUID, bool) {
	for _, name := range names {
		if id, ok := services[name]; ok {
			return id, true
		}
	}
	return uuid.Nil, false
}
