package problem

// Few reports whether a JSON array has so many items at most. It is asked before the
// array is read: two bytes of an item take hundreds in memory.
func Few(raw []byte, most int) bool {
	n, depth, quoted := 1, 0, false
	for i := 0; i < len(raw) && n <= most; i++ {
		switch c := raw[i]; {
		case c == '\\':
			i++ // within a text
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 1:
			n++
		}
	}
	return n <= most
}
