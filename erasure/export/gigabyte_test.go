package export_test

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/export/manifest"
)

// gigabyte is what a service exports: orders as JSON lines, made as they are
// read, so that neither side holds them.
type gigabyte struct {
	left  int64 // bytes still to make
	no    int64
	line  []byte
	noise []byte
}

func newGigabyte(size int64) *gigabyte {
	g := &gigabyte{left: size, noise: make([]byte, 1<<16)}
	random := rand.New(rand.NewPCG(1, uint64(size)))
	for i := range g.noise {
		g.noise[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,"[random.IntN(64)]
	}
	return g
}

const record = 8 << 10 // bytes of a line

func (g *gigabyte) Read(p []byte) (int, error) {
	if len(g.line) == 0 {
		if g.left == 0 {
			return 0, io.EOF
		}
		g.no++
		head := fmt.Appendf(nil, `{"order_id":"O-%09d","total":%d,"note":"`, g.no, g.no%1000)
		n := min(record, g.left)
		from := g.no * 37 % (1<<16 - record)
		g.line = append(head, g.noise[from:from+n-int64(len(head))-3]...)
		g.line = append(g.line, "\"}\n"...)
		g.left -= n
	}
	n := copy(p, g.line)
	g.line = g.line[n:]
	return n, nil
}

// scissors cuts a connection after so many written bytes.
type scissors struct {
	net.Conn
	left *atomic.Int64
}

func (s scissors) Write(p []byte) (int, error) {
	if s.left.Add(-int64(len(p))) < 0 {
		_ = s.Conn.Close()
		return 0, errors.New("cut")
	}
	return s.Conn.Write(p)
}

// heap watches how far the heap grows over what it was.
type heap struct {
	base, peak uint64
	stop, done chan struct{}
}

const heapObjects = "/memory/classes/heap/objects:bytes"

func live() uint64 {
	sample := []metrics.Sample{{Name: heapObjects}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func watchHeap() *heap {
	runtime.GC()
	h := &heap{base: live(), stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(h.done)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-h.stop:
				return
			case <-tick.C:
				h.peak = max(h.peak, live())
			}
		}
	}()
	return h
}

func (h *heap) growth() uint64 {
	close(h.stop)
	<-h.done
	return h.peak - min(h.base, h.peak)
}

// TestGigabyte hands over 1 GiB in three parts. The connection is cut when 60 %
// of it are on their way; the service asks where to go on, and does. No byte is
// lost, and neither taking nor packing it takes more than 64 MiB of memory.
// This test runs alone, because it measures the heap of the whole process.
func TestGigabyte(t *testing.T) {
	const limit = 64 << 20
	f := setup(t, export.Config{})
	sizes := []int64{whole / 4, whole / 2, whole / 4}
	var left atomic.Int64
	left.Store(whole * 6 / 10)
	cutting := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return scissors{c, &left}, err
	}}}
	defer cutting.CloseIdleConnections()

	all := sha256.New()
	var declared []answer.Part
	sums := make([]string, len(sizes))
	for i, size := range sizes {
		sum := sha256.New()
		if _, err := io.Copy(io.MultiWriter(sum, all), newGigabyte(size)); err != nil {
			t.Fatal(err)
		}
		sums[i] = hex.EncodeToString(sum.Sum(nil))
		declared = append(declared, answer.Part{Dataset: f.rows, N: i + 1, Bytes: size, Records: (size + record - 1) / record, SHA256: sum.Sum(nil), Format: "ndjson"})
	}

	memory := watchHeap()
	cuts, resumed := 0, int64(0)
	for i, size := range sizes {
		p := put{as: f.orders, task: f.task, dataset: f.rows, n: i + 1, total: size, sha256: sums[i], body: newGigabyte(size), size: size}
		client := cutting
		if cuts > 0 {
			client = f.client
		}
		resp, err := f.send(client, p)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusNoContent {
				t.Fatalf("part %d: %s", i+1, resp.Status)
			}
			continue
		}
		cuts++
		resumed = f.resume(p)
	}
	if uploading := memory.growth(); uploading >= limit {
		t.Errorf("taking %d MiB let the heap grow by %d MiB, want less than 64", whole>>20, uploading>>20)
	} else {
		t.Logf("taking %d MiB: heap grew by %.1f MiB; cut once, went on with byte %d of part 2", whole>>20, float64(uploading)/(1<<20), resumed)
	}
	if cuts != 1 || resumed == 0 {
		t.Fatalf("the connection was cut %d times and went on with byte %d; want one cut in the midst of part 2", cuts, resumed)
	}
	if err := f.accepts(f.task, declared...); err != nil {
		t.Fatal(err)
	}
	f.says(f.task, f.rows, "EXPORTED")

	memory = watchHeap()
	p := f.builds()
	if building := memory.growth(); building >= limit {
		t.Errorf("packing %d MiB let the heap grow by %d MiB, want less than 64", whole>>20, building>>20)
	} else {
		t.Logf("packing %d MiB: heap grew by %.1f MiB; the package has %d MiB", whole>>20, float64(building)/(1<<20), *p.Bytes>>20)
	}
	f.compare(p, all, whole)
}

