package rights

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const chunk = 1 << 20

// export writes the person's rows of each table as a part, uploads the parts
// and declares them.
func (s *Service) export(ctx context.Context, tx pgx.Tx, t task, p person) (result, error) {
	res := result{State: "done"}
	for _, d := range t.Datasets {
		table := s.Holdings.table(d)
		if table == nil {
			if s.Holdings.topic(d) != nil { // the topic repeats what the tables hold
				res.Outcomes = append(res.Outcomes, outcome{Dataset: d.ID, Outcome: "not_applicable"})
			}
			continue
		}
		declared, err := s.exportTable(ctx, tx, t, d, table, p)
		if err != nil {
			return res, err
		}
		if declared.Records == 0 {
			res.Outcomes = append(res.Outcomes, outcome{Dataset: d.ID, Outcome: "not_found"})
			continue
		}
		if s.Break == WrongPart {
			sum := sha256.Sum256([]byte("something else"))
			declared.Bytes, declared.SHA256 = declared.Bytes+1, hex.EncodeToString(sum[:])
		}
		res.Outcomes = append(res.Outcomes, outcome{Dataset: d.ID, Outcome: "exported", Count: declared.Records})
		res.Parts = append(res.Parts, declared)
	}
	return res, nil
}

func (s *Service) exportTable(ctx context.Context, tx pgx.Tx, t task, d dataset, table *Table, p person) (declared part, err error) {
	file, err := os.CreateTemp("", "export")
	if err != nil {
		return part{}, err
	}
	defer func() { // it holds somebody's data: the result tells if it could not be removed
		err = errors.Join(err, file.Close(), os.Remove(file.Name()))
	}()
	declared = part{Dataset: d.ID, N: 1, Format: "ndjson"}
	sum := sha256.New()
	to := io.MultiWriter(file, sum)
	err = table.rows(ctx, tx, p, func(line []byte) error {
		n, err := to.Write(append(bytes.Clone(line), '\n'))
		declared.Bytes += int64(n)
		declared.Records++
		return err
	})
	if err != nil || declared.Records == 0 {
		return declared, err
	}
	declared.SHA256 = hexOf(sum)
	return declared, s.upload(ctx, t, declared, file)
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

var errConflict = errors.New("the part is not where we thought")

// upload sends a part chunk by chunk and goes on, after a break, where Lethe
// says it ends. If what is there does not go with what we have, because the
// data have changed since, the part begins again.
func (s *Service) upload(ctx context.Context, t task, p part, file io.ReaderAt) error {
	offset, complete, err := s.partState(ctx, t, p)
	for breaks := 0; err != nil || !complete; {
		if err != nil {
			if breaks++; breaks > 5 || ctx.Err() != nil {
				return err
			}
			pause(ctx, time.Duration(breaks*breaks)*50*time.Millisecond)
			again := errors.Is(err, errConflict)
			if offset, complete, err = s.partState(ctx, t, p); err == nil && again {
				offset, complete = 0, false
			}
			continue
		}
		size := min(chunk, p.Bytes-offset)
		if size <= 0 {
			err = errConflict // all the bytes are there, and they are not ours
			continue
		}
		span := fmt.Sprintf("bytes %d-%d/%d", offset, offset+size-1, p.Bytes)
		offset, complete, err = s.partRequest(ctx, http.MethodPut, t, p, span, io.NewSectionReader(file, offset, size), size)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (s *Service) partState(ctx context.Context, t task, p part) (offset int64, complete bool, err error) {
	return s.partRequest(ctx, http.MethodHead, t, p, "", http.NoBody, 0)
}

// partRequest sends one PUT or HEAD. The statement that stands in for the body
// when signing binds method, place, range and hash.
func (s *Service) partRequest(ctx context.Context, method string, t task, p part, span string, body io.Reader, size int64) (offset int64, complete bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("%s/%s/%d", t.PartsTo, p.Dataset, p.N), body)
	if err != nil {
		return 0, false, err
	}
	sum := ""
	if method == http.MethodPut {
		sum = p.SHA256
	}
	statement := fmt.Sprintf("lethe-rights/1 part\n%s\n%s/%s/%d\n%s\n%s\n", method, t.Task, p.Dataset, p.N, span, sum)
	req.Header = s.Keys.headers(uuid.NewString(), []byte(statement))
	if method == http.MethodPut {
		req.ContentLength = size
		req.Header.Set("Content-Range", span)
		req.Header.Set("Lethe-Part-SHA256", sum)
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusConflict {
		return 0, false, errConflict
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		return 0, false, fmt.Errorf("part of task %s: %s answered %d", t.Task, method, resp.StatusCode)
	}
	offset, err = strconv.ParseInt(resp.Header.Get("Lethe-Part-Offset"), 10, 64)
	return offset, resp.Header.Get("Lethe-Part-Complete") == "true", err
}
