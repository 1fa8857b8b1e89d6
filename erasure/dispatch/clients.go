package dispatch

import (
	"net/http"
	"sync"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/egress"
)

// clients keeps one HTTP client a service, so that connections are reused and
// one slow service holds its own connections only.
type clients struct {
	dev bool

	mu   sync.Mutex
	kept map[uuid.UUID]client
}

type client struct {
	rev  int
	http *http.Client
}

func (c *clients) of(s catalog.Service) *http.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.kept[s.ID]; ok && k.rev == s.Rev {
		return k.http
	}
	if c.kept == nil {
		c.kept = map[uuid.UUID]client{}
	}
	if old, ok := c.kept[s.ID]; ok {
		old.http.CloseIdleConnections()
	}
	endpoint := ""
	if s.Endpoint != nil {
		endpoint = *s.Endpoint
	}
	made := egress.Around(endpoint, s.AllowedNetworks, c.dev).Client()
	c.kept[s.ID] = client{s.Rev, made}
	return made
}
