package export

import (
	"time"

	"github.com/google/uuid"
)

// Manifest says what a package holds and what it lacks. It is manifest.json in
// the package, and holds nothing about the data subject but the case number.
type Manifest struct {
	Spec       string     `json:"spec"` // lethe-package/1
	Case       string     `json:"case"`
	Type       string     `json:"type"` // ACCESS, PORTABILITY
	Package    int        `json:"package"`
	CreatedOn  string     `json:"created_on"`
	ReceivedOn string     `json:"received_on"`
	DueOn      string     `json:"due_on"`
	Controller string     `json:"controller"`
	Plan       int        `json:"plan"`
	PlanDigest string     `json:"plan_digest"` // hex SHA-256 of the approved plan
	Complete   bool       `json:"complete"`    // nothing of the plan is missing
	Datasets   []Holding  `json:"datasets"`    // every dataset of the plan
	Late       []LatePart `json:"late"`        // parts that came after the package before this one was sealed
	Files      []File     `json:"files"`       // every other file of the package
}

// Holding is one dataset of the plan in a package.
type Holding struct {
	Dataset uuid.UUID  `json:"dataset"`
	Name    string     `json:"name"` // namespace/name
	Service string     `json:"service,omitempty"`
	Status  Status     `json:"status"`
	Reason  string     `json:"reason,omitempty"`
	Records int64      `json:"records"` // in the data files
	Parts   []PartNote `json:"parts,omitempty"`
	Files   []string   `json:"files,omitempty"`
}

// Status is how a package accounts for a dataset.
type Status string

// The statuses.
const (
	StatusExported      Status = "exported"
	StatusNotFound      Status = "not_found"      // the service holds nothing about the person there
	StatusNotApplicable Status = "not_applicable" // the service attests that it cannot hold anything there
	StatusMissing       Status = "missing"        // asked for, and not here; Reason says why
	StatusDamaged       Status = "damaged"        // a part of it could not be read
	StatusGap           Status = "gap"            // nobody could be asked
	StatusExcluded      Status = "excluded"       // need not be asked; Reason says why
)

// whole reports whether a dataset in this status leaves nothing out.
func (s Status) whole() bool {
	return s == StatusExported || s == StatusNotFound || s == StatusNotApplicable || s == StatusExcluded
}

// PartNote is one uploaded part of a dataset.
type PartNote struct {
	N       int    `json:"n"`
	Status  string `json:"status"` // accepted, quarantined, undeclared, incomplete
	Bytes   int64  `json:"bytes"`
	Records int64  `json:"records"`
	SHA256  string `json:"sha256"` // as the service declared it and Lethe verified it
	Format  string `json:"format,omitempty"`
	Late    bool   `json:"late,omitempty"`
	Code    string `json:"code,omitempty"`
}

// LatePart is a part that was not in the package before.
type LatePart struct {
	Dataset uuid.UUID `json:"dataset"`
	N       int       `json:"n"`
}

// File is a file of a package.
type File struct {
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
	Records int64  `json:"records,omitempty"`
}

const specManifest = "lethe-package/1"

func civil(t time.Time) string { return t.Format(time.DateOnly) }
