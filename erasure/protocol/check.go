package protocol

import (
	"crypto/ed25519"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"filippo.io/age"
	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/fault"
)

var (
	caseForm       = regexp.MustCompile(`^R-\d{4}-\d{6,9}$`)
	refForm        = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)
	typeForm       = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	hexForm        = regexp.MustCompile(`^[0-9a-f]{64}$`)
	groundForm     = regexp.MustCompile(`^17\(3\)\([a-e]\)$`)
	keyForm        = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	nonceForm      = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)
	codeForm       = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)
	sealedForm     = regexp.MustCompile(`^[A-Za-z0-9+/]+={0,2}$`)
	errManyPersons = "The person is named by 1 to " + strconv.Itoa(maxIdentifiers) + " identifiers."
)

// faults gathers every mistake of a message, each with its place.
type faults []error

func (f *faults) add(path, code, message string) {
	*f = append(*f, fault.Bad(path, code, "%s", message))
}

func (f *faults) unless(ok bool, path, code, message string) {
	if !ok {
		f.add(path, code, message)
	}
}

func (f faults) err() error { return errors.Join(f...) }

// oneOf demands a word from a list and suggests the nearest.
func oneOf[T ~string](f *faults, path string, word T, list []T) {
	if slices.Contains(list, word) {
		return
	}
	names := make([]string, len(list))
	for i, w := range list {
		names[i] = string(w)
	}
	f.add(path, "UNKNOWN_WORD", fault.Suggest("This word is not in the list of the protocol", string(word), names)+".")
}

func (f *faults) envelope(spec, typ, wantType string, issued time.Time) {
	f.unless(spec == Spec, "spec", "WRONG_SPEC", "This reader speaks "+Spec+".")
	f.unless(typ == wantType, "type", "WRONG_TYPE_OF_MESSAGE", "A message of type "+wantType+" belongs here.")
	f.unless(!issued.IsZero(), "issued_at", "REQUIRED", "Say when the message was made.")
}

func (f *faults) length(n, most int, path string) {
	f.unless(n >= 1 && n <= most, path, "WRONG_LENGTH", "Between 1 and "+strconv.Itoa(most)+" belong here.")
}

func (f *faults) date(d Date, path string) {
	_, ok := d.Time()
	f.unless(ok, path, "BAD_DATE", "A day is written YYYY-MM-DD.")
}

func (m Requests) check() error {
	var f faults
	f.envelope(m.Spec, m.Type, TypeRequests, m.IssuedAt)
	f.unless(isURL(m.Issuer), "issuer", "BAD_URL", "The issuer is Lethe's public URL.")
	f.unless(refForm.MatchString(m.Audience), "audience", "BAD_REF", "The audience is the ref of a service.")
	f.length(len(m.Tasks), maxTasks, "tasks")
	seen := map[uuid.UUID]bool{}
	for i, t := range m.Tasks {
		path := "tasks." + strconv.Itoa(i)
		f.unless(!seen[t.Task], path+".task", "DUPLICATE_TASK", "This task stands in the message twice.")
		seen[t.Task] = true
		t.check(&f, path)
	}
	return f.err()
}

