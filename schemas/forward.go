package schemas

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/schemas/format"
)

// forward has, by the kind of a difference, what it is and how to mend it where
// an older schema reads what a new one writes. The formats say it of the other
// way: what is new to a reader there is gone here. Each names what the
// difference is about.
var forward = map[string]string{
	"READER_FIELD_MISSING_DEFAULT_VALUE": "the field %s is gone, and the schema that reads has no default for it; keep it",
	"READER_FIELD_MATCHES_SEVERAL":       "by its aliases the field %s of the schema that reads is several of this one; give them other names",
	"MISSING_ENUM_SYMBOLS":               "the symbols %s are new, and the schema that reads does not know them; leave them out, or give its enum a default before",
	"MISSING_UNION_BRANCH":               "the branch %s is new, and no branch of the schema that reads takes it; leave it out",
	"TYPE_MISMATCH":                      "the schema that reads cannot read the type that stands here now; keep the old type, or add a new field with a default",
	"FIXED_SIZE_MISMATCH":                "the size is not that of the schema that reads; keep it, or add a new field",
	"NAME_MISMATCH":                      "the name is %s now, which is no alias in the schema that reads; keep the name",
	"JAVA_READER_FAILS":                  "Java's reader throws at %s, for its name or namespace, or for aliases or defaults of the schema that reads; leave it as it was there",

	"PACKAGE_CHANGED":                "the package is not that of the schema that reads; keep it",
	"FIELD_KIND_CHANGED":             ofAnotherType,
	"FIELD_SCALAR_KIND_CHANGED":      ofAnotherType,
	"FIELD_NAMED_TYPE_CHANGED":       ofAnotherType,
	"FIELD_NUMERIC_LABEL_CHANGED":    "the field is no longer repeated as in the schema that reads, or is now; keep the label, or add a field with a number of its own",
	"MESSAGE_REMOVED":                "the message %s is new, and the schema that reads does not know it; leave it out, or register it under a subject of its own",
	"REQUIRED_FIELD_ADDED":           "the schema that reads requires the field %s; keep it required",
	"REQUIRED_FIELD_REMOVED":         "the field %s is new and required, and the schema that reads does not know it; make it optional",
	"ONEOF_FIELD_REMOVED":            "the field %s is new, and the schema that reads takes its oneof for one that is not set; let it stand outside of the oneof",
	"MULTIPLE_FIELDS_MOVED_TO_ONEOF": "the fields %s exclude one another in the schema that reads and no longer here; leave them in their oneof",
	"FIELD_MOVED_TO_EXISTING_ONEOF":  "fields of the oneof %s exclude one another in the schema that reads and no longer here; leave them in it",

	"PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL":                   "the property %s is new, and the schema that reads lets no others stand; leave it out, or open the model before",
	"PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL": "the property %s is new, and is not what the schema that reads takes under other names; leave it out",
	"PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL":                         "the property %s is gone, and anything may stand under its name now; keep it, or close the model (additionalProperties: false)",
	"PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL":   "the property %s is gone, and what may stand under its name now is not what the schema that reads takes; keep it",
	"REQUIRED_ATTRIBUTE_ADDED":                                     "the schema that reads requires the property %s; keep it required",
	"REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL":              "the property %s is gone, and the schema that reads requires it; keep it required",
	"TYPE_NARROWED":                 ofMoreTypes,
	"TYPE_CHANGED":                  ofMoreTypes,
	"ADDITIONAL_PROPERTIES_REMOVED": "other properties may stand now, and the schema that reads lets none; close the model (additionalProperties: false)",
	"ENUM_ARRAY_CHANGED":            "the values %s are new, and the schema that reads does not know them; leave them out",
	"ENUM_ARRAY_NARROWED":           "the values %s are new, and the schema that reads does not know them; leave them out",
}

const (
	ofAnotherType = "the schema that reads cannot read the type that stands here now; keep the old type, or add a field with a number of its own"
	ofMoreTypes   = "the schema that reads does not take every type that may stand here now; allow no more than before, or add a new property"
)

// otherwise is said of every other kind.
const otherwise = "the schema that reads does not take all that may stand here now; let pass no more than before, or add something new beside it"

// readByOlder words differences for a reader that is older than what it reads.
func readByOlder(found []format.Difference) []format.Difference {
	found = slices.Clone(found)
	for i, d := range found {
		words, known := forward[d.Kind]
		if !known || d.Detail == "" && strings.Contains(words, "%s") {
			words = otherwise
		}
		found[i].Message = strings.Replace(words, "%s", d.Detail, 1)
	}
	return found
}
