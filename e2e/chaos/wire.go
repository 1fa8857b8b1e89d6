package chaos

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
)

// commit is how a client of PostgreSQL says COMMIT: a simple query.
var commit = []byte("Q\x00\x00\x00\x0bcommit\x00")

// answerLoser relays connections to PostgreSQL. While it is armed it lets the
// next COMMIT through, waits for the answer, keeps it to itself and cuts the
// connection: PostgreSQL has committed, and nobody is told.
type answerLoser struct {
	at    net.Listener
	to    string
	armed atomic.Bool
	lost  atomic.Int64
	all   sync.WaitGroup
}

func loseAnswers(to string) (*answerLoser, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &answerLoser{at: l, to: to}
	p.all.Go(p.serve)
	return p, nil
}

func (p *answerLoser) serve() {
	for {
		client, err := p.at.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			client.Close()
			continue
		}
		p.all.Go(func() { p.relay(client, server) })
	}
}

// relay carries bytes both ways until either side ends.
func (p *answerLoser) relay(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	var mute atomic.Bool
	p.all.Go(func() {
		defer client.Close()
		defer server.Close()
		p.answers(client, server, &mute)
	})
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		if bytes.Contains(buf[:n], commit) && p.armed.CompareAndSwap(true, false) {
			mute.Store(true)
		}
		if _, werr := server.Write(buf[:n]); werr != nil || err != nil {
			return
		}
	}
}

// answers carries what PostgreSQL says, until one answer is to be lost.
func (p *answerLoser) answers(client, server net.Conn, mute *atomic.Bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := server.Read(buf)
		if mute.Load() {
			p.lost.Add(1)
			return
		}
		if _, werr := client.Write(buf[:n]); werr != nil || err != nil {
			return
		}
	}
}

func (p *answerLoser) close() { p.at.Close() }