func (t Task) check(f *faults, path string) {
	f.unless(t.Task != uuid.Nil, path+".task", "REQUIRED", "A task needs its id.")
	f.unless(t.Seq >= 1, path+".seq", "OUT_OF_RANGE", "seq counts from 1.")
	oneOf(f, path+".action", t.Action, actions)
	f.unless(caseForm.MatchString(t.Case), path+".case", "BAD_CASE", "A case number looks like R-2026-000123.")
	f.unless(refForm.MatchString(t.Controller), path+".controller", "BAD_REF", "The controller is named by its ref.")
	f.unless(t.Wave >= 0 && t.Wave <= 1000, path+".wave", "OUT_OF_RANGE", "A wave is between 0 and 1000.")
	f.planDigest(t.PlanDigest, t.Action == Resolve || t.Action == Locate || t.Action == Cancel, path)
	f.date(t.ReceivedOn, path+".received_on")
	f.date(t.DueOn, path+".due_on")
	f.unless(!t.ExpiresAt.IsZero(), path+".expires_at", "REQUIRED", "Say until when the task may be begun.")
	f.unless(t.Action != Erase || !t.EraseBefore.IsZero(), path+".erase_before", "REQUIRED", "An erasure says up to which moment.")
	f.unless((t.Action == Cancel) == (t.Cancels != uuid.Nil), path+".cancels", "CANCELS", "A cancel task, and no other, names the task to stop.")
	t.checkPerson(f, path)
	t.checkDatasets(f, path)
	f.unless(isURL(t.ReplyTo), path+".reply_to", "BAD_URL", "An http or https URL belongs here.")
	export := t.Action == Export
	f.unless(export == (t.PartsTo != "") && (!export || isURL(t.PartsTo)), path+".parts_to", "BAD_URL", "An export, and nothing else, says where parts go.")
	f.unless(export == (t.MaxPartBytes > 0) && t.MaxPartBytes <= MaxPartBytes, path+".max_part_bytes", "OUT_OF_RANGE", "An export, and nothing else, says how large a part may be.")
}

func (f *faults) planDigest(digest string, optional bool, path string) {
	f.unless(digest == "" && optional || hexForm.MatchString(digest), path+".plan_digest", "BAD_DIGEST", "The digest is 64 hex digits of the approved plan.")
}

// checkPerson demands identifiers in the clear or sealed, never both; a cancel
// task needs no person.
func (t Task) checkPerson(f *faults, path string) {
	clear, sealed := len(t.Identifiers) > 0, t.Sealed != ""
	if t.Action == Cancel {
		f.unless(!clear && !sealed, path+".identifiers", "IDENTIFIERS", "A cancel task names no person.")
		return
	}
	f.unless(clear != sealed, path+".identifiers", "IDENTIFIERS", "Identifiers come either in the clear or sealed.")
	f.unless(!sealed || len(t.Sealed) <= maxSealedBytes && sealedForm.MatchString(t.Sealed), path+".sealed_identifiers", "BAD_SEAL", "Sealed identifiers are the base64 of an age file.")
	if clear {
		checkIdentifiers(f, path+".identifiers", t.Identifiers)
	}
}

func checkIdentifiers(f *faults, path string, ids []Identifier) {
	f.unless(len(ids) <= maxIdentifiers, path, "WRONG_LENGTH", errManyPersons)
	for i, id := range ids {
		here := path + "." + strconv.Itoa(i)
		f.unless(typeForm.MatchString(id.Type), here+".type", "BAD_IDENTIFIER", "A type of identifier is a short lower-case word.")
		f.unless(isText(id.Value), here+".value", "BAD_IDENTIFIER", "A value is 1 to "+strconv.Itoa(maxValueBytes)+" bytes on one line without control characters.")
	}
}

func (t Task) checkDatasets(f *faults, path string) {
	none := t.Action == Resolve || t.Action == Cancel
	f.unless(none == (len(t.Datasets) == 0), path+".datasets", "DATASETS", "Every action but resolve and cancel names its datasets.")
	seen := map[uuid.UUID]bool{}
	for i, d := range t.Datasets {
		here := path + ".datasets." + strconv.Itoa(i)
		f.unless(d.ID != uuid.Nil && !seen[d.ID], here+".id", "DUPLICATE_DATASET", "A dataset stands here once, with its id.")
		seen[d.ID] = true
		f.unless(isText(d.Namespace), here+".namespace", "BAD_NAME", "A namespace is one line of text.")
		f.unless(isText(d.Name), here+".name", "BAD_NAME", "A name is one line of text.")
	}
}

func (m Results) check() error {
	var f faults
	f.envelope(m.Spec, m.Type, TypeResults, m.IssuedAt)
	f.unless(refForm.MatchString(m.Issuer), "issuer", "BAD_REF", "The issuer is the ref of a service.")
	f.unless(isURL(m.Audience), "audience", "BAD_URL", "The audience is Lethe's public URL.")
	f.length(len(m.Results), maxTasks, "results")
	for i, r := range m.Results {
		r.check(&f, "results."+strconv.Itoa(i))
	}
	return f.err()
}

