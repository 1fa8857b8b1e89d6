package signature

import (
	"fmt"

	"github.com/google/uuid"
)

// PartStatement is what is signed in place of the body when a part of an
// export is uploaded or asked about. The bytes of a part are too many to hold
// before verifying; the statement binds everything that says what they are:
//
//	lethe-rights/1 part
//	PUT
//	<task>/<dataset>/<n>
//	<Content-Range, empty for HEAD>
//	<Lethe-Part-SHA256, empty for HEAD>
//
// Lines end with a line feed, the last one too. Ids are lower-case.
func PartStatement(method string, task, dataset uuid.UUID, n int, contentRange, sha256 string) []byte {
	return fmt.Appendf(nil, "lethe-rights/1 part\n%s\n%s/%s/%d\n%s\n%s\n", method, task, dataset, n, contentRange, sha256)
}
