package answer

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/subject"
)

// Of puts results of the wire into erasure's words.
func Of(results []protocol.Result) []Answer {
	out := make([]Answer, len(results))
	for i, r := range results {
		out[i] = Answer{
			Task: r.Task, Seq: int(r.Seq), PlanDigest: r.PlanDigest, State: strings.ToUpper(string(r.State)),
			Code: string(r.Code), Retryable: r.Retryable, Resolved: resolution(r.Resolved),
		}
		for _, o := range r.Outcomes {
			out[i].Outcomes = append(out[i].Outcomes, datasetAnswer(o))
		}
		for _, p := range r.Parts {
			sum, _ := hex.DecodeString(p.SHA256) // its form was checked when it was read
			out[i].Parts = append(out[i].Parts, Part{Dataset: p.Dataset, N: p.N, Bytes: p.Bytes, Records: p.Records, SHA256: sum, Format: p.Format})
		}
	}
	return out
}

func resolution(r *protocol.Resolved) *Resolution {
	if r == nil {
		return nil
	}
	out := &Resolution{People: r.People}
	for _, id := range r.Identifiers {
		out.Identifiers = append(out.Identifiers, subject.Identifier{Type: id.Type, Value: id.Value})
	}
	return out
}

func datasetAnswer(o protocol.DatasetOutcome) Dataset {
	return Dataset{
		Dataset: o.Dataset, Outcome: strings.ToUpper(string(o.Outcome)), Count: o.Count, Method: upper(o.Method),
		Ground: orNil(o.Ground), Until: civil(o.Until), EffectiveBy: civil(o.EffectiveBy),
	}
}

func upper(s string) *string { return orNil(strings.ToUpper(s)) }

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func civil(d protocol.Date) *time.Time {
	t, ok := d.Time()
	if !ok {
		return nil
	}
	return &t
}
