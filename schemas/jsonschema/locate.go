package jsonschema

// Locate finds the line and the column, from 1, of what the path of a fault of
// Read names in a text.
func Locate(text string, path []string) (line, column int) { return written.Locate(text, path) }
