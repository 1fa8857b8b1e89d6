package relay

import (
	"github.com/flowmart/lethe/audit"
)

// The connections of the API, and their edges.
type (
	AuditEntries = Connection[audit.Record]
	AuditEntry   = Edge[audit.Record]
)
