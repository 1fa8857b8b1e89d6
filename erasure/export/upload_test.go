package export_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/internal/fault"
)

const aRecord = `{"order_id":"O-1","email":"canary-7f3a@example.test"}` + "\n"

// TestUploadRefusals: every wrong form of an upload, with the status and code
// of docs/rights-protocol.md, and nothing written.
func TestUploadRefusals(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{MaxPartBytes: 1 << 20})
	probe := f.open(f.orders, "PROBE", f.rows)
	closed := f.open(f.orders, "EXPORT", f.rows)
	good := of(f.orders, f.task, f.rows, 1, []byte(aRecord))
	with := func(change func(p *put)) put {
		p := good
		p.body = strings.NewReader(aRecord)
		change(&p)
		return p
	}
	f.exec(`UPDATE erasure_task SET state = 'DONE' WHERE key = $1`, closed)
	for _, v := range []struct {
		name   string
		p      put
		status int
		code   string
	}{
		{"no signature", with(func(p *put) { p.unsigned = true }), 401, "SIGNATURE_INVALID"},
		{"signed long ago", with(func(p *put) { p.at = time.Now().Add(-6 * time.Minute) }), 401, "TIMESTAMP_OUT_OF_RANGE"},
		{"signed for another part", with(func(p *put) { p.path = "/rights/v1/parts/" + p.task.String() + "/" + p.dataset.String() + "/2" }), 401, "SIGNATURE_INVALID"},
		{"an unknown key of that name", with(func(p *put) { p.as.key.Private = f.reviews.key.Private }), 401, "SIGNATURE_INVALID"},
		{"another service", with(func(p *put) { p.as = f.reviews }), 403, "WRONG_SERVICE"},
		{"unknown task", with(func(p *put) { p.task = uuid.Must(uuid.NewV7()) }), 404, "TASK_NOT_FOUND"},
		{"not an export", with(func(p *put) { p.task = probe }), 404, "TASK_NOT_FOUND"},
		{"over", with(func(p *put) { p.task = closed }), 409, "TASK_CLOSED"},
		{"a dataset that was not asked for", with(func(p *put) { p.dataset = f.reviewed }), 403, "DATASET_NOT_ASKED"},
		{"no range", with(func(p *put) { p.rangeAs = "all of it" }), 400, "RANGE_INVALID"},
		{"a range beyond the part", with(func(p *put) { p.rangeAs = "bytes 0-53/53" }), 400, "RANGE_INVALID"},
		{"a range of another length", with(func(p *put) { p.rangeAs = "bytes 0-9/53" }), 400, "RANGE_INVALID"},
		{"no digest", with(func(p *put) { p.sha256 = "" }), 422, "BAD_DIGEST"},
		{"a digest in capitals", with(func(p *put) { p.sha256 = strings.ToUpper(p.sha256) }), 422, "BAD_DIGEST"},
		{"too large", with(func(p *put) {
			p.total, p.rangeAs = 1<<20+1, "bytes 0-52/1048577"
			p.body, p.size = strings.NewReader(aRecord[:53]), 53
		}), 413, "PART_TOO_LARGE"},
		{"part 0", with(func(p *put) { p.n = 0 }), 422, "OUT_OF_RANGE"},
		{"part 100001", with(func(p *put) { p.n = 100_001 }), 422, "OUT_OF_RANGE"},
		{"a number in another form", with(func(p *put) { p.path = "/rights/v1/parts/" + p.task.String() + "/" + p.dataset.String() + "/01" }), 422, "OUT_OF_RANGE"},
		{"an id in capitals", with(func(p *put) {
			p.path = "/rights/v1/parts/" + strings.ToUpper(p.task.String()) + "/" + p.dataset.String() + "/1"
		}), 422, "BAD_ID"},
		{"a way out of the storage", with(func(p *put) { p.path = "/rights/v1/parts/" + p.task.String() + "/..%2F..%2Fescape/1" }), 422, "BAD_ID"},
		{"in the middle", with(func(p *put) { p.rangeAs = "bytes 1-54/55"; p.total = 55 }), 409, "PART_OFFSET"},
	} {
		resp := f.does(v.p, v.status)
		var said struct{ Code string }
		if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || said.Code != v.code && !strings.Contains(v.code, said.Code) {
			t.Errorf("%s: code %q (%v), want %s", v.name, said.Code, err, v.code)
		}
	}
	left, err := filepath.Glob(filepath.Join(f.dir, "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("refused uploads left files: %v %v", left, err)
	}
	if escaped, _ := filepath.Glob(filepath.Join(f.dir, "..", "escape*")); len(escaped) > 0 {
		t.Errorf("something was written outside the storage: %v", escaped)
	}
}

