package trust

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/flowmart/lethe/internal/access"
)

// job is what a provider's identity token says of a job. Who started it is not
// read: it decides nothing, and is personal.
type job struct {
	repository, owner number
	run               number // the workflow run, the pipeline
	workflow          string // the file that says what the job does, within the repository; "" if it lies elsewhere
	workflowAt        string // the branch or tag that file is taken from
	ref               string // the branch or tag it runs on, in full
	protected         bool
	event             string
	request           string // what it runs for, where that is somebody's request to merge; else ""
	environment       string

	id      string // of the token
	expires time.Time
}

// number is an id. Providers write it as a text, most of them.
type number int64

// UnmarshalJSON reads an id: a whole number from 1 on, in quotes or without.
func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil || v <= 0 {
		return errors.New("no id")
	}
	*n = number(v)
	return nil
}

// common is what every provider's token says.
type common struct {
	ID      string  `json:"jti"`
	Expires float64 `json:"exp"`
}

// mostLife bounds how long a token is remembered because it serves once. Jobs of
// GitLab may run for a month, and their tokens last as long as they.
const mostLife = 32 * 24 * time.Hour

// Why a token that was verified lets nobody in. Only the log is told.
var (
	errClaims   = errors.New("a claim that its provider's tokens have is missing, twice there, or of another form")
	errNoID     = errors.New("the token has no id, so that it could serve twice")
	errForEver  = errors.New("the token lasts longer than any job")
	errNobody   = errors.New("no trust names the repository")
	errService  = errors.New("no trust for the service that was asked for names the repository")
	errOwner    = errors.New("the repository belongs to another owner than the trust names")
	errWorkflow = errors.New("the workflow is not the one that the trust names")
	errUsed     = errors.New("the token was used before")
)

// read reads the claims of a token that was verified, as its provider makes them.
func read(of Provider, claims []byte, now time.Time) (job, error) {
	var c common
	if json.Unmarshal(claims, &c) != nil {
		return job{}, errClaims
	}
	expires := time.UnixMilli(int64(min(c.Expires, 1e12) * 1000))
	switch {
	case strings.TrimSpace(c.ID) == "":
		return job{}, errNoID
	case expires.After(now.Add(mostLife)):
		return job{}, errForEver
	}
	j, err := map[Provider]func([]byte) (job, error){GitHub: ofGitHub, GitLab: ofGitLab}[of](claims)
	if err == nil && (j.repository == 0 || j.owner == 0 || j.run == 0 || j.ref == "" || j.event == "") {
		err = errClaims
	}
	j.id, j.expires = c.ID, expires
	return j, err
}

// ofGitHub reads what GitHub says of a job.
// https://docs.github.com/actions/reference/security/oidc
func ofGitHub(claims []byte) (job, error) {
	var c struct {
		Repository  string `json:"repository"`
		ID          number `json:"repository_id"`
		Owner       number `json:"repository_owner_id"`
		Run         number `json:"run_id"`
		Workflow    string `json:"job_workflow_ref"` // octo-org/octo-repo/.github/workflows/schemas.yml@refs/heads/main
		Ref         string `json:"ref"`
		Protected   string `json:"ref_protected"`
		Event       string `json:"event_name"`
		Environment string `json:"environment"`
	}
	if json.Unmarshal(claims, &c) != nil {
		return job{}, errClaims
	}
	j := job{repository: c.ID, owner: c.Owner, run: c.Run, ref: c.Ref, protected: c.Protected == "true", event: c.Event, environment: c.Environment}
	// Both names were the provider's a moment ago, in one token: that they are the
	// same says that the file lies in the repository, whatever its name.
	if file, own := strings.CutPrefix(c.Workflow, c.Repository+"/"); own && c.Repository != "" {
		j.workflow, j.workflowAt = placed(file, j.ref)
	}
	if strings.HasPrefix(c.Event, "pull_request") {
		j.request = "a pull request"
	}
	return j, nil
}

// ofGitLab reads what GitLab says of a job. In the pipeline of a merge request
// from a fork the project is the fork.
// https://docs.gitlab.com/ci/secrets/id_token_authentication
func ofGitLab(claims []byte) (job, error) {
	var c struct {
		Project     string  `json:"project_path"`
		ID          number  `json:"project_id"`
		Owner       number  `json:"namespace_id"`
		Run         number  `json:"pipeline_id"`
		Config      *string `json:"ci_config_ref_uri"` // gitlab.example.com/group/project//.gitlab-ci.yml@refs/heads/main
		Ref         string  `json:"ref"`               // main
		Type        string  `json:"ref_type"`
		Protected   string  `json:"ref_protected"`
		Source      string  `json:"pipeline_source"`
		Environment string  `json:"environment"`
	}
	if json.Unmarshal(claims, &c) != nil {
		return job{}, errClaims
	}
	j := job{repository: c.ID, owner: c.Owner, run: c.Run, protected: c.Protected == "true", event: c.Source, environment: c.Environment}
	switch {
	case c.Ref == "":
	case c.Type == "branch":
		j.ref = "refs/heads/" + c.Ref
	case c.Type == "tag":
		j.ref = "refs/tags/" + c.Ref
	default:
		return j, errClaims
	}
	if c.Config != nil {
		where, file, _ := strings.Cut(*c.Config, "//")
		if strings.HasSuffix(where, "/"+c.Project) && c.Project != "" {
			j.workflow, j.workflowAt = placed(file, j.ref)
		}
	}
	if c.Source == "merge_request_event" || c.Source == "external_pull_request_event" {
		j.request = "a merge request"
	}
	return j, nil
}

// placed takes apart a file and the branch or tag that it is taken from. Either
// may hold an @, so what the job runs on is looked for first.
func placed(file, ref string) (path, at string) {
	if path, ok := strings.CutSuffix(file, "@"+ref); ok {
		return path, ref
	}
	if i := strings.LastIndexByte(file, '@'); i >= 0 {
		return file[:i], file[i+1:]
	}
	return "", ""
}

// admits tells why a job is not who the trust means; nil if it is.
func (t Trust) admits(j job) error {
	switch {
	case t.Owner != int64(j.owner):
		return errOwner
	case t.Workflow != j.workflow:
		return errWorkflow
	}
	return nil
}

// held is what keeps a job that is let in to checking, in words for whoever reads
// its log; "" if nothing does.
func (t Trust) held(j job) string {
	switch {
	case len(t.Verbs) <= 1:
		return "" // it may do no more anyway
	case j.request != "":
		return "it runs for " + j.request
	case !slices.Contains(t.Events, j.event):
		return "it runs for an event that its trust does not name"
	case !access.Fits(t.Ref, j.ref):
		return "it runs on a branch or tag that its trust does not name"
	case !j.protected:
		return "the branch or tag it runs on is not protected"
	case j.workflowAt != j.ref:
		return "its workflow is taken from another branch or tag than it runs on"
	case t.Environment != "" && t.Environment != j.environment:
		return "it does not run in the environment that its trust names"
	}
	return ""
}
