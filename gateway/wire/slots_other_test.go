//go:build !linux

package wire

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func assertNoSlotTaken(t *testing.T, w *Watcher) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	assert.Empty(t, w.conns)
}
