// Package scenarios_test plays the acceptance scenarios of docs/scenarios.md
// through the public doors alone: GraphQL, the rights protocol over HTTP, and
// the clock. It reads the database to look, and never writes into it.
package scenarios_test
