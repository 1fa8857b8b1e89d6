package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/schemas/mirror"
	"github.com/flowmart/lethe/schemas/remote"
	"github.com/flowmart/lethe/schemas/rest"
)

// mirroring is what lethe schema mirror is told.
type mirroring struct {
	from, user, passwordFile, tokenFile    string
	back, dryRun, follow, compare, handOff bool
	every                                  time.Duration
	mirror.Mirror
}

func newSchemaMirror(e *env) *cobra.Command {
	m := &mirroring{}
	c := &cobra.Command{
		Use:   "mirror",
		Short: "Make Lethe's registry what another one is, ids kept, and switch over",
		Long: `Copies subjects, versions, ids, deletions and settings from another registry that
speaks Confluent's REST API, in every context, and keeps Lethe's in the mode
IMPORT meanwhile: it takes nothing from others. In the mode FORWARD it stays, and
is filled with what others wrote there. A dry run says what differs.
With --follow it goes on until it is stopped; --switch closes the other registry,
takes what is left, and opens Lethe's once nothing differs; where the other one
cannot be closed from here, close it yourself and add --closed. --back goes the
other way, to a registry that takes chosen ids. Exit code 1 means that something differs or could not be done.`,
		Example: "  lethe schema mirror --from https://registry.example --from-user key --from-password-file secret --dry-run\n" +
			"  lethe schema mirror --from https://registry.example --from-token-file token --follow\n" +
			"  lethe schema mirror --from https://registry.example --from-token-file token --switch",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return m.run(cmd, e) },
	}
	f := c.Flags()
	f.StringVar(&m.from, "from", "", "URL of the other registry")
	f.StringVar(&m.user, "from-user", "", "its user")
	f.StringVar(&m.passwordFile, "from-password-file", "", "file with the user's password")
	f.StringVar(&m.tokenFile, "from-token-file", "", "file with a bearer token for it")
	f.StringVar(&m.Prefix, "prefix", "", "only subjects that start with this")
	f.BoolVar(&m.dryRun, "dry-run", false, "say what differs, and change nothing")
	f.BoolVar(&m.compare, "compare", false, "then ask both what clients ask, and say where they answer differently")
	f.BoolVar(&m.follow, "follow", false, "go on until stopped")
	f.DurationVar(&m.every, "every", 10*time.Second, "how long to wait between rounds")
	f.BoolVar(&m.handOff, "switch", false, "close the other registry and open this one, if nothing differs")
	f.BoolVar(&m.Closed, "closed", false, "the other registry takes nothing any more: a switch need not close it")
	f.BoolVar(&m.back, "back", false, "mirror Lethe's registry to the other one")
	f.BoolVar(&m.Purge, "purge", false, "delete for good what the other registry does not have")
	f.BoolVar(&m.Force, "force", false, "enter the mode IMPORT where versions are registered already")
	_ = c.MarkFlagRequired("from")
	c.MarkFlagsMutuallyExclusive("dry-run", "follow", "switch")
	c.MarkFlagsMutuallyExclusive("compare", "switch")
	c.MarkFlagsMutuallyExclusive("prefix", "switch") // what is left out would be written anew, under other ids
	for _, other := range []string{"from-user", "from-password-file"} {
		c.MarkFlagsMutuallyExclusive("from-token-file", other)
	}
	return visitFlags(c)
}

func (m *mirroring) run(cmd *cobra.Command, e *env) error {
	if err := m.sound(); err != nil {
		return usage(err)
	}
	if err := m.reach(cmd, e); err != nil {
		return err
	}
	switch {
	case m.handOff:
		return m.switchOver(cmd)
	case m.follow:
		return m.goOn(cmd, e)
	}
	return m.once(cmd)
}

// sound reports what of the flags makes no sense.
func (m *mirroring) sound() error {
	switch {
	case m.Closed && !m.handOff:
		return errors.New("--closed is said of a switch; give --switch, too")
	case m.every <= 0:
		return errors.New("--every is longer than nothing; write one like 10s")
	case m.follow && (m.tokenFile == "-" || m.passwordFile == "-"):
		return errors.New("--follow reads the file anew in each round, which - cannot be; give a file")
	case m.user == "" && m.passwordFile != "":
		return errors.New("--from-password-file holds a user's password; give --from-user, too")
	}
	return nil
}

// reach says where the registries are. Files are read anew each time: tokens
// end before a mirror does.
func (m *mirroring) reach(cmd *cobra.Command, e *env) error {
	at, err := webURL("--from", m.from)
	if err != nil {
		return err
	}
	if at.RawQuery != "" || at.Fragment != "" {
		return usage(errors.New("--from ends with the path of the API, without ? and #"))
	}
	c, err := visit(cmd, e)
	if err != nil {
		return err
	}
	c.http.CheckRedirect = elsewhere
	ours := remote.Registry{URL: c.url + rest.Prefix, Client: c.http}
	theirs := remote.Registry{URL: m.from, User: m.user, Client: &http.Client{Timeout: time.Minute, Transport: lines, CheckRedirect: elsewhere}}
	for path, into := range map[string]*string{m.passwordFile: &theirs.Password, m.tokenFile: &theirs.Token} {
		if path == "" {
			continue
		}
		raw, err := readInput(e, path)
		if err != nil {
			return usage(err)
		}
		if *into = strings.TrimSpace(string(raw)); *into == "" {
			return usage(fmt.Errorf("the file %s is empty", path))
		}
	}
	from, to := theirs, ours
	if m.back {
		from, to = ours, theirs
	}
	if m.From == nil {
		m.From, m.To = &mirror.Registry{}, &mirror.Registry{} // whom the mirror knows them by
	}
	m.From.Registry, m.To.Registry = from, to
	return nil
}

