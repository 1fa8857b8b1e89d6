package server

import (
	"bytes"
	"io"
	"net/http"
	"time"
)

// answer watches what a door answers.
type answer struct {
	http.ResponseWriter
	status  int
	bytes   int64
	wrote   bool
	patient *http.ResponseController // of a stream: each byte moved buys it time
}

// WriteHeader notes the status.
func (a *answer) WriteHeader(status int) {
	if !a.wrote {
		a.status, a.wrote = status, status >= 200
	}
	if status == http.StatusServiceUnavailable && a.Header().Get("Retry-After") == "" {
		a.Header().Set("Retry-After", "5") // also where a door has its own form of errors
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write counts, and gives a stream that moves more time.
func (a *answer) Write(b []byte) (int, error) {
	a.wrote = true
	a.move()
	n, err := a.ResponseWriter.Write(b)
	a.bytes += int64(n)
	return n, err
}

// ReadFrom keeps the kernel's way of sending files, for what is no stream.
func (a *answer) ReadFrom(r io.Reader) (int64, error) {
	if a.patient != nil {
		return io.Copy(struct{ io.Writer }{a}, r)
	}
	a.wrote = true
	n, err := io.Copy(a.ResponseWriter, r)
	a.bytes += n
	return n, err
}

// Flush sends what is buffered.
func (a *answer) Flush() {
	a.wrote = true
	a.move()
	_ = http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController find the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) move() {
	if a.patient != nil {
		_ = a.patient.SetWriteDeadline(time.Now().Add(streamPause))
	}
}

// patientBody gives an upload that moves more time to be read, and the answer
// to it more time to be written.
type patientBody struct {
	io.ReadCloser
	conn *http.ResponseController
}

// Read reads on for as long as the sender sends.
func (b patientBody) Read(p []byte) (int, error) {
	until := time.Now().Add(streamPause)
	_ = b.conn.SetReadDeadline(until)
	_ = b.conn.SetWriteDeadline(until.Add(streamPause))
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.conn.SetReadDeadline(time.Time{}) // what follows is ours to send
	}
	return n, err
}

// arrived reads a body to its end or to its fault, which the door that reads it
// then meets where the bytes end.
func arrived(body io.ReadCloser, length int64) io.ReadCloser {
	into := bytes.NewBuffer(make([]byte, 0, min(max(length, 0), 64<<10)+bytes.MinRead)) // the rest as it comes: a length is only said
	_, err := into.ReadFrom(body)
	text := into.Bytes()
	if err == nil {
		err = io.EOF
	}
	return &readAhead{bytes.NewReader(text), err, body}
}

type readAhead struct {
	text *bytes.Reader
	end  error
	conn io.Closer
}

// Read reads what arrived.
func (b *readAhead) Read(p []byte) (int, error) {
	if b.text.Len() == 0 {
		return 0, b.end
	}
	return b.text.Read(p)
}

// Close closes the body on the connection.
func (b *readAhead) Close() error { return b.conn.Close() }
