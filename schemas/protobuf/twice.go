package protobuf

import (
	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/reporter"
)

// twice finds an optional field that has the name of one before it in its message.
// The parser would look for a name for the oneof around each that no other has, and
// make it longer until there is one.
func twice(file *ast.FileNode) error {
	return ast.Walk(file, &ast.SimpleVisitor{DoVisitMessageNode: func(m *ast.MessageNode) error {
		seen := map[string]bool{}
		for _, one := range m.Decls {
			f, ok := one.(*ast.FieldNode)
			if !ok || f.Label.KeywordNode == nil || f.Label.Repeated || f.Label.Required {
				continue
			}
			if seen[f.Name.Val] {
				return reporter.Errorf(file.NodeInfo(f.Name), "message %s: two fields have the name %s; give each its own", m.Name.Val, f.Name.Val)
			}
			seen[f.Name.Val] = true
		}
		return nil
	}})
}
