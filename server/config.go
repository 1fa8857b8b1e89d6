// Package server configures, wires, starts and stops Lethe, and signs its
// callers in. It holds no rule of the domain.
package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/flowmart/lethe/catalog/trust"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/internal/fault"
)

// Config is everything a server can be told. Load makes it from flags,
// variables and a file; docs/configuration.md lists the settings.
type Config struct {
	Listen    string // address of the public listener
	OpsListen string // address of metrics, profiles and health; loopback by default
	PublicURL string // where browsers and services reach Lethe; no slash at the end

	DatabaseURL        string // main database, as lethe_app
	MigrateURL         string // main database, as its owner
	KeystoreURL        string // key store, as lethe_app
	KeystoreMigrateURL string // key store, as its owner

	KEKFile           string // key-encryption keys, one base64 line each
	SigningKeyFile    string // signs task requests
	CheckpointKeyFile string // signs checkpoints of the audit log
	AnchorDir         string // checkpoints are also written here
	StorageDir        string // export parts and packages

	OIDC      OIDC
	CIIssuers map[string]trust.Provider // whose jobs may sign in, by the issuer of their identity tokens

	Country     string // ISO 3166-1 alpha-2, of controllers that name none
	TimeZone    string // IANA name, of controllers that name none
	Environment string // of datasets seen on the cluster named default

	Kafka         []Cluster
	LineageTopics []string

	Forward Forward

	Only            []Part         // what this process does; all parts by default
	Dev             bool           // development: HTTP on loopback, GraphiQL, introspection
	LogLevel        string         // debug, info, warn or error
	Requests        erasure.Config // times of data subjects' requests
	AnswerWithin    time.Duration  // no call hangs longer, whatever hangs
	ClockInterval   time.Duration  // between two looks at what time makes due
	ObserveInterval time.Duration  // between two looks at the Kafka clusters
	MaxPartBytes    int64          // one part of an export: told to services, and accepted from them

	DrainDelay time.Duration // between readiness failing and the listener closing

	origin map[string]string // where each setting came from, for print
}

// OIDC is whom Lethe believes about who is calling.
type OIDC struct {
	Issuer           string
	ClientID         string // of the portal's sign-in
	ClientSecretFile string // empty: a public client, PKCE alone
	Audience         string // what a bearer token must be meant for
	Scopes           []string
	GroupsClaim      string
	RolePrefix       string             // of groups that are roles, "lethe:"
	TeamPrefix       string             // of groups that are teams, "team:"
	TypedTokens      bool               // bearer tokens must say typ: at+jwt (RFC 9068)
	Machines         map[string]Machine // by client id
}

// Machine is what a client that is no person may be.
type Machine struct {
	Role    string // ci or service
	Service string // ref of the service it is bound to
}

// Cluster is a Kafka cluster that Lethe reads and watches.
type Cluster struct {
	Name        string   `yaml:"name" json:"name"`
	Environment string   `yaml:"environment" json:"environment"`
	Brokers     []string `yaml:"brokers" json:"brokers"`
	TLS         *TLS     `yaml:"tls,omitempty" json:"tls,omitempty"`
	SASL        *SASL    `yaml:"sasl,omitempty" json:"sasl,omitempty"`
}

// TLS is how a cluster is reached over TLS. Empty means the system's roots and
// no certificate of our own.
type TLS struct {
	CAFile   string `yaml:"ca_file" json:"ca_file"`
	CertFile string `yaml:"cert_file" json:"cert_file"`
	KeyFile  string `yaml:"key_file" json:"key_file"`
}

// SASL is how Lethe signs in to a cluster.
type SASL struct {
	Mechanism    string `yaml:"mechanism" json:"mechanism"` // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER
	User         string `yaml:"user" json:"user"`
	PasswordFile string `yaml:"password_file" json:"password_file"` // of PLAIN and SCRAM
	TokenFile    string `yaml:"token_file" json:"token_file"`       // of OAUTHBEARER; read again when it changes
}

// Forward is the registry that is written to in the mode FORWARD, and how Lethe
// signs in there.
type Forward struct {
	URL          string         // up to the paths of its API; "" for none
	Networks     []netip.Prefix // where it lies
	User         string
	PasswordFile string
	TokenFile    string // instead of a user
}

