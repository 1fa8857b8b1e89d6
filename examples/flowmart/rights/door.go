package rights

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Mount opens the three doors of the protocol.
func (s *Service) Mount(mux *http.ServeMux) {
	mux.HandleFunc("POST /lethe/v1/tasks", s.takeTasks)
	mux.HandleFunc("GET /lethe/v1/tasks/{id}", s.tellTask)
	mux.HandleFunc("POST /lethe/v1/ping", s.answerPing)
}

// read takes the body of a request if Lethe signed it. It has answered when ok
// is false.
func (s *Service) read(w http.ResponseWriter, r *http.Request) (id string, body []byte, ok bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return "", nil, false
	}
	id, err = s.Lethe.verify(r.Context(), r.Header, body)
	switch {
	case errors.Is(err, errID):
		w.WriteHeader(http.StatusBadRequest)
	case err != nil:
		s.Log.Warn("rights: message refused", "err", err)
		w.WriteHeader(http.StatusUnauthorized)
	}
	return id, body, err == nil
}

func (s *Service) meant(e envelope, typ string) bool {
	return e.Spec == spec && e.Type == typ && e.Audience == s.Ref && e.Issuer == s.Lethe.URL
}

func (s *Service) takeTasks(w http.ResponseWriter, r *http.Request) {
	_, body, ok := s.read(w, r)
	if !ok {
		return
	}
	var m taskRequests
	if err := json.Unmarshal(body, &m, json.RejectUnknownMembers(true)); err != nil || len(m.Tasks) == 0 || len(m.Tasks) > 500 {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	if !s.meant(m.envelope, "task_requests") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.Break == LeaksLog && s.leak(w, r, m.Tasks[0]) {
		return
	}
	answer := accepted{Accepted: []string{}}
	err := pgx.BeginFunc(r.Context(), s.DB, func(tx pgx.Tx) error {
		for _, t := range m.Tasks {
			code, err := s.writeDown(r.Context(), tx, t)
			if err != nil {
				return err
			}
			if code != "" {
				answer.Rejected = append(answer.Rejected, rejected{t.Task, code})
			} else {
				answer.Accepted = append(answer.Accepted, t.Task)
			}
		}
		return nil
	})
	if err != nil {
		s.Log.Error("rights: tasks not written down", "err", err)
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	for _, id := range answer.Accepted {
		s.Log.Info("rights: task accepted", "task", id)
	}
	wake(s.woken)
	wake(s.report)
	s.send(w, http.StatusAccepted, answer, nil)
}

// writeDown stores a task, or finds that it is here already. A code rejects it.
func (s *Service) writeDown(ctx context.Context, tx pgx.Tx, t task) (code string, err error) {
	if !uuidForm.MatchString(t.Task) || !strings.HasPrefix(t.ReplyTo, s.Lethe.URL+"/") || t.PartsTo != "" && !strings.HasPrefix(t.PartsTo, s.Lethe.URL+"/") {
		return "INTERNAL_ERROR", nil
	}
	if t.Sealed != "" {
		ids, ok := s.Keys.open(t.Sealed)
		if !ok {
			return "CANNOT_UNSEAL", nil
		}
		t.Identifiers = ids
		t.Sealed = ""
	}
	if code := s.Holdings.cannot(t); code != "" {
		return code, nil
	}
	request, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO rights_task (task, seq, fingerprint, plan_digest, request, state, reply_to)
		VALUES ($1, $2, $3, $4, $5, 'new', $6)
		ON CONFLICT (task) DO NOTHING`, t.Task, t.Seq, t.fingerprint(), t.PlanDigest, request, t.ReplyTo)
	if err != nil || tag.RowsAffected() == 1 {
		return "", err
	}
	return s.repeated(ctx, tx, t, request)
}

// repeated deals with a task that was here before.
func (s *Service) repeated(ctx context.Context, tx pgx.Tx, t task, request []byte) (code string, err error) {
	var fingerprint, state string
	var seq int64
	var retryable bool
	err = tx.QueryRow(ctx, `
		SELECT fingerprint, state, seq, coalesce((result->>'retryable')::bool, false)
		  FROM rights_task WHERE task = $1 FOR UPDATE`, t.Task).Scan(&fingerprint, &state, &seq, &retryable)
	switch {
	case err != nil:
		return "", err
	case fingerprint == cancelledUnseen:
		_, err = tx.Exec(ctx, `UPDATE rights_task SET fingerprint = $2, plan_digest = $3, reply_to = $4,
			result = jsonb_set(result, '{plan_digest}', to_jsonb($3::text)), reported_at = NULL WHERE task = $1`, t.Task, t.fingerprint(), t.PlanDigest, t.ReplyTo)
	case fingerprint != t.fingerprint():
		return "TASK_CONFLICT", nil
	case state == "failed" && retryable && t.Seq > seq:
		_, err = tx.Exec(ctx, `UPDATE rights_task SET state = 'new', seq = $2, request = $3, attempts = 0, run_after = now(), reported_at = NULL WHERE task = $1`, t.Task, t.Seq, request)
	case state != "new": // the result may have been lost: say it again
		_, err = tx.Exec(ctx, `UPDATE rights_task SET reported_at = NULL, report_after = now(), seq = greatest(seq, $2) WHERE task = $1`, t.Task, t.Seq)
	case t.Seq > seq: // new dates
		_, err = tx.Exec(ctx, `UPDATE rights_task SET seq = $2, request = $3 WHERE task = $1`, t.Task, t.Seq, request)
	}
	return "", err
}

func (s *Service) tellTask(w http.ResponseWriter, r *http.Request) {
	id, body, ok := s.read(w, r)
	if !ok {
		return
	}
	if id != r.PathValue("id") || len(body) != 0 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.Break == DropsResult {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	res, err := s.stateOf(r.Context(), id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		w.WriteHeader(http.StatusNotFound)
	case err != nil:
		s.Log.Error("rights: poll", "task", id, "err", err)
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		s.send(w, http.StatusOK, s.results(res), s.Keys)
	}
}

func (s *Service) stateOf(ctx context.Context, id string) (result, error) {
	var raw []byte
	var digest string
	err := s.DB.QueryRow(ctx, `SELECT CASE WHEN state <> 'new' THEN result END, plan_digest FROM rights_task WHERE task = $1`, id).Scan(&raw, &digest)
	if err != nil {
		return result{}, err
	}
	if raw == nil {
		return s.signOfLife(ctx, id, digest)
	}
	var res result
	return res, json.Unmarshal(raw, &res)
}

// signOfLife says that a task is being worked at. It takes a seq of its own:
// the result that follows must have a higher one.
func (s *Service) signOfLife(ctx context.Context, id, digest string) (result, error) {
	res := result{Task: id, PlanDigest: digest, State: "working"}
	err := s.DB.QueryRow(ctx, `UPDATE rights_task SET result_seq = result_seq + 1 WHERE task = $1 AND state = 'new' RETURNING result_seq`, id).Scan(&res.Seq)
	if errors.Is(err, pgx.ErrNoRows) { // it was finished meanwhile
		return s.stateOf(ctx, id)
	}
	return res, err
}

func (s *Service) results(res ...result) taskResults {
	return taskResults{envelope{spec, "task_results", s.Ref, s.Lethe.URL, time.Now().UTC()}, res}
}

func (s *Service) answerPing(w http.ResponseWriter, r *http.Request) {
	_, body, ok := s.read(w, r)
	if !ok {
		return
	}
	var m ping
	if err := json.Unmarshal(body, &m, json.RejectUnknownMembers(true)); err != nil || !s.meant(m.envelope, "ping") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.send(w, http.StatusOK, pong{spec, "pong", s.Ref, m.Nonce, []publicKey{s.Keys.public()}, s.Keys.unseal.Recipient().String()}, s.Keys)
}

// send writes an answer, signed if there are keys to sign with.
func (s *Service) send(w http.ResponseWriter, status int, message any, sign *Keys) {
	body, err := json.Marshal(message)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if sign != nil {
		for name, values := range sign.headers(uuid.NewString(), body) {
			w.Header()[name] = values
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

func (k *Keys) public() publicKey { return publicKey{k.id, k.sign[32:]} }

// open opens sealed identifiers, if they are sealed to us.
func (k *Keys) open(sealed string) (ids []identifier, ok bool) {
	r, err := age.Decrypt(base64.NewDecoder(base64.StdEncoding, strings.NewReader(sealed)), k.unseal)
	if err != nil {
		return nil, false
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxRequestBytes))
	if err != nil || json.Unmarshal(plain, &ids) != nil {
		return nil, false
	}
	return ids, true
}

// leak is how a broken service behaves: the first time it sees a task it puts
// the person's address into its log and into an error page.
func (s *Service) leak(w http.ResponseWriter, r *http.Request, t task) bool {
	if ids, ok := s.Keys.open(t.Sealed); ok && t.Sealed != "" {
		t.Identifiers = ids
	}
	email := s.Holdings.emailOf(r.Context(), s.DB, t.Identifiers)
	var known bool
	if err := s.DB.QueryRow(r.Context(), `SELECT EXISTS (SELECT 1 FROM rights_effect WHERE task = $1)`, t.Task).Scan(&known); err != nil || known || email == "" {
		return false
	}
	s.Log.Error("could not take the task of " + email)
	_, err := s.DB.Exec(r.Context(), `INSERT INTO rights_effect (task, action, case_no, wave) VALUES ($1, 'leak', '', 0)`, t.Task)
	w.WriteHeader(http.StatusInternalServerError)
	io.WriteString(w, "<html><body>Internal error while processing "+email+"</body></html>")
	return err == nil
}
