package export

import "slices"

// maxRecordBytes bounds one record of a part, so that whoever reads the part
// later knows how much it must hold at a time.
const maxRecordBytes = 4 << 20

// shape is what the bytes of a part look like, by the first one that is not a
// blank.
type shape string

const (
	shapeEmpty   shape = "EMPTY"
	shapeObjects shape = "OBJECTS" // JSON values one after the other: NDJSON, or a single value
	shapeArray   shape = "ARRAY"   // one JSON array
	shapeLines   shape = "LINES"   // anything else, counted as CSV
)

// tally counts the records of a part as its bytes pass by, without holding
// them, and finds the longest. It knows just enough of JSON and CSV for that;
// whether the part is well formed is found when it is packed.
type tally struct {
	Shape   shape `json:"shape"`
	Records int64 `json:"records"`
	Longest int64 `json:"longest"`

	Depth   int   `json:"depth"`   // of brackets
	Quoted  bool  `json:"quoted"`  // within a string
	Escaped bool  `json:"escaped"` // after a backslash in a string
	Within  bool  `json:"within"`  // something of the present record has been seen
	Length  int64 `json:"length"`  // of the present record
}

func (t *tally) Write(p []byte) (int, error) {
	n := len(p)
	if t.Shape == "" {
		first := slices.IndexFunc(p, func(c byte) bool { return !blank(c) })
		if first < 0 {
			t.lines(p) // blank lines, if it turns out to be lines
			return n, nil
		}
		t.lines(p[:first])
		if p = p[first:]; shapeOf(p[0]) != shapeLines {
			*t = tally{}
		}
		t.Shape = shapeOf(p[0])
	}
	if t.Shape == shapeLines {
		t.lines(p)
	} else {
		t.values(p)
	}
	return n, nil
}

func shapeOf(first byte) shape {
	switch first {
	case '{':
		return shapeObjects
	case '[':
		return shapeArray
	}
	return shapeLines
}

// lines counts lines that hold something; a line feed within quotes belongs to
// its record (RFC 4180).
func (t *tally) lines(p []byte) {
	for _, c := range p {
		t.Length++
		switch {
		case c == '"':
			t.Quoted, t.Within = !t.Quoted, true
		case c == '\n' && !t.Quoted:
			t.end()
		case c != '\r':
			t.Within = true
		}
	}
}

// values counts the values at the top, or within the one array at the top.
func (t *tally) values(p []byte) {
	top := 0
	if t.Shape == shapeArray {
		top = 1
	}
	for _, c := range p {
		t.Length++
		switch {
		case t.Escaped:
			t.Escaped = false
		case t.Quoted:
			t.Escaped = c == '\\'
			t.Quoted = c != '"'
		case c == '"':
			t.Quoted, t.Within = true, true
		case c == '{' || c == '[':
			t.Within = t.Within || t.Depth >= top
			t.Depth++
		case c == '}' || c == ']':
			t.Depth--
			if t.Depth == top && t.Shape == shapeObjects || t.Depth < top {
				t.end()
			}
		case c == ',' && t.Depth == top && t.Shape == shapeArray:
			t.end()
		case !blank(c):
			t.Within = true
		}
	}
}

// end closes the present record.
func (t *tally) end() {
	if t.Within {
		t.Records++
	}
	t.Longest = max(t.Longest, t.Length)
	t.Within, t.Length = false, 0
}

// finish closes the last record, which no line feed need follow.
func (t *tally) finish() {
	if t.Shape == "" {
		*t = tally{Shape: shapeEmpty}
	}
	if t.Within || t.Length > t.Longest {
		t.end()
	}
}

// fits says whether a part of this shape can be what format says, and how many
// records it holds; -1 where nobody can count.
func (t *tally) fits(format string) (records int64, ok bool) {
	switch format {
	case formatBinary:
		return -1, true
	case formatNDJSON:
		return t.Records, t.Shape == shapeObjects || t.Shape == shapeEmpty
	case formatJSON:
		return t.Records, t.Shape == shapeObjects || t.Shape == shapeArray || t.Shape == shapeEmpty
	case formatCSV:
		return max(t.Records-1, 0), t.Shape == shapeLines || t.Shape == shapeEmpty // less the head line
	}
	return 0, false
}

// The formats of the rights protocol.
const (
	formatNDJSON = "ndjson"
	formatJSON   = "json"
	formatCSV    = "csv"
	formatBinary = "binary"
)

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
