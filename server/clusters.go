package server

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/flowmart/lethe/internal/fault"
)

// mechanisms are the ways to sign in to a cluster.
var mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}

// readClusters reads the list of Kafka clusters of the file.
func readClusters(n ast.Node, path string, c *Config) error {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return fault.Bad("", "BAD_SETTING", "%s:%d: kafka: write a list of clusters, each with name and brokers", path, n.GetToken().Position.Line)
	}
	var faults []error
	for _, item := range list.Values {
		at := fmt.Sprintf("%s:%d: kafka", path, item.GetToken().Position.Line)
		if err := knownKeys(item, path, "kafka", clusterKeys); err != nil {
			faults = append(faults, err)
			continue
		}
		var k Cluster
		if err := yaml.NodeToValue(item, &k); err != nil {
			faults = append(faults, fault.Bad("", "BAD_SETTING", "%s: %s", at, yaml.FormatError(err, false, false)))
			continue
		}
		if err := k.check(); err != nil {
			faults = append(faults, fault.Bad("", "BAD_SETTING", "%s: %s", at, err))
		}
		if k.Environment == "" {
			k.Environment = "production"
		}
		c.Kafka = append(c.Kafka, k)
	}
	return errors.Join(faults...)
}

// clusterKeys are the keys of a cluster and, under a key, those within.
var clusterKeys = map[string][]string{
	"":     {"name", "environment", "brokers", "tls", "sasl"},
	"tls":  {"ca_file", "cert_file", "key_file"},
	"sasl": {"mechanism", "user", "password_file", "token_file"},
}

func knownKeys(n ast.Node, path, under string, known map[string][]string) error {
	entries, ok := mapping(n)
	if !ok {
		return fault.Bad("", "BAD_SETTING", "%s:%d: %s: write keys and values", path, n.GetToken().Position.Line, under)
	}
	at := under
	if under == "kafka" {
		at = ""
	}
	var faults []error
	for _, e := range entries {
		key := e.Key.String()
		if !slices.Contains(known[at], key) {
			msg := fault.Suggest(fmt.Sprintf("%s.%s is not a setting", under, key), key, known[at])
			faults = append(faults, fault.Bad("", "UNKNOWN_SETTING", "%s:%d: %s", path, e.Key.GetToken().Position.Line, msg))
			continue
		}
		if _, nested := known[key]; nested && at == "" {
			faults = append(faults, knownKeys(e.Value, path, key, known))
		}
	}
	return errors.Join(faults...)
}

func (k Cluster) check() error {
	if k.Name == "" {
		return errors.New("a cluster has no name")
	}
	if len(k.Brokers) == 0 {
		return fmt.Errorf("the cluster %q has no brokers", k.Name)
	}
	for _, b := range k.Brokers {
		if err := address(b); err != nil {
			return fmt.Errorf("the broker %q of %q: %w", b, k.Name, err)
		}
	}
	if k.TLS != nil {
		if err := k.TLS.check(); err != nil {
			return err
		}
	}
	if k.SASL == nil {
		return nil
	}
	return k.SASL.check()
}

func (t TLS) check() error {
	if (t.CertFile == "") != (t.KeyFile == "") {
		return errors.New("tls.cert_file and tls.key_file go together")
	}
	for _, path := range []string{t.CAFile, t.CertFile} {
		if _, err := os.Stat(path); path != "" && err != nil {
			return fmt.Errorf("there is no file %s; correct the path", path)
		}
	}
	if t.KeyFile == "" {
		return nil
	}
	return privateFile(t.KeyFile)
}

func (s SASL) check() error {
	if err := oneOf(mechanisms...)(s.Mechanism); err != nil {
		return fmt.Errorf("sasl.mechanism: %w", err)
	}
	if s.Mechanism == "OAUTHBEARER" {
		return privateFile(s.TokenFile)
	}
	if strings.TrimSpace(s.User) == "" {
		return fmt.Errorf("sasl.user is missing; %s needs one", s.Mechanism)
	}
	return privateFile(s.PasswordFile)
}
