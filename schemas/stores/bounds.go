package stores

import (
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/tables"
)

// Bounds of one store. A type, and a table that others are made like, is written
// once and has its columns and its comments in many places.
const (
	mostTables  = 2_000
	mostColumns = 20_000
	mostText    = 16 << 20 // bytes
)

// bound refuses a store that is too large to be judged and kept.
func bound(all []tables.Table) error {
	var n extent
	for _, t := range all {
		n.say(t.Name.String(), t.Doc)
		n.columns(t.Columns)
	}
	switch {
	case len(all) > mostTables, n.fields > mostColumns:
		return fault.New(fault.TooLarge, "STORE_TOO_LARGE", "a store has at most %d tables with %d columns together, their parts included; describe the rest as another store", mostTables, mostColumns)
	case n.text > mostText:
		return fault.New(fault.TooLarge, "STORE_TOO_LARGE", "the names, types and comments of a store have at most %d MiB together; shorten those that many columns share", mostText>>20)
	case n.tagged != "":
		return fault.New(fault.TooLarge, "STORE_TOO_LARGE", "the comment on %s names more than %d tags; keep those that say something", fault.Cut(n.tagged, 100), format.MostTags)
	}
	return nil
}

// extent is how much tables come to.
type extent struct {
	fields, text int
	tagged       string // what has more tags than may stand at one place
}

func (n *extent) columns(all []tables.Column) {
	for _, c := range all {
		if n.fields++; n.fields > mostColumns || n.text > mostText {
			return
		}
		n.text += len(c.Type)
		n.say(c.Name, c.Doc)
		n.columns(c.Within)
	}
}

func (n *extent) say(name, doc string) {
	n.text += len(name) + len(doc)
	if countTags(doc) > format.MostTags {
		n.tagged = name
	}
}