// elsewhere refuses to be sent on: what is written would be asked there as a
// question, and its answer taken for a success.
func elsewhere(to *http.Request, _ []*http.Request) error {
	return fmt.Errorf("it sends on to %s://%s, where nothing could be written; give the URL of the registry itself", to.URL.Scheme, to.URL.Host)
}

// mirrored is what came of a round.
type mirrored struct {
	Steps  []mirror.Step         `json:"steps"`
	Asked  int                   `json:"asked,omitempty"`
	Differ []mirror.Disagreement `json:"differ,omitempty"`
}

func (m *mirroring) once(cmd *cobra.Command) error {
	done, err := m.round(cmd.Context())
	if err != nil {
		return halted(err)
	}
	if err := show(cmd, done, func(w io.Writer) { m.tell(w, done) }); err != nil {
		return err
	}
	if m.dryRun && len(done.Steps) > 0 || open(done.Steps) > 0 || len(done.Differ) > 0 {
		return no(errors.New("the registries differ"))
	}
	return nil
}

func (m *mirroring) round(ctx context.Context) (done mirrored, err error) {
	if done.Steps, err = m.Plan(ctx); err == nil && !m.dryRun {
		done.Steps, err = m.Apply(ctx, done.Steps)
	}
	done.Steps = append([]mirror.Step{}, done.Steps...) // a list for programs, too, if nothing is in it
	if err == nil && m.compare {
		done.Asked, done.Differ, err = m.Compare(ctx)
	}
	return done, err
}

// halted is why a mirror ended: a registry that refuses is there.
func halted(err error) error {
	if r, ok := errors.AsType[*mirror.Refusal](err); ok && r.Status < http.StatusInternalServerError || errors.Is(err, mirror.ErrOwnIDs) || errors.Is(err, mirror.ErrOpen) {
		return no(err)
	}
	return away(err)
}

// open counts the steps that are left.
func open(steps []mirror.Step) (n int) {
	for _, s := range steps {
		if s.Failed != "" || s.Act == mirror.Conflict || s.Act == mirror.Surplus {
			n++
		}
	}
	return n
}

func (m *mirroring) tell(w io.Writer, done mirrored) {
	for _, s := range done.Steps {
		what := s.Subject
		if what == "" {
			what = "the registry"
		}
		if s.Version > 0 {
			what += fmt.Sprintf(" version %d, id %d", s.Version, s.ID)
		}
		for _, why := range []string{s.Why, s.Failed} {
			if why != "" {
				what += ": " + why
			}
		}
		fmt.Fprintf(w, "%-9s %s\n", s.Act, what)
	}
	for _, d := range done.Differ {
		fmt.Fprintf(w, "DIFFERS   GET %s\n  there %s\n  here  %s\n", d.Asked, d.There, d.Here)
	}
	switch left := open(done.Steps); {
	case len(done.Steps) == 0:
		fmt.Fprintln(w, "Nothing differs.")
	case m.dryRun:
		fmt.Fprintf(w, "%d differences. Nothing was changed.\n", len(done.Steps))
	default:
		fmt.Fprintf(w, "%d differences, %d of them left.\n", len(done.Steps), left)
	}
	if done.Asked > 0 {
		fmt.Fprintf(w, "%d questions were asked of both; %d were answered differently.\n", done.Asked, len(done.Differ))
	}
}

// goOn mirrors until it is stopped. A registry that is away for a while is
// waited for, and so is whoever gives the tokens for it; one that cannot be followed
// is not asked again.
func (m *mirroring) goOn(cmd *cobra.Command, e *env) error {
	ctx := cmd.Context()
	before := mirrored{Steps: []mirror.Step{}}
	for first := true; ; first = false {
		done, err := m.roundAnew(cmd, e)
		switch {
		case ctx.Err() != nil: // it was stopped
		case lasting(err, first):
			return halted(err)
		case err != nil:
			fmt.Fprintln(cmd.ErrOrStderr(), "lethe:", err)
		case !reflect.DeepEqual(done, before): // what nobody can mend is told once
			before = done
			if err := show(cmd, done, func(w io.Writer) { m.tell(w, done) }); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(m.every):
		}
	}
}

// lasting reports whether what went wrong goes wrong again: the registry that is
// written to takes no chosen ids, or what was never right was refused.
func lasting(err error, first bool) bool {
	r, refused := errors.AsType[*mirror.Refusal](err)
	return errors.Is(err, mirror.ErrOwnIDs) || first && refused && r.Status < http.StatusInternalServerError
}

// roundAnew is a round with what the files say now.
func (m *mirroring) roundAnew(cmd *cobra.Command, e *env) (mirrored, error) {
	if err := m.reach(cmd, e); err != nil {
		return mirrored{}, err
	}
	return m.round(cmd.Context())
}

func (m *mirroring) switchOver(cmd *cobra.Command) error {
	left, err := m.Switch(cmd.Context())
	if errors.Is(err, mirror.ErrDiffers) {
		if shown := show(cmd, mirrored{Steps: left}, func(w io.Writer) { m.tell(w, mirrored{Steps: left}) }); shown != nil {
			return shown
		}
		return no(err)
	}
	if err != nil {
		return halted(err)
	}
	return show(cmd, map[string]bool{"switched": true}, func(w io.Writer) {
		how := "READONLY"
		if m.Closed {
			how = "as you say"
		}
		fmt.Fprintf(w, "%s is closed (%s); %s is open (READWRITE).\n", redacted(m.From.URL), how, redacted(m.To.URL))
	})
}

// redacted is a URL without its password.
func redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "the registry"
	}
	return u.Redacted()
}
