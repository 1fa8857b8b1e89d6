// Package running tests the program as it is run: the real binary, on a
// PostgreSQL of its own, told to stop, killed, kept busy by slow clients, and
// searched for what it must not tell.
package running
