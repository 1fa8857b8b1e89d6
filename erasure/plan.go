package erasure

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/personal"
	"github.com/flowmart/lethe/erasure/task"
)

// NodeKind is how a plan accounts for a dataset.
type NodeKind string

// The kinds of node.
const (
	Ask      NodeKind = "ASK"      // the service is asked
	Keep     NodeKind = "KEEP"     // the service is asked, and is expected to keep it on a legal ground
	Expire   NodeKind = "EXPIRE"   // goes by itself, by EffectiveBy
	Gap      NodeKind = "GAP"      // nobody can be asked: the request cannot close as fulfilled
	Excluded NodeKind = "EXCLUDED" // need not be asked; Reason says why
)

// Why a node is what it is.
const (
	reasonHolds        = "HOLDS_PERSONAL_DATA"
	reasonCopy         = "COPY_OF_PERSONAL_DATA"
	reasonDirectory    = "DIRECTORY_LAST" // others resolve people through it
	reasonRetention    = "LEGAL_RETENTION"
	reasonTopicExpires = "TOPIC_RETENTION"
	reasonTransit      = "TRANSIT_COPY" // access: the same data is exported at its source
	reasonNoEndpoint   = "NO_RIGHTS_ENDPOINT"
	reasonNoIdentifier = "NO_USABLE_IDENTIFIER"
	reasonNoBound      = "NO_ERASURE_BOUND"     // compacted, or kept for ever
	reasonUnobserved   = "TOPIC_NOT_OBSERVED"   // nobody has seen its configuration
	reasonReader       = "UNKNOWN_READER"       // a consumer group that no service has declared
	reasonReaderBlank  = "READER_KEEPS_UNKNOWN" // its service is known, but not what it keeps
	reasonExplained    = "READER_EXPLAINED"     // somebody has said why it need not be asked
)

// Node accounts for one dataset, or for one reader of a topic, in a plan.
type Node struct {
	RequestID   uuid.UUID
	PlanNo      int
	No          int
	Kind        NodeKind
	DatasetID   uuid.UUID
	ServiceID   *uuid.UUID
	Action      *task.Action
	Wave        *int
	Reason      string
	Reader      *string    // consumer group of a reader that is not asked
	DismissalID *uuid.UUID // who explained the reader, and how; nil unless Reason is READER_EXPLAINED
	Count       *int64     // what the service located; nil: it did not say
	Ground      *string    // Art. 17(3) GDPR, of what is kept
	Until       *time.Time // what is kept, until then
	EffectiveBy *time.Time // the last byte, backups included, can be gone by then
}

// facts is everything a plan follows from. The same facts give the same plan.
type facts struct {
	kind     Kind
	types    []string // of the identifiers that are known
	basis    time.Time
	dueOn    time.Time
	datasets []personal.Dataset
	services map[uuid.UUID]catalog.Service
	reads    []catalog.ObservedRead
	declared map[reader]bool // readers that declared what they read and need
	counts   map[uuid.UUID]int64
}

type reader struct{ service, dataset uuid.UUID }

// draft accounts for every personal dataset and every reader: each is in the
// plan, and none is left out in silence.
func draft(f facts) []Node {
	var nodes []Node
	owns := map[uuid.UUID]bool{}
	for _, d := range f.datasets {
		owns[d.ServiceID] = owns[d.ServiceID] || d.TopicName == nil
	}
	for _, d := range f.datasets {
		if d.TopicName != nil {
			nodes = append(nodes, topicNode(f, d))
			continue
		}
		nodes = append(nodes, datasetNode(f, d))
	}
	if f.kind == Erasure {
		nodes = append(nodes, readerNodes(f, owns)...)
	}
	slices.SortFunc(nodes, compareNodes(f))
	for i := range nodes {
		nodes[i].No = i + 1
	}
	return nodes
}

func datasetNode(f facts, d personal.Dataset) Node {
	s := f.services[d.ServiceID]
	n := Node{DatasetID: d.ID}
	if s.ID != uuid.Nil {
		n.ServiceID = &s.ID
	}
	if c, ok := f.counts[d.ID]; ok {
		n.Count = &c
	}
	if s.State != catalog.Active || s.Endpoint == nil {
		n.Kind, n.Reason = Gap, reasonNoEndpoint
		return n
	}
	if !overlap(s.IdentifierTypes, f.types) {
		n.Kind, n.Reason = Gap, reasonNoIdentifier
		return n
	}
	n.Kind = Ask
	if f.kind != Erasure {
		n.Action, n.Wave, n.Reason = ptr(task.Export), ptr(waveExport), reasonHolds
		return n
	}
	n.Action = ptr(task.Erase)
	n.Wave, n.Reason = place(s, d)
	if d.BackupHorizonDays != nil {
		n.EffectiveBy = ptr(f.dueOn.AddDate(0, 0, *d.BackupHorizonDays))
	}
	if d.RetentionGround != nil && d.RetentionDays != nil {
		n.Kind, n.Reason, n.Ground = Keep, reasonRetention, d.RetentionGround
		n.Until = ptr(f.basis.AddDate(0, 0, *d.RetentionDays))
	}
	return n
}

