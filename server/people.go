package server

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// beliefs are the tokens that were verified in the last minute: a service
// sends the same one with every call. What the issuer takes back it takes back
// by no longer vouching for its keys, which a minute does not keep it from. No
// token is kept, only its hash.
type beliefs struct {
	now func() time.Time

	mu  sync.RWMutex
	all map[[sha256.Size]byte]*belief
}

type belief struct {
	by    access.Principal
	c     claims
	until time.Time
}

const (
	believedFor = time.Minute
	beliefsMax  = 10_000
)

// get is what is believed of a token; nil for nothing.
func (b *beliefs) get(token string) *belief {
	key := hashed(token)
	b.mu.RLock()
	known := b.all[key]
	b.mu.RUnlock()
	if known == nil || !b.now().Before(known.until) {
		return nil
	}
	return known
}

// hashing are buffers for tokens: a copy of each would be the largest thing that
// answering takes from memory.
var hashing = sync.Pool{New: func() any { return new([]byte) }}

func hashed(token string) [sha256.Size]byte {
	buffer := hashing.Get().(*[]byte)
	*buffer = append((*buffer)[:0], token...)
	sum := sha256.Sum256(*buffer)
	clear(*buffer) // no token is kept
	hashing.Put(buffer)
	return sum
}

// put believes a token for a while, and at most until it expires.
func (b *beliefs) put(token string, by access.Principal, c claims) {
	now := b.now()
	until := now.Add(believedFor)
	if expiry := time.UnixMilli(int64(*c.Expiry * 1000)); expiry.Before(until) {
		until = expiry
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[[sha256.Size]byte]*belief{}
	}
	if len(b.all) >= beliefsMax {
		for key, old := range b.all {
			if !now.Before(old.until) {
				delete(b.all, key)
			}
		}
	}
	if len(b.all) < beliefsMax {
		b.all[hashed(token)] = &belief{by, c, until}
	}
}

// people turns claims into principals. The row of a principal is looked up
// once in a while, not at each call. While the database is away the last look
// counts: which row is whose does not change.
type people struct {
	conf   OIDC
	ensure func(ctx context.Context, issuer, subject, name string) (uuid.UUID, error)
	now    func() time.Time

	mu    sync.Mutex
	known map[identity]knownAs
	rows  map[identity]knownAs // without names, of whoever has called some process; see acquaintance
}

type identity struct{ issuer, subject, name string }

type knownAs struct {
	id    uuid.UUID
	until time.Time
}

const (
	knownFor      = 10 * time.Minute
	knownAgain    = 30 * time.Second // where the database was away
	knownPatience = 500 * time.Millisecond
	knownMax      = 10_000
)

// recall is the row that somebody was last known by.
func (p *people) recall(who identity) (knownAs, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k, ok := p.known[who]; ok {
		return k, true
	}
	who.name = ""
	k, ok := p.rows[who]
	return k, ok
}

func (p *people) row(ctx context.Context, who identity) (uuid.UUID, error) {
	now := p.now()
	k, ok := p.recall(who)
	if ok && now.Before(k.until) {
		return k.id, nil
	}
	patience := ctx
	if ok { // who is known need not wait for a database that hangs
		var cancel context.CancelFunc
		patience, cancel = context.WithTimeout(ctx, knownPatience)
		defer cancel()
	}
	id, err := p.ensure(patience, who.issuer, who.subject, who.name)
	until := now.Add(knownFor)
	if ok && err != nil && postgres.Away(err) {
		id, err, until = k.id, nil, now.Add(knownAgain)
	}
	if err != nil {
		return uuid.Nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[identity]knownAs{}
	}
	for other := range p.known { // any
		if len(p.known) < knownMax {
			break
		}
		delete(p.known, other)
	}
	p.known[who] = knownAs{id, until}
	return id, nil
}