// resume goes on with a part whose connection was cut, once the server has
// noticed, and returns where.
func (f *fixture) resume(p put) int64 {
	f.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		head := f.does(put{method: http.MethodHead, as: p.as, task: p.task, dataset: p.dataset, n: p.n}, http.StatusOK)
		offset, err := strconv.ParseInt(head.Header.Get("Lethe-Part-Offset"), 10, 64)
		if err != nil {
			f.t.Fatal(err)
		}
		rest := p
		body := newGigabyte(p.total)
		if _, err := io.CopyN(io.Discard, body, offset); err != nil {
			f.t.Fatal(err)
		}
		rest.first, rest.size, rest.body = offset, p.total-offset, body
		resp, err := f.send(f.client, rest)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusNoContent && resp.Header.Get("Lethe-Part-Complete") == "true" {
				return offset
			}
		}
		// The upload that was cut may still be saving what it has.
		if time.Now().After(deadline) {
			f.t.Fatal("the upload could not be resumed", err)
		}
	}
}

// compare fetches a package, opens it with an independent reader, and
// compares every byte of the data.
func (f *fixture) compare(p export.Package, all hash.Hash, size int64) {
	f.t.Helper()
	pass, err := f.exports.Passphrase(context.Background(), f.handler, p.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	resp := f.get("/packages/"+p.ID.String(), "handler")
	id, err := age.NewScryptIdentity(pass)
	if err != nil {
		f.t.Fatal(err)
	}
	fetched := sha256.New()
	plain, err := age.Decrypt(io.TeeReader(resp.Body, fetched), id)
	if err != nil {
		f.t.Fatal(err)
	}
	file := createTemp(f.t)
	n, err := io.Copy(file, plain)
	if err != nil {
		f.t.Fatal(err)
	}
	if string(fetched.Sum(nil)) != string(p.SHA256) {
		f.t.Error("the package was fetched with another SHA-256 than it was sealed with")
	}
	if path, err := exec.LookPath("python3"); err == nil {
		out, err := exec.Command(path, "-c", "import sys, zipfile; sys.exit(zipfile.ZipFile(sys.argv[1]).testzip() is not None)", file.Name()).CombinedOutput()
		if err != nil {
			f.t.Errorf("Python's zipfile finds the package damaged: %v %s", err, out)
		}
	}
	z, err := zip.NewReader(file, n)
	if err != nil {
		f.t.Fatal(err)
	}
	data, err := z.Open("data/002-public.orders.ndjson")
	if err != nil {
		f.t.Fatal(err)
	}
	sum := sha256.New()
	got, err := io.Copy(sum, data)
	if err != nil || got != size || string(sum.Sum(nil)) != string(all.Sum(nil)) {
		f.t.Errorf("the data has %d bytes (%v), want %d; same digest: %v", got, err, size, string(sum.Sum(nil)) == string(all.Sum(nil)))
	}
	var m manifest.Manifest
	list, err := z.Open("manifest.json")
	if err != nil {
		f.t.Fatal(err)
	}
	if err := json.NewDecoder(list).Decode(&m); err != nil {
		f.t.Fatal(err)
	}
	if m.Datasets[1].Records != size/record || m.Datasets[1].Status != manifest.Exported {
		f.t.Errorf("the manifest counts %d records, %s", m.Datasets[1].Records, m.Datasets[1].Status)
	}
}
