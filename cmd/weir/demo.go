package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/loadtest/mock"
)

// demoFiles are the configuration of the demo.
//
//go:embed demo/weir.yaml demo/campaigns.yaml
var demoFiles embed.FS

const demoLong = `Runs everything in one process: a mock LLM and marketing upstream on a loopback
port, the gateway in front of it, and a trickle of mixed traffic, so that there is
something to see in 'weir queue'. Nothing leaves this machine.

With OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY or DASHSCOPE_API_KEY set, the
provider itself is reached as well, at a host name of its own: set the base URL of a
client to http://openai.localhost:8080/v1, http://anthropic.localhost:8080,
http://gemini.localhost:8080 or http://dashscope.localhost:8080/compatible-mode/v1.
The traffic of the demo never goes there; only what you send does.

The configuration is written to DIR/weir.yaml. Edit it while the demo runs: changes
are taken up at once. The next start writes it anew and keeps yours as weir.yaml~.`

// demoFlags are the flags of weir demo.
type demoFlags struct {
	listen    string
	admin     string
	dir       string
	noTraffic bool
}

func newDemo(sh *shell) *cobra.Command {
	f := &demoFlags{}
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Run gateway, mock upstream and traffic in one process",
		Long:    demoLong,
		Example: "  weir demo\n  weir demo --listen 127.0.0.1:9000 --no-traffic\n  OPENAI_API_KEY=… weir demo",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), sh) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.listen, "listen", ":8080", "`ADDRESS` of the gateway")
	fs.StringVar(&f.admin, "admin", "127.0.0.1:8081", "`ADDRESS` of the admin listener")
	fs.StringVar(&f.dir, "dir", ".weir", "`FOLDER` for the configuration")
	fs.BoolVar(&f.noTraffic, "no-traffic", false, "make no requests")
	return cmd
}

// demo is a running demo.
type demo struct {
	mock     *mock.Server
	mockAddr net.Addr
	mockDone chan error
	svc      *service
}

func (f *demoFlags) run(ctx context.Context, sh *shell) error {
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return flagListenError("--listen", f.listen, err)
	}
	admin, err := net.Listen("tcp", f.admin)
	if err != nil {
		_ = listener.Close()
		return flagListenError("--admin", f.admin, err)
	}
	d := &demo{}
	if err := d.start(sh, f, listener, admin); err != nil {
		return errors.Join(err, listener.Close(), admin.Close())
	}
	return d.serve(ctx, sh, f)
}

// demoMock is a provider that takes about a second for an answer.
func demoMock() mock.Config {
	return mock.Config{
		Seed:    1,
		TTFT:    mustDist("lognormal:200ms,0.5,2s"),
		Gap:     mustDist("fixed:20ms"),
		Latency: mustDist("lognormal:15ms,0.5,200ms"),
	}
}

func mustDist(s string) mock.Dist {
	d, err := mock.ParseDist(s)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return d
}

// start makes mock, configuration and gateway. After an error nothing is left
// running.
func (d *demo) start(sh *shell, f *demoFlags, listener, admin net.Listener) (err error) {
	if d.mock, err = mock.New(demoMock()); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, d.stopMock())
	}
	d.mockAddr, d.mockDone = ln.Addr(), make(chan error, 1)
	go func() { d.mockDone <- d.mock.Serve(ln) }()
	if err = d.startGateway(sh, f, listener, admin); err != nil {
		return errors.Join(err, d.stopMock())
	}
	return nil
}

func (d *demo) startGateway(sh *shell, f *demoFlags, listener, admin net.Listener) (err error) {
	path, err := writeDemoFiles(f.dir, sh)
	if err != nil {
		return fmt.Errorf("cannot write the configuration: %w; choose another folder with --dir", err)
	}
	inner := *sh
	inner.env = f.environment(sh.env, d.mockAddr)
	d.svc, err = newService(&inner, path, gateway.Deps{Listener: listener, Admin: admin})
	return err
}

// environment is what the demo's configuration sees.
func (f *demoFlags) environment(own map[string]string, mock net.Addr) map[string]string {
	env := make(map[string]string, len(own)+4)
	for name, value := range own {
		env[name] = value
	}
	env["WEIR_DEMO_LISTEN"] = f.listen
	env["WEIR_DEMO_ADMIN"] = f.admin
	env["WEIR_DEMO_MOCK"] = mock.String()
	env["WEIR_DEMO_DIR"] = f.dir
	return env
}

