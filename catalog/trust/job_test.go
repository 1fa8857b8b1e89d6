package trust

import (
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/access"
)

// Whatever a token says, it is read or refused; what is read has numbers and an
// id, and no job gets more than its trust says, nor more than to check for
// somebody's request.
func FuzzRead(f *testing.F) {
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, seed := range []string{
		`{"jti":"a","exp":1795694700,"repository":"o/r","repository_id":"74","repository_owner_id":"65","run_id":"1","job_workflow_ref":"o/r/.github/workflows/x.yml@refs/heads/main","ref":"refs/heads/main","ref_protected":"true","event_name":"push"}`,
		`{"jti":"a","exp":1795694700,"repository":"o/r","repository_id":74,"repository_owner_id":65,"run_id":1,"job_workflow_ref":"o/r/x.yml@a@b","ref":"refs/pull/1/merge","event_name":"pull_request"}`,
		`{"jti":"a","exp":1795694700,"project_path":"g/p","project_id":"74","namespace_id":"65","pipeline_id":"1","ci_config_ref_uri":"h/g/p//x.yml@refs/heads/main","ref":"main","ref_type":"branch","ref_protected":"true","pipeline_source":"push"}`,
		`{"jti":"a","exp":1e400,"project_id":"-1"}`, `{"jti":null,"exp":"x"}`, `[]`, `{"repository_id":"9223372036854775808"}`,
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, claims string, github bool) {
		of := GitLab
		if github {
			of = GitHub
		}
		j, err := read(of, []byte(claims), at)
		if err != nil {
			return
		}
		if j.repository <= 0 || j.owner <= 0 || j.run <= 0 || j.id == "" || j.ref == "" || j.event == "" || j.expires.After(at.Add(mostLife)) {
			t.Fatalf("%s is read as %+v", claims, j)
		}
		trust := Trust{Provider: of, Repository: int64(j.repository), Owner: int64(j.owner), Workflow: j.workflow, Ref: "*", Events: writing[of], Verbs: access.Verbs}
		more := trust.admits(j) == nil && len(trust.allows(j)) > 1
		if more && (!j.protected || j.request != "" || j.workflow == "" || j.workflowAt != j.ref) {
			t.Errorf("%s may %v", claims, trust.allows(j))
		}
	})
}
