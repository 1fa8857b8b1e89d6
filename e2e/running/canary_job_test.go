package running

import (
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/server/issuertest"
)

// trustsJobs has an installation let the jobs of one repository in. Its issuer is
// their provider, too.
func (h *house) trustsJobs() {
	h.t.Helper()
	a, err := send(h.t.Context(), patient, http.MethodPost, h.public+"/api/v1/trusts",
		`{"issuer":"`+h.issuer.URL+`","repository":74,"owner":65,"workflow":"x.yml","service":"orders","verbs":["register"],"subjects":["orders.*"],"label":"acme/orders"}`,
		"Content-Type", "application/json", "Authorization", "Bearer "+h.token("admin"))
	if err != nil || a.status != http.StatusOK {
		h.t.Fatalf("declaring a trust: %d %s %v", a.status, a.body, err)
	}
}

// jobInputs are what the identity tokens of jobs bring, of which providers say
// who started them: names, addresses, branches called after people. Let in or
// not, none of it is told.
func jobInputs() (out []input) {
	signed := func(in *sender, claims issuertest.Claims) string {
		all := issuertest.Claims{"iss": in.h.issuer.URL, "aud": in.h.public, "exp": time.Now().Add(5 * time.Minute).Unix(), "jti": uuid.NewString(), "repository": "acme/orders", "repository_id": "74", "repository_owner_id": "65",
			"run_id": "1", "job_workflow_ref": "acme/orders/x.yml@refs/heads/main", "ref": "refs/heads/main", "ref_protected": "true", "event_name": "push"}
		maps.Copy(all, claims)
		return issuertest.Sign(in.h.issuer.Key(), "JWT", all)
	}
	exchange := func(in *sender, token, scope string) answer {
		form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}, "scope": {scope}}
		return in.raw(http.MethodPost, "/auth/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	for _, claim := range []string{"actor", "user_login", "user_email", "head_ref", "repository_owner", "sub", "environment", "event_name", "ref", "repository", "job_workflow_ref", "repository_id", "run_id", "iss", "aud", "jti"} {
		out = append(out, input{name: "a job's " + claim, send: func(in *sender, mark string) answer {
			return exchange(in, signed(in, issuertest.Claims{claim: mark}), "")
		}})
	}
	return append(out,
		input{name: "a job's token", send: func(in *sender, mark string) answer { return exchange(in, mark, "") }},
		input{name: "a job's service", send: func(in *sender, mark string) answer {
			return exchange(in, signed(in, nil), "service:"+mark)
		}})
}
