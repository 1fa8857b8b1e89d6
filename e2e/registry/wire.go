package registry

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load sends requests over a number of connections, each the next as soon as
// the answer to the one before is here. It speaks just enough HTTP/1.1 to cost
// little beside the server it measures.
type load struct {
	at          string
	connections int
	next        func() []byte // the next request, whole
	status      int           // that every answer must have
}

// result is what a load saw.
type result struct {
	requests int64
	took     time.Duration
}

func (r result) rate() float64 { return float64(r.requests) / r.took.Seconds() }

// and is a result with another one behind it.
func (r result) and(other result) result {
	return result{r.requests + other.requests, r.took + other.took}
}

func (l load) run(lasting time.Duration) (result, error) {
	var done atomic.Int64
	var all sync.WaitGroup
	errs := make([]error, l.connections)
	began := time.Now()
	until := began.Add(lasting)
	for i := range l.connections {
		all.Go(func() {
			conn, err := net.Dial("tcp", l.at)
			if err != nil {
				errs[i] = err
				return
			}
			defer conn.Close()
			in := bufio.NewReaderSize(conn, 16<<10)
			for time.Now().Before(until) {
				if errs[i] = l.one(conn, in); errs[i] != nil {
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	for _, err := range errs {
		if err != nil {
			return result{}, err
		}
	}
	return result{done.Load(), took}, nil
}

func (l load) one(conn net.Conn, in *bufio.Reader) error {
	if _, err := conn.Write(l.next()); err != nil {
		return err
	}
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	status := 0
	if len(line) > 12 {
		status, _ = strconv.Atoi(string(line[9:12]))
	}
	length, chunked := -1, false
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if rest, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(rest)))
		}
		chunked = chunked || bytes.HasPrefix(line, []byte("Transfer-Encoding: chunked"))
	}
	switch {
	case status != l.status:
		body, _ := io.ReadAll(io.LimitReader(in, int64(max(length, 0))))
		return fmt.Errorf("the answer has the status %d, not %d: %s", status, l.status, body)
	case chunked:
		return skipChunks(in)
	}
	_, err = in.Discard(max(length, 0))
	return err
}

func skipChunks(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if _, err := in.Discard(int(size) + 2); err != nil || size == 0 {
			return err
		}
	}
}

// body is what one request of the load is answered with.
func (l load) body() ([]byte, error) {
	conn, err := net.Dial("tcp", l.at)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(l.next()); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// request spells a request.
func request(method, host, path, token string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: application/vnd.schemaregistry.v1+json\r\n", method, path, host, token)
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}
