package dispatch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/egress"
)

// sends sends one message through the client that services get, and says what
// became of it.
func sends(t *testing.T, client *http.Client, url string, may func(context.Context) bool, size int) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(strings.Repeat("x", size)))
	if err != nil {
		t.Fatal(err)
	}
	req, done := watched(req, may)
	defer done(nil)
	resp, err := client.Do(req)
	if err != nil {
		return errors.Join(err, context.Cause(req.Context()))
	}
	resp.Body.Close()
	return nil
}

// to makes the client for a test server on loopback, whose certificate it
// trusts if it has one.
func to(server *httptest.Server) *http.Client {
	client := egress.Around("http://"+server.Listener.Addr().String(), nil, true).Client()
	if cert := server.Certificate(); cert != nil {
		roots := x509.NewCertPool()
		roots.AddCert(cert)
		client.Transport.(*http.Transport).TLSClientConfig.RootCAs = roots
	}
	return client
}

// "Nothing leaves after one second" holds although the handshake with the
// service began before the stop and takes longer.
func TestStopDuringASlowHandshake(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		var stopped atomic.Bool
		var arrived atomic.Int64
		begun, goOn := make(chan struct{}, 1), make(chan struct{})
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
		server.EnableHTTP2 = http2
		server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			begun <- struct{}{}
			<-goOn
			return nil, nil
		}}
		server.StartTLS()
		client := to(server)
		answer := make(chan error, 1)
		go func() {
			answer <- sends(t, client, server.URL, func(context.Context) bool { return !stopped.Load() }, 100)
		}()
		<-begun
		stopped.Store(true) // while the handshake hangs
		close(goOn)
		if err := <-answer; !errors.Is(err, errStopped) {
			t.Errorf("HTTP/2 %v: %v, want the stop", http2, err)
		}
		stopped.Store(false)
		if err := sends(t, client, server.URL, func(context.Context) bool { return !stopped.Load() }, 100); err != nil {
			t.Errorf("HTTP/2 %v, after the stop: %v", http2, err)
		}
		stopped.Store(true) // the connection is kept, and looked at again
		if err := sends(t, client, server.URL, func(context.Context) bool { return !stopped.Load() }, 100); !errors.Is(err, errStopped) {
			t.Errorf("HTTP/2 %v, over a kept connection: %v, want the stop", http2, err)
		}
		if n := arrived.Load(); n != 1 {
			t.Errorf("HTTP/2 %v: %d messages arrived, want the one between the stops", http2, n)
		}
		client.CloseIdleConnections()
		server.Close()
	}
}

// A message that does not get away within a second of the look is broken off.
func TestSlowReaderIsCutOff(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		if conn, err := l.Accept(); err == nil {
			t.Cleanup(func() { conn.Close() }) // and never reads
		}
	}()
	client := egress.Around("http://"+l.Addr().String(), nil, true).Client()
	began := time.Now()
	err = sends(t, client, "http://"+l.Addr().String(), func(context.Context) bool { return true }, 64<<20) // more than buffers hold
	if took := time.Since(began); !errors.Is(err, errSlow) || took < leaveWithin {
		t.Errorf("after %s: %v", took, err)
	}
}
