package cputest

import (
	"testing"
	"time"
)

// Work counts, and waiting does not.
func TestWorkCounts(t *testing.T) {
	t.Parallel()
	work := func() {
		for n, end := uint64(1), time.Now().Add(50*time.Millisecond); time.Now().Before(end); {
			n = n*6364136223846793005 + 1
		}
	}
	if took := Thread(work); took == 0 {
		t.Error("work took nothing")
	}
	if took := Process(work); took == 0 {
		t.Error("work took nothing")
	}
	if took := Thread(func() { time.Sleep(200 * time.Millisecond) }); took > 150*time.Millisecond {
		t.Errorf("waiting took %v", took)
	}
}
