// Package cputest tells tests what work costs in processor time. What the clock
// says of it depends on whatever else the machine does, and fails on a busy one.
package cputest

import (
	"runtime"
	"time"
)

// Thread is the processor time that work takes on the goroutine that calls. What
// it has others do does not count, nor what is collected beside it.
func Thread(work func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := used(ofThread)
	work()
	return used(ofThread) - began
}

// Process is the processor time that all of the process takes while work is
// done.
func Process(work func()) time.Duration {
	began := used(ofProcess)
	work()
	return used(ofProcess) - began
}
