package chaos

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
)

// An act is known on the wire by words that only its transaction says: text of
// its statements, or of their parameters.
const (
	openRequest = "INSERT INTO erasure_request ("
	approvePlan = "APPROVED" // the code of its record
	delivered   = "SET state = 'SENT', sent_at"
	receive     = "INSERT INTO erasure_inbox"
)

// answerLoser relays connections to PostgreSQL. While it is armed for an act it
// lets the COMMIT of the next transaction of that act through, waits for the
// answer, keeps it to itself and cuts the connection: PostgreSQL has committed,
// and nobody is told.
type answerLoser struct {
	at    net.Listener
	to    string
	armed atomic.Pointer[string]
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

// arm has the answer to the next COMMIT of an act lost.
func (p *answerLoser) arm(act string) { p.armed.Store(&act) }

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

// relay carries messages both ways until either side ends.
func (p *answerLoser) relay(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	var mute atomic.Bool
	p.all.Go(func() {
		defer client.Close()
		defer server.Close()
		p.answers(client, server, &mute)
	})
	in := bufio.NewReaderSize(client, 64<<10)
	if greet(in, server) != nil {
		return
	}
	said := transaction{statements: map[string][]byte{}}
	for {
		message, err := readMessage(in)
		if err != nil {
			return
		}
		if act := p.armed.Load(); said.hear(message) && act != nil && bytes.Contains(said.commits, []byte(*act)) && p.armed.CompareAndSwap(act, nil) {
			mute.Store(true)
		}
		if _, err := server.Write(message); err != nil {
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

// greet carries what a client says before its messages have types: it may ask
// for encryption first, which our servers decline (PostgreSQL's manual, 55.7).
func greet(in io.Reader, server io.Writer) error {
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(in, head); err != nil {
			return err
		}
		rest := make([]byte, int(binary.BigEndian.Uint32(head))-len(head))
		if _, err := io.ReadFull(in, rest); err != nil {
			return err
		}
		if _, err := server.Write(slices.Concat(head, rest)); err != nil {
			return err
		}
		if code := binary.BigEndian.Uint32(head[4:]); code>>16 == 3 {
			return nil
		}
	}
}

// readMessage reads one message whole: its type, its length, its body.
func readMessage(in io.Reader) ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	message := slices.Concat(head, make([]byte, int(binary.BigEndian.Uint32(head[1:]))-4))
	_, err := io.ReadFull(in, message[5:])
	return message, err
}

// transaction is what a client has said since it began one. A statement's text
// goes over the wire once, when it is prepared, and by name after that.
type transaction struct {
	statements map[string][]byte
	said       []byte
	commits    []byte // what the COMMIT just heard commits
}

// hear reports whether a message is a COMMIT.
func (t *transaction) hear(message []byte) bool {
	body := message[5:]
	switch message[0] {
	case 'P': // name, text
		name, text, _ := bytes.Cut(body, []byte{0})
		t.statements[string(name)] = bytes.Clone(text)
	case 'B': // portal, name, parameters
		_, rest, _ := bytes.Cut(body, []byte{0})
		name, parameters, _ := bytes.Cut(rest, []byte{0})
		t.said = append(append(t.said, t.statements[string(name)]...), parameters...)
	case 'Q':
		text := bytes.ToLower(bytes.TrimRight(body, "\x00"))
		switch {
		case bytes.HasPrefix(text, []byte("commit")):
			t.commits, t.said = t.said, nil
			return true
		case bytes.HasPrefix(text, []byte("begin")), bytes.HasPrefix(text, []byte("rollback")):
			t.said = nil
		default:
			t.said = append(t.said, body...)
		}
	}
	return false
}
