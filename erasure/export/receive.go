package export

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/fault"
)

// checkpoint is after how many bytes an upload is made safe: a crash costs at
// most so many to send again. A connection that breaks costs less than a chunk.
const checkpoint = 16 << 20

var errLost = fault.New(fault.Conflict, "PART_BUSY", "another upload has taken this part over; ask with HEAD and try again")

// receiver is one upload of a part in progress.
type receiver struct {
	e      *Exports
	part   Part
	holder uuid.UUID
	file   *os.File
	seal   *sealer
	digest hash.Hash
	tally  tally
	at     int64     // bytes in the file
	renew  time.Time // when the lease was last renewed, by our own clock
	body   io.Reader
	rc     *http.ResponseController
	buf    []byte
}

// receive streams what a PUT carries into storage. What it returns describes
// the part as it then is, also when the upload broke off.
func (e *Exports) receive(w http.ResponseWriter, r *http.Request, p Part, holder uuid.UUID, u upload) (Part, error) {
	// The client may be gone at any moment; what has arrived is kept even so.
	ctx := context.WithoutCancel(r.Context())
	in, err := e.newReceiver(ctx, p, holder)
	if err != nil {
		_ = release(ctx, e.db, p.ID, holder)
		return p, err
	}
	defer in.file.Close()
	in.body, in.rc = r.Body, http.NewResponseController(w)
	err = in.stream(ctx, u.last+1)
	if err == nil && in.at == p.Bytes {
		return in.finish(ctx)
	}
	if saved := in.save(ctx); saved != nil {
		return in.part, saved
	}
	return in.part, errors.Join(err, release(ctx, e.db, p.ID, holder))
}

// newReceiver opens the part's file and goes on where it was left.
func (e *Exports) newReceiver(ctx context.Context, p Part, holder uuid.UUID) (*receiver, error) {
	key, err := e.partKey(ctx, p.RequestID, p.ID)
	if err != nil {
		return nil, err
	}
	in := &receiver{e: e, part: p, holder: holder, seal: newSealer(key, p.ID), digest: sha256.New(), at: p.Received,
		renew: time.Now(), buf: make([]byte, chunkSize)}
	if p.Received > 0 {
		if err := in.resume(p.Progress); err != nil {
			return nil, err
		}
	}
	in.file, err = e.root.OpenFile(partFile(p.ID), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	return in, nil
}

// progress is what must be known to go on with an upload.
type progress struct {
	Digest []byte `json:"digest"` // the state of SHA-256
	Tally  tally  `json:"tally"`
}

func (in *receiver) resume(sealed []byte) error {
	plain, err := in.seal.readNote(sealed)
	if err != nil {
		return err
	}
	var p progress
	if err := json.Unmarshal(plain, &p); err != nil {
		return err
	}
	in.tally = p.Tally
	return in.digest.(encoding.BinaryUnmarshaler).UnmarshalBinary(p.Digest)
}

// stream takes whole chunks up to the byte end of the part. What does not fill
// a chunk is taken only at the part's own end.
func (in *receiver) stream(ctx context.Context, end int64) error {
	unsaved := int64(0)
	for in.at < end {
		n, err := in.read(min(chunkSize, end-in.at))
		if err != nil {
			return err
		}
		if n < chunkSize && in.at+int64(n) < in.part.Bytes {
			return nil // the rest of the range does not fill a chunk
		}
		if err := in.take(in.buf[:n]); err != nil {
			return err
		}
		if unsaved += int64(n); unsaved >= checkpoint && in.at < in.part.Bytes {
			unsaved = 0
			if err := in.save(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *receiver) read(n int64) (int, error) {
	// A recorder in a test knows no deadlines; every real connection does.
	if err := in.rc.SetReadDeadline(time.Now().Add(stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	got, err := io.ReadFull(in.body, in.buf[:n])
	if err != nil {
		return got, fault.New(fault.Unavailable, "UPLOAD_BROKEN", "the upload broke off; ask with HEAD where to go on").With(err)
	}
	return got, nil
}

func (in *receiver) take(plain []byte) error {
	if time.Since(in.renew) > lease-stall {
		return errLost // somebody else may hold the part by now
	}
	in.digest.Write(plain)
	if _, err := in.tally.Write(plain); err != nil {
		return err
	}
	chunk := in.at / chunkSize
	if _, err := in.file.WriteAt(in.seal.seal(chunk, plain), storedAt(chunk)); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	in.at += int64(len(plain))
	return nil
}

// save makes what has arrived safe.
func (in *receiver) save(ctx context.Context) error {
	if in.at == in.part.Received {
		return nil
	}
	if err := in.file.Sync(); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	state, err := in.digest.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return err
	}
	note, err := json.Marshal(progress{state, in.tally})
	if err != nil {
		return err
	}
	ours, err := saveProgress(ctx, in.e.db, in.part.ID, in.holder, in.at, in.seal.note(note))
	if err != nil {
		return err
	}
	if !ours {
		return errLost
	}
	in.part.State, in.part.Received, in.renew = Uploading, in.at, time.Now()
	return nil
}

// finish compares the digest of a part that is whole with the declared one. A
// part of another digest is discarded.
func (in *receiver) finish(ctx context.Context) (Part, error) {
	in.tally.finish()
	if err := in.file.Sync(); err != nil {
		return in.part, fmt.Errorf("storage: %w", err)
	}
	if sum := in.digest.Sum(nil); string(sum) != string(in.part.SHA256) {
		if err := discard(ctx, in.e.db, in.part.ID, in.holder); err != nil {
			return in.part, err
		}
		if err := in.e.root.Remove(partFile(in.part.ID)); err != nil {
			return in.part, fmt.Errorf("storage: %w", err)
		}
		in.part.State, in.part.Received = Requested, 0
		return in.part, fault.New(fault.Invalid, "PART_DIGEST_MISMATCH", "the part arrived whole, but its SHA-256 is not the declared one; it was discarded, send it again")
	}
	if err := in.e.uploaded(ctx, in.part, in.holder, in.tally); err != nil {
		return in.part, err
	}
	in.part.State, in.part.Received = Uploaded, in.at
	return in.part, nil
}
