package export_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/internal/access"
)

// TestWhoMayFetch: handler and approver of the request, and nobody else; for
// others the package is not there.
func TestWhoMayFetch(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	f.hands(f.orders, f.task, f.rows, 1, []byte(aRecord), 1, "ndjson")
	p := f.builds()
	path := "/packages/" + p.ID.String()
	for who, status := range map[string]int{
		"handler": 200, "approver": 200, "other": 404, "": 401, "viewer": 403, "steward": 403, "dpo": 403, "auditor": 403, "admin": 403, "service": 403, "ci": 403,
	} {
		if resp := f.get(path, who); resp.StatusCode != status {
			t.Errorf("%q: %s, want %d", who, resp.Status, status)
		}
	}
	for _, path := range []string{"/packages/" + uuid.NewString(), "/packages/..%2Fparts", path + "?token=guess"} {
		if resp := f.get(path, "handler"); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	resp := f.get(path, "handler")
	h := resp.Header
	if h.Get("Content-Disposition") != `attachment; filename="R-2026-000123-1.zip.age"` || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	whole, err := io.ReadAll(resp.Body)
	if err != nil || int64(len(whole)) != *p.Bytes {
		t.Fatal(len(whole), err)
	}
	part := f.get(path, "approver", "Range", "bytes=10-")
	rest, _ := io.ReadAll(part.Body)
	if part.StatusCode != http.StatusPartialContent || !bytes.Equal(rest, whole[10:]) {
		t.Errorf("a range: %s, %d bytes", part.Status, len(rest))
	}
	waitFor(t, func() bool { return f.newest().State == export.Delivered })
}

func TestLinks(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := setup(t, export.Config{})
	f.hands(f.orders, f.task, f.rows, 1, []byte(aRecord), 1, "ndjson")
	p := f.builds()
	if _, _, err := f.exports.Link(ctx, access.Principal{ID: f.handler.ID, Roles: []access.Role{access.DPO}}, p.ID); !saysCode(err, "ROLE_REQUIRED") {
		t.Errorf("a DPO made a link: %v", err)
	}
	path, _, err := f.exports.Link(ctx, f.handler, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	if resp := f.get(path, ""); resp.StatusCode != http.StatusOK {
		t.Errorf("by link: %s", resp.Status)
	}
	_, token, _ := strings.Cut(path, "=")
	var kept int
	if err := f.db.QueryRow(ctx, `SELECT count(*) FROM erasure_package_link WHERE encode(token_sha256, 'escape') LIKE '%' || $1 || '%'`, token).Scan(&kept); err != nil || kept != 0 {
		t.Error("the token itself is in the database")
	}
	if resp := f.get("/packages/"+uuid.NewString()+"?token="+token, ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the link opened another package: %s", resp.Status)
	}
	f.exec(`UPDATE erasure_package_link SET expires_at = now() - interval '1 second'`)
	if resp := f.get(path, ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("after its time: %s", resp.Status)
	}
}

// TestPrepare: a package is locked for whom the handler says, and a chosen
// passphrase is forgotten once it is.
func TestPrepare(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := setup(t, export.Config{})
	f.hands(f.orders, f.task, f.rows, 1, []byte(aRecord), 1, "ndjson")
	first := f.builds()

	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		to   export.To
		code string
	}{
		{export.To{Recipient: key.Recipient().String(), Passphrase: "correct horse battery"}, "ONE_OF"},
		{export.To{Recipient: "age1notakey"}, "BAD_RECIPIENT"},
		{export.To{Passphrase: "elevenchars"}, "TOO_SHORT"},
		{export.To{Passphrase: strings.Repeat("x", 1001)}, "TOO_LONG"},
	} {
		if err := f.exports.Prepare(ctx, f.handler, f.request, v.to); !saysCode(err, v.code) {
			t.Errorf("%v, want %s", err, v.code)
		}
	}
	if err := f.exports.Prepare(ctx, f.approver, f.request, export.To{}); !saysCode(err, "ROLE_REQUIRED") {
		t.Errorf("an approver: %v", err)
	}

	if err := f.exports.Prepare(ctx, f.handler, f.request, export.To{Recipient: key.Recipient().String()}); err != nil {
		t.Fatal(err)
	}
	p := f.builds()
	if p.ID == first.ID || *p.Lock != export.LockRecipient || p.Passphrase != nil {
		t.Errorf("locked %s, package %d", *p.Lock, p.No)
	}
	if got := f.openedWith(p, key)["data/002-public.orders.ndjson"]; string(got) != aRecord {
		t.Errorf("%q", got)
	}
	if _, err := f.exports.Passphrase(ctx, f.handler, p.ID); !saysCode(err, "NO_PASSPHRASE") {
		t.Errorf("%v", err)
	}

	if err := f.exports.Prepare(ctx, f.handler, f.request, export.To{Passphrase: "correct horse battery"}); err != nil {
		t.Fatal(err)
	}
	p = f.builds()
	id, err := age.NewScryptIdentity("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if got := f.openedWith(p, id)["data/002-public.orders.ndjson"]; string(got) != aRecord || *p.Lock != export.LockChosen {
		t.Errorf("%q, locked %s", got, *p.Lock)
	}
	var kept int
	if err := f.db.QueryRow(ctx, `SELECT count(*) FROM erasure_handover WHERE passphrase IS NOT NULL`).Scan(&kept); err != nil || kept != 0 {
		t.Error("the chosen passphrase is still kept")
	}
	if again := f.builds(); again.ID != p.ID {
		t.Error("forgetting the passphrase made the package be built again")
	}
	var jobs int
	if err := f.db.QueryRow(ctx, `SELECT count(*) FROM river_job WHERE kind = 'erasure.pack'`).Scan(&jobs); err != nil || jobs != 2 {
		t.Errorf("%d jobs were posted, want one each time", jobs)
	}
}

// TestSweep: a package whose time is over, and one that a later one replaces,
// lose their files; so do the parts of a request that is over.
func TestSweep(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := setup(t, export.Config{})
	f.hands(f.orders, f.task, f.rows, 1, []byte(aRecord), 1, "ndjson")
	first := f.builds()
	f.says(f.task, f.items, "NOT_FOUND")
	second := f.builds()
	f.sweep(1, 1)
	if p, err := export.PackageByID(ctx, f.db, first.ID); err != nil || p.State != export.Expired || p.Passphrase != nil {
		t.Errorf("the replaced package is %s, %v", p.State, err)
	}
	if resp := f.get("/packages/"+first.ID.String(), "handler"); resp.StatusCode != http.StatusConflict {
		t.Errorf("the replaced package: %s", resp.Status)
	}
	f.exec(`UPDATE erasure_package SET expires_at = now() WHERE id = $1`, second.ID)
	f.sweep(0, 1)
	f.exec(`UPDATE erasure_request SET state = 'CLOSED', outcome = 'FULFILLED', closed_at = now() - interval '25 hours' WHERE id = $1`, f.request)
	f.sweep(0, 0)
	var entries int
	if err := f.db.QueryRow(ctx, `SELECT count(*) FROM audit_entry WHERE act = 'package.expired'`).Scan(&entries); err != nil || entries != 2 {
		t.Errorf("%d expiries were recorded", entries)
	}
}

// sweep sweeps twice, which must not matter, and counts what is left.
func (f *fixture) sweep(packages, parts int) {
	f.t.Helper()
	for range 2 {
		if err := f.exports.Sweep(context.Background()); err != nil {
			f.t.Fatal(err)
		}
	}
	for dir, want := range map[string]int{"packages": packages, "parts": parts} {
		if left, _ := filepath.Glob(filepath.Join(f.dir, dir, "*")); len(left) != want {
			f.t.Errorf("%d %s are left in storage, want %d", len(left), dir, want)
		}
	}
}