// Part is one of the things a process can do. Any number of processes share
// the work; a small deployment does all of it in one.
type Part string

// The parts.
const (
	Registry Part = "registry" // the schema registry's REST API
	Intake   Part = "intake"   // lineage events and observation of the clusters
	Requests Part = "requests" // data subjects' requests: jobs, services' results, sealing
	Web      Part = "web"      // the portal, GraphQL and sign-in
)

// Parts lists every part.
var Parts = []Part{Registry, Intake, Requests, Web}

// Runs reports whether this process does a part.
func (c Config) Runs(p Part) bool { return slices.Contains(c.Only, p) }

// runsAlone reports whether this process does one part and nothing else.
func (c Config) runsAlone(p Part) bool { return slices.Equal(c.Only, []Part{p}) }

// clusters names the Kafka clusters.
func (c Config) clusters() []string {
	out := make([]string, len(c.Kafka))
	for i, k := range c.Kafka {
		out[i] = k.Name
	}
	return out
}

// Sources is where settings come from, the strongest first: flags, then
// variables, then the file.
type Sources struct {
	Flags   map[string]string // by Setting.Key; only those that were given
	Environ []string          // as os.Environ gives it
	File    string            // path of a YAML file; empty for none
	Require []string          // keys that must be set; nil: what serve needs
}

// Load reads the configuration. Its error joins a fault for every setting that
// is missing, wrong or unknown, each with its mend.
func Load(from Sources) (Config, error) {
	c := Config{origin: map[string]string{}}
	var faults []error
	values := map[string]value{}
	for _, s := range settings {
		if s.fallback != "" {
			values[s.key] = value{s.fallback, "default", s.key}
		}
	}
	file, err := readFile(from.File, &c)
	faults = append(faults, err)
	env, err := readEnviron(from.Environ)
	faults = append(faults, err)
	for _, layer := range []map[string]value{file, env, readFlags(from.Flags)} {
		for key, v := range layer {
			values[key] = v
		}
	}
	for _, s := range settings {
		v, given := values[s.key]
		if !given || v.text == "" {
			continue
		}
		c.origin[s.key] = v.from
		if err := s.set(&c, v.text); err != nil {
			faults = append(faults, fault.Bad("", "BAD_SETTING", "%s: %s", v.name, err))
		}
	}
	require := from.Require
	if require == nil {
		require = required()
	}
	for _, key := range require {
		if values[key].text == "" {
			s := settingOf(key)
			faults = append(faults, fault.Bad("", "SETTING_MISSING", "%s is not set: %s, for example %s", s.Env(), s.Help, s.example))
		}
	}
	if from.Require == nil {
		faults = append(faults, c.check())
	}
	return c, errors.Join(faults...)
}

// check looks at what one setting alone cannot tell.
func (c *Config) check() error {
	var faults []error
	bad := func(key, format string, args ...any) {
		faults = append(faults, fault.Bad("", "BAD_SETTING", settingOf(key).Env()+": "+format, args...))
	}
	if strings.HasPrefix(c.PublicURL, "http://") && !(c.Dev && loopbackURL(c.PublicURL)) {
		bad("public_url", "plain HTTP is for loopback in development (--dev) alone; use https")
	}
	if strings.HasPrefix(c.OIDC.Issuer, "http://") && !(c.Dev && loopbackURL(c.OIDC.Issuer)) {
		bad("oidc_issuer", "plain HTTP is for loopback in development (--dev) alone; use https")
	}
	for issuer := range c.CIIssuers {
		if strings.HasPrefix(issuer, "http://") && !(c.Dev && loopbackURL(issuer)) {
			bad("ci_issuers", "plain HTTP is for loopback in development (--dev) alone; use https")
		}
	}
	if c.DatabaseURL != "" && c.DatabaseURL == c.KeystoreURL {
		bad("keystore_url", "the key store must be another database than LETHE_DATABASE_URL, or a backup of one would hold the keys of the other")
	}
	if c.SigningKeyFile != "" && c.SigningKeyFile == c.CheckpointKeyFile {
		bad("checkpoint_key_file", "use another key than LETHE_SIGNING_KEY_FILE: who signs task requests must not be able to sign the audit log")
	}
	c.Forward.check(c.Dev, bad)
	if c.Requests.NoProbes && !c.Dev {
		bad("no_probes", "what was erased is always looked for again; only a benchmark in development (--dev) may leave that out")
	}
	seen := map[string]bool{}
	for _, k := range c.Kafka {
		if seen[k.Name] {
			bad("kafka_brokers", "two Kafka clusters are called %q; names must differ", k.Name)
		}
		seen[k.Name] = true
	}
	return errors.Join(faults...)
}