// writeDemoFiles writes the configuration into dir and returns its path. A file
// that was changed since the last start is kept beside it.
func writeDemoFiles(dir string, sh *shell) (path string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range []string{"campaigns.yaml", "weir.yaml"} {
		data, err := demoFiles.ReadFile("demo/" + name)
		if err != nil {
			return "", err
		}
		data = switchOn(data, func(name string) bool { return sh.env[name] != "" })
		path = filepath.Join(dir, name)
		if old, err := os.ReadFile(path); err == nil && !bytes.Equal(old, data) {
			if err := os.Rename(path, path+"~"); err != nil {
				return "", err
			}
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return "", err
		}
	}
	return path, nil
}

// serve runs until ctx ends, and then ends in order: traffic, gateway, mock.
func (d *demo) serve(ctx context.Context, sh *shell, f *demoFlags) error {
	traffic := make(chan struct{})
	trafficCtx, stopTraffic := context.WithCancel(ctx)
	defer stopTraffic()
	served := make(chan error, 1)
	go func() { served <- d.svc.run(ctx) }()
	go func() {
		defer close(traffic)
		select {
		case <-d.svc.gw.Ready():
		case <-trafficCtx.Done():
			return
		}
		d.greet(sh, f)
		if !f.noTraffic {
			runTraffic(trafficCtx, d.svc.gw.Addr(), demoPersonas())
		}
	}()
	err := <-served
	stopTraffic()
	<-traffic
	return errors.Join(err, d.stopMock())
}

func (d *demo) stopMock() error {
	stop, cancel := context.WithTimeout(context.Background(), mockStop)
	defer cancel()
	err := d.mock.Shutdown(stop)
	if d.mockDone != nil {
		err = errors.Join(err, <-d.mockDone)
	}
	return err
}

// greet prints where everything is, and three requests to try.
func (d *demo) greet(sh *shell, f *demoFlags) {
	base, admin := "http://"+local(d.svc.gw.Addr()), "http://"+local(d.svc.gw.AdminAddr())
	const body = `'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]%s}'`
	b := &strings.Builder{}
	fmt.Fprintf(b, "Weir is up.\n\n")
	fmt.Fprintf(b, "  gateway        %s\n", base)
	fmt.Fprintf(b, "  admin          %s  (/api/v1/queues, /api/v1/upstreams, /metrics, /readyz)\n", admin)
	fmt.Fprintf(b, "  mock upstream  http://%s\n", d.mockAddr)
	fmt.Fprintf(b, "  configuration  %s\n\n", filepath.Join(f.dir, "weir.yaml"))
	for _, p := range liveProviders(sh.env) {
		fmt.Fprintf(b, "  %s itself: base URL http://%s.localhost:%s%s\n", p.name, p.host, port(d.svc.gw.Addr()), p.base)
	}
	fmt.Fprintf(b, "Try:\n\n")
	fmt.Fprintf(b, "  curl -i %s/v1/chat/completions -H 'Authorization: Bearer demo-vip' -H 'Content-Type: application/json' -d %s\n",
		base, fmt.Sprintf(body, ""))
	fmt.Fprintf(b, "  curl -N %s/v1/chat/completions -H 'Authorization: Bearer demo-app' -H 'Content-Type: application/json' -d %s\n",
		base, fmt.Sprintf(body, `,"stream":true`))
	fmt.Fprintf(b, "  curl -i %s/profiles/p42\n\n", base)
	fmt.Fprintf(b, "See the queues: weir queue%s, or curl %s/api/v1/queues\nEnd with Ctrl-C.\n", f.adminHint(d.svc.gw.AdminAddr()), admin)
	fmt.Fprint(sh.stdout, b)
}

// adminHint is the flag that weir queue needs when the listener is not the usual one.
func (f *demoFlags) adminHint(addr net.Addr) string {
	if f.admin == "127.0.0.1:8081" {
		return ""
	}
	return " --admin " + reachable(addr)
}

// provider is a real one that the demo can reach.
type provider struct {
	name, key  string
	host, base string
}

// liveProviders are those whose key is set.
func liveProviders(env map[string]string) (live []provider) {
	for _, p := range []provider{
		{"OpenAI", "OPENAI_API_KEY", "openai", "/v1"},
		{"Anthropic", "ANTHROPIC_API_KEY", "anthropic", ""},
		{"Gemini", "GEMINI_API_KEY", "gemini", ""},
		{"DashScope", "DASHSCOPE_API_KEY", "dashscope", "/compatible-mode/v1"},
	} {
		if env[p.key] != "" {
			live = append(live, p)
		}
	}
	return live
}

// local writes the address of a listener for a person at this machine.
func local(addr net.Addr) string {
	host, port, err := net.SplitHostPort(reachable(addr))
	if err != nil {
		return addr.String()
	}
	if host == "127.0.0.1" {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func port(addr net.Addr) string {
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "80"
	}
	return port
}
