package tree_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/flowmart/lethe/audit/tree"
)

var (
	id    = uuid.MustParse("019ab000-0000-7000-8000-000000000001")
	actor = uuid.MustParse("00000000-0000-7000-8000-000000000001")
	at    = time.Date(2026, 11, 23, 23, 8, 20, 944990000, time.FixedZone("CET", 3600))
)

// The bytes of an entry, written by hand after RFC 8785: names sorted, no
// blanks, nothing that is absent.
func TestLeafIsCanonical(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 4, 7, 23, 59, 0, 0, time.FixedZone("CEST", 7200))
	for want, e := range map[string]tree.Entry{
		`{"act":"request.opened","actor":"00000000-0000-7000-8000-000000000001","at":"2026-11-23T22:08:20.944990Z","id":"019ab000-0000-7000-8000-000000000001","v":1}`: {ID: id, At: at, ActorID: actor, Act: "request.opened"},
		`{"act":"task.closed","actor":"00000000-0000-7000-8000-000000000001","amounts":{"a_b":-1,"erased":9223372036854775807},"at":"2026-11-23T22:08:20.944990Z","code":"RETAINED","day":"2026-04-07","digest":"00ff","entity":"019ab000-0000-7000-8000-000000000001","id":"019ab000-0000-7000-8000-000000000001","request":"00000000-0000-7000-8000-000000000001","v":1}`: {
			ID: id, At: at, ActorID: actor, Act: "task.closed", EntityID: &id, RequestID: &actor, Code: "RETAINED",
			Digest: []byte{0, 255}, Day: &day, Amounts: map[string]int64{"erased": 1<<63 - 1, "a_b": -1}},
	} {
		if got := string(e.Leaf()); got != want {
			t.Errorf("leaf is\n%s, want\n%s", got, want)
		}
		indented, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		var back tree.Entry
		if err := json.Unmarshal(indented, &back); err != nil || back.Hash() != e.Hash() {
			t.Errorf("an entry read back from a document has another hash: %v", err)
		}
	}
}

func TestEntryRefusesWhatItsHashDoesNotCover(t *testing.T) {
	t.Parallel()
	const ok = `"act":"a.b","actor":"00000000-0000-7000-8000-000000000001","at":"2026-11-23T22:08:20.944990Z","id":"019ab000-0000-7000-8000-000000000001"`
	for name, text := range map[string]string{
		"another field": `{` + ok + `,"v":1,"note":"x"}`,
		"another form":  `{` + ok + `,"v":2}`,
		"no form":       `{` + ok + `}`,
		"time":          `{"at":"yesterday","v":1}`,
		"digest":        `{` + ok + `,"v":1,"digest":"xyz"}`,
		"day":           `{` + ok + `,"v":1,"day":"7.4.2026"}`,
		"amount":        `{` + ok + `,"v":1,"amounts":{"a":"b"}}`,
	} {
		var e tree.Entry
		if err := json.Unmarshal([]byte(text), &e); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// RFC 6962 §2.1.1 and §2.1.3 over the seven leaves of its example, against
// golang.org/x/mod/sumdb/tlog, which computes the tree by recursion.
func TestFrontierIsTheTreeOfRFC6962(t *testing.T) {
	t.Parallel()
	var f tree.Frontier
	stored := map[int64]tlog.Hash{}
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			out[i] = stored[n]
		}
		return out, nil
	})
	// The root of nothing is SHA-256 of nothing (RFC 6962 §2.1).
	if got := f.Root(); hex.EncodeToString(got[:]) != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("empty root %x", got)
	}
	for n := range int64(300) {
		for level, h := range f.Push(tlog.RecordHash(fmt.Append(nil, n))) {
			stored[tlog.StoredHashIndex(level, n>>level)] = h
		}
		if int64(len(stored)) != tlog.StoredHashCount(n+1) {
			t.Fatalf("%d hashes at size %d, want %d", len(stored), n+1, tlog.StoredHashCount(n+1))
		}
		want, err := tlog.TreeHash(n+1, reader)
		if err != nil || f.Root() != want {
			t.Fatalf("root at %d is %v, want %v (%v)", n+1, f.Root(), want, err)
		}
	}
}

// The example of c2sp.org/tlog-checkpoint.
const behindTheSofa = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

