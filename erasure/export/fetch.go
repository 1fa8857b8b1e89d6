package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// fetch hands a package over: to a person who handles the request, or to
// whoever holds a link to it. Ranges are served, so that a download that broke
// off goes on.
func (e *Exports) fetch(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	p, by, err := e.entitled(r)
	if err == nil && !p.Ready() {
		err = fault.New(fault.Conflict, "PACKAGE_NOT_READY", "the package is %s; there is nothing to fetch", p.State)
	}
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	request, err := erasure.RequestByID(ctx, e.db, p.RequestID)
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	file, err := e.root.Open(packageFile(p))
	if err != nil {
		e.refuse(w, r, fmt.Errorf("storage: %w", err))
		return
	}
	defer file.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%d.zip.age"`, request.CaseNumber, p.No))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("ETag", fmt.Sprintf(`"%x"`, p.SHA256))
	// A large file takes its time on a slow line.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	http.ServeContent(w, r, "", *p.SealedAt, file)
	if r.Method == http.MethodGet && ctx.Err() == nil && reachedEnd(h, *p.Bytes) {
		if err := e.fetched(context.WithoutCancel(ctx), p, by); err != nil {
			e.conf.Log.ErrorContext(ctx, "export", "route", r.Pattern, "err", err)
		}
	}
}

// entitled finds the package for whoever asks, and says who that is; a link is
// used in the name of Lethe itself.
func (e *Exports) entitled(r *http.Request) (Package, uuid.UUID, error) {
	id, err := canonical(r.PathValue("id"))
	if err != nil {
		return Package{}, uuid.Nil, errNoPackage
	}
	if token := r.URL.Query().Get("token"); token != "" {
		p, err := linked(r.Context(), e.db, id, token)
		return p, access.System.ID, err
	}
	by := access.From(r.Context())
	p, err := e.packageFor(r.Context(), by, id)
	return p, by.ID, err
}

// reachedEnd reports whether an answer carried the last byte of the file.
func reachedEnd(h http.Header, size int64) bool {
	part := h.Get("Content-Range")
	if part == "" {
		return h.Get("Content-Length") == fmt.Sprint(size)
	}
	return strings.HasSuffix(part, fmt.Sprintf("-%d/%d", size-1, size))
}

func (e *Exports) fetched(ctx context.Context, p Package, by uuid.UUID) error {
	return postgres.Work(ctx, e.db, func(tx pgx.Tx) error {
		if err := deliver(ctx, tx, p.ID); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by, Act: "package.fetched", Entity: p.ID, Request: p.RequestID, Digest: p.SHA256})
	})
}

// Sweep deletes the files of packages whose time is over, and of the parts of
// requests that are. It may be repeated at any time.
func (e *Exports) Sweep(ctx context.Context) error {
	var expired []Package
	var spent []uuid.UUID
	err := postgres.Work(ctx, e.db, func(tx pgx.Tx) (err error) {
		if expired, err = expire(ctx, tx); err != nil {
			return err
		}
		if spent, err = spentParts(ctx, tx); err != nil {
			return err
		}
		entries := make([]audit.Entry, len(expired))
		for i, p := range expired {
			entries[i] = audit.Entry{Actor: access.System.ID, Act: "package.expired", Entity: p.ID, Request: p.RequestID, Digest: p.SHA256}
		}
		return audit.Append(ctx, tx, entries...)
	})
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range expired {
		failed = append(failed, e.remove(packageFile(p)))
	}
	for _, id := range spent {
		failed = append(failed, e.remove(partFile(id)))
	}
	return errors.Join(failed...)
}

func (e *Exports) remove(name string) error {
	if err := e.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("storage: %w", err)
	}
	return nil
}
