package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// Each decision asks for what its flags say, in the words of the schema, and
// shows the request, or says why not.
func TestDecisions(t *testing.T) {
	t.Parallel()
	for line, c := range map[string]struct{ field, input string }{
		"replan x1":                             {"replan", `{"requestId":"x1"}`},
		"refuse x1 --ground exempt-17-3":        {"refuseRequest", `{"ground":"EXEMPT_17_3","requestId":"x1"}`},
		"pause-clock x1 --reason clarification": {"pauseClock", `{"reason":"CLARIFICATION","requestId":"x1"}`},
		"resume-clock x1":                       {"resumeClock", `{"requestId":"x1"}`},
		"resolve-block x1":                      {"resolveBlock", `{"requestId":"x1"}`},
		"close-partially x1":                    {"closePartially", `{"requestId":"x1"}`},
		"extend x1 --reason number_of_requests --told-on 2026-03-20 --channel in-person": {"extendDeadline",
			`{"channel":"IN_PERSON","noticeSentOn":"2026-03-20","reason":"NUMBER_OF_REQUESTS","requestId":"x1"}`},
	} {
		args := append([]string{"request"}, strings.Fields(line)...)
		f := answering(t, 200, `{"data":{"`+c.field+`":{"request":`+aRequest+`,"userErrors":[]}}}`)
		r := lethe(t, f.env(), args...)
		if r.code != exitOK || !strings.Contains(r.out, "R-2026-000123  erasure") {
			t.Errorf("%s: %d %s%s", line, r.code, r.out, r.err)
		}
		in, _ := json.Marshal(f.asked[0].Variables["input"])
		if string(in) != c.input || !strings.Contains(f.asked[0].Query, c.field+"(input: $input)") {
			t.Errorf("%s asked %s of %s", line, in, f.asked[0].Query)
		}
		r = lethe(t, f.env(), append(args, "--output", "json")...)
		var back caseRequest
		if err := json.Unmarshal([]byte(r.out), &back); err != nil || back.CaseNumber != "R-2026-000123" {
			t.Errorf("%s as JSON: %v %s", line, err, r.out)
		}
		f = answering(t, 200, `{"data":{"`+c.field+`":{"request":null,"userErrors":[{"code":"WRONG_STATE","path":["input"],"message":"the request is CLOSED already"}]}}}`)
		r = lethe(t, f.env(), append(args, "-o", "json")...)
		if r.code != exitNo || r.out != "" || !strings.Contains(r.err, `"code":"WRONG_STATE"`) {
			t.Errorf("%s refused: %d %s%s", line, r.code, r.out, r.err)
		}
		f = answering(t, 503, `{"code":"OVERLOADED","detail":"try again"}`)
		if r := lethe(t, f.env(), args...); r.code != exitAway {
			t.Errorf("%s overloaded: %d %s", line, r.code, r.err)
		}
		// A word too few, or one too many, is wrong usage.
		for _, wrong := range [][]string{args[:len(args)-1], append(args, "extra")} {
			if r := lethe(t, f.env(), wrong...); r.code != exitUsage {
				t.Errorf("%v: %d %s", wrong, r.code, r.err)
			}
		}
	}
}