// shown is a setting as it may be seen, and where it came from.
type shown struct {
	Value string `json:"value"`
	From  string `json:"from"`
}

func (c Config) show(s Setting) shown {
	text := s.get(&c)
	if s.Secret && text != "" {
		text = hide(text)
	}
	return shown{text, cmp.Or(c.origin[s.key], "not set")}
}

// Print writes the configuration as a YAML file that could be given back, the
// secrets hidden, with where each setting came from.
func (c Config) Print(w io.Writer) error {
	for _, s := range settings {
		is := c.show(s)
		line, err := yaml.Marshal(map[string]string{s.key: is.Value})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s  # %s\n", strings.TrimSuffix(string(line), "\n"), is.From); err != nil {
			return err
		}
	}
	if len(c.Kafka) == 0 {
		return nil
	}
	clusters, err := yaml.Marshal(map[string][]Cluster{"kafka": c.Kafka})
	if err != nil {
		return err
	}
	_, err = w.Write(clusters)
	return err
}

// MarshalJSON is Print for programs.
func (c Config) MarshalJSON() ([]byte, error) {
	all := map[string]shown{}
	for _, s := range settings {
		all[s.key] = c.show(s)
	}
	return json.Marshal(struct {
		Settings map[string]shown `json:"settings"`
		Kafka    []Cluster        `json:"kafka"`
	}{all, append([]Cluster{}, c.Kafka...)})
}

// readFlags turns given flags into values.
func readFlags(flags map[string]string) map[string]value {
	out := map[string]value{}
	for key, text := range flags {
		out[key] = value{text, "flag", settingOf(key).Flag()}
	}
	return out
}

// strangers are variables that start with our prefix and are no settings of a
// server: the command line's own, and the tests'.
var strangers = []string{"CONFIG", "URL", "TOKEN", "ID_TOKEN", "JOB_SERVICE"}

// links are the variables that Kubernetes gives every pod beside a Service
// called lethe: LETHE_SERVICE_HOST, LETHE_PORT_8080_TCP and their like.
var links = regexp.MustCompile(`^(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_.*)?)?)$`)

// readEnviron turns LETHE_ variables into values. A variable that is no
// setting is refused, rather than left without effect.
func readEnviron(environ []string) (map[string]value, error) {
	var faults []error
	out := map[string]value{}
	for _, e := range environ {
		name, text, _ := strings.Cut(e, "=")
		rest, ours := strings.CutPrefix(name, "LETHE_")
		if !ours || slices.Contains(strangers, rest) || strings.HasPrefix(rest, "TEST_") || links.MatchString(rest) {
			continue
		}
		key := strings.ToLower(rest)
		if slices.Contains(keys(), key) {
			out[key] = value{text, "variable", name}
			continue
		}
		if near := fault.Nearest(key, keys()); near != "" {
			faults = append(faults, fault.Bad("", "UNKNOWN_SETTING", "%s is not a setting; did you mean %s?", name, settingOf(near).Env()))
			continue
		}
		faults = append(faults, fault.Bad("", "UNKNOWN_SETTING", "%s is not a setting; unset it, settings are listed by lethe serve --help", name))
	}
	return out, errors.Join(faults...)
}

// privateFile refuses a file of secrets that others can read.
func privateFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no file %s; create it, or correct the path", path)
	case err != nil:
		return fmt.Errorf("%s cannot be read; let the server's account read it", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", path)
	case info.Mode().Perm()&0o177 != 0:
		return fmt.Errorf("%s can be read or changed by others (mode %04o); run chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

func directory(path string) error {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return fmt.Errorf("there is no directory %s; create it, or correct the path", path)
	}
	return nil
}

// loopback reports whether host is this machine and nothing else.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}
