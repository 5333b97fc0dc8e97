// Package proof is copied into transparency-dev/merkle's package of that name before omniwitness is built.
package proof

import (
	"errors"

	"github.com/transparency-dev/merkle"
)

// VerifySubtreeConsistency is called only by a witness that signs subtrees, which the test's does not.
func VerifySubtreeConsistency(merkle.LogHasher, uint64, uint64, uint64, [][]byte, []byte, []byte) error {
	return errors.New("subtrees are not signed by this build")
}
