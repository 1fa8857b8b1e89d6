package observer

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/flowmart/lethe/internal/fault"
)

// Cluster is a Kafka cluster to observe.
type Cluster struct {
	Name        string // as in the namespaces of its topics: kafka://<name>
	Environment string // "" means production
	Brokers     []string
	TLS         *tls.Config // nil for none
	SASL        *SASL       // nil for none
}

// SASL is how Lethe signs in to a cluster.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER
	User      string // not of OAUTHBEARER
	// Secret reads the password, or the token of OAUTHBEARER. It is called for
	// every connection, so that a rotated secret is taken up.
	Secret func(context.Context) (string, error)
}

// clientID is what Lethe calls itself on the clusters it looks at.
const clientID = "lethe-observer"

// open makes a client. It connects when it is used first.
func (c Cluster) open() (*kgo.Client, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(clientID),
		kgo.DialTimeout(5 * time.Second),
		kgo.RetryTimeout(10 * time.Second),
		kgo.RequestRetries(3),
		kgo.DisableClientMetrics(),
	}
	if c.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(c.TLS))
	}
	if c.SASL != nil {
		m, err := c.SASL.mechanism()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(m))
	}
	return kgo.NewClient(opts...)
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "PLAIN":
		return plain.Plain(func(ctx context.Context) (plain.Auth, error) {
			secret, err := s.Secret(ctx)
			return plain.Auth{User: s.User, Pass: secret}, err
		}), nil
	case "SCRAM-SHA-256":
		return scram.Sha256(s.scram), nil
	case "SCRAM-SHA-512":
		return scram.Sha512(s.scram), nil
	case "OAUTHBEARER":
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			secret, err := s.Secret(ctx)
			return oauth.Auth{Token: secret}, err
		}), nil
	}
	return nil, fault.Bad("sasl.mechanism", "BAD_SETTING", "%s", fault.Suggest("this is no mechanism to sign in with", s.Mechanism,
		[]string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}))
}

func (s SASL) scram(ctx context.Context) (scram.Auth, error) {
	secret, err := s.Secret(ctx)
	return scram.Auth{User: s.User, Pass: secret}, err
}
