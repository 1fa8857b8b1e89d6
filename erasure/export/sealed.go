package export

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
)

// A part lies in storage as chunks of 64 KiB, each sealed with AES-256-GCM
// under the part's own key, a random nonce, and the number of the chunk as
// associated data. Chunks cannot be exchanged, and one that is written twice,
// by an upload that was resumed, uses no nonce twice. What would be missing at
// the end is found by the size and the digest in the database.
const (
	chunkSize = 64 << 10
	nonceSize = 12
	overhead  = nonceSize + 16
)

var errDamaged = errors.New("export: a stored part does not open: changed, cut off, or of another key")

// sealer seals and opens chunks of one part.
type sealer struct {
	gcm    cipher.AEAD
	part   uuid.UUID
	sealed []byte // reused
}

func newSealer(key []byte, part uuid.UUID) *sealer {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // keys are 32 bytes by construction
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return &sealer{gcm, part, make([]byte, 0, chunkSize+overhead)}
}

func (s *sealer) place(chunk int64) []byte {
	return binary.BigEndian.AppendUint64(s.part[:len(s.part):len(s.part)], uint64(chunk))
}

// seal returns the stored form of a chunk; it holds until the next call.
func (s *sealer) seal(chunk int64, plain []byte) []byte {
	nonce := s.sealed[:nonceSize]
	rand.Read(nonce)
	return s.gcm.Seal(nonce, nonce, plain, s.place(chunk))
}

// progressPlace stands for the number of a chunk where the state of an
// unfinished upload is sealed.
const progressPlace = -1

// note seals a small value that belongs to the part.
func (s *sealer) note(plain []byte) []byte {
	nonce := make([]byte, nonceSize, nonceSize+len(plain)+16)
	rand.Read(nonce)
	return s.gcm.Seal(nonce, nonce, plain, s.place(progressPlace))
}

func (s *sealer) readNote(sealed []byte) ([]byte, error) {
	if len(sealed) < overhead {
		return nil, errDamaged
	}
	plain, err := s.gcm.Open(nil, sealed[:nonceSize], sealed[nonceSize:], s.place(progressPlace))
	if err != nil {
		return nil, errDamaged
	}
	return plain, nil
}

// storedAt is where a chunk begins in the file.
func storedAt(chunk int64) int64 { return chunk * (chunkSize + overhead) }

// opened reads a stored part back: exactly size bytes, or an error.
type opened struct {
	file  io.ReaderAt
	s     *sealer
	size  int64 // of the plain part
	chunk int64 // the next one
	plain []byte
	rest  []byte // of plain, not yet read
}

func openPart(file io.ReaderAt, key []byte, part uuid.UUID, size int64) *opened {
	return &opened{file: file, s: newSealer(key, part), size: size, plain: make([]byte, 0, chunkSize)}
}

func (o *opened) Read(p []byte) (int, error) {
	if len(o.rest) == 0 {
		if o.chunk*chunkSize >= o.size {
			return 0, io.EOF
		}
		if err := o.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

func (o *opened) next() error {
	n := min(chunkSize, o.size-o.chunk*chunkSize)
	sealed := o.s.sealed[:n+overhead]
	if _, err := o.file.ReadAt(sealed, storedAt(o.chunk)); err != nil {
		return fmt.Errorf("%w (chunk %d)", errDamaged, o.chunk)
	}
	plain, err := o.s.gcm.Open(o.plain[:0], sealed[:nonceSize], sealed[nonceSize:], o.s.place(o.chunk))
	if err != nil {
		return fmt.Errorf("%w (chunk %d)", errDamaged, o.chunk)
	}
	o.plain, o.rest, o.chunk = plain, plain, o.chunk+1
	return nil
}
