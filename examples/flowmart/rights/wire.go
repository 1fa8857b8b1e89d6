// Package rights lets a service take part in lethe-rights/1. It is written
// from the specification alone and shares no code with Lethe.
package rights

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	spec            = "lethe-rights/1"
	maxRequestBytes = 256 << 10
	maxAnswerBytes  = 64 << 10
)

type envelope struct {
	Spec     string    `json:"spec"`
	Type     string    `json:"type"`
	Issuer   string    `json:"issuer"`
	Audience string    `json:"audience"`
	IssuedAt time.Time `json:"issued_at"`
}

type taskRequests struct {
	envelope
	Tasks []task `json:"tasks"`
}

type task struct {
	Task         string       `json:"task"`
	Seq          int64        `json:"seq"`
	Action       string       `json:"action"`
	Case         string       `json:"case"`
	Controller   string       `json:"controller"`
	Wave         int          `json:"wave"`
	PlanDigest   string       `json:"plan_digest"`
	ReceivedOn   string       `json:"received_on"`
	DueOn        string       `json:"due_on"`
	EraseBefore  *time.Time   `json:"erase_before,omitempty"`
	ExpiresAt    time.Time    `json:"expires_at"`
	Cancels      string       `json:"cancels,omitempty"`
	Identifiers  []identifier `json:"identifiers,omitempty"`
	Sealed       string       `json:"sealed_identifiers,omitempty"`
	Datasets     []dataset    `json:"datasets,omitempty"`
	ReplyTo      string       `json:"reply_to"`
	PartsTo      string       `json:"parts_to,omitempty"`
	MaxPartBytes int64        `json:"max_part_bytes,omitempty"`
}

type identifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type dataset struct {
	ID        string `json:"id"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// fingerprint says what is asked, as the specification lists it under "A
// repeat": not the dates, not seq, not the bytes of a seal.
func (t task) fingerprint() string {
	var ids, sets []string
	for _, i := range t.Identifiers {
		ids = append(ids, fmt.Sprintf("%q=%q", i.Type, i.Value))
	}
	for _, d := range t.Datasets {
		sets = append(sets, d.ID)
	}
	slices.Sort(ids)
	slices.Sort(sets)
	all := []string{t.Action, t.Case, t.Controller, t.PlanDigest, t.Cancels, strings.Join(sets, ","), strings.Join(ids, ",")}
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return hex.EncodeToString(sum[:])
}

type accepted struct {
	Accepted []string   `json:"accepted"`
	Rejected []rejected `json:"rejected,omitempty"`
}

type rejected struct {
	Task string `json:"task"`
	Code string `json:"code"`
}

type taskResults struct {
	envelope
	Results []result `json:"results"`
}

type result struct {
	Task       string    `json:"task"`
	Seq        int64     `json:"seq"`
	PlanDigest string    `json:"plan_digest"`
	State      string    `json:"state"`
	Code       string    `json:"code,omitempty"`
	Retryable  bool      `json:"retryable,omitempty"`
	Outcomes   []outcome `json:"outcomes,omitempty"`
	Resolved   *resolved `json:"resolved,omitempty"`
	Parts      []part    `json:"parts,omitempty"`
}

type outcome struct {
	Dataset     string `json:"dataset"`
	Outcome     string `json:"outcome"`
	Count       int64  `json:"count"`
	Method      string `json:"method,omitempty"`
	Ground      string `json:"ground,omitempty"`
	Until       string `json:"until,omitempty"`
	EffectiveBy string `json:"effective_by,omitempty"`
}

type resolved struct {
	People      int          `json:"people"`
	Identifiers []identifier `json:"identifiers,omitempty"`
}

type part struct {
	Dataset string `json:"dataset"`
	N       int    `json:"n"`
	Bytes   int64  `json:"bytes"`
	Records int64  `json:"records"`
	SHA256  string `json:"sha256"`
	Format  string `json:"format"`
}

type dispositions struct {
	Results []struct {
		Task        string `json:"task"`
		Disposition string `json:"disposition"`
		Code        string `json:"code"`
	} `json:"results"`
}

type ping struct {
	envelope
	Nonce string `json:"nonce"`
}

type pong struct {
	Spec      string      `json:"spec"`
	Type      string      `json:"type"`
	Issuer    string      `json:"issuer"`
	Nonce     string      `json:"nonce"`
	Keys      []publicKey `json:"keys"`
	Recipient string      `json:"recipient,omitempty"`
}

type publicKey struct {
	ID     string `json:"id"`
	Public []byte `json:"public_key"`
}
