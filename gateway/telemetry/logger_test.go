package telemetry

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestLoggerWritesJSON(t *testing.T) {
	var out bytes.Buffer
	l, err := NewLogger(LogConfig{Output: zapcore.AddSync(&out)})
	require.NoError(t, err)
	l.Debug("not shown")
	l.Info("started", zap.Duration("after", 1500*time.Millisecond))
	var got map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	assert.Equal(t, "started", got["message"])
	assert.Equal(t, "1.5s", got["after"])
	_, err = time.Parse(time.RFC3339, got["time"].(string))
	assert.NoError(t, err)
}

func TestLoggerSettings(t *testing.T) {
	var out bytes.Buffer
	l, err := NewLogger(LogConfig{Level: "error", Format: "console", Output: zapcore.AddSync(&out)})
	require.NoError(t, err)
	l.Warn("not shown")
	l.Error("shown")
	assert.Contains(t, out.String(), "ERROR")
	assert.NotContains(t, out.String(), "not shown")
	_, err = NewLogger(LogConfig{Level: "loud"})
	assert.EqualError(t, err, `log level is "loud", want debug, info, warn or error`)
	_, err = NewLogger(LogConfig{Format: "xml"})
	assert.EqualError(t, err, `log format is "xml", want json or console`)
}
