// Package mutants keeps, for each acceptance scenario, one change to the code
// that must turn its test red. A test that stays green whatever the code does
// proves nothing. `make chaos` tries the changes one by one; docs/scenarios.md
// lists them.
package mutants

// Mutant is one change to the code. The file itself is never touched: the
// compiler is given another text in its place.
type Mutant struct {
	Scenario string // number in dsr.md §11, or a name
	Test     string // of e2e/scenarios, which must fail
	Breaks   string // what is no longer true
	File     string // from the root of the repository
	Old, New string // Old stands in File exactly once
}

// All lists the mutants in the order of the scenarios.
var All = []Mutant{
	{"1", "TestScenario01_ServiceIsDownForThreeDays", "a service that cannot be reached is tried again", "erasure/dispatch/deliver.go",
		"\tcase r.status == 0:\n\t\treturn d.back(ctx, s, e.tasks, r.code, 0)", "\tcase r.status == 0:\n\t\treturn d.giveUp(ctx, e.tasks, erasure.TaskRefused, r.code)"},
	{"2", "TestScenario02_ResultIsDroppedOnTheWay", "a silent service is asked", "erasure/queue.go",
		`[]string{"SENT", "WORKING"})`, `[]string{"WORKING"})`},
	{"3", "TestScenario03_SameResultFiveTimesAtOnce", "the same word again is a duplicate", "erasure/judge.go",
		"if same && t.State == TaskDone {", "if same && t.State == TaskCancelled {"},
	{"4", "TestScenario04_DoneBeforeWorking", "an older word decides nothing", "erasure/judge.go",
		"case a.Seq <= t.SeqSeen:", "case a.Seq < 0:"},
	{"5", "TestScenario05_ResultBefore202", "an answer may come before its task was known to be sent", "erasure/judge.go",
		"case a.Seq <= t.SeqSeen:", "case a.Seq <= t.SeqSeen || t.State == TaskReady:"},
	{"6", "TestScenario06_PartlyFailedPartlyKept", "what was done before a failure is kept", "erasure/judge.go",
		"\t\tv.state = TaskRefused\n", "\t\tv.state, v.outcomes = TaskRefused, nil\n"},
	{"7", "TestScenario07_KilledWhileSending", "a lease runs out", "erasure/queue.go",
		"AND next_at <= $3 AND (lease_until IS NULL OR lease_until < now())\n\t\t\t ORDER BY next_at", "AND next_at <= $3 AND lease_until IS NULL\n\t\t\t ORDER BY next_at"},
	{"8", "TestScenario08_KilledAfterApproval", "approval makes the tasks in its own transaction", "erasure/approve.go",
		"if err := s.dispatchPlan(ctx, tx, *r); err != nil {", "if err := error(nil); err != nil {"},
	{"9", "TestScenario09_PoisonedAnswers", "answers are read up to 64 KiB", "erasure/dispatch/deliver.go",
		"protocol.ReadBody(resp.Body, protocol.MaxResultsBytes)", "protocol.ReadBody(resp.Body, 1<<30)"},
	{"10", "TestScenario10_PartBreaksOff", "an upload goes on where it broke off", "erasure/export/upload.go",
		"w.Header().Set(headerOffset, strconv.FormatInt(offset, 10))", "w.Header().Set(headerOffset, strconv.FormatInt(offset/2, 10))"},
	{"11", "TestScenario11_EachServiceItsOwnIdentifiers", "a service is told the types of identifier it knows, and no other", "erasure/dispatch/envelope.go",
		"if slices.Contains(s.IdentifierTypes, id.Type) {", "if slices.Contains(s.IdentifierTypes, id.Type) || id.Type == \"customer_id\" {"},
	{"12", "TestScenario12_DirectoryDoesNotAnswer", "nothing goes on without the answers of identity services", "erasure/prepare.go",
		"\tif !terminal(asked) {\n\t\treturn true, nil\n", "\tif false {\n\t\treturn true, nil\n"},
	{"12", "TestScenario12_DirectoryRefuses", "a refusal of an identity service blocks", "erasure/prepare.go",
		"\t\tcase t.State.Stopped():\n\t\t\treturn true, s.block(ctx, tx, r, ResolveFailed)", "\t\tcase t.State == TaskWaiting:\n\t\t\treturn true, s.block(ctx, tx, r, ResolveFailed)"},
	{"13", "TestScenario13_IdentifiersOutliveTheDirectory", "what a directory knows is kept before it forgets", "erasure/judge.go",
		"v.merge = a.Resolved.Identifiers", "v.merge = nil"},
	{"14", "TestScenario14_SecondRequestOfTheSamePerson", "two requests of one person become one", "erasure/prepare.go",
		"if err != nil || len(others) == 0 {", "if err != nil || len(others) < 100 {"},
	{"15", "TestScenario15_SomebodyElseFilesFirst", "an unproved request does not count", "erasure/identifier.go",
		"(o.state IN ('PLANNED',", "(o.state IN ('RECEIVED', 'PLANNED',"},
	{"16", "TestScenario16_AccessBeforeErasure", "an open access request holds the erasure", "erasure/execute.go",
		"accessOpen(ctx, tx, r); err != nil || hold {", "accessOpen(ctx, tx, r); err != nil || hold && r.Kind != Erasure {"},
	{"19", "TestScenario19_RedirectIsNotFollowed", "redirects are not followed", "erasure/dispatch/egress.go",
		"CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },", "CheckRedirect: nil,"},
	{"20", "TestScenario20_NameLeadsElsewhere", "the address that is dialled is judged", "erasure/dispatch/egress.go",
		"if slices.ContainsFunc(never, in) || !slices.ContainsFunc(f.networks, in) {", "if slices.ContainsFunc(never, in) && !slices.ContainsFunc(f.networks, in) {"},
	{"21", "TestScenario21_ReplayedResult", "an old message is refused", "erasure/results/results.go",
		"signature.Verify(known, r.Header, body, time.Now(), signature.Tolerance); err == nil", "signature.Verify(known, r.Header, body, time.Now(), 100*time.Hour); err == nil"},
	{"21", "TestScenario21_ReplayedToAnotherTask", "a part is signed for one task", "erasure/protocol/signature/part.go",
		"method, task, dataset, n, contentRange, sha256)", "method, uuid.Nil, dataset, n, contentRange, sha256)"},
	{"22", "TestScenario22_OneServiceSpeaksForAnother", "a service answers its own tasks only", "erasure/receive.go",
		"ok && t.ServiceID != l.message.Service {", "ok && t.ServiceID == uuid.Nil {"},
	{"23", "TestScenario23_KeyIsRotatedOnTheWay", "a revoked key is refused", "catalog/rights.go",
		"WHERE k.id = $1 AND k.revoked_at IS NULL AND", "WHERE k.id = $1 AND"},
	{"33", "TestScenario33_DueDateAndItsExtension", "an extension after the last day is refused", "erasure/deadline.go",
		"case today.After(r.DueOn):", "case today.After(r.DueOn.AddDate(0, 0, 1)):"},
	{"34", "TestScenario34_ReceiptBeforeMidnightElsewhere", "the day of receipt is the controller's", "erasure/duedate/duedate.go",
		"d := Due{ReceivedOn: Civil(received, zone),", "d := Due{ReceivedOn: Civil(received, time.UTC),"},
	{"35", "TestScenario35_ClockStandsStill", "days of a pause are added", "erasure/duedate/duedate.go",
		"end = d.RawOn.AddDate(0, 0, pausedDays)", "end = d.RawOn"},
	{"36", "TestScenario36_OpenerDecidesNothing", "who opened a request does not decide on it", "erasure/approve.go",
		"\t\tif by.ID == r.OpenedBy {\n\t\t\treturn errSelfApproval\n\t\t}\n\t\treturn fn(tx, r)", "\t\treturn fn(tx, r)"},
	{"37", "TestScenario37_CatalogChangedSincePreview", "a plan that the catalog has overtaken is void", "erasure/approve.go",
		"if bytes.Equal(digest(r.ID, r.PlanNo, draft(f)), r.PlanDigest) {", "if len(draft(f)) > 0 {"},
	{"38", "TestScenario38_NothingIsLeftAfterThePeriod", "the key itself is destroyed", "erasure/clock.go",
		"if err := s.vault.Destroy(ctx, r.ID); err != nil {", "if err := error(nil); err != nil {"},
	{"43", "TestScenario43_StatusesThatNoRepetitionMends", "410 says that the endpoint is gone", "erasure/dispatch/deliver.go",
		`http.StatusGone: "ENDPOINT_GONE",`, ``},
	{"44", "TestScenario44_CancelledWhenHalfIsDone", "services are told of a cancelled task", "erasure/close.go",
		"\tif told {\n", "\tif told && r.Kind != Erasure {\n"},
	{"47", "TestScenario47_TwoReplicasShareTheWork", "what was taken is not sent again", "erasure/queue.go",
		"SET state = 'SENT', sent_at = $3, next_at = $4, lease_until = NULL, attempt = 0", "SET next_at = least($3::timestamptz, $4::timestamptz), lease_until = NULL, attempt = 1"},
	{"48", "TestScenario48_NoticeFails", "failed notices are counted", "erasure/notice.go",
		"SET attempt = attempt + 1", "SET attempt = attempt"},
	{"emergency stop", "TestEmergencyStop", "senders look at the stop before each message", "erasure/stop.go",
		"SELECT EXISTS (SELECT FROM erasure_stop WHERE lifted_at IS NULL AND", "SELECT EXISTS (SELECT FROM erasure_stop WHERE lifted_at IS NOT NULL AND"},
	{"wrong person", "TestGuardTwoPeople", "two people stop a request", "erasure/judge.go",
		"case a.Resolved.People > 1:", "case a.Resolved.People > 2:"},
	{"wrong person", "TestGuardCountFarAboveUsual", "an unusual count stops a request", "erasure/prepare.go",
		"f.counts[d.ID] > *d.UsualMax {", "f.counts[d.ID] > *d.UsualMax*100 {"},
	{"wrong person", "TestGuardDailyCeiling", "a day has a ceiling", "erasure/prepare.go",
		"if planned >= controller.DailyCeiling {", "if planned > controller.DailyCeiling {"},
	{"follow-up", "TestFollowUpProbeOpensAgain", "what a follow-up finds opens the request again", "erasure/receive.go",
		"t.Action == Probe && found(v.outcomes)", "t.Action == Locate && found(v.outcomes)"},
	{"liar", "TestLiarIsFoundOut", "what a probe found is not fulfilled", "erasure/close.go",
		"stopped || len(found) > 0", "stopped || len(found) > 99"},
	{"mistakes", "TestMistakesOfMutations", "a long identifier is refused", "erasure/identifier.go",
		"case len(v) > maxIdentifierBytes:", "case len(v) > 10*maxIdentifierBytes:"},
}
