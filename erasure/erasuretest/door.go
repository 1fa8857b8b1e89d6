package erasuretest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/fault"
)

func (s *Service) doors() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /lethe/v1/tasks", s.takeTasks)
	mux.HandleFunc("GET /lethe/v1/tasks/{id}", s.tellTask)
	mux.HandleFunc("POST /lethe/v1/ping", s.answerPing)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.how.redirect != "" {
			http.Redirect(w, r, s.how.redirect, http.StatusTemporaryRedirect)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// read verifies a request as a real service must. It has answered when ok is
// false.
func (s *Service) read(w http.ResponseWriter, r *http.Request) (signed signature.Signed, body []byte, ok bool) {
	body, err := protocol.ReadBody(r.Body, protocol.MaxRequestsBytes)
	if err == nil {
		s.mu.Lock()
		trusted := s.trusted
		s.mu.Unlock()
		signed, err = signature.Verify(trusted, r.Header, body, time.Now(), signature.Tolerance)
	}
	if err != nil {
		s.refuse(w, err)
	}
	return signed, body, err == nil
}

func (s *Service) refuse(w http.ResponseWriter, err error) {
	status := map[fault.Kind]int{fault.Unknown: http.StatusUnauthorized, fault.TooLarge: http.StatusRequestEntityTooLarge, fault.Conflict: http.StatusConflict}[fault.KindOf(err)]
	if status == 0 {
		status = http.StatusUnprocessableEntity
	}
	w.WriteHeader(status)
}

func (s *Service) meant(issuer, audience string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return issuer == s.issuer && audience == s.Ref
}

func (s *Service) takeTasks(w http.ResponseWriter, r *http.Request) {
	_, body, ok := s.read(w, r)
	if !ok {
		return
	}
	m, err := protocol.DecodeRequests(body)
	if err != nil {
		s.refuse(w, err)
		return
	}
	if !s.meant(m.Issuer, m.Audience) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.bareStatus(w) {
		return
	}
	answer, fresh := s.writeDown(m.Tasks)
	if s.how.poison != "" {
		s.serve(w, http.StatusAccepted, m.Tasks[0])
		return
	}
	if s.how.early {
		for _, k := range fresh {
			s.carryOut(k)
		}
		fresh = nil
	}
	s.reply(w, http.StatusAccepted, answer, false)
	for _, k := range fresh {
		s.work.Go(func() { s.carryOut(k) })
	}
}

// bareStatus answers with the status the test asked for, while it lasts.
func (s *Service) bareStatus(w http.ResponseWriter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.how.status == 0 {
		return false
	}
	if s.how.statusTimes > 0 {
		if s.how.statusTimes--; s.how.statusTimes == 0 {
			defer func() { s.how.status = 0 }()
		}
	}
	if s.how.retryAfter != "" {
		w.Header().Set("Retry-After", s.how.retryAfter)
	}
	w.WriteHeader(s.how.status)
	return true
}

// writeDown remembers tasks for ever and says which of them must be worked at.
func (s *Service) writeDown(tasks []protocol.Task) (answer protocol.Acceptance, fresh []*known) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.change()
	answer.Accepted = []uuid.UUID{}
	for _, t := range tasks {
		k, code := s.remember(t)
		if code != "" {
			answer.Rejected = append(answer.Rejected, protocol.Rejection{Task: t.Task, Code: code})
			continue
		}
		answer.Accepted = append(answer.Accepted, t.Task)
		if !k.begun {
			k.begun = true
			fresh = append(fresh, k)
		} else if k.result != nil && !s.how.drop { // the result may have been lost
			s.work.Go(func() { s.post(k, *k.result) })
		}
	}
	return answer, fresh
}

