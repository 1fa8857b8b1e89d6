package server

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

const (
	confirmPatience = time.Second           // that a request waits for what the issuer says of a session
	confirmLook     = 25 * time.Millisecond // between two looks whether it has said it
	issuerFor       = 10 * time.Second      // that the issuer has to answer
	settleFor       = 5 * time.Second       // to write down what it said
)

// errNotConfirmed tells operators why people must sign in each hour.
var errNotConfirmed = errors.New("for a refresh token the issuer gives no ID token that can be verified")

// errTokenForged reports a refresh token that the browser's key does not open.
var errTokenForged = errors.New("the key does not open the token")

// confirm has the issuer say again what the person of a session may do, when
// that is due: five minutes after it last did. Requests wait a second for it,
// and go on as before where the issuer is away, an hour long. One request asks,
// of whatever process: an issuer takes a refresh token that is used twice for
// stolen.
func (s *sessions) confirm(ctx context.Context, id []byte, found session, key []byte) (session, error) {
	if !found.Due {
		return found, nil
	}
	if err := s.ask(ctx, found.Handle, found.PrincipalID, key); err != nil {
		return session{}, err
	}
	enough := time.After(confirmPatience)
	for found.Due && !found.Away {
		select {
		case <-enough:
			return found, found.unsaid()
		case <-time.After(confirmLook):
		}
		var err error
		if found, err = findSession(ctx, s.db, id); err != nil {
			return session{}, err
		}
	}
	return found, found.unsaid()
}

// unsaid refuses a session that the issuer has not confirmed for an hour.
func (f session) unsaid() error {
	if f.Over {
		return errIssuerAway
	}
	return nil
}

// ask asks the issuer about a session, in the background, unless somebody does
// so or has done so in vain in the last half minute.
func (s *sessions) ask(ctx context.Context, handle, principal uuid.UUID, key []byte) error {
	const q = `
		UPDATE server_session SET asked_at = now()
		 WHERE handle = $1 AND refresh IS NOT NULL AND confirmed_at < now() - interval '5 minutes'
		   AND (asked_at IS NULL OR asked_at < now() - interval '30 seconds')
		RETURNING refresh`
	sealed, err := postgres.Scalar[[]byte](ctx, s.db, q, handle)
	if errors.Is(err, postgres.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := unsealToken(key, handle, sealed); err != nil {
		// Who shows a session's id and not its key did not get it from Lethe.
		return errors.Join(errNoToken, endSession(ctx, s.db, handle))
	}
	s.asking.Go(func() {
		if err := s.settle(handle, principal, key, sealed); err != nil {
			report(context.Background(), s.log, "a session could not be confirmed", err)
		}
	})
	return nil
}

// settle asks the issuer and writes down what it said. It belongs to no
// request: the token that the issuer gives in exchange must not be lost.
func (s *sessions) settle(handle, principal uuid.UUID, key, sealed []byte) error {
	token, err := unsealToken(key, handle, sealed)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(context.Background(), issuerFor)
	defer cancel()
	by, next, said := s.again(asking, token)
	ctx, cancel := context.WithTimeout(context.Background(), settleFor)
	defer cancel()
	if errors.Is(said, errLogin) || errors.Is(said, errUnbound) || said == nil && by.ID != principal {
		return endSession(ctx, s.db, handle)
	}
	fresh, err := sealToken(key, handle, cmp.Or(next, token))
	switch {
	case err != nil:
		return err
	case said == nil:
		return confirmed(ctx, s.db, handle, by, sealed, fresh)
	case fault.KindOf(said) == fault.Unavailable: // /readyz shows an issuer that is away
		return unconfirmed(ctx, s.db, handle, sealed, fresh)
	}
	return errors.Join(errNotConfirmed, unconfirmed(ctx, s.db, handle, sealed, fresh))
}

// finish waits for what the issuer is being asked, as long as ctx allows: a
// token that came and is not kept signs its person out.
func (s *sessions) finish(ctx context.Context) {
	done := make(chan struct{})
	go func() { s.asking.Wait(); close(done) }()
	wait(ctx, done)
}

// confirmed writes down what the issuer says that a person may do, and the token
// it gave in exchange. With other rights a session gets another id, by the next
// request.
func confirmed(ctx context.Context, db postgres.DB, handle uuid.UUID, by access.Principal, was, fresh []byte) error {
	const q = `
		UPDATE server_session
		   SET name = $2, roles = $3, teams = $4, refresh = $6, confirmed_at = now(), asked_at = NULL, away = false,
		       rotated_at = CASE WHEN roles = $3 AND teams = $4 THEN rotated_at ELSE '-infinity' END
		 WHERE handle = $1 AND refresh = $5`
	may := rightsOf(by)
	_, err := db.Exec(ctx, q, handle, by.Name, may.Roles, may.Teams, was, fresh)
	return err
}

// unconfirmed writes down that the issuer did not say anything of use.
func unconfirmed(ctx context.Context, db postgres.DB, handle uuid.UUID, was, fresh []byte) error {
	const q = `UPDATE server_session SET refresh = $3, asked_at = now(), away = true WHERE handle = $1 AND refresh = $2`
	_, err := db.Exec(ctx, q, handle, was, fresh)
	return err
}

// endSession ends a session.
func endSession(ctx context.Context, db postgres.DB, handle uuid.UUID) error {
	const q = `DELETE FROM server_session WHERE handle = $1`
	_, err := db.Exec(ctx, q, handle)
	return err
}

// rights are what a session lets its person do.
type rights struct{ Roles, Teams []string }

// rightsOf are the rights of a principal, in an order of their own: issuers
// list groups in any.
func rightsOf(by access.Principal) rights {
	may := rights{[]string{}, append([]string{}, by.Teams...)}
	for _, role := range by.Roles {
		may.Roles = append(may.Roles, string(role))
	}
	slices.Sort(may.Roles)
	slices.Sort(may.Teams)
	return rights{slices.Compact(may.Roles), slices.Compact(may.Teams)}
}

// sealToken seals a refresh token for its session under the browser's key.
func sealToken(key []byte, handle uuid.UUID, token string) ([]byte, error) {
	gcm, err := tokenSeal(key)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(nil, nil, []byte(token), handle[:]), nil //nolint:gosec // this cipher makes its nonces itself
}

func unsealToken(key []byte, handle uuid.UUID, sealed []byte) (string, error) {
	gcm, err := tokenSeal(key)
	if err != nil {
		return "", errTokenForged
	}
	token, err := gcm.Open(nil, nil, sealed, handle[:])
	if err != nil {
		return "", errTokenForged
	}
	return string(token), nil
}

// tokenSeal is AES-256-GCM with a random nonce (NIST SP 800-38D).
func tokenSeal(key []byte) (cipher.AEAD, error) {
	if len(key) != 32 {
		return nil, errTokenForged
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
