package erasuretest

import (
	"time"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
)

// Option is a trait of a service. Traits add up.
type Option func(*Service)

// behaviour is what the options set. The zero value obeys.
type behaviour struct {
	clock          func() time.Time
	dawdle         time.Duration
	rows           int64
	refuse         protocol.Code
	reject         protocol.Code
	failFirst      int
	failCode       protocol.Code
	twice          bool
	early          bool
	regress        bool
	contradict     bool
	lie            bool
	ground         string
	until          protocol.Date
	people         int
	resolves       []protocol.Identifier
	poison         Poison
	redirect       string
	status         int
	retryAfter     string
	statusTimes    int // 0 = for ever
	drop           bool
	spoilSignature bool
	key            *signature.Key
	part           []byte
	breakAt        float64
	wrongPart      bool
}

// Named gives the service its ref.
func Named(ref string) Option { return func(s *Service) { s.Ref = ref } }

// Trusts names Lethe's issuer and keys.
func Trusts(issuer string, keys ...signature.PublicKey) Option {
	return func(s *Service) { s.Trust(issuer, keys...) }
}

// Obeys does what it is asked, at once. It is what a service does anyway.
func Obeys() Option { return func(*Service) {} }

// Holds sets how many rows each dataset has for each person; 3 otherwise.
func Holds(rows int64) Option { return func(s *Service) { s.how.rows = rows } }

// Resolves answers resolve with so many people and these identifiers.
func Resolves(people int, ids ...protocol.Identifier) Option {
	return func(s *Service) { s.how.people, s.how.resolves = people, ids }
}

// Retains keeps every dataset at an erasure, on a ground and until a day.
func Retains(ground string, until protocol.Date) Option {
	return func(s *Service) { s.how.ground, s.how.until = ground, until }
}

// Dawdles answers only when clock has moved by d since the task came.
func Dawdles(d time.Duration, clock func() time.Time) Option {
	return func(s *Service) { s.how.dawdle, s.how.clock = d, clock }
}

// Refuses takes each task and then answers refused with code.
func Refuses(code protocol.Code) Option { return func(s *Service) { s.how.refuse = code } }

// Rejects names each task in its 202 as not taken.
func Rejects(code protocol.Code) Option { return func(s *Service) { s.how.reject = code } }

// FailsFirst answers each task n times failed and retryable, then does it.
func FailsFirst(n int, code protocol.Code) Option {
	return func(s *Service) { s.how.failFirst, s.how.failCode = n, code }
}

// AnswersTwice posts each result five times at once.
func AnswersTwice() Option { return func(s *Service) { s.how.twice = true } }

// AnswersBeforeAsked has its result acknowledged before it writes its 202.
func AnswersBeforeAsked() Option { return func(s *Service) { s.how.early = true } }

// AnswersOutOfOrder posts done with seq 3 and then working with seq 2.
func AnswersOutOfOrder() Option { return func(s *Service) { s.how.regress = true } }

// Contradicts says done with the true outcomes, and then, with a higher seq,
// done with others: retained where it had erased.
func Contradicts() Option { return func(s *Service) { s.how.contradict = true } }

// Lies says erased and erases nothing. Its probes tell the truth.
func Lies() Option { return func(s *Service) { s.how.lie = true } }

// Poison is a way to answer that harms a careless reader.
type Poison string

// The poisons.
const (
	Huge   Poison = "50 MB"
	Broken Poison = "broken JSON"
	NUL    Poison = "NUL bytes"
	Deep   Poison = "a million brackets"
	HTML   Poison = "HTML with the person's e-mail address"
)

// Poisons answers every call with status 202 or 200 and a poisoned body.
func Poisons(p Poison) Option { return func(s *Service) { s.how.poison = p } }

// RedirectsTo answers every call with 307 and this location.
func RedirectsTo(url string) Option { return func(s *Service) { s.how.redirect = url } }

// AnswersStatus answers task requests with a bare status, so many times (0: for
// ever), and with a Retry-After unless it is empty.
func AnswersStatus(status, times int, retryAfter string) Option {
	return func(s *Service) { s.how.status, s.how.statusTimes, s.how.retryAfter = status, times, retryAfter }
}

// DropsResults does the work and posts nothing; only polling finds out.
func DropsResults() Option { return func(s *Service) { s.how.drop = true } }

// SignsWrongly spoils every signature of the service.
func SignsWrongly() Option { return func(s *Service) { s.how.spoilSignature = true } }

// SignsWith signs with the key of another service, under its own key id.
func SignsWith(key signature.Key) Option { return func(s *Service) { s.how.key = &key } }

// Exports uploads this for each dataset; one line of JSON otherwise.
func Exports(part []byte) Option { return func(s *Service) { s.how.part = part } }

// BreaksUploads cuts the first upload of each part at this fraction and then
// resumes where Lethe says it ends.
func BreaksUploads(at float64) Option { return func(s *Service) { s.how.breakAt = at } }

// DeclaresWrongParts declares another hash and size than it uploads.
func DeclaresWrongParts() Option { return func(s *Service) { s.how.wrongPart = true } }