func TestCheckpointReadsTheSpecificationsExample(t *testing.T) {
	t.Parallel()
	signer, keys := newKey(t, "example.com/behind-the-sofa")
	signed, err := note.Sign(&note.Note{Text: behindTheSofa}, signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tree.OpenCheckpoint(signed, keys)
	if err != nil || c.Size != 20852163 || c.Origin != "example.com/behind-the-sofa" || c.Root.String() != "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=" || !c.SealedAt.IsZero() {
		t.Errorf("%+v, %v", c, err)
	}
	if c.Text() != behindTheSofa {
		t.Errorf("written back as %q", c.Text())
	}
}

func TestCheckpointRefusesOtherForms(t *testing.T) {
	t.Parallel()
	signer, keys := newKey(t, "x")
	_, other := newKey(t, "x")
	const root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	for name, text := range map[string]string{
		"origin of another":   "y\n1\n" + root,
		"leading zero":        "x\n01\n" + root,
		"plus sign":           "x\n+1\n" + root,
		"negative":            "x\n-1\n" + root,
		"too large":           "x\n9223372036854775808\n" + root,
		"no root":             "x\n1\n",
		"short root":          "x\n1\nAAAA\n",
		"empty extension":     "x\n1\n" + root + "\nextra\n",
		"sealed at no time":   "x\n1\n" + root + "sealed tomorrow\n",
		"nothing but a title": "x\n",
	} {
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tree.OpenCheckpoint(signed, keys); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	signed, _ := note.Sign(&note.Note{Text: "x\n1\n" + root}, signer)
	if _, err := tree.OpenCheckpoint(signed, other); err == nil {
		t.Error("accepted from a key that is not known")
	}
	if _, err := tree.OpenCheckpoint(bytes.Replace(signed, []byte("x\n1"), []byte("x\n2"), 1), keys); err == nil {
		t.Error("accepted after a change")
	}
}

// The fingerprint is SHA-256 over the raw public key: the seed of RFC 8032
// §7.1, test 1, has public key d75a9801…511a, whose SHA-256 was computed with
// sha256sum.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	seed, _ := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	encoded, err := note.NewEd25519VerifierKey("flowmart.example/lethe", public)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := tree.ParseKeys("# the log's keys\n\n" + encoded + "\n")
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	const want = "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9"
	if got := keys[0].Fingerprint(); got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
	if kept, err := keys.ByFingerprint(strings.ToUpper(want)); err != nil || len(kept) != 1 {
		t.Errorf("not found by its fingerprint: %v", err)
	}
	if _, err := keys.ByFingerprint(strings.Repeat("0", 64)); err == nil {
		t.Error("found by another fingerprint")
	}
	for _, bad := range []string{"", "# nothing", "x", "a+b+c", encoded + "A", "PRIVATE+KEY+" + encoded} {
		if _, err := tree.ParseKeys(bad); err == nil {
			t.Errorf("%q is taken for keys", bad)
		}
	}
}

// Every bit of a bundle counts: changed anywhere, it no longer verifies.
func TestBundleProvesAllOfIt(t *testing.T) {
	t.Parallel()
	signer, keys := newKey(t, "flowmart.example/lethe")
	_, stranger := newKey(t, "flowmart.example/lethe")
	b := grow(t, 100, []int64{0, 17, 63, 64, 99})(signer)
	b.Keys = []string{stranger[0].String(), keys[0].String()}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var back tree.Bundle
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	c, err := back.Verify(keys[0].Fingerprint())
	if err != nil || c.Size != 100 {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := back.Verify(stranger[0].Fingerprint()); err == nil {
		t.Error("verified by a key that did not sign")
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		changed := bytes.Clone(text)
		at := random.IntN(len(changed))
		changed[at] ^= 1 << random.IntN(7)
		var bad tree.Bundle
		if json.Unmarshal(changed, &bad) != nil {
			continue
		}
		again, _ := json.Marshal(bad)
		if bytes.Equal(again, text) || bad.Keys[0] != b.Keys[0] {
			continue // read as the same, or the key that nobody asked for
		}
		if _, err := bad.Verify(keys[0].Fingerprint()); err == nil {
			t.Errorf("verified after byte %d was changed: %s", at, changed[max(0, at-20):min(len(changed), at+20)])
		}
	}
}

func newKey(t *testing.T, name string) (note.Signer, tree.Keys) {
	t.Helper()
	secret, public, err := note.GenerateKey(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := tree.ParseKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, keys
}

// grow makes a log of size entries and returns the bundle of some, to sign.
func grow(t *testing.T, size int64, of []int64) func(note.Signer) tree.Bundle {
	t.Helper()
	var f tree.Frontier
	stored := map[int64]tlog.Hash{}
	var entries []tree.Entry
	for n := range size {
		e := tree.Entry{ID: uuid.Must(uuid.NewV7()), At: at, ActorID: actor, Act: "request.opened", Amounts: map[string]int64{"n": n}}
		entries = append(entries, e)
		for level, h := range f.Push(e.Hash()) {
			stored[tlog.StoredHashIndex(level, n>>level)] = h
		}
	}
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			out[i] = stored[n]
		}
		return out, nil
	})
	return func(signer note.Signer) tree.Bundle {
		signed, err := tree.Checkpoint{Origin: signer.Name(), Size: size, Root: f.Root(), SealedAt: at}.Sign(signer)
		if err != nil {
			t.Fatal(err)
		}
		b := tree.Bundle{Checkpoint: string(signed)}
		for _, n := range of {
			path, err := tlog.ProveRecord(size, n, reader)
			if err != nil {
				t.Fatal(err)
			}
			b.Entries = append(b.Entries, tree.Inclusion{Entry: entries[n], Index: n, Path: path})
		}
		return b
	}
}
