package scenarios_test

import (
	"flag"
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		os.Exit(serveUntilKilled())
	}
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = flag.Set("test.parallel", "6") // scenarios wait more than they work
	}
	if d, err := time.ParseDuration(os.Getenv("LETHE_TEST_PATIENCE")); err == nil {
		patience = d
	}
	resolveByOurselves()
	os.Exit(m.Run())
}
