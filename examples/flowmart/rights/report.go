package rights

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// reportSome posts the results that nobody has acknowledged yet, up to fifty
// to one address. What is acknowledged is never posted again by itself.
func (s *Service) reportSome(ctx context.Context) (more bool, err error) {
	to, batch, err := s.unreported(ctx)
	if err != nil || len(batch) == 0 {
		return false, err
	}
	answer, wait, err := s.post(ctx, to, batch)
	ids := make([]string, len(batch))
	for i, r := range batch {
		ids[i] = r.Task
	}
	if err != nil {
		_, dberr := s.DB.Exec(ctx, `
			UPDATE rights_task SET report_tries = report_tries + 1, report_after = now() + make_interval(secs => greatest($2, $3 * least(900, 2 ^ least(report_tries, 12))))
			 WHERE task = ANY($1)`, ids, wait.Seconds(), 0.5+rand.Float64()/2)
		if dberr != nil {
			return false, dberr
		}
		return false, fmt.Errorf("results not taken, to be sent again: %w", err)
	}
	for _, d := range answer.Results {
		s.Log.Info("rights: result acknowledged", "task", d.Task, "disposition", d.Disposition, "code", d.Code)
	}
	// A result that was made while this one travelled stays to be reported.
	for _, r := range batch {
		_, err := s.DB.Exec(ctx, `
			UPDATE rights_task SET reported_at = now(), result = result #- '{resolved,identifiers}'
			 WHERE task = $1 AND result_seq = $2`, r.Task, r.Seq)
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *Service) unreported(ctx context.Context) (to string, batch []result, err error) {
	rows, err := s.DB.Query(ctx, `
		SELECT reply_to, result FROM rights_task
		 WHERE state <> 'new' AND reported_at IS NULL AND report_after <= now() AND result IS NOT NULL
		 ORDER BY report_after, task LIMIT 50`)
	if err != nil {
		return "", nil, err
	}
	defer rows.Close()
	size := 1000
	for rows.Next() {
		var address string
		var raw []byte
		if err := rows.Scan(&address, &raw); err != nil {
			return "", nil, err
		}
		if size += len(raw); to != "" && (address != to || size > maxAnswerBytes) {
			continue
		}
		var r result
		if err := json.Unmarshal(raw, &r); err != nil {
			return "", nil, err
		}
		to, batch = address, append(batch, r)
	}
	return to, batch, rows.Err()
}

// post sends one message of results. An error means: not acknowledged; wait is
// how long Lethe asked us to.
func (s *Service) post(ctx context.Context, to string, batch []result) (answer dispositions, wait time.Duration, err error) {
	body, err := json.Marshal(s.results(batch...))
	if err != nil {
		return answer, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return answer, 0, err
	}
	req.Header = s.Keys.headers(uuid.NewString(), body)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return answer, 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return answer, 0, err
	}
	if resp.StatusCode == http.StatusOK {
		return answer, 0, json.Unmarshal(text, &answer)
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	wait = time.Duration(min(seconds, 3600)) * time.Second
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity:
		wait = time.Hour // repeating will not help; somebody must mend this program
	}
	var problem struct{ Code string }
	_ = json.Unmarshal(text, &problem)
	return answer, wait, fmt.Errorf("status %d %s", resp.StatusCode, problem.Code)
}
