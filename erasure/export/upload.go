package export

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/problem"
)

// The headers of an upload, docs/rights-protocol.md. Content-Range says which
// bytes of the part a PUT carries, "bytes 0-1048575/4194304", or "bytes */0"
// for an empty one.
const (
	headerDigest   = "Lethe-Part-SHA256"   // hex SHA-256 of the whole part
	headerOffset   = "Lethe-Part-Offset"   // in answers: the byte to go on with
	headerComplete = "Lethe-Part-Complete" // in answers: it is whole, and its digest is right
)

// lease is how long an upload may hold a part without progress; stall is how
// long it waits for bytes. An upload that stalls is gone before its lease is.
const (
	lease = 60 * time.Second
	stall = 20 * time.Second
)

// upload is what a request to the door says about a part.
type upload struct {
	task    uuid.UUID
	dataset uuid.UUID
	n       int
	first   int64  // of the part, the byte this request begins with
	last    int64  // and ends with; first-1 for an empty part
	total   int64  // bytes of the part
	sha256  []byte // of the whole part
}

// Routes mounts the doors of services and of those who fetch packages.
func (e *Exports) Routes(mux *http.ServeMux) {
	mux.HandleFunc("PUT /rights/v1/parts/{task}/{dataset}/{n}", e.put)
	mux.HandleFunc("HEAD /rights/v1/parts/{task}/{dataset}/{n}", e.head)
	mux.HandleFunc("GET /packages/{id}", e.fetch)
	mux.HandleFunc("HEAD /packages/{id}", e.fetch)
}

// head tells how much of a part has arrived.
func (e *Exports) head(w http.ResponseWriter, r *http.Request) {
	u, err := readPlace(r)
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	t, err := e.admit(r, u)
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	p, err := findPart(r.Context(), e.db, t.ID, u.dataset, u.n)
	if errors.Is(err, errNoPart) {
		p, err = Part{State: Requested}, nil
	}
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	tell(w, p.State, p.Received)
	w.WriteHeader(http.StatusOK)
}

