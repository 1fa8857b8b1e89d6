//go:build !linux

package devstack

import "syscall"

// dieWithParent has no means on this system: a server whose parent was killed
// stays until its directory is removed at the next start.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