func TestUploadOfOtherDigestIsDiscarded(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	lie := of(f.orders, f.task, f.rows, 1, []byte(aRecord))
	lie.sha256 = digest([]byte("something else"))
	resp := f.does(lie, http.StatusUnprocessableEntity)
	if body, _ := io.ReadAll(resp.Body); !bytes.Contains(body, []byte("PART_DIGEST_MISMATCH")) {
		t.Errorf("answer: %s", body)
	}
	f.at(1, 0, false)
	if left, _ := filepath.Glob(filepath.Join(f.dir, "parts", "*")); len(left) > 0 {
		t.Errorf("the discarded part is still there: %v", left)
	}
	if err := f.accepts(f.task, declare(f.rows, 1, []byte(aRecord), 1, "ndjson")); !saysCode(err, "PART_MISSING") {
		t.Errorf("a discarded part was accepted: %v", err)
	}
	f.does(of(f.orders, f.task, f.rows, 1, []byte(aRecord)), http.StatusNoContent)
	f.at(1, int64(len(aRecord)), true)
	// A repeat is no mistake; neither is another content before it is declared.
	f.does(of(f.orders, f.task, f.rows, 1, []byte(aRecord)), http.StatusNoContent)
	f.does(of(f.orders, f.task, f.rows, 1, []byte(aRecord+aRecord)), http.StatusNoContent)
	if err := f.accepts(f.task, declare(f.rows, 1, []byte(aRecord+aRecord), 2, "ndjson")); err != nil {
		t.Fatal(err)
	}
	f.does(of(f.orders, f.task, f.rows, 1, []byte(aRecord)), http.StatusConflict)
	f.does(of(f.orders, f.task, f.rows, 1, []byte(aRecord+aRecord)), http.StatusNoContent)
}

// at expects how far part n of the orders is.
func (f *fixture) at(n int, offset int64, complete bool) {
	f.t.Helper()
	resp := f.does(put{method: http.MethodHead, as: f.orders, task: f.task, dataset: f.rows, n: n}, http.StatusOK)
	want := []string{jsonOf(offset), jsonOf(complete)}
	if got := []string{resp.Header.Get("Lethe-Part-Offset"), resp.Header.Get("Lethe-Part-Complete")}; got[0] != want[0] || got[1] != want[1] {
		f.t.Errorf("part %d: offset and complete are %v, want %v", n, got, want)
	}
}

