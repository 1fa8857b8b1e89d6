package export

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// To says for whom packages are encrypted: one of the two, or neither, and
// Lethe makes a passphrase for each package.
type To struct {
	Recipient  string // an age X25519 public key of the data subject, age1…
	Passphrase string // told to the data subject by another channel, 12 characters at least; not kept
}

// minPassphrase is the shortest passphrase that somebody may choose.
const minPassphrase = 12

func (to To) check() error {
	switch {
	case to.Recipient != "" && to.Passphrase != "":
		return fault.Bad("passphrase", "ONE_OF", "give a recipient or a passphrase, not both")
	case to.Recipient != "":
		if _, err := age.ParseX25519Recipient(to.Recipient); err != nil {
			return fault.Bad("recipient", "BAD_RECIPIENT", "this is no age X25519 public key; one begins with age1 and is made by age-keygen")
		}
	case to.Passphrase != "" && utf8.RuneCountInString(to.Passphrase) < minPassphrase:
		return fault.Bad("passphrase", "TOO_SHORT", "a passphrase has at least %d characters", minPassphrase)
	case len(to.Passphrase) > 1000:
		return fault.Bad("passphrase", "TOO_LONG", "a passphrase has at most 1000 bytes")
	}
	return nil
}

// Prepare says for whom the package of a request is encrypted, and has it
// built anew. It needs a handler.
func (e *Exports) Prepare(ctx context.Context, by access.Principal, request uuid.UUID, to To) error {
	if err := by.Require(access.Handler); err != nil {
		return err
	}
	if err := to.check(); err != nil {
		return err
	}
	h := handover{RequestID: request, ID: uuid.Must(uuid.NewV7())}
	if to.Recipient != "" {
		h.Recipient = &to.Recipient
	}
	if to.Passphrase != "" {
		sealed, err := e.vault.Seal(ctx, request, placeHandover, []byte(to.Passphrase))
		if err != nil {
			return err
		}
		h.Passphrase = sealed
	}
	return postgres.Work(ctx, e.db, func(tx pgx.Tx) error {
		r, err := erasure.RequestByID(ctx, tx, request)
		if err != nil {
			return err
		}
		if r.Kind == erasure.Erasure || r.ApprovedBy == nil {
			return fault.New(fault.Conflict, "NO_PACKAGE", "only an access or portability request whose plan was approved has a package")
		}
		if err := setHandover(ctx, tx, h, by.ID); err != nil {
			return err
		}
		// Another such job may run and have read the old handover: this one is
		// posted whatever there is. Building twice makes one package.
		if _, err := e.jobs.InsertTx(ctx, tx, erasure.Pack{Request: request}, nil); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "package.prepared", Entity: request, Request: request, Code: h.code()})
	})
}

const placeHandover = "handover"

func placePassphrase(id uuid.UUID) string { return "package/" + id.String() }

// handover is for whom the packages of a request are encrypted.
type handover struct {
	RequestID  uuid.UUID
	ID         uuid.UUID // another one each time it is set
	Recipient  *string
	Passphrase []byte
}

func (h handover) code() string {
	switch {
	case h.Recipient != nil:
		return string(LockRecipient)
	case h.Passphrase != nil:
		return string(LockChosen)
	}
	return string(LockGenerated)
}

func setHandover(ctx context.Context, db postgres.DB, h handover, by uuid.UUID) error {
	const q = `
		INSERT INTO erasure_handover (request_id, id, recipient, passphrase, set_by) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (request_id) DO UPDATE
		   SET id = excluded.id, recipient = excluded.recipient, passphrase = excluded.passphrase, set_by = excluded.set_by, set_at = now()`
	_, err := db.Exec(ctx, q, h.RequestID, h.ID, h.Recipient, h.Passphrase, by)
	return err
}

func handoverOf(ctx context.Context, db postgres.DB, request uuid.UUID) (handover, error) {
	const q = `SELECT request_id, id, recipient, passphrase FROM erasure_handover WHERE request_id = $1`
	h, err := postgres.One[handover](ctx, db, q, request)
	if errors.Is(err, postgres.ErrNotFound) {
		return handover{RequestID: request}, nil
	}
	return h, err
}

// forgetPassphrase forgets a chosen passphrase once a package is locked with
// it.
func forgetPassphrase(ctx context.Context, db postgres.DB, h handover) error {
	const q = `UPDATE erasure_handover SET passphrase = NULL WHERE request_id = $1 AND id = $2`
	_, err := db.Exec(ctx, q, h.RequestID, h.ID)
	return err
}

// generatedWork is scrypt's cost for a passphrase that Lethe made: its 130
// random bits need no stretching, and a low cost needs little memory. A chosen
// one gets age's own cost.
const generatedWork = 14

