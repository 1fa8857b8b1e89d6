// Package pgtest lends each test a database of its own, already migrated.
//
// All test processes of a machine share one PostgreSQL: the server that
// LETHE_TEST_DATABASE_URL names (a superuser's URL), or a private one that the
// first process starts and that stops by itself when nobody uses it. A test
// gets a database that an earlier test gave back, swept clean, or a clone of
// the template. Sweeping takes a few milliseconds where cloning takes tens, so
// a parallel suite pays for as many clones as it has tests running at once.
//
// PostgreSQL missing is a failure, never a skip.
package pgtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// New returns a pool on a migrated main database that t alone uses, connected
// as the server is: as lethe_app, which owns nothing. Called again by the same
// test, it returns the same pool.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return leaseOf(t, mainKind).pool(t)
}

// NewKeystore is New for the key store's database.
func NewKeystore(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return leaseOf(t, keystoreKind).pool(t)
}

// URLs returns how to connect to the main database of t as the server's role,
// as the schema's owner and as superuser, so that whole servers can be started
// on it. It is the database that New lends to the same test.
func URLs(t testing.TB) (app, owner, super string) {
	t.Helper()
	return leaseOf(t, mainKind).urls()
}

// KeystoreURLs is URLs for the key store's database.
func KeystoreURLs(t testing.TB) (app, owner, super string) {
	t.Helper()
	return leaseOf(t, keystoreKind).urls()
}

type leaseKey struct {
	t    testing.TB
	kind *kind
}

var (
	leasesMu sync.Mutex
	leases   = map[leaseKey]*lease{}
)

// leaseOf returns the database that t has, lending it one first if need be.
func leaseOf(t testing.TB, k *kind) *lease {
	t.Helper()
	key := leaseKey{t, k}
	leasesMu.Lock()
	defer leasesMu.Unlock()
	if l, ok := leases[key]; ok {
		return l
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := connect(ctx)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	l, err := s.lend(ctx, k)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	leases[key] = l
	t.Cleanup(func() {
		leasesMu.Lock()
		delete(leases, key)
		leasesMu.Unlock()
		if err := l.giveBack(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return l
}
