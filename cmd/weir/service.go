package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"go.uber.org/zap"

	"github.com/weir-gateway/weir/config"
	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/gateway/telemetry"
)

// service is a gateway with the file that configures it.
type service struct {
	path     string
	logger   *zap.Logger
	gw       *gateway.Gateway
	reloader *config.Reloader

	mu      sync.Mutex // guards watcher
	watcher *config.Watcher
}

// newService loads path and makes the gateway; deps may bring listeners. Release
// it with run.
func newService(sh *shell, path string, deps gateway.Deps) (*service, error) {
	cfg, err := sh.loadConfig(path)
	if err != nil {
		return nil, err
	}
	s := &service{path: path}
	s.logger, err = telemetry.NewLogger(telemetry.LogConfig{
		Level: cfg.Telemetry.Log.Level, Format: cfg.Telemetry.Log.Format, Output: &logOutput{w: sh.stderr},
	})
	if err != nil {
		return nil, &invalidConfig{err: fmt.Errorf("%s: telemetry.log: %w", path, err)}
	}
	deps.Logger = s.logger
	deps.Version = buildVersion().Version
	deps.LookupEnv = sh.lookupEnv
	deps.Reload = func(context.Context) error { return s.reload("api") }
	deps.ConfigYAML = func() ([]byte, error) { return s.reloader.Current().Masked() }
	deps.ConfigJSON = func() ([]byte, error) { return s.reloader.Current().MaskedJSON() }
	if s.gw, err = gateway.New(cfg.Config, deps); err != nil {
		return nil, &invalidConfig{err: fmt.Errorf("%s: %w", path, err)}
	}
	s.reloader = config.NewReloader(path, config.Env{LookupEnv: sh.lookupEnv}, cfg, func(c *config.Config) error {
		return s.gw.Apply(c.Config)
	})
	return s, nil
}

// run serves until ctx ends and the gateway has drained.
func (s *service) run(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	w, err := config.NewWatcher(s.reloader.Current().Files(s.path), func() { _ = s.reload("file") }, config.WatchOptions{
		Failed: func(err error) { s.logger.Warn("watching the configuration", zap.Error(err)) },
	})
	if err != nil {
		s.gw.Close()
		return err
	}
	s.mu.Lock()
	s.watcher = w
	s.mu.Unlock()
	served := make(chan error, 1)
	go func() { served <- s.gw.Run(ctx) }()
	for {
		select {
		case <-hup:
			_ = s.reload("SIGHUP")
			if err := s.gw.ReopenLogs(); err != nil {
				s.logger.Error("opening the access log again", zap.Error(err))
			}
		case err := <-served:
			return errors.Join(err, w.Close())
		}
	}
}

// reload reads the file again. What came of it is logged and counted; a bad file
// changes nothing.
func (s *service) reload(cause string) error {
	err := s.reloader.Reload()
	s.gw.Telemetry().ConfigReloaded(err == nil)
	if err != nil {
		s.logger.Error("the configuration was not reloaded, the old one stays in force",
			zap.String("cause", cause), zap.Error(err))
		return err
	}
	s.logger.Info("configuration reloaded", zap.String("cause", cause))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watcher != nil {
		s.watcher.SetPaths(s.reloader.Current().Files(s.path))
	}
	return nil
}

// logOutput makes a sink for log lines of any writer.
type logOutput struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer, one line at a time.
func (o *logOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

// Sync does nothing: lines are not kept.
func (o *logOutput) Sync() error { return nil }