// lockFor makes the age recipient of a package, and seals a passphrase that
// must be told later.
func (e *Exports) lockFor(ctx context.Context, p Package, h handover) (age.Recipient, Lock, []byte, error) {
	if h.Recipient != nil {
		to, err := age.ParseX25519Recipient(*h.Recipient)
		return to, LockRecipient, nil, err
	}
	if h.Passphrase != nil {
		chosen, err := e.vault.Unseal(ctx, p.RequestID, placeHandover, h.Passphrase)
		if err != nil {
			return nil, "", nil, err
		}
		to, err := age.NewScryptRecipient(string(chosen))
		return to, LockChosen, nil, err
	}
	made := newPassphrase()
	sealed, err := e.vault.Seal(ctx, p.RequestID, placePassphrase(p.ID), []byte(made))
	if err != nil {
		return nil, "", nil, err
	}
	to, err := age.NewScryptRecipient(made)
	if err == nil {
		to.SetWorkFactor(generatedWork)
	}
	return to, LockGenerated, sealed, err
}

// newPassphrase is 130 random bits as 26 letters and digits in groups, without
// those that look alike.
func newPassphrase() string {
	text := strings.ToLower(rand.Text())
	groups := []string{text[:5], text[5:10], text[10:15], text[15:20], text[20:26]}
	return strings.Join(groups, "-")
}

// Passphrase tells the passphrase that Lethe made for a package, so that it
// can be given to the data subject by another channel than the package. It
// needs the handler or the approver of the request, and is recorded.
func (e *Exports) Passphrase(ctx context.Context, by access.Principal, id uuid.UUID) (string, error) {
	p, err := e.packageFor(ctx, by, id)
	if err != nil {
		return "", err
	}
	if !p.Ready() || p.Passphrase == nil {
		return "", fault.New(fault.Conflict, "NO_PASSPHRASE", "this package has no passphrase of Lethe's making: it is not ready, or is locked otherwise")
	}
	plain, err := e.vault.Unseal(ctx, p.RequestID, placePassphrase(p.ID), p.Passphrase)
	if err != nil {
		return "", err
	}
	err = postgres.Work(ctx, e.db, func(tx pgx.Tx) error {
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "package.passphrase_told", Entity: p.ID, Request: p.RequestID})
	})
	return string(plain), err
}

// Link makes a link token to one package, for whoever holds it. It can be used
// until it expires, and for nothing else; Lethe keeps its digest alone. It
// needs the handler or the approver of the request.
func (e *Exports) Link(ctx context.Context, by access.Principal, id uuid.UUID) (path string, expires time.Time, err error) {
	p, err := e.packageFor(ctx, by, id)
	if err != nil {
		return "", expires, err
	}
	if !p.Ready() {
		return "", expires, fault.New(fault.Conflict, "PACKAGE_NOT_READY", "the package is %s; there is nothing to fetch", p.State)
	}
	random := make([]byte, 32)
	rand.Read(random)
	token := base64.RawURLEncoding.EncodeToString(random)
	err = postgres.Work(ctx, e.db, func(tx pgx.Tx) error {
		if expires, err = insertLink(ctx, tx, token, p.ID, by.ID, e.conf.LinkFor); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "package.link_made", Entity: p.ID, Request: p.RequestID})
	})
	return fmt.Sprintf("/packages/%s?token=%s", p.ID, token), expires, err
}

// packageFor finds a package for somebody who handles its request: as its
// handler or approver they opened it, or approved it. For others it is not
// there.
func (e *Exports) packageFor(ctx context.Context, by access.Principal, id uuid.UUID) (Package, error) {
	if err := by.Require(access.Handler, access.Approver); err != nil {
		return Package{}, err
	}
	p, err := PackageByID(ctx, e.db, id)
	if err != nil {
		return p, err
	}
	r, err := erasure.RequestByID(ctx, e.db, p.RequestID)
	if err != nil {
		return p, err
	}
	if !by.IsSystem() && by.ID != r.OpenedBy && (r.ApprovedBy == nil || by.ID != *r.ApprovedBy) {
		return Package{}, errNoPackage
	}
	return p, nil
}

func insertLink(ctx context.Context, db postgres.DB, token string, id, by uuid.UUID, lasts time.Duration) (time.Time, error) {
	const q = `
		INSERT INTO erasure_package_link (token_sha256, package_id, made_by, expires_at)
		SELECT $1, p.id, $3, least(now() + make_interval(secs => $4), p.expires_at)
		  FROM erasure_package p
		 WHERE p.id = $2
		RETURNING expires_at`
	return postgres.Scalar[time.Time](ctx, db, q, tokenDigest(token), id, by, lasts.Seconds())
}

// linked finds a package by a link's token; the link must be to that package
// and not have expired.
func linked(ctx context.Context, db postgres.DB, id uuid.UUID, token string) (Package, error) {
	const q = `SELECT package_id FROM erasure_package_link WHERE token_sha256 = $1 AND package_id = $2 AND expires_at > now()`
	found, err := postgres.Scalar[uuid.UUID](ctx, db, q, tokenDigest(token), id)
	if errors.Is(err, postgres.ErrNotFound) {
		return Package{}, errNoPackage
	}
	if err != nil {
		return Package{}, err
	}
	return PackageByID(ctx, db, found)
}

func tokenDigest(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