func jsonOf(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// TestUploadInPieces sends parts in ranges of random lengths; the server takes
// whole chunks and says where to go on. What comes out is what went in.
func TestUploadInPieces(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	random := rand.New(rand.NewPCG(7, 7))
	var all []byte
	for n := 1; n <= 4; n++ {
		var body []byte
		for len(body) < 150_000*n {
			body = append(body, `{"no":`+jsonOf(random.Int64())+"}\n"...)
		}
		offset := int64(0)
		for offset < int64(len(body)) {
			size := min(int64(70_000+random.IntN(200_000)), int64(len(body))-offset)
			p := of(f.orders, f.task, f.rows, n, body)
			p.first, p.size, p.body = offset, size, bytes.NewReader(body[offset:offset+size])
			resp := f.does(p, http.StatusNoContent)
			var next int64
			if err := json.Unmarshal([]byte(resp.Header.Get("Lethe-Part-Offset")), &next); err != nil || next <= offset {
				t.Fatalf("after byte %d the server is at %d (%v)", offset+size, next, err)
			}
			offset = next
		}
		f.at(n, int64(len(body)), true)
		if err := f.accepts(f.task, declare(f.rows, n, body, int64(bytes.Count(body, []byte("\n"))), "ndjson")); err != nil {
			t.Fatal(err)
		}
		all = append(all, body...)
	}
	f.says(f.task, f.rows, "EXPORTED")
	files := f.opened(f.builds())
	if got := files["data/002-public.orders.ndjson"]; !bytes.Equal(got, all) {
		t.Errorf("%d bytes went in, %d came out, or others", len(all), len(got))
	}
}

// TestUploadBusy: while one upload holds a part, another is told to wait; the
// first goes on unharmed.
func TestUploadBusy(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	body := bytes.Repeat([]byte(aRecord), 4000)
	pr, pw := io.Pipe()
	first := of(f.orders, f.task, f.rows, 1, body)
	first.body = pr
	done := make(chan int, 1)
	go func() {
		resp, err := f.send(f.client, first)
		if err != nil {
			done <- 0
			return
		}
		resp.Body.Close()
		done <- resp.StatusCode
	}()
	if _, err := pw.Write(body[:70_000]); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() (held bool) {
		_ = f.db.QueryRow(context.Background(), `SELECT holder IS NOT NULL FROM erasure_part`).Scan(&held)
		return held
	})
	resp := f.does(of(f.orders, f.task, f.rows, 1, body), http.StatusConflict)
	if said, _ := io.ReadAll(resp.Body); !bytes.Contains(said, []byte("PART_BUSY")) {
		t.Fatalf("a second upload at the same time: %s", said)
	}
	if _, err := pw.Write(body[70_000:]); err != nil {
		t.Fatal(err)
	}
	pw.Close()
	if status := <-done; status != http.StatusNoContent {
		t.Errorf("the first upload ended with %d", status)
	}
	f.at(1, int64(len(body)), true)
}

func TestEmptyPart(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	f.hands(f.orders, f.task, f.rows, 1, nil, 0, "ndjson")
	f.at(1, 0, true)
	if p := f.builds(); *p.Complete {
		t.Error("other datasets are missing")
	}
}

func TestAcceptRefusals(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	big := []byte(`{"blob":"` + strings.Repeat("x", 5<<20) + `"}` + "\n")
	parts := map[int][]byte{1: []byte(aRecord), 2: []byte("a,b\r\n1,2\r\n"), 3: []byte(`[{"a":1},{"a":2}]`), 4: big}
	for n, body := range parts {
		f.does(of(f.orders, f.task, f.rows, n, body), http.StatusNoContent)
	}
	for _, v := range []struct {
		name     string
		n        int
		body     []byte
		records  int64
		format   string
		code     string
		declared int
	}{
		{"never came", 9, []byte(aRecord), 1, "ndjson", "PART_MISSING", 9},
		{"another digest", 1, []byte(aRecord + aRecord), 2, "ndjson", "PART_DIGEST_MISMATCH", 1},
		{"another count", 1, parts[1], 2, "ndjson", "PART_COUNT_MISMATCH", 1},
		{"CSV said to be JSON lines", 2, parts[2], 1, "ndjson", "PART_FORMAT_MISMATCH", 2},
		{"an array said to be JSON lines", 3, parts[3], 2, "ndjson", "PART_FORMAT_MISMATCH", 3},
		{"JSON said to be CSV", 3, parts[3], 2, "csv", "PART_FORMAT_MISMATCH", 3},
		{"a record too large to be one", 4, parts[4], 1, "ndjson", "PART_RECORD_TOO_LARGE", 4},
	} {
		if err := f.accepts(f.task, declare(f.rows, v.n, v.body, v.records, v.format)); !saysCode(err, v.code) {
			t.Errorf("%s: %v, want %s", v.name, err, v.code)
		}
	}
	// All mistakes at once, and nothing accepted.
	err := f.accepts(f.task, declare(f.rows, 3, parts[3], 2, "json"), declare(f.rows, 8, nil, 0, "csv"), declare(f.rows, 1, parts[1], 5, "ndjson"))
	if faults := fault.All(err); len(faults) != 2 {
		t.Errorf("want both mistakes, got %v", err)
	}
	if err := f.accepts(f.task, declare(f.rows, 1, parts[1], 1, "ndjson"), declare(f.rows, 2, parts[2], 1, "csv"),
		declare(f.rows, 3, parts[3], 2, "json"), declare(f.rows, 4, parts[4], 1, "binary")); err != nil {
		t.Fatal(err)
	}
	if err := f.accepts(f.task, declare(f.rows, 1, parts[1], 1, "ndjson")); err != nil {
		t.Errorf("accepting twice: %v", err)
	}
	if err := f.accepts(f.task, declare(f.rows, 1, parts[1], 2, "ndjson")); !saysCode(err, "PART_DIFFERS") {
		t.Errorf("accepting with another count: %v", err)
	}
}