func (r Result) check(f *faults, path string) {
	f.unless(r.Task != uuid.Nil, path+".task", "REQUIRED", "A result names its task.")
	f.unless(r.Seq >= 1 && r.Seq <= maxSeq, path+".seq", "OUT_OF_RANGE", "seq counts from 1 to 2147483647.")
	f.planDigest(r.PlanDigest, true, path)
	oneOf(f, path+".state", r.State, states)
	if r.Code != "" {
		oneOf(f, path+".code", r.Code, Codes)
	}
	f.unless(r.Code != "" || r.State != Refused && r.State != Failed, path+".code", "REQUIRED", "Whoever refuses or fails says why.")
	f.unless(!r.Retryable || r.State == Failed, path+".retryable", "RETRYABLE", "Only a failure can be retryable.")
	seen := map[uuid.UUID]bool{}
	for i, o := range r.Outcomes {
		here := path + ".outcomes." + strconv.Itoa(i)
		f.unless(!seen[o.Dataset], here+".dataset", "DUPLICATE_DATASET", "A dataset has one outcome in a result.")
		seen[o.Dataset] = true
		o.check(f, here)
	}
	if r.Resolved != nil {
		here := path + ".resolved"
		f.unless(r.Resolved.People >= 0 && r.Resolved.People <= maxCount, here+".people", "OUT_OF_RANGE", "People are counted from 0.")
		checkIdentifiers(f, here+".identifiers", r.Resolved.Identifiers)
	}
	r.checkParts(f, path)
}

func (o DatasetOutcome) check(f *faults, path string) {
	f.unless(o.Dataset != uuid.Nil, path+".dataset", "REQUIRED", "An outcome names its dataset.")
	oneOf(f, path+".outcome", o.Outcome, outcomes)
	f.unless(o.Count >= 0 && o.Count <= maxCount, path+".count", "OUT_OF_RANGE", "A count is between 0 and 1000000000.")
	if o.Method != "" {
		oneOf(f, path+".method", o.Method, methods)
	}
	kept := o.Outcome == Retained || o.Outcome == PartiallyErased
	f.unless(o.Outcome != Retained || o.Ground != "", path+".ground", "REQUIRED", "Whoever keeps data names the ground: 17(3)(a) to 17(3)(e).")
	f.unless(o.Ground == "" || kept && groundForm.MatchString(o.Ground), path+".ground", "BAD_GROUND", "A ground is 17(3)(a) to 17(3)(e), and belongs to what is kept.")
	if o.Until != "" {
		f.unless(kept, path+".until", "BAD_DATE", "Only what is kept has a last day.")
		f.date(o.Until, path+".until")
	}
	f.unless(o.Outcome != PendingExpiry || o.EffectiveBy != "", path+".effective_by", "REQUIRED", "Whoever waits for expiry says until when.")
	if o.EffectiveBy != "" {
		f.date(o.EffectiveBy, path+".effective_by")
	}
}

func (r Result) checkParts(f *faults, path string) {
	type key struct {
		dataset uuid.UUID
		n       int
	}
	seen := map[key]bool{}
	for i, p := range r.Parts {
		here := path + ".parts." + strconv.Itoa(i)
		f.unless(p.Dataset != uuid.Nil && !seen[key{p.Dataset, p.N}], here+".dataset", "DUPLICATE_PART", "A part stands here once, with its dataset.")
		seen[key{p.Dataset, p.N}] = true
		f.unless(p.N >= 1 && p.N <= 100_000, here+".n", "OUT_OF_RANGE", "Parts are numbered from 1.")
		f.unless(p.Bytes >= 0 && p.Bytes <= MaxPartBytes, here+".bytes", "OUT_OF_RANGE", "A part is at most 1 TiB.")
		f.unless(p.Records >= 0 && p.Records <= maxCount, here+".records", "OUT_OF_RANGE", "Records are counted from 0.")
		f.unless(p.SchemaID >= 0 && p.SchemaID <= 1<<31-1, here+".schema_id", "OUT_OF_RANGE", "A schema id is a positive number.")
		f.unless(hexForm.MatchString(p.SHA256), here+".sha256", "BAD_DIGEST", "The digest is 64 hex digits.")
		oneOf(f, here+".format", p.Format, formats)
	}
}

