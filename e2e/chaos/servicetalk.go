package chaos

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
)

// say tells results until Lethe has taken them.
func (s *Service) say(jobs []*job) {
	m := protocol.Results{Spec: protocol.Spec, Type: protocol.TypeResults, Issuer: s.Ref, Audience: s.issuer, IssuedAt: time.Now().UTC()}
	s.mu.Lock()
	for _, j := range jobs {
		m.Results = append(m.Results, *j.result)
	}
	s.mu.Unlock()
	body, err := protocol.Encode(m)
	if err != nil {
		panic(err) // our own words
	}
	id := uuid.NewString()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		began := time.Now()
		answer, final := s.post(jobs[0].task.ReplyTo, id, body)
		if s.posted != nil {
			s.posted(time.Since(began))
		}
		if final {
			s.heard(answer)
			return
		}
		select {
		case <-s.ended:
			return
		case <-time.After(wait):
		}
	}
}

func (s *Service) post(to, id string, body []byte) (answer protocol.Dispositions, final bool) {
	headers, err := signature.Sign(id, time.Now(), body, s.key)
	if err != nil {
		panic(err) // our own key
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return answer, true
	}
	req.Header = headers
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return answer, false
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	switch {
	case err != nil || resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return answer, false
	case resp.StatusCode != http.StatusOK:
		return answer, true
	}
	answer, err = protocol.DecodeDispositions(raw)
	return answer, err == nil
}

func (s *Service) heard(answer protocol.Dispositions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range answer.Results {
		if r.Disposition == protocol.Recorded || r.Disposition == protocol.Duplicate {
			s.acknowledged[r.Task] = true
		}
	}
}

// tell answers a poll.
func (s *Service) tell(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.read(w, r); !ok {
		return
	}
	id, err := uuid.Parse(r.PathValue("id"))
	s.mu.Lock()
	j := s.jobs[id]
	var res protocol.Result
	if j != nil && !j.begun {
		j = nil // undone; it knows nothing of it
	}
	if j != nil && j.result != nil {
		res = *j.result
	} else if j != nil {
		j.seq++
		res = protocol.Result{Task: id, Seq: j.seq, PlanDigest: j.task.PlanDigest, State: protocol.Working}
	}
	s.mu.Unlock()
	if err != nil || j == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.answer(w, protocol.Results{Spec: protocol.Spec, Type: protocol.TypeResults, Issuer: s.Ref, Audience: s.issuer, IssuedAt: time.Now().UTC(), Results: []protocol.Result{res}})
}

// pong answers the challenge of registration.
func (s *Service) pong(w http.ResponseWriter, r *http.Request) {
	body, ok := s.read(w, r)
	if !ok {
		return
	}
	m, err := protocol.DecodePing(body)
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	public := s.key.Public()
	s.answer(w, protocol.Pong{Spec: protocol.Spec, Type: protocol.TypePong, Issuer: s.Ref, Nonce: m.Nonce, Keys: []protocol.PublicKey{{ID: public.ID, Public: public.Public}}})
}

func (s *Service) answer(w http.ResponseWriter, message any) {
	var body []byte
	var err error
	switch m := message.(type) {
	case protocol.Results:
		body, err = protocol.Encode(m)
	case protocol.Pong:
		body, err = protocol.Encode(m)
	}
	var headers http.Header
	if err == nil {
		headers, err = signature.Sign(uuid.NewString(), time.Now(), body, s.key)
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	for name, values := range headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}
