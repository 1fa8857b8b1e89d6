package export

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/export/manifest"
)

// archive is the ZIP of a package. Files beyond 4 GiB, and more than 65,535 of
// them, make it a ZIP64 by themselves.
type archive struct {
	zip   *zip.Writer
	files []manifest.File
}

func newArchive(w io.Writer) *archive {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	return &archive{zip: z}
}

func (a *archive) close() error { return a.zip.Close() }

// add writes one file of the package.
func (a *archive) add(name string, method uint16, fill func(w io.Writer) (records int64, err error)) error {
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	if err != nil {
		return err
	}
	out := &counted{w: w, digest: sha256.New()}
	records, err := fill(out)
	if err != nil {
		return err
	}
	a.files = append(a.files, manifest.File{Name: name, Bytes: out.n, SHA256: hex.EncodeToString(out.digest.Sum(nil)), Records: records})
	return nil
}

// fill writes every file of the package: data, schemas, the page for people,
// and the manifest last, because it names all others.
func (e *Exports) fill(ctx context.Context, z *archive, m *manifest.Manifest, c contents, about account) error {
	doc := page{Manifest: m}
	for i, n := range c.nodes {
		h := &m.Datasets[i]
		name := fmt.Sprintf("%03d-%s", n.No, fileName(h.Name))
		s := sheet{Dataset: h, dataset: about.datasets[n.DatasetID]}
		from := len(z.files)
		if err := e.data(ctx, z, name, c.accepted(n.DatasetID), &s); err != nil {
			return err
		}
		if len(s.Fields) > 0 && h.Status == manifest.Exported {
			if err := z.addJSON("schemas/"+name+".json", s.dataset); err != nil {
				return err
			}
		}
		for _, f := range z.files[from:] {
			h.Files = append(h.Files, f.Name)
		}
		doc.Sheets = append(doc.Sheets, s)
	}
	if err := z.add("index.html", zip.Deflate, doc.write); err != nil {
		return err
	}
	m.Files = z.files
	return z.addJSON("manifest.json", m)
}

func (a *archive) addJSON(name string, v any) error {
	return a.add(name, zip.Deflate, func(w io.Writer) (int64, error) {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return 0, out.Encode(v)
	})
}

// data writes the records of a dataset twice, as JSON lines and as CSV, and
// what is no record as it came.
func (e *Exports) data(ctx context.Context, z *archive, name string, parts []Part, s *sheet) error {
	var records []Part
	for _, p := range parts {
		if *p.Format != formatBinary {
			records = append(records, p)
			continue
		}
		err := z.add(fmt.Sprintf("files/%s-%d.bin", name, p.N), zip.Store, func(w io.Writer) (int64, error) {
			return 0, e.each(ctx, p, func(r io.Reader) error {
				_, err := io.Copy(w, r)
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	if len(records) == 0 {
		return nil
	}
	var t table
	if err := z.add("data/"+name+".ndjson", zip.Deflate, func(w io.Writer) (int64, error) { return e.lines(ctx, w, records, &t, s) }); err != nil {
		return err
	}
	s.Dataset.Records = s.count
	return z.add("data/"+name+".csv", zip.Deflate, func(w io.Writer) (int64, error) { return e.rows(ctx, w, records, &t) })
}

// lines writes records as JSON lines, learns their columns, and keeps the
// first few for the page.
func (e *Exports) lines(ctx context.Context, w io.Writer, parts []Part, t *table, s *sheet) (int64, error) {
	line := []byte{'\n'}
	return e.records(ctx, parts, func(v jsontext.Value) error {
		s.count++
		var seen []shown
		err := t.cells(v, func(column int, v jsontext.Value) {
			if s.count <= previewRows && column < previewColumns {
				seen = append(seen, shown{column, shorten(plain(v))})
			}
		})
		if err != nil {
			return err
		}
		s.keep(t, seen)
		if _, err := w.Write(v); err != nil {
			return err
		}
		_, err = w.Write(line)
		return err
	})
}

// rows writes records as CSV for spreadsheets (RFC 4180, UTF-8 with a mark).
func (e *Exports) rows(ctx context.Context, w io.Writer, parts []Part, t *table) (int64, error) {
	if _, err := io.WriteString(w, "\uFEFF"); err != nil {
		return 0, err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	row := make([]string, len(t.names))
	for i, name := range t.names {
		row[i] = cell(name)
	}
	if err := out.Write(row); err != nil {
		return 0, err
	}
	n, err := e.records(ctx, parts, func(v jsontext.Value) error {
		clear(row)
		if err := t.cells(v, func(column int, v jsontext.Value) { row[column] = cell(plain(v)) }); err != nil {
			return err
		}
		return out.Write(row)
	})
	out.Flush()
	return n, errors.Join(err, out.Error())
}

// records calls fn for every record of the parts, in order.
func (e *Exports) records(ctx context.Context, parts []Part, fn func(jsontext.Value) error) (n int64, err error) {
	for _, p := range parts {
		err := e.each(ctx, p, func(r io.Reader) error {
			return eachRecord(r, *p.Format, func(v jsontext.Value) error {
				n++
				return fn(v)
			})
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// each opens a part, lets fn read it, and compares its digest once more. What
// is wrong with the part itself comes back as a badPart.
func (e *Exports) each(ctx context.Context, p Part, fn func(r io.Reader) error) error {
	key, err := e.partKey(ctx, p.RequestID, p.ID)
	if err != nil {
		return err
	}
	file, err := e.root.Open(partFile(p.ID))
	if err != nil {
		return &badPart{p, "PART_LOST", err}
	}
	defer file.Close()
	digest := sha256.New()
	in := io.TeeReader(&cancelled{ctx, openPart(file, key, p.ID, p.Bytes)}, digest)
	if err = fn(in); err == nil {
		_, err = io.Copy(io.Discard, in) // blanks after the last record
	}
	switch {
	case errors.Is(err, errDamaged):
		return &badPart{p, "PART_DAMAGED", err}
	case errors.Is(err, errUnreadable):
		return &badPart{p, "PART_UNREADABLE", err}
	case err == nil && !bytes.Equal(digest.Sum(nil), p.SHA256):
		return &badPart{p, "PART_DAMAGED", errDamaged}
	}
	return err
}

// cancelled stops reading when the builder is told to stop.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// datasetIDs lists the datasets of the plan, each once.
func (c contents) datasetIDs() []uuid.UUID {
	seen := map[uuid.UUID]bool{}
	var ids []uuid.UUID
	for _, n := range c.nodes {
		if !seen[n.DatasetID] {
			seen[n.DatasetID] = true
			ids = append(ids, n.DatasetID)
		}
	}
	return ids
}
