// Package manifest says what a package of personal data holds and what it
// lacks. A reader of packages needs nothing else of Lethe.
package manifest

import "github.com/google/uuid"

// Manifest is manifest.json of a package. It holds nothing about the data
// subject but the case number.
type Manifest struct {
	Spec       string    `json:"spec"` // lethe-package/1
	Case       string    `json:"case"`
	Type       string    `json:"type"` // ACCESS, PORTABILITY
	Package    int       `json:"package"`
	CreatedOn  string    `json:"created_on"`
	ReceivedOn string    `json:"received_on"`
	DueOn      string    `json:"due_on"`
	Controller string    `json:"controller"`
	Plan       int       `json:"plan"`
	PlanDigest string    `json:"plan_digest"` // hex SHA-256 of the approved plan
	Complete   bool      `json:"complete"`    // nothing of the plan is missing
	Datasets   []Dataset `json:"datasets"`    // every dataset of the plan
	Late       []Late    `json:"late"`        // parts that came after the package before this one was sealed
	Files      []File    `json:"files"`       // every other file of the package
}

// Dataset is one dataset of the plan in a package.
type Dataset struct {
	ID      uuid.UUID `json:"dataset"`
	Name    string    `json:"name"` // namespace/name
	Service string    `json:"service,omitempty"`
	Status  Status    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	Records int64     `json:"records"` // in the data files
	Parts   []Part    `json:"parts,omitempty"`
	Files   []string  `json:"files,omitempty"`
}

// Status is how a package accounts for a dataset.
type Status string

// The statuses.
const (
	Exported      Status = "exported"
	NotFound      Status = "not_found"      // the service holds nothing about the person there
	NotApplicable Status = "not_applicable" // the service attests that it cannot hold anything there
	Missing       Status = "missing"        // asked for, and not here; Reason says why
	Damaged       Status = "damaged"        // a part of it could not be read
	Gap           Status = "gap"            // nobody could be asked
	Excluded      Status = "excluded"       // need not be asked; Reason says why
)

// Whole reports whether a dataset in this status leaves nothing out.
func (s Status) Whole() bool {
	return s == Exported || s == NotFound || s == NotApplicable || s == Excluded
}

// Part is one uploaded part of a dataset.
type Part struct {
	N       int    `json:"n"`
	Status  string `json:"status"` // accepted, quarantined, undeclared, incomplete
	Bytes   int64  `json:"bytes"`
	Records int64  `json:"records"`
	SHA256  string `json:"sha256"` // as the service declared it and Lethe verified it
	Format  string `json:"format,omitempty"`
	Late    bool   `json:"late,omitempty"`
	Code    string `json:"code,omitempty"`
}

// Late is a part that was not in the package before.
type Late struct {
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

// Spec names this form of manifest.
const Spec = "lethe-package/1"
