package export

import (
	_ "embed"
	"html/template"
	"io"
	"unicode/utf8"

	"github.com/flowmart/lethe/erasure/export/manifest"
)

// The page shows the beginning of each dataset; the files have all of it.
const (
	previewRows    = 50
	previewColumns = 20
	previewLength  = 300 // characters of a cell
)

//go:embed page.html
var pageSource string

// pageTemplate escapes whatever it shows by where it stands. The page has no
// script, loads nothing, and says so to the browser.
var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// page is index.html of a package: what Art. 15(1) GDPR wants told, in words,
// before the data.
type page struct {
	*manifest.Manifest
	Sheets []sheet
}

// sheet is one dataset on the page.
type sheet struct {
	*manifest.Dataset
	dataset
	Columns []string
	Rows    [][]string
	count   int64
}

// shown is a cell of the page.
type shown struct {
	column int
	text   string
}

// keep puts a record on the page, if there is room.
func (s *sheet) keep(t *table, cells []shown) {
	if s.count > previewRows {
		return
	}
	s.Columns = t.names[:min(len(t.names), previewColumns)]
	row := make([]string, len(s.Columns))
	for _, c := range cells {
		row[c.column] = c.text
	}
	s.Rows = append(s.Rows, row)
}

// Whole reports whether nothing of the dataset is missing.
func (s sheet) Whole() bool { return s.Status.Whole() }

// Cut reports whether the page shows less than the files hold.
func (s sheet) Cut() bool { return s.count > previewRows }

func shorten(text string) string {
	if utf8.RuneCountInString(text) <= previewLength {
		return text
	}
	return string([]rune(text)[:previewLength]) + "…"
}

func (p page) write(w io.Writer) (int64, error) { return 0, pageTemplate.Execute(w, p) }

// Verdict is a status in words.
func (s sheet) Verdict() string {
	switch s.Status {
	case manifest.Exported:
		return "Your data is in this package."
	case manifest.NotFound:
		return "Nothing about you is held here."
	case manifest.NotApplicable:
		return "Nothing about a person like you can be held here."
	case manifest.Damaged:
		return "A part of the data could not be read and is missing from this package. It has been asked for again."
	case manifest.Gap:
		return "Nobody could be asked about this automatically. It is being followed up."
	case manifest.Excluded:
		return "This is a copy of data that stands elsewhere in this package."
	}
	return "The data has not arrived yet and is missing from this package."
}
