package erasure_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/internal/vault"
)

// superuser runs statements as somebody who may do anything.
func superuser(t *testing.T, url, q string, args ...any) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	if _, err := db.Exec(t.Context(), q, args...); err != nil {
		t.Fatal(err)
	}
}

// A backup of the key store brings destroyed keys back (docs/runbook.md,
// "Restoring the key store"): destroying again must destroy, although the main
// database says that it was done.
func TestKeyIsDestroyedAgainAfterARestore(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.planned(erasure.Erasure)
	_, err := s.requests.Cancel(s.ctx, s.handler, r.ID)
	s.must(err)
	dump := s.sealed(r)
	_, _, keystore := pgtest.KeystoreURLs(t)
	superuser(t, keystore, `CREATE TABLE backup AS SELECT * FROM vault_key`)

	first, err := s.requests.DestroyKey(s.ctx, s.approver, r.ID)
	s.must(err)
	superuser(t, keystore, `UPDATE vault_key k SET wrapped = b.wrapped, destroyed_at = NULL FROM backup b WHERE b.request_id = k.request_id`)
	if _, err := s.vault.Unseal(s.ctx, r.ID, "subject", dump); err != nil {
		t.Fatalf("the restored key does not open the dump, so this test shows nothing: %v", err)
	}
	s.pass(time.Hour)
	again, err := s.requests.DestroyKey(s.ctx, s.approver, r.ID)
	s.must(err)
	if _, err := s.vault.Unseal(s.ctx, r.ID, "subject", dump); !errors.Is(err, vault.ErrDestroyed) {
		t.Errorf("after destroying again the dump opens: %v", err)
	}
	if !again.KeyDestroyedAt.Equal(*first.KeyDestroyedAt) {
		t.Errorf("the first day of destruction was overwritten: %s, was %s", again.KeyDestroyedAt, first.KeyDestroyedAt)
	}
	if n := s.count(`SELECT count(*) FROM audit_entry WHERE act = 'request.key_destroyed' AND request_id = $1`, r.ID); n != 2 {
		t.Errorf("the audit log has %d destructions, want 2", n)
	}
}

// sealed is what a backup of the main database holds of the person.
func (s *shop) sealed(r erasure.Request) (sealed []byte) {
	s.t.Helper()
	s.must(s.db.QueryRow(s.ctx, `SELECT sealed FROM erasure_subject WHERE request_id = $1`, r.ID).Scan(&sealed))
	return sealed
}

// One key that cannot be destroyed does not keep the others alive.
func TestOneKeyThatStaysDoesNotKeepTheOthers(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	var all []erasure.Request
	for _, id := range []string{"c-7", "c-8", "c-9"} {
		r := s.open(erasure.Access, subject.Identifier{Type: "customer_id", Value: id})
		_, err := s.requests.Cancel(s.ctx, s.handler, r.ID)
		s.must(err)
		all = append(all, r)
	}
	_, _, admin := pgtest.URLs(t)
	superuser(t, admin, `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$`)
	superuser(t, admin, `CREATE TRIGGER broken BEFORE UPDATE ON erasure_subject FOR EACH ROW WHEN (OLD.request_id = '`+all[0].ID.String()+`') EXECUTE FUNCTION broken()`)
	s.mu.Lock()
	s.at = s.at.Add(91 * 24 * time.Hour)
	s.mu.Unlock()
	if err := s.requests.Tick(s.ctx); err == nil {
		t.Error("the failure was not told")
	}
	for n, r := range all {
		if got := s.get(r.ID).KeyDestroyedAt != nil; got != (n > 0) {
			t.Errorf("request %d of 3: destroyed %v", n+1, got)
		}
	}
}