// place finds the wave of a dataset.
func place(s catalog.Service, d personal.Dataset) (*int, string) {
	switch {
	case len(s.Resolves) > 0:
		return ptr(waveDirectory), reasonDirectory
	case d.Derived:
		return ptr(waveCopies), reasonCopy
	}
	return ptr(waveSource), reasonHolds
}

// brokerSlack is the time a broker may take to notice that a segment is past
// its retention and to delete its file.
const brokerSlack = 24 * time.Hour

func topicNode(f facts, d personal.Dataset) Node {
	n := Node{DatasetID: d.ID}
	switch {
	case f.kind != Erasure:
		n.Kind, n.Reason = Excluded, reasonTransit
	case d.CleanupPolicy == nil:
		n.Kind, n.Reason = Gap, reasonUnobserved
	case *d.CleanupPolicy != "delete" && *d.CleanupPolicy != "compact,delete" && *d.CleanupPolicy != "delete,compact":
		n.Kind, n.Reason = Gap, reasonNoBound
	case d.RetentionMs == nil || *d.RetentionMs < 0:
		n.Kind, n.Reason = Gap, reasonNoBound
	default:
		n.Kind, n.Reason = Expire, reasonTopicExpires
		kept := time.Duration(*d.RetentionMs) * time.Millisecond
		if d.SegmentMs != nil {
			kept += time.Duration(*d.SegmentMs) * time.Millisecond
		}
		n.EffectiveBy = ptr(day(f.basis.Add(kept+brokerSlack), time.UTC).AddDate(0, 0, 1))
	}
	return n
}

// readerNodes names those who read personal data and cannot be asked: nobody
// knows who they are, or nobody knows what they keep. One whose reading was
// explained is named, too, so that an approver reads who said so and why.
func readerNodes(f facts, owns map[uuid.UUID]bool) []Node {
	var nodes []Node
	for _, r := range f.reads {
		n := Node{Kind: Gap, DatasetID: r.DatasetID, ServiceID: r.ServiceID, Reason: reasonReader, Reader: ptr(readerName(r.Group))}
		if r.ServiceID != nil {
			if owns[*r.ServiceID] || f.declared[reader{*r.ServiceID, r.DatasetID}] {
				continue
			}
			n.Reason = reasonReaderBlank
		}
		if r.DismissalID != nil {
			n.Kind, n.Reason, n.DismissalID = Excluded, reasonExplained, r.DismissalID
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// readerName is how a plan, and so a certificate, writes the name of a group.
// Kafka takes any text for one; what is no plain name is not repeated here.
func readerName(group string) string {
	plain := func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)) {
			return r
		}
		return '_'
	}
	name := strings.Map(plain, group)
	return name[:min(len(name), longestReader)]
}

// longestReader is how much of a group's name a plan repeats.
const longestReader = 200

func compareNodes(f facts) func(a, b Node) int {
	names := make(map[uuid.UUID]string, len(f.datasets))
	for _, d := range f.datasets {
		names[d.ID] = d.Environment + "\x00" + d.Namespace + "\x00" + d.Name
	}
	wave := func(n Node) int {
		if n.Wave == nil {
			return 1 << 10
		}
		return *n.Wave
	}
	return func(a, b Node) int {
		return cmp.Or(cmp.Compare(wave(a), wave(b)), cmp.Compare(names[a.DatasetID], names[b.DatasetID]),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(value(a.Reader), value(b.Reader)), cmp.Compare(idText(a.DismissalID), idText(b.DismissalID)))
	}
}

// digest is what an approver signs: SHA-256 of the canonical JSON of the
// request, the number of the plan and every node of it.
func digest(request uuid.UUID, planNo int, nodes []Node) []byte {
	type node struct {
		No          int      `json:"no"`
		Kind        NodeKind `json:"kind"`
		Dataset     string   `json:"dataset"`
		Service     string   `json:"service,omitempty"`
		Action      string   `json:"action,omitempty"`
		Wave        int      `json:"wave,omitempty"`
		Reason      string   `json:"reason"`
		Reader      string   `json:"reader,omitempty"`
		Dismissal   string   `json:"dismissal,omitempty"`
		Count       *int64   `json:"count,omitempty"`
		Ground      string   `json:"ground,omitempty"`
		Until       string   `json:"until,omitempty"`
		EffectiveBy string   `json:"effective_by,omitempty"`
	}
	plan := struct {
		Request string `json:"request"`
		Plan    int    `json:"plan"`
		Nodes   []node `json:"nodes"`
	}{request.String(), planNo, make([]node, len(nodes))}
	for i, n := range nodes {
		plan.Nodes[i] = node{n.No, n.Kind, n.DatasetID.String(), idText(n.ServiceID), string(value(n.Action)), value(n.Wave), n.Reason,
			value(n.Reader), idText(n.DismissalID), n.Count, value(n.Ground), date(n.Until), date(n.EffectiveBy)}
	}
	b, err := json.Marshal(plan)
	if err != nil {
		panic(err) // only strings and numbers
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

func idText(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}

func value[T any](v *T) T {
	if v == nil {
		var zero T
		return zero
	}
	return *v
}

func date(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.DateOnly)
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}
