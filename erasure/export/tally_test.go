package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

func TestTally(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		body, format string
		records      int64
	}{
		{"", "ndjson", 0}, {"", "csv", 0}, {" \n", "json", 0},
		{"{}\n{}\n", "ndjson", 2}, {"{}\n\n{}", "ndjson", 2}, {`{"a":"}\n{\"\\"}`, "ndjson", 1},
		{`{"a":[1,{"b":[]}]}`, "json", 1}, {"{\n \"a\": 1\n}\n", "json", 1},
		{`[]`, "json", 0}, {`[1]`, "json", 1}, {` [ {"a":",]"} , [1,2] , "x" ] `, "json", 3},
		{"a,b\n", "csv", 0}, {"a\n1\n2", "csv", 2}, {"a\r\n\"1\r\n2\"\r\n3\r\n", "csv", 2}, {"a\n\n1\n", "csv", 1},
		{"anything at all", "binary", -1},
	} {
		for _, step := range []int{1, 2, 1000} {
			var c tally
			for b := []byte(v.body); len(b) > 0; b = b[min(step, len(b)):] {
				_, _ = c.Write(b[:min(step, len(b))])
			}
			c.finish()
			if records, ok := c.fits(v.format); !ok || records != v.records {
				t.Errorf("%q as %s: %d records, fits %v; want %d", v.body, v.format, records, ok, v.records)
			}
		}
	}
}

// FuzzTally: for whatever the readers of the standard library take, the count
// that never holds a record is theirs.
func FuzzTally(f *testing.F) {
	for _, seed := range []string{`{"a":1}` + "\n" + `{"b":"\"}"}`, `[1,"a,]",{"x":[]}]`, "a,b\n\"x\ny\",2\n", "{", "[1", "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var c tally
		_, _ = c.Write(body)
		c.finish()
		switch c.Shape {
		case shapeArray:
			var values []json.RawMessage
			if json.Unmarshal(body, &values) == nil && int64(len(values)) != c.Records {
				t.Errorf("%q: %d values, counted %d", body, len(values), c.Records)
			}
		case shapeObjects:
			n, objects := int64(0), true
			err := eachRecord(bytes.NewReader(body), formatNDJSON, func(v jsontext.Value) error {
				objects = objects && v.Kind() == '{'
				n++
				return nil
			})
			if err == nil && objects && n != c.Records {
				t.Errorf("%q: %d values, counted %d", body, n, c.Records)
			}
		case shapeLines:
			rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
			if err == nil && !strings.Contains(string(body), "\r") && int64(len(rows)) != c.Records {
				t.Errorf("%q: %d rows, counted %d", body, len(rows), c.Records)
			}
		}
	})
}

// FuzzRecords: whatever a part holds, reading it as records ends, and every
// record is a value that JSON reads again.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(`{"a":[1,2]}`), "ndjson")
	f.Add([]byte(`[{"a":"=1"},null]`), "json")
	f.Add([]byte("a,b\n1,2\n3,4,5\n\"x"), "csv")
	f.Fuzz(func(t *testing.T, body []byte, format string) {
		if format != formatJSON && format != formatCSV {
			format = formatNDJSON
		}
		var columns table
		_ = eachRecord(bytes.NewReader(body), format, func(v jsontext.Value) error {
			if !v.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
				t.Errorf("%q: a record that is not JSON: %q", body, v)
			}
			return columns.cells(v, func(_ int, v jsontext.Value) {
				if text := cell(plain(v)); strings.HasPrefix(text, "=") || strings.HasPrefix(text, "@") {
					t.Errorf("a formula: %q", text)
				}
			})
		})
	})
}

// TestSealedChunks: a part reads back as it was written; chunks that were
// changed, exchanged, cut off or of another part do not.
func TestSealedChunks(t *testing.T) {
	t.Parallel()
	key, id := bytes.Repeat([]byte{7}, 32), uuid.New()
	plain := bytes.Repeat([]byte("personal data, "), 20_000) // more than four chunks
	write := func() []byte {
		s := newSealer(key, id)
		var file []byte
		for chunk := int64(0); chunk*chunkSize < int64(len(plain)); chunk++ {
			from := chunk * chunkSize
			file = append(file, s.seal(chunk, plain[from:min(from+chunkSize, int64(len(plain)))])...)
		}
		return file
	}
	read := func(file []byte, id uuid.UUID) ([]byte, error) {
		var out bytes.Buffer
		_, err := out.ReadFrom(openPart(bytes.NewReader(file), key, id, int64(len(plain))))
		return out.Bytes(), err
	}
	file := write()
	if got, err := read(file, id); err != nil || !bytes.Equal(got, plain) {
		t.Fatal("a part does not read back", err)
	}
	if bytes.Equal(file, write()) {
		t.Error("sealing twice gives the same bytes: a nonce was used twice")
	}
	exchanged := bytes.Clone(file)
	copy(exchanged, file[chunkSize+overhead:2*(chunkSize+overhead)])
	changed := bytes.Clone(file)
	changed[len(changed)/2] ^= 1
	for name, broken := range map[string][]byte{"exchanged": exchanged, "changed": changed, "cut": file[:len(file)-1], "empty": nil} {
		if _, err := read(broken, id); err == nil {
			t.Errorf("a part that was %s reads back", name)
		}
	}
	if _, err := read(file, uuid.New()); err == nil {
		t.Error("a part reads back as another")
	}
	s := newSealer(key, id)
	if note, err := s.readNote(s.note([]byte("state"))); err != nil || string(note) != "state" {
		t.Error(err)
	}
	if _, err := s.readNote(s.seal(0, []byte("state"))); err == nil {
		t.Error("a chunk reads as a note")
	}
}

func TestFileName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"postgres://orders/public.orders": "public.orders",
		"s3://x/../../Etc Passwd":         "etc_passwd",
		"kafka://a/日本":                    "__",
		"x/...":                           "",
	} {
		if got := fileName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
