package graph

import "net/http"

// Inside is the API without its door, so that a test can see that the rooms
// refuse by themselves.
func Inside(c Config) http.Handler { return inside(c) }
