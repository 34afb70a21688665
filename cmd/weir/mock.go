package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-gateway/weir/loadtest/mock"
)

const mockLong = `Serves the mock upstream alone: OpenAI chat completions, responses and
embeddings, Anthropic messages, Gemini generateContent, and a small marketing API.
Latency, tokens, faults and limits are set for all requests by flag and for one
request by an X-Mock-* header. It needs no key and calls nobody.

  GET /mock/stats    what it has served
  POST /mock/reset   count from zero`

// mockStop is how long requests that are being answered may take to end.
const mockStop = 5 * time.Second

func newMock(sh *shell) *cobra.Command {
	cfg := mock.Config{
		TTFT:         mock.FixedDuration(50 * time.Millisecond),
		Gap:          mock.FixedDuration(10 * time.Millisecond),
		OutputTokens: mock.FixedCount(32),
	}
	listen := "127.0.0.1:9100"
	cmd := &cobra.Command{
		Use:   "mock",
		Short: "Serve the mock LLM and marketing upstream",
		Long:  mockLong,
		Example: `  weir mock
  weir mock --listen :9100 --ttft lognormal:200ms,0.8,5s --gap fixed:20ms --max-concurrent 16
  curl -H 'X-Mock-Latency: 2s' 127.0.0.1:9100/profiles/1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			srv, err := mock.New(cfg)
			if err != nil {
				return &usageError{text: err.Error()}
			}
			ln, err := net.Listen("tcp", listen)
			if err != nil {
				return flagListenError("--listen", listen, err)
			}
			fmt.Fprintf(sh.stdout, "mock upstream on http://%s\n", ln.Addr())
			return serveMock(cmd.Context(), srv, ln)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", listen, "`ADDRESS` to listen on")
	fromEnv(cmd.Flags(), "listen", "WEIR_MOCK_LISTEN")
	cfg.AddFlags(cmd.Flags())
	return cmd
}

// serveMock serves until ctx ends, then shuts down. It releases srv.
func serveMock(ctx context.Context, srv *mock.Server, ln net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), mockStop)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return err
	}
	return <-served
}

// flagListenError names the flag that would choose another address.
func flagListenError(flag, address string, err error) error {
	return fmt.Errorf("cannot listen on %s: %w; choose another address with %s", address, err, flag)
}
