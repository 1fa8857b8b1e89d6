package devstack

import "syscall"

// dieWithParent has the kernel end the child when its parent is gone.
func dieWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
