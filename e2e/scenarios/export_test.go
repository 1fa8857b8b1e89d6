package scenarios_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/export/manifest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/internal/access"
)

// 10 GB take too long here; erasure/export measures its memory over a gigabyte.
func TestScenario10_PartBreaksOff(t *testing.T) {
	t.Parallel()
	var part bytes.Buffer
	for n := 0; part.Len() < 24<<20; n++ {
		fmt.Fprintf(&part, "{\"order_id\":\"O-%08d\",\"note\":%q}\n", n, strings.Repeat("x", 400))
	}
	c := found(t, []member{{ref: "orders", how: []erasuretest.Option{erasuretest.Exports(part.Bytes()), erasuretest.BreaksUploads(0.6)}}, {ref: "loyalty"}})
	r := c.reach(c.open(accessOf(person(1))), "PLANNED")
	c.approve(r)
	c.closes(r.CaseNumber, "FULFILLED")
	who, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	c.do(access.Handler, "preparePackage", "PreparePackageInput", map[string]any{"requestId": r.ID, "recipient": who.Recipient().String()})
	r = c.when(r.CaseNumber, "a package for her key", func(r request) bool {
		return r.Package != nil && r.Package.State == "SEALED" && r.Package.Lock == "RECIPIENT"
	})
	files := c.unpack(r, who)
	m := read[manifest.Manifest](t, files["manifest.json"])
	if !m.Complete || len(m.Datasets) != 2 {
		t.Errorf("the manifest accounts for %d datasets, complete %v", len(m.Datasets), m.Complete)
	}
	for _, d := range m.Datasets {
		if d.Service != "orders" {
			continue
		}
		want := int64(bytes.Count(part.Bytes(), []byte("\n")))
		if len(d.Parts) != 1 || d.Records != want || d.Parts[0].Bytes != int64(part.Len()) || d.Parts[0].SHA256 != sum(part.String()) {
			t.Errorf("of %d records in %d bytes the package has %d in %+v", want, part.Len(), d.Records, d.Parts)
		}
	}
	if n := c.effects("orders", protocol.Export); n != 1 {
		t.Errorf("orders exported %d times", n)
	}
}

// unpack fetches the package of a request and opens it.
func (c *company) unpack(r request, who age.Identity) map[string]*zip.File {
	c.t.Helper()
	resp := c.Do(c.t, http.MethodGet, *r.Package.DownloadURL, c.token(access.Handler), nil)
	defer resp.Body.Close()
	plain, err := age.Decrypt(resp.Body, who)
	if err != nil {
		c.t.Fatalf("status %d: %v", resp.StatusCode, err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		c.t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		c.t.Fatal(err)
	}
	files := map[string]*zip.File{}
	for _, f := range z.File {
		files[f.Name] = f
	}
	return files
}

func read[T any](t *testing.T, f *zip.File) (out T) {
	t.Helper()
	if f == nil {
		t.Fatal("the package lacks a file")
	}
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := json.NewDecoder(r).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}
