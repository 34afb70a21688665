package wire

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func assertNoSlotTaken(t *testing.T, w *Watcher) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	assert.Len(t, w.free, len(w.slots)-1, "all slots but the one that means none")
	for _, s := range w.slots {
		assert.Nil(t, s.conn)
	}
}

// An event that was on its way when its connection closed does not reach the
// connection that got the slot.
func TestWatcherLateEvent(t *testing.T) {
	w := newWatcher(t, false)
	first, _ := pair(t, "tcp")
	c1, _ := watched(first, w)
	old := c1.slot
	require.NoError(t, c1.Close())

	second, _ := pair(t, "tcp")
	c2, _ := watched(second, w)
	require.Equal(t, uint32(old), uint32(c2.slot), "the same slot")
	assert.Nil(t, w.lookup(old))
	assert.Same(t, c2, w.lookup(c2.slot))
	w.release(old) // late, does nothing
	assert.Same(t, c2, w.lookup(c2.slot))
	require.NoError(t, c2.Close())
	assertNoSlotTaken(t, w)
}
