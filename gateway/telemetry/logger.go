package telemetry

import (
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// LogConfig is the application log.
type LogConfig struct {
	Level  string              // debug, info (also when empty), warn or error
	Format string              // json (also when empty) or console
	Output zapcore.WriteSyncer // nil: standard error
}

// NewLogger makes the logger for what is not a request: starts, reloads, failures
// and what operators did. A message that repeats more than a hundred times a
// second is thinned to every hundredth, so that a failing dependency cannot fill
// a disk. The error names the setting that is wrong.
func NewLogger(cfg LogConfig) (*zap.Logger, error) {
	level := zapcore.InfoLevel
	switch cfg.Level {
	case "debug", "info", "warn", "error":
		_ = level.UnmarshalText([]byte(cfg.Level))
	case "":
	default:
		return nil, fmt.Errorf("log level is %q, want debug, info, warn or error", cfg.Level)
	}
	encoder, err := newEncoder(cfg.Format)
	if err != nil {
		return nil, err
	}
	out := cfg.Output
	if out == nil {
		out = os.Stderr
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(out), level)
	core = zapcore.NewSamplerWithOptions(core, time.Second, 100, 100)
	return zap.New(core, zap.AddCaller(), zap.AddStacktrace(zap.DPanicLevel), zap.ErrorOutput(zapcore.Lock(out))), nil
}

func newEncoder(format string) (zapcore.Encoder, error) {
	c := zap.NewProductionEncoderConfig()
	c.TimeKey = "time"
	c.MessageKey = "message"
	c.EncodeTime = func(t time.Time, out zapcore.PrimitiveArrayEncoder) {
		out.AppendString(string(appendTime(nil, t)))
	}
	c.EncodeDuration = zapcore.StringDurationEncoder
	switch format {
	case "json", "":
		return zapcore.NewJSONEncoder(c), nil
	case "console":
		c.EncodeLevel = zapcore.CapitalLevelEncoder
		return zapcore.NewConsoleEncoder(c), nil
	default:
		return nil, fmt.Errorf("log format is %q, want json or console", format)
	}
}