func saysCode(err error, code string) bool {
	for _, f := range fault.All(err) {
		if f.Code == code {
			return true
		}
	}
	return false
}

// TestNothingPlainAtRest: what lies in storage and in the database shows
// nothing of a part, and nothing opens it once the request's key is destroyed.
func TestNothingPlainAtRest(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	f.hands(f.orders, f.task, f.rows, 1, []byte(aRecord), 1, "ndjson")
	f.builds()
	err := filepath.WalkDir(f.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("canary-7f3a")) {
			t.Errorf("%s holds the data in the clear", filepath.Base(path))
		}
		if info, _ := d.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others: %s", filepath.Base(path), info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.vault.Destroy(context.Background(), f.request); err != nil {
		t.Fatal(err)
	}
	f.says(f.task, f.items, "NOT_FOUND") // there is something new to build
	if err := f.exports.Build(context.Background(), f.request); err == nil {
		t.Error("a package was built without the request's key")
	}
	if _, err := f.exports.Passphrase(context.Background(), f.handler, f.newestReady().ID); !saysCode(err, "KEY_DESTROYED") {
		t.Errorf("the passphrase outlives the key: %v", err)
	}
}

// What a service says it exported must be there: parts that do not add up are
// not taken, none of them.
func TestPartsAddUpToWhatWasExported(t *testing.T) {
	t.Parallel()
	f := setup(t, export.Config{})
	for n := 1; n <= 2; n++ {
		f.does(of(f.orders, f.task, f.rows, n, []byte(aRecord)), http.StatusNoContent)
	}
	f.does(of(f.orders, f.task, f.items, 1, []byte{0xff, 0xd8}), http.StatusNoContent)
	first, second := declare(f.rows, 1, []byte(aRecord), 1, "ndjson"), declare(f.rows, 2, []byte(aRecord), 1, "ndjson")
	picture := declare(f.items, 1, []byte{0xff, 0xd8}, 0, "binary")
	wrong := declare(f.rows, 2, []byte(aRecord), 7, "ndjson")
	for name, c := range map[string]struct {
		exported map[uuid.UUID]int64
		declared []answer.Part
		code     string
	}{
		"no part at all":        {map[uuid.UUID]int64{f.rows: 4}, nil, "PART_MISSING"},
		"none, and none needed": {map[uuid.UUID]int64{f.rows: 0}, nil, "PART_MISSING"},
		"too few":               {map[uuid.UUID]int64{f.rows: 2}, []answer.Part{first}, "PART_COUNT_MISMATCH"},
		"too many":              {map[uuid.UUID]int64{f.rows: 1}, []answer.Part{first, second}, "PART_COUNT_MISMATCH"},
		"one dataset of two":    {map[uuid.UUID]int64{f.rows: 1, f.items: 1}, []answer.Part{first}, "PART_MISSING"},
		"a good and a bad one":  {nil, []answer.Part{first, wrong}, "PART_COUNT_MISMATCH"},
	} {
		if err := f.acceptsAll(f.task, c.exported, c.declared...); !saysCode(err, c.code) {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
		var taken int
		if err := f.db.QueryRow(context.Background(), `SELECT count(*) FROM erasure_part WHERE state = 'ACCEPTED'`).Scan(&taken); err != nil || taken != 0 {
			t.Fatalf("%s: %d parts were accepted, %v", name, taken, err)
		}
	}
	// One part with a sign of life, the rest when it is done.
	if err := f.acceptsAll(f.task, nil, first); err != nil {
		t.Fatal(err)
	}
	if err := f.acceptsAll(f.task, map[uuid.UUID]int64{f.rows: 2, f.items: 9}, second, picture); err != nil {
		t.Fatal(err)
	}
}
