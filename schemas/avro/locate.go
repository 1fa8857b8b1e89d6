package avro

import "github.com/flowmart/lethe/schemas/format"

// Locate reads a text in which to find what the paths of faults of Parse name.
func Locate(text string) format.Locator { return written.Locate(text) }
