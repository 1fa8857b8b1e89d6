package rollout

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/flowmart/lethe/schemas/report"
)

// Write writes a plan in a form: text, json or markdown.
func (p Plan) Write(w io.Writer, form string) error {
	switch form {
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(p)
	case "markdown":
		return p.markdown(w)
	}
	return p.text(w)
}

// signs are what a step begins with on a terminal.
var signs = map[Action]string{Set: "*", Create: "+", Update: "~", Delete: "-"}

// String is a step as one line.
func (s Step) String() string {
	line := fmt.Sprintf("%s %s", signs[s.Action], s.name())
	switch s.Action {
	case Set:
		line += " set"
	case Delete:
		line += " delete"
	default:
		line += fmt.Sprintf(" version %d", s.Version)
	}
	if s.Done {
		line += " done"
	}
	if s.ID > 0 {
		line += fmt.Sprintf(", id %d", s.ID)
	}
	if s.File != "" {
		line += " (" + s.File + ")"
	}
	return line
}

// sum counts what is planned.
func (p Plan) sum() string {
	count := map[Action]int{}
	for _, s := range p.Steps {
		count[s.Action]++
	}
	parts := []string{}
	for _, about := range []struct {
		action Action
		what   string
	}{{Create, "new"}, {Update, "changed"}, {Set, "settings"}, {Delete, "to delete"}} {
		if n := count[about.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, about.what))
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("%d unchanged", p.Unchanged)), ", ")
}

func (p Plan) text(w io.Writer) error {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintln(&b, report.Line(s.String()))
		for _, c := range s.Changes {
			fmt.Fprintln(&b, "   ", report.Line(c.String()))
		}
	}
	fmt.Fprintln(&b, p.sum())
	_, err := io.WriteString(w, b.String())
	return err
}

func (p Plan) markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### Plan: %s\n", p.sum())
	for i, s := range p.Steps {
		if i == 0 {
			b.WriteString("\n| | subject | version | changes |\n|---|---|---|---|\n")
		}
		version := ""
		if s.Action == Create || s.Action == Update {
			version = fmt.Sprint(s.Version)
		}
		var lines []string
		for _, c := range s.Changes {
			lines = append(lines, report.Cell(c.String()))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.ToLower(string(s.Action)), report.Cell(s.name()), version, strings.Join(lines, "<br>"))
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}
