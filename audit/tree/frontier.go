package tree

import "golang.org/x/mod/sumdb/tlog"

// Frontier is a tree that only grows, kept as the roots of its complete
// subtrees: the root at any size, for a few hashes of memory. Its zero value
// is the empty tree.
type Frontier struct {
	Size  int64
	roots [63]tlog.Hash // by level; that of a level counts while Size has its bit
}

// Push adds a leaf and returns the hashes that come to stand: the leaf's, and
// those of the subtrees it completes, by level.
func (f *Frontier) Push(leaf tlog.Hash) []tlog.Hash {
	made := []tlog.Hash{leaf}
	for level := 0; f.Size>>level&1 == 1; level++ {
		leaf = tlog.NodeHash(f.roots[level], leaf)
		made = append(made, leaf)
	}
	f.roots[len(made)-1] = leaf
	f.Size++
	return made
}

// Root is the Merkle tree hash of RFC 6962 over the leaves so far.
func (f *Frontier) Root() tlog.Hash {
	if f.Size == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	var root tlog.Hash
	begun := false
	for level := range f.roots {
		switch {
		case f.Size>>level&1 == 0:
		case !begun:
			root, begun = f.roots[level], true
		default:
			root = tlog.NodeHash(f.roots[level], root)
		}
	}
	return root
}
