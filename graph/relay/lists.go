package relay

import (
	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/findings"
	"github.com/flowmart/lethe/catalog/search"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/schemas/stores"
	"github.com/flowmart/lethe/schemas/tables"
)

// gqlgen.yml names each connection of the API, and each edge.
//
//nolint:revive // the names say what the sentence above does
type (
	AuditEntries      = Connection[audit.Record]
	Controllers       = Connection[catalog.Controller]
	Owners            = Connection[catalog.Owner]
	Services          = Connection[catalog.Service]
	Stores            = Connection[catalog.Store]
	Datasets          = Connection[catalog.Dataset]
	Fields            = Connection[catalog.Field]
	Terms             = Connection[taxonomy.Term]
	Purposes          = Connection[catalog.Purpose]
	RetentionPolicies = Connection[catalog.RetentionPolicy]
	Findings          = Connection[findings.Finding]
	Hits              = Connection[search.Hit]
	ReaderNames       = Connection[catalog.ActorAlias]
	Names             = Connection[string]
	Requests          = Connection[erasure.Request]
	PlanNodes         = Connection[erasure.Node]
	Tasks             = Connection[task.Task]
	Alerts            = Connection[alert.Alert]
	Tables            = Connection[tables.Table]
	Columns           = Connection[tables.Column]
	StoreVersions     = Connection[stores.Version]
	TableChanges      = Connection[stores.Change]
)

//nolint:revive // as above
type (
	AuditEntry      = Edge[audit.Record]
	Controller      = Edge[catalog.Controller]
	Owner           = Edge[catalog.Owner]
	Service         = Edge[catalog.Service]
	Store           = Edge[catalog.Store]
	Dataset         = Edge[catalog.Dataset]
	Field           = Edge[catalog.Field]
	Term            = Edge[taxonomy.Term]
	Purpose         = Edge[catalog.Purpose]
	RetentionPolicy = Edge[catalog.RetentionPolicy]
	Finding         = Edge[findings.Finding]
	Hit             = Edge[search.Hit]
	ReaderName      = Edge[catalog.ActorAlias]
	Name            = Edge[string]
	Request         = Edge[erasure.Request]
	PlanNode        = Edge[erasure.Node]
	Task            = Edge[task.Task]
	Alert           = Edge[alert.Alert]
	Table           = Edge[tables.Table]
	Column          = Edge[tables.Column]
	StoreVersion    = Edge[stores.Version]
	TableChange     = Edge[stores.Change]
)
