package erasure_test

import (
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/certificate"
)

// From receipt to certificate: everybody obeys, one keeps invoices by law.
func TestErasureFromReceiptToCertificate(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{})
	r := s.approved(erasure.Erasure)
	s.obey(everybody...) // sources
	s.obey(everybody...) // copies
	s.obey(everybody...) // the directory
	r = s.want(r, erasure.Verifying)
	if got := s.take("orders"); len(got) != 0 {
		t.Error("the probe left before its time")
	}
	s.pass(time.Hour)
	s.obey(everybody...)
	r = s.want(r, erasure.Closed)
	if *r.Outcome != erasure.FulfilledWithRetention {
		t.Errorf("outcome %s", *r.Outcome)
	}
	certify := func(want int) {
		t.Helper()
		if n, err := s.requests.Certify(s.ctx); n != want || err != nil {
			t.Fatalf("%d certificates issued, want %d: %v", n, want, err)
		}
	}
	certify(0) // the closing is not sealed yet
	if _, err := s.log.Seal(s.ctx); err != nil {
		t.Fatal(err)
	}
	certify(1)
	certify(0)
	if n := s.count(`SELECT count(*) FROM erasure_certificate`); n != 1 {
		t.Errorf("%d certificates", n)
	}
	found, err := erasure.CertificatesOf(s.ctx, s.db, ids(r))
	s.must(err)
	st, err := certificate.Verify([]byte(found[r.ID].Body), s.trusted())
	s.must(err)
	if st.Case != r.CaseNumber || st.Outcome != "FULFILLED_WITH_RETENTION" || len(st.Nodes) != 5 || st.Gaps != 0 || len(st.Probes) != 3 {
		t.Errorf("%+v", st)
	}
}
