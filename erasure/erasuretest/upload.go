package erasuretest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
)

// content is what the service hands over for a dataset.
func (s *Service) content(d protocol.Dataset) []byte {
	if s.how.part != nil {
		return s.how.part
	}
	return fmt.Appendf(nil, "{\"dataset\":%q}\n", d.Name)
}

func records(part []byte) int64 { return int64(bytes.Count(part, []byte("\n"))) }

// upload hands over a part for each dataset of an export.
func (s *Service) upload(k *known) (parts []protocol.Part, err error) {
	if k.task.Action != protocol.Export || s.how.refuse != "" || s.how.rows == 0 {
		return nil, nil
	}
	for _, d := range k.task.Datasets {
		content := s.content(d)
		sum := sha256.Sum256(content)
		p := protocol.Part{Dataset: d.ID, N: 1, Bytes: int64(len(content)), Records: records(content), SHA256: hex.EncodeToString(sum[:]), Format: "ndjson"}
		if err := s.uploadPart(k.task, p, content); err != nil {
			return nil, err
		}
		if s.how.wrongPart {
			sum := sha256.Sum256(nil)
			p.Bytes, p.SHA256 = p.Bytes+1, hex.EncodeToString(sum[:])
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// uploadPart sends a part in one piece, or, when it breaks, in two.
func (s *Service) uploadPart(t protocol.Task, p protocol.Part, content []byte) error {
	var body io.Reader = bytes.NewReader(content)
	if s.how.breakAt > 0 {
		body = &breaking{bytes.NewReader(content[:int(float64(len(content))*s.how.breakAt)])}
	}
	offset, complete, err := s.put(t, p, 0, body)
	for tries := 0; !complete && tries < 20 && !s.stopped(); tries++ {
		if err != nil {
			s.pause(20 * time.Millisecond)
			offset, complete, err = s.part(t, p, http.MethodHead, "", nil, 0)
			continue
		}
		offset, complete, err = s.put(t, p, offset, bytes.NewReader(content[offset:]))
	}
	if err == nil && !complete {
		err = errors.New("the part did not become complete")
	}
	return err
}

// breaking fails where its content ends, as a cut connection does.
type breaking struct{ io.Reader }

func (b *breaking) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("cut")
	}
	return n, err
}

func (s *Service) put(t protocol.Task, p protocol.Part, offset int64, body io.Reader) (int64, bool, error) {
	span := fmt.Sprintf("bytes %d-%d/%d", offset, p.Bytes-1, p.Bytes)
	if p.Bytes == 0 {
		span = "bytes */0"
	}
	return s.part(t, p, http.MethodPut, span, body, p.Bytes-offset)
}

func (s *Service) part(t protocol.Task, p protocol.Part, method, span string, body io.Reader, size int64) (offset int64, complete bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("%s/%s/%d", t.PartsTo, p.Dataset, p.N), body)
	if err != nil {
		return 0, false, err
	}
	sum := ""
	if method == http.MethodPut {
		sum = p.SHA256
	}
	req.Header = s.sign(uuid.NewString(), signature.PartStatement(method, t.Task, p.Dataset, p.N, span, sum))
	if method == http.MethodPut {
		req.ContentLength = size
		req.Header.Set("Content-Range", span)
		req.Header.Set("Lethe-Part-SHA256", sum)
	}
	client := &http.Client{Transport: s.client.Transport, CheckRedirect: s.client.CheckRedirect}
	resp, err := client.Do(req)
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	offset, perr := strconv.ParseInt(resp.Header.Get("Lethe-Part-Offset"), 10, 64)
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent || perr != nil {
		return 0, false, fmt.Errorf("%s of a part answered %d", method, resp.StatusCode)
	}
	return offset, resp.Header.Get("Lethe-Part-Complete") == "true", nil
}
