//go:build !race

package http1_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHotPathsDoNotAllocate(t *testing.T) {
	for _, p := range hotPaths {
		assert.Zero(t, testing.AllocsPerRun(100, p.step()), p.name)
	}
}
