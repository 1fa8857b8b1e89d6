package dispatch

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// An emergency stop promises that nothing leaves a second after it. A
// connection may take longer than that to make, so the last look is taken when
// it is there, and the message must be on its way soon after the look.
const (
	leaveWithin = 900 * time.Millisecond // from the beginning of the look to the last byte
	lookWithin  = 400 * time.Millisecond // of it, for the look
)

var (
	errStopped = errors.New("an emergency stop stands")
	errSlow    = errors.New("the message was not on its way in time")
)

// departure watches one message leave.
type departure struct {
	may    func(context.Context) bool
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer // breaks off a message that takes too long
}

// watched makes req look, when its connection is there, whether it may leave.
// What it may not send it does not: its context ends with the reason and the
// connection is cut.
func watched(req *http.Request, may func(context.Context) bool) (*http.Request, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(req.Context())
	d := &departure{may: may, cancel: cancel}
	return req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(got httptrace.GotConnInfo) { d.look(ctx, got.Conn) },
		WroteRequest: func(httptrace.WroteRequestInfo) { d.gone() },
	})), cancel
}

// look is called before the first byte of the message, by the one who will
// write it.
func (d *departure) look(ctx context.Context, conn net.Conn) {
	began := time.Now()
	looking, done := context.WithTimeout(ctx, lookWithin)
	defer done()
	if !d.may(looking) {
		d.cut(conn, errStopped)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop() // of a connection that was dead
	}
	d.timer = time.AfterFunc(leaveWithin-time.Since(began), func() { d.cut(conn, errSlow) })
}

func (d *departure) gone() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
}

// cut closes the connection under TLS, which would say goodbye first.
func (d *departure) cut(conn net.Conn, why error) {
	d.cancel(why)
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	conn.Close()
}
