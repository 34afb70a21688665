//go:build !race

package wire

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The average forgives a pool that a collection has emptied in between.
func TestRoundTripDoesNotAllocate(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		c, done := pingPong(t, network)
		assert.Zero(t, testing.AllocsPerRun(500, func() { roundTrip(t, c) }), network)
		require.NoError(t, c.Close())
		await(t, done, "peer")
	}
}