// CheckFor tells whether r can answer a task with action a: only outcomes of
// that action, `resolved` only for resolve, parts only for export.
func (r Result) CheckFor(a Action) error {
	var f faults
	for i, o := range r.Outcomes {
		f.unless(slices.Contains(answers[a], o.Outcome), "outcomes."+strconv.Itoa(i)+".outcome", "OUTCOME_NOT_FOR_ACTION", "This outcome does not answer "+string(a)+".")
	}
	f.unless(r.Resolved == nil || a == Resolve, "resolved", "OUTCOME_NOT_FOR_ACTION", "Only resolve is answered with identifiers.")
	f.unless(len(r.Parts) == 0 || a == Export, "parts", "OUTCOME_NOT_FOR_ACTION", "Only export is answered with parts.")
	f.unless(a != Resolve || r.State != Done || r.Resolved != nil, "resolved", "REQUIRED", "A finished resolve says what it found.")
	return f.err()
}

func (m Acceptance) check() error {
	var f faults
	f.unless(len(m.Accepted)+len(m.Rejected) <= maxTasks, "accepted", "WRONG_LENGTH", "No more tasks can be answered than were sent.")
	for i, r := range m.Rejected {
		oneOf(&f, "rejected."+strconv.Itoa(i)+".code", r.Code, Codes)
	}
	return f.err()
}

func (m Dispositions) check() error {
	var f faults
	f.length(len(m.Results), maxTasks, "results")
	for i, r := range m.Results {
		path := "results." + strconv.Itoa(i)
		oneOf(&f, path+".disposition", r.Disposition, dispositions)
		f.unless(r.Code == "" || codeForm.MatchString(r.Code), path+".code", "UNKNOWN_WORD", "A code is written in capitals.")
	}
	return f.err()
}

func (m Ping) check() error {
	var f faults
	f.envelope(m.Spec, m.Type, TypePing, m.IssuedAt)
	f.unless(isURL(m.Issuer), "issuer", "BAD_URL", "The issuer is Lethe's public URL.")
	f.unless(refForm.MatchString(m.Audience), "audience", "BAD_REF", "The audience is the ref of a service.")
	f.unless(nonceForm.MatchString(m.Nonce), "nonce", "BAD_NONCE", "A nonce is 16 to 64 letters, digits, - or _.")
	return f.err()
}

func (m Pong) check() error {
	var f faults
	f.envelope(m.Spec, m.Type, TypePong, time.Unix(1, 0))
	f.unless(refForm.MatchString(m.Issuer), "issuer", "BAD_REF", "The issuer is the ref of a service.")
	f.unless(nonceForm.MatchString(m.Nonce), "nonce", "BAD_NONCE", "A nonce is 16 to 64 letters, digits, - or _.")
	f.length(len(m.Keys), 4, "keys")
	for i, k := range m.Keys {
		path := "keys." + strconv.Itoa(i)
		f.unless(keyForm.MatchString(k.ID), path+".id", "BAD_KEY", "A key id is 1 to 64 letters, digits, - or _.")
		f.unless(len(k.Public) == ed25519.PublicKeySize, path+".public_key", "BAD_KEY", "An ed25519 public key has 32 bytes.")
	}
	if m.Recipient != "" {
		_, err := age.ParseX25519Recipient(m.Recipient)
		f.unless(err == nil, "recipient", "BAD_KEY", "The recipient is an age X25519 public key (age1…).")
	}
	return f.err()
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 2000 && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.Fragment == ""
}

// isText accepts one line of printable text. PostgreSQL refuses NUL, so it is
// caught here.
func isText(s string) bool {
	return s != "" && len(s) <= maxValueBytes && !strings.ContainsFunc(s, unicode.IsControl)
}