// Every page of stopped tasks is read, and each task asked again by its id.
func TestRetryAsksEveryStoppedTask(t *testing.T) {
	t.Parallel()
	page := func(more, nodes string) string {
		return `{"data":{"node":{"tasks":{"nodes":[` + nodes + `],"pageInfo":{"hasNextPage":` + more + `,"endCursor":"c1"}}}}}`
	}
	const (
		found  = `{"data":{"node":` + aRequest + `}}`
		orders = `{"id":"t1","action":"ERASE","code":"CONFLICT","service":{"ref":"orders"}}`
		care   = `{"id":"t2","action":"PROBE","code":null,"service":{"ref":"care"}}`
		done   = `{"data":{"retryTask":{"task":{"id":"t"},"userErrors":[]}}}`
	)
	f := answering(t, 200, found, page("true", orders), page("false", care), done, done, found)
	r := lethe(t, f.env(), "request", "retry", "x1")
	if r.code != exitOK || !strings.Contains(r.out, "orders is asked again to erase\ncare is asked again to probe\nR-2026-000123") || len(f.asked) != 6 {
		t.Fatalf("%d %s%s after %d calls", r.code, r.out, r.err, len(f.asked))
	}
	if f.asked[2].Variables["after"] != "c1" {
		t.Errorf("the second page was asked for with %v", f.asked[2].Variables)
	}
	for i, want := range []string{"t1", "t2"} {
		if in := f.asked[3+i].Variables["input"].(map[string]any); in["taskId"] != want {
			t.Errorf("asked again: %v, want %s", in, want)
		}
	}
	f = answering(t, 200, found, page("false", orders+","+care), done, found)
	if r := lethe(t, f.env(), "request", "retry", "x1", "--service", "care"); r.code != exitOK || len(f.asked) != 4 || f.asked[2].Variables["input"].(map[string]any)["taskId"] != "t2" {
		t.Errorf("one service: %d %s after %d calls", r.code, r.err, len(f.asked))
	}
	f = answering(t, 200, found, page("false", ""))
	if r := lethe(t, f.env(), "request", "retry", "x1"); r.code != exitNo || !strings.Contains(r.err, "no task of R-2026-000123 has stopped") {
		t.Errorf("nothing stopped: %d %s", r.code, r.err)
	}
	f = answering(t, 200, found, page("false", orders), `{"data":{"retryTask":{"task":null,"userErrors":[{"code":"WRONG_STATE","path":["input"],"message":"the task has not stopped"}]}}}`)
	if r := lethe(t, f.env(), "request", "retry", "x1", "-o", "json"); r.code != exitNo || r.out != "" || !strings.Contains(r.err, `"code":"WRONG_STATE"`) {
		t.Errorf("refused: %d %s%s", r.code, r.out, r.err)
	}
}

// Where probes found data again, one order has all of it erased again: by the
// probe of the last wave that found something.
func TestRetryErasesResidueAgain(t *testing.T) {
	t.Parallel()
	const (
		done  = `{"data":{"retryTask":{"task":{"id":"t"},"userErrors":[]}}}`
		nodes = `{"id":"t1","action":"ERASE","wave":3,"code":null,"service":{"ref":"orders"},"outcomes":[{"outcome":"ERASED","count":3}]},
			{"id":"t2","action":"PROBE","wave":10,"code":null,"service":{"ref":"orders"},"outcomes":[{"outcome":"PRESENT","count":3}]},
			{"id":"t3","action":"PROBE","wave":12,"code":null,"service":{"ref":"loyalty"},"outcomes":[{"outcome":"PRESENT","count":0},{"outcome":"ABSENT","count":0}]},
			{"id":"t4","action":"PROBE","wave":12,"code":null,"service":{"ref":"orders"},"outcomes":[{"outcome":"ABSENT","count":0},{"outcome":"PRESENT","count":2}]},
			{"id":"t5","action":"PROBE","wave":12,"code":null,"service":{"ref":"search"},"outcomes":[{"outcome":"PRESENT","count":1}]}`
	)
	found := `{"data":{"node":` + strings.Replace(aRequest, `"blockedReason":null`, `"blockedReason":"RESIDUE"`, 1) + `}}`
	tasks := `{"data":{"node":{"tasks":{"nodes":[` + nodes + `],"pageInfo":{"hasNextPage":false,"endCursor":null}}}}}`
	for service, want := range map[string]string{"": "t4", "orders": "t4", "search": "t5"} {
		f := answering(t, 200, found, tasks, done, found)
		args := []string{"request", "retry", "x1"}
		if service != "" {
			args = append(args, "--service", service)
		}
		r := lethe(t, f.env(), args...)
		if r.code != exitOK || !strings.Contains(r.out, "orders is asked again to erase\nsearch is asked again to erase\nR-2026-000123") || len(f.asked) != 4 {
			t.Fatalf("%q: %d %s%s after %d calls", service, r.code, r.out, r.err, len(f.asked))
		}
		if in := f.asked[2].Variables["input"].(map[string]any); in["taskId"] != want {
			t.Errorf("%q: asked again %v, want %s", service, in, want)
		}
	}
	f := answering(t, 200, found, tasks)
	if r := lethe(t, f.env(), "request", "retry", "x1", "--service", "loyalty"); r.code != exitNo || !strings.Contains(r.err, "found nothing there") || len(f.asked) != 2 {
		t.Errorf("where nothing was found: %d %s", r.code, r.err)
	}
}
