package clients

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flowmart/lethe/internal/devstack"
)

// Lethe stands in front of a registry that is not Lethe, as it is published: what is
// there is copied, then clients register, delete and configure here with the ids of
// there, what others write there is followed in the same mode, and the switch ends
// it. In the older line each version has an id of its own.
func TestInFrontOfApicurio(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *apicurio{
		"contents": func(t *testing.T) *apicurio { return startApicurio(t, apicurio3) },
		"versions": func(t *testing.T) *apicurio {
			return startApicurio(t, apicurio2, "-Dregistry.ccompat.legacy-id-mode.enabled=true")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			theirs := start(t)
			theirs.furnish()
			p := &passage{t, theirs, another(t, "before"+name, "LETHE_FORWARD_URL="+theirs.url)}
			p.mirror(true, "")
			p.forwards(`{"mode":"FORWARD"}`)
			p.registers()
			p.removes()
			p.mirror(true, "--dry-run --compare", "Nothing differs.", "0 were answered differently.")
			theirs.avro("others", v1)
			p.mirror(true, "", "TAKE      others version 1, id ", "1 differences, 0 of them left.")
			p.mirror(true, "--dry-run", "Nothing differs.")
		})
	}
}

// forwards sets the mode.
func (p *passage) forwards(mode string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPut, p.ours.URL+"/registry/mode", strings.NewReader(mode))
	if err != nil {
		p.t.Fatal(err)
	}
	req.SetBasicAuth("token", lethe.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || strings.TrimSpace(string(said)) != mode {
		p.t.Fatalf("%d %s", resp.StatusCode, said)
	}
}

// registers has clients register here in each format, again, and in vain.
func (p *passage) registers() {
	p.t.Helper()
	ctx, front := p.t.Context(), clientOf(p.t, p.ours)
	for _, c := range []struct {
		subject string
		s       sr.Schema
		version int
	}{
		{"fresh", sr.Schema{Schema: v1}, 1},
		{"fresh", sr.Schema{Schema: v1}, 1},
		{"fresh", sr.Schema{Schema: v2}, 2},
		{"elsewhere", sr.Schema{Schema: v2}, 1},
		{"list", sr.Schema{Schema: `{"type":"array","items":"shop.Order"}`, References: []sr.SchemaReference{{Name: "shop.Order", Subject: "order", Version: 1}}}, 1},
		{"closed", sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"}}}`}, 1},
		{"coin.proto", sr.Schema{Type: sr.TypeProtobuf, Schema: "syntax = \"proto3\";\npackage shop;\nmessage Coin { int64 cents = 1; // and no fractions\n}"}, 1},
	} {
		made, err := front.CreateSchema(ctx, c.subject, c.s)
		if err != nil || made.Version != c.version {
			p.t.Errorf("%s: %+v %v", c.subject, made, err)
			continue
		}
		there, failed := p.theirs.client.SchemaByVersion(ctx, c.subject, c.version)
		here, err := front.SchemaByVersion(ctx, c.subject, c.version)
		if err := errors.Join(failed, err); err != nil || there.ID != made.ID || here.ID != made.ID {
			p.t.Errorf("%s: told of %d, there it is %d, here %d: %v", c.subject, made.ID, there.ID, here.ID, err)
		}
	}
	_, there := p.theirs.client.CreateSchema(ctx, "order", sr.Schema{Schema: breaking})
	_, here := front.CreateSchema(ctx, "order", sr.Schema{Schema: breaking})
	refused, ok := errors.AsType[*sr.ResponseError](here)
	same, was := errors.AsType[*sr.ResponseError](there)
	if !ok || !was || refused.StatusCode != http.StatusConflict || refused.ErrorCode != same.ErrorCode || !strings.HasPrefix(refused.Message, "io.apicurio.") {
		p.t.Errorf("refused there with %v, and here with %v", there, here)
	}
}

// removes deletes here, in both steps, and sets levels.
func (p *passage) removes() {
	p.t.Helper()
	ctx, front := p.t.Context(), clientOf(p.t, p.ours)
	if err := front.DeleteSchema(ctx, "fresh", 1, sr.SoftDelete); err != nil {
		p.t.Error(err)
	}
	if gone, err := front.DeleteSubject(ctx, "elsewhere", sr.SoftDelete); err != nil || len(gone) != 1 {
		p.t.Errorf("deleted %v %v", gone, err)
	}
	for _, set := range front.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFull}, "closed") {
		if set.Err != nil {
			p.t.Error(set.Err)
		}
	}
	for _, cl := range []*sr.Client{front, p.theirs.client} {
		if _, err := cl.SchemaByVersion(ctx, "fresh", 1); err == nil {
			p.t.Error("a version that was deleted is there")
		}
		if _, err := cl.SchemaByVersion(ctx, "elsewhere", 1); err == nil {
			p.t.Error("a subject that was deleted is there")
		}
		if level := cl.Compatibility(ctx, "closed"); len(level) != 1 || level[0].Err != nil || level[0].Level != sr.CompatFull {
			p.t.Errorf("the level is %+v", level)
		}
	}
}

// A server that is killed between the other registry's answer and its own keeps
// nothing and loses nothing: started again, it is asked the same again.
func TestKilledWhileItForwards(t *testing.T) {
	t.Parallel()
	ctx, there := t.Context(), another(t, "behind")
	to, err := url.Parse(there.URL)
	if err != nil {
		t.Fatal(err)
	}
	var kill atomic.Pointer[devstack.Program]
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.SetBasicAuth("token", lethe.token)
		},
		ModifyResponse: func(r *http.Response) error {
			if program := kill.Load(); program != nil && r.Request.Method == http.MethodPost {
				program.Kill()
			}
			return nil
		},
	}
	wire := httptest.NewServer(proxy)
	t.Cleanup(wire.Close)
	front, program, err := lethe.start(ctx, t.TempDir(), "killed", "LETHE_FORWARD_URL="+wire.URL+"/registry")
	if program != nil {
		t.Cleanup(program.Kill)
	}
	if err != nil {
		t.Fatal(err)
	}
	(&passage{t, nil, front}).forwards(`{"mode":"FORWARD"}`)
	if _, err := clientOf(t, front).CreateSchema(ctx, "orders-value", sr.Schema{Schema: v1}); err != nil {
		t.Fatal(err)
	}
	kill.Store(program)
	if _, err := clientOf(t, front).CreateSchema(ctx, "orders-value", sr.Schema{Schema: v2}); err == nil {
		t.Error("a server that was killed answered")
	}
	kill.Store(nil)
	made, err := clientOf(t, there).SchemaByVersion(ctx, "orders-value", 2)
	if err != nil {
		t.Fatal(err)
	}
	again, err := front.Serve(ctx, strings.TrimPrefix(front.URL, "http://"), "127.0.0.1:0", filepath.Join(t.TempDir(), "log"))
	if again != nil {
		t.Cleanup(again.Kill)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := clientOf(t, front).SchemaByVersion(ctx, "orders-value", 2); err == nil {
		t.Error("what nobody kept is here")
	}
	for range 2 {
		kept, err := clientOf(t, front).CreateSchema(ctx, "orders-value", sr.Schema{Schema: v2})
		if err != nil || kept.ID != made.ID || kept.Version != 2 {
			t.Errorf("asked again: %+v %v, want the id %d", kept, err, made.ID)
		}
	}
}