// put takes a part, or a piece of one.
func (e *Exports) put(w http.ResponseWriter, r *http.Request) {
	u, err := readUpload(r)
	if err == nil && u.total > e.conf.MaxPartBytes {
		err = fault.New(fault.TooLarge, "PART_TOO_LARGE", "a part is at most %d bytes; divide it", e.conf.MaxPartBytes)
	}
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	t, err := e.admit(r, u)
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	p, holder, err := e.claim(r.Context(), t, u)
	if err != nil {
		if p.ID != uuid.Nil {
			tell(w, p.State, p.Received)
		}
		e.refuse(w, r, err)
		return
	}
	if p.State == Uploaded || p.State == Accepted {
		tell(w, p.State, p.Received)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	p, err = e.receive(w, r, p, holder, u)
	tell(w, p.State, p.Received)
	if err != nil {
		e.refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func tell(w http.ResponseWriter, state PartState, offset int64) {
	w.Header().Set(headerOffset, strconv.FormatInt(offset, 10))
	w.Header().Set(headerComplete, strconv.FormatBool(state == Uploaded || state == Accepted))
	w.Header().Set("Cache-Control", "no-store")
}

// refuse answers a fault, and logs what is our own.
func (e *Exports) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if f, ok := errors.AsType[*fault.Fault](err); ok && f.Code == "RANGE_INVALID" {
		problem.WriteStatus(w, http.StatusBadRequest, f)
		return
	}
	if fault.KindOf(err) == fault.Internal {
		e.conf.Log.ErrorContext(r.Context(), "export", "method", r.Method, "route", r.Pattern, "err", err)
	}
	problem.Write(w, err)
}

var errNoTask = fault.Missing("task", "no such export task")

// admit finds the task and refuses whoever is not its service.
func (e *Exports) admit(r *http.Request, u upload) (target, error) {
	ctx := r.Context()
	t, err := findTask(ctx, e.db, u.task)
	if errors.Is(err, postgres.ErrNotFound) {
		return target{}, errNoTask
	}
	if err != nil {
		return target{}, err
	}
	keys, err := catalog.ServiceKeys(ctx, e.db, t.ServiceID)
	if err != nil {
		return target{}, err
	}
	public := make([]signature.PublicKey, len(keys))
	for i, k := range keys {
		public[i] = signature.PublicKey{ID: k.ID, Public: k.PublicKey}
	}
	statement := signature.PartStatement(r.Method, u.task, u.dataset, u.n, r.Header.Get("Content-Range"), r.Header.Get(headerDigest))
	if _, err := signature.Verify(public, r.Header, statement, e.now(), signature.Tolerance); err != nil {
		return target{}, e.stranger(r, statement, err)
	}
	if t.Action != "EXPORT" {
		return target{}, errNoTask
	}
	if !t.Open && r.Method == http.MethodPut {
		return target{}, fault.New(fault.Conflict, "TASK_CLOSED", "this task is over and takes no more parts")
	}
	ok, err := inScope(ctx, e.db, t.ID, u.dataset)
	if err == nil && !ok {
		err = fault.New(fault.Denied, "DATASET_NOT_ASKED", "the task does not ask for this dataset")
	}
	return t, err
}

// stranger tells a service that signs well, but about another's task, from one
// that does not sign well at all.
func (e *Exports) stranger(r *http.Request, statement []byte, refused error) error {
	hinted, err := catalog.KeysByID(r.Context(), e.db, r.Header.Get(signature.HeaderKey))
	if err != nil {
		return err
	}
	public := make([]signature.PublicKey, len(hinted))
	for i, k := range hinted {
		public[i] = signature.PublicKey{ID: k.ID, Public: k.PublicKey}
	}
	if _, err := signature.Verify(public, r.Header, statement, e.now(), signature.Tolerance); err != nil {
		return refused
	}
	e.conf.Log.WarnContext(r.Context(), "export: a service signed for another's task", "key", r.Header.Get(signature.HeaderKey))
	return fault.New(fault.Denied, "WRONG_SERVICE", "this task belongs to another service")
}

// claim gives the part to this upload, or says with what to go on. A part that
// is here already comes back as it is.
func (e *Exports) claim(ctx context.Context, t target, u upload) (p Part, holder uuid.UUID, err error) {
	holder = uuid.New()
	err = postgres.Work(ctx, e.db, func(tx pgx.Tx) error {
		if p, err = ensurePart(ctx, tx, t, u); err != nil {
			return err
		}
		same := p.Bytes == u.total && bytes.Equal(p.SHA256, u.sha256)
		if same && (p.State == Uploaded || p.State == Accepted) {
			return nil
		}
		if p.State == Accepted {
			return fault.New(fault.Conflict, "PART_ACCEPTED", "this part was accepted with another digest; a new one needs a number of its own")
		}
		busy, err := leased(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if busy {
			return fault.New(fault.Conflict, "PART_BUSY", "this part is being uploaded; ask with HEAD and try again")
		}
		if u.first == 0 && (!same || p.State == Quarantined) {
			if err := restart(ctx, tx, p.ID, u); err != nil {
				return err
			}
			p.State, p.Bytes, p.SHA256, p.Received, p.Progress = Requested, u.total, u.sha256, 0, nil
		} else if !same {
			return fault.New(fault.Conflict, "PART_OFFSET", "another size or digest was announced for this part; to replace it, begin again with byte 0")
		}
		if u.first != p.Received {
			return fault.New(fault.Conflict, "PART_OFFSET", "go on with byte %d", p.Received)
		}
		return hold(ctx, tx, p.ID, holder)
	})
	return p, holder, err
}

// uploaded records that a part has arrived whole.
func (e *Exports) uploaded(ctx context.Context, p Part, holder uuid.UUID, t tally) error {
	return postgres.Work(ctx, e.db, func(tx pgx.Tx) error {
		ours, err := finishPart(ctx, tx, p.ID, holder, t)
		if err != nil {
			return err
		}
		if !ours {
			return errLost
		}
		return audit.Append(ctx, tx, audit.Entry{
			Actor: access.System.ID, Act: "part.uploaded", Entity: p.ID, Request: p.RequestID, Digest: p.SHA256,
			Amounts: map[string]int64{"n": int64(p.N), "bytes": p.Bytes},
		})
	})
}

var (
	rangeForm  = regexp.MustCompile(`^bytes (\d{1,15})-(\d{1,15})/(\d{1,15})$`)
	digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// readPlace reads which part a request is about.
func readPlace(r *http.Request) (u upload, err error) {
	var faults []error
	if u.task, err = canonical(r.PathValue("task")); err != nil {
		faults = append(faults, fault.Bad("task", "BAD_ID", "a task is named by its id in lower case"))
	}
	if u.dataset, err = canonical(r.PathValue("dataset")); err != nil {
		faults = append(faults, fault.Bad("dataset", "BAD_ID", "a dataset is named by its id in lower case"))
	}
	text := r.PathValue("n")
	if u.n, err = strconv.Atoi(text); err != nil || u.n < 1 || u.n > 100_000 || strconv.Itoa(u.n) != text {
		faults = append(faults, fault.Bad("n", "OUT_OF_RANGE", "parts are numbered from 1 to 100000"))
	}
	return u, errors.Join(faults...)
}

// readUpload reads what a PUT declares.
func readUpload(r *http.Request) (upload, error) {
	u, err := readPlace(r)
	faults := []error{err}
	if digest := r.Header.Get(headerDigest); digestForm.MatchString(digest) {
		u.sha256, _ = hex.DecodeString(digest)
	} else {
		faults = append(faults, fault.Bad(headerDigest, "BAD_DIGEST", "send the SHA-256 of the whole part as 64 hex digits"))
	}
	if err := u.readRange(r.Header.Get("Content-Range")); err != nil {
		faults = append(faults, err)
	} else if r.ContentLength >= 0 && r.ContentLength != u.last-u.first+1 {
		faults = append(faults, fault.Bad("Content-Length", "RANGE_INVALID", "Content-Range and Content-Length differ"))
	}
	return u, errors.Join(faults...)
}

func (u *upload) readRange(text string) error {
	if text == "bytes */0" {
		u.last = -1
		return nil
	}
	m := rangeForm.FindStringSubmatch(text)
	if m == nil {
		return fault.Bad("Content-Range", "RANGE_INVALID", "say which bytes these are: bytes first-last/total")
	}
	u.first, _ = strconv.ParseInt(m[1], 10, 64)
	u.last, _ = strconv.ParseInt(m[2], 10, 64)
	u.total, _ = strconv.ParseInt(m[3], 10, 64)
	if u.first > u.last || u.last >= u.total {
		return fault.Bad("Content-Range", "RANGE_INVALID", "the bytes do not lie within the part")
	}
	return nil
}

// canonical reads an id in the one form that is signed.
func canonical(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err == nil && id.String() != text {
		err = errors.New("not in lower case")
	}
	return id, err
}