// remember finds or makes what is known of a task. The caller holds mu.
func (s *Service) remember(t protocol.Task) (*known, protocol.Code) {
	ids := t.Identifiers
	if t.Sealed != "" {
		opened, err := protocol.OpenIdentifiers(t.Sealed, s.identity.String())
		if err != nil {
			return nil, protocol.CannotUnseal
		}
		ids = opened
	}
	fingerprint := t.Fingerprint(ids)
	k := s.tasks[t.Task]
	if k == nil {
		k = &known{task: t, identifiers: ids, fingerprint: fingerprint, arrived: s.how.clock()}
		s.tasks[t.Task] = k
		s.order = append(s.order, t.Task)
	}
	k.deliveries++
	switch {
	case s.how.reject != "":
		return nil, s.how.reject
	case k.fingerprint != fingerprint:
		return nil, protocol.TaskConflict
	case t.Seq > k.task.Seq:
		k.task = t
		if k.result != nil && k.result.State == protocol.Failed && k.result.Retryable {
			k.begun, k.result = false, nil
		}
	}
	return k, ""
}

func (s *Service) tellTask(w http.ResponseWriter, r *http.Request) {
	signed, body, ok := s.read(w, r)
	if !ok {
		return
	}
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil || signed.ID != id.String() || len(body) != 0 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.mu.Lock()
	k := s.tasks[id]
	var res protocol.Result
	if k != nil {
		if k.result != nil {
			res = *k.result
		} else { // a sign of life takes a seq of its own
			k.seq++
			res = protocol.Result{Task: id, Seq: k.seq, PlanDigest: k.task.PlanDigest, State: protocol.Working}
		}
	}
	s.mu.Unlock()
	switch {
	case k == nil:
		w.WriteHeader(http.StatusNotFound)
	case s.how.poison != "":
		s.serve(w, http.StatusOK, k.task)
	default:
		s.reply(w, http.StatusOK, s.results(res), true)
	}
}

func (s *Service) answerPing(w http.ResponseWriter, r *http.Request) {
	_, body, ok := s.read(w, r)
	if !ok {
		return
	}
	m, err := protocol.DecodePing(body)
	if err != nil || !s.meant(m.Issuer, m.Audience) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.how.poison != "" {
		s.serve(w, http.StatusOK, protocol.Task{})
		return
	}
	pub := s.Key.Public()
	s.reply(w, http.StatusOK, protocol.Pong{Spec: protocol.Spec, Type: protocol.TypePong, Issuer: s.Ref, Nonce: m.Nonce,
		Keys: []protocol.PublicKey{{ID: pub.ID, Public: pub.Public}}, Recipient: s.Recipient}, true)
}

// reply writes a message, signed if it must be.
func (s *Service) reply(w http.ResponseWriter, status int, message any, sign bool) {
	body, err := encode(message)
	if err != nil {
		s.tb.Errorf("service %s: %v", s.Ref, err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if sign {
		for name, values := range s.sign(uuid.NewString(), body) {
			w.Header()[name] = values
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

func encode(message any) ([]byte, error) {
	switch m := message.(type) {
	case protocol.Acceptance:
		return protocol.Encode(m)
	case protocol.Results:
		return protocol.Encode(m)
	case protocol.Pong:
		return protocol.Encode(m)
	}
	return nil, fmt.Errorf("no message of type %T", message)
}

func (s *Service) sign(id string, body []byte) http.Header {
	h, err := signature.Sign(id, time.Now(), body, s.Key)
	if err != nil {
		s.tb.Errorf("service %s: %v", s.Ref, err)
		return http.Header{}
	}
	if s.how.spoilSignature {
		h.Set(signature.HeaderTimestamp, fmt.Sprint(time.Now().Unix()-1))
	}
	return h
}

// serve writes the poison the test asked for.
func (s *Service) serve(w http.ResponseWriter, status int, t protocol.Task) {
	var body string
	switch s.how.poison {
	case Huge:
		w.WriteHeader(status)
		block := strings.Repeat(" ", 1<<20)
		for range 50 {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
		return
	case Broken:
		body = `{"accepted":["` + t.Task.String()
	case NUL:
		body = "{\"accepted\":[\"" + t.Task.String() + "\x00\"]}"
	case Deep:
		body = strings.Repeat(`{"accepted":`, 1_000_000)
	case HTML:
		body = "<html><body>We could not delete <b>greta.vogel@example.org</b></body></html>"
	}
	w.WriteHeader(status)
	io.WriteString(w, body)
}
