package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weir-gateway/weir/gateway/admin"
)

const queueLong = `Shows what waits in front of each upstream, by class and flow, and redraws it
every second on a terminal. Elsewhere, and with --once, it prints one table.

  share    part of the upstream's service that the class received since the start
  of       part that its weight stands for while every class has something waiting
  oldest   how long the first in the queue has waited
  wait     time queued, median and 95th percentile of the last 60 s
  seats    requests at the upstream now
  refused  queue full, waited too long, displaced, drained

The subcommands change one class, at one upstream or at all of them, until Weir
ends or another command takes it back.`

// adminFlags say which gateway an operator's command talks to.
type adminFlags struct {
	address string
	token   string
}

func (a *adminFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&a.address, "admin", "127.0.0.1:8081", "admin listener of the gateway, `ADDRESS` or URL")
	fromEnv(fs, "admin", "WEIR_ADMIN")
	fs.StringVar(&a.token, "token", "", "admin `TOKEN`; better given by the variable, which other users cannot see")
	fromEnv(fs, "token", "WEIR_ADMIN_TOKEN")
}

func (a *adminFlags) client() (*admin.Client, error) {
	client, err := admin.NewClient(admin.ClientConfig{URL: a.address, Token: a.token})
	if err != nil {
		return nil, usagef("--admin: %v", err)
	}
	return client, nil
}

// queueFlags are the flags of weir queue itself.
type queueFlags struct {
	admin    adminFlags
	upstream string
	flows    int
	interval time.Duration
	once     bool
	json     bool
}

func newQueue(sh *shell) *cobra.Command {
	f := &queueFlags{}
	cmd := &cobra.Command{
		Use:   "queue",
		Short: "Show what waits, and pause, resume, drain or boost a class",
		Long:  queueLong,
		Example: `  weir queue
  weir queue --once --upstream openai
  weir queue --json | jq '.queues[].queued'
  weir queue boost campaign --weight 60 --for 10m
  weir queue pause batch && weir queue resume batch`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.show(cmd.Context(), sh) },
	}
	f.admin.add(cmd.PersistentFlags())
	cmd.PersistentFlags().StringVar(&f.upstream, "upstream", "", "only this `UPSTREAM` (default all)")
	jsonFlag(cmd.PersistentFlags(), &f.json)
	cmd.Flags().BoolVar(&f.once, "once", false, "print one table and end")
	cmd.Flags().IntVar(&f.flows, "flows", 3, "longest flows to show for each class")
	cmd.Flags().DurationVar(&f.interval, "interval", time.Second, "time between two tables")
	cmd.AddCommand(
		newQueueOp(sh, f, admin.OpPause, "Stop dispatching a class; its requests still queue"),
		newQueueOp(sh, f, admin.OpResume, "End pause and drain of a class"),
		newQueueOp(sh, f, admin.OpDrain, "Refuse new requests of a class and serve those that wait"),
		newQueueBoost(sh, f),
	)
	return cmd
}

// show prints the queues once, or again and again on a terminal.
func (f *queueFlags) show(ctx context.Context, sh *shell) error {
	client, err := f.admin.client()
	if err != nil {
		return err
	}
	defer client.Close()
	queues, err := f.fetch(ctx, client)
	if err != nil {
		return err
	}
	live := sh.terminal(sh.stdout)
	view := queueView{colour: live, flows: max(f.flows, 0), now: time.Now()}
	switch {
	case f.json:
		return writeJSON(sh.stdout, map[string]any{"queues": queues})
	case f.once || !live:
		return view.write(sh.stdout, queues)
	case f.interval < 100*time.Millisecond:
		return usagef("--interval is %s, want at least 100ms", f.interval)
	}
	return f.watch(ctx, sh.stdout, client, view, queues)
}

// What a terminal is told: another screen without cursor and back, the upper left
// corner, and to clear the rest of a line or screen.
const (
	screenOn   = "\x1b[?1049h\x1b[?25l"
	screenOff  = "\x1b[?25h\x1b[?1049l"
	cursorHome = "\x1b[H"
	clearLine  = "\x1b[K"
	clearRest  = "\x1b[J"
)

// watch redraws the table until ctx ends. A gateway that is gone for a while, as
// in a restart, is waited for.
func (f *queueFlags) watch(ctx context.Context, w io.Writer, client *admin.Client, view queueView, queues []admin.Queue) error {
	fmt.Fprint(w, screenOn)
	defer fmt.Fprint(w, screenOff)
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	var failed error
	for {
		if err := view.draw(w, f.admin.address, queues, failed); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case view.now = <-tick.C:
		}
		fresh, err := f.fetch(ctx, client)
		if failed = err; err == nil {
			queues = fresh
		}
	}
}

// draw writes one full screen in one piece, so that nothing flickers.
func (v queueView) draw(w io.Writer, address string, queues []admin.Queue, failed error) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s  weir at %s  %d waiting\n", v.now.Format(time.TimeOnly), address, waiting(queues))
	if failed != nil {
		fmt.Fprintf(&b, "no answer, what follows is old: %v\n", failed)
	}
	fmt.Fprintln(&b)
	if err := v.write(&b, queues); err != nil {
		return err
	}
	screen := cursorHome + strings.ReplaceAll(b.String(), "\n", clearLine+"\n") + clearRest
	_, err := io.WriteString(w, screen)
	return err
}

func waiting(queues []admin.Queue) (n int) {
	for _, q := range queues {
		n += q.Queued
	}
	return n
}

// fetch asks for the queues that --upstream lets through.
func (f *queueFlags) fetch(ctx context.Context, client *admin.Client) ([]admin.Queue, error) {
	queues, err := client.Queues(ctx)
	if err != nil {
		return nil, err
	}
	if f.upstream == "" {
		return queues, nil
	}
	var names []string
	for _, q := range queues {
		if q.Upstream == f.upstream {
			return []admin.Queue{q}, nil
		}
		names = append(names, q.Upstream)
	}
	return nil, fmt.Errorf("there is no upstream %q, there are %s", f.upstream, strings.Join(names, ", "))
}

// newQueueOp makes the subcommand of an operation that takes a class only.
func newQueueOp(sh *shell, f *queueFlags, op admin.Op, short string) *cobra.Command {
	return &cobra.Command{
		Use:     string(op) + " CLASS",
		Short:   short,
		Example: fmt.Sprintf("  weir queue %s batch\n  weir queue %s batch --upstream openai", op, op),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.operate(cmd.Context(), sh, args[0], op, admin.Boost{})
		},
	}
}

func newQueueBoost(sh *shell, f *queueFlags) *cobra.Command {
	var b admin.Boost
	cmd := &cobra.Command{
		Use:     "boost CLASS --weight N --for DURATION",
		Short:   "Give a class another weight for a while",
		Example: "  weir queue boost campaign --weight 60 --for 10m",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if b.Weight < 1 || b.Weight > admin.MaxWeight {
				return usagef("--weight is %d, want 1 to %d", b.Weight, admin.MaxWeight)
			}
			if b.For <= 0 || b.For > admin.MaxBoost {
				return usagef("--for is %s, want more than 0 and at most %s", b.For, admin.MaxBoost)
			}
			return f.operate(cmd.Context(), sh, args[0], admin.OpBoost, b)
		},
	}
	cmd.Flags().IntVar(&b.Weight, "weight", 0, "weight to have meanwhile, 1 to 1000")
	cmd.Flags().DurationVar(&b.For, "for", 0, "how long, at most 24h")
	for _, name := range []string{"weight", "for"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic("BUG: " + err.Error())
		}
	}
	return cmd
}

// change is what an operation did at one upstream.
type change struct {
	Upstream string   `json:"upstream"`
	Class    string   `json:"class"`
	Op       admin.Op `json:"op"`
}

// operate changes a class at --upstream, or at every upstream that has it.
func (f *queueFlags) operate(ctx context.Context, sh *shell, class string, op admin.Op, b admin.Boost) error {
	client, err := f.admin.client()
	if err != nil {
		return err
	}
	defer client.Close()
	queues, err := f.fetch(ctx, client)
	if err != nil {
		return err
	}
	done := []change{}
	var failed []error
	for _, name := range upstreamsWith(queues, class) {
		if _, err := client.QueueOp(ctx, name, class, op, b); err != nil {
			failed = append(failed, err)
			continue
		}
		done = append(done, change{Upstream: name, Class: class, Op: op})
	}
	if len(done)+len(failed) == 0 {
		return fmt.Errorf("there is no class %q, there are %s", class, strings.Join(classNames(queues), ", "))
	}
	return errors.Join(f.reportChanges(sh.stdout, done, b), errors.Join(failed...))
}

func (f *queueFlags) reportChanges(w io.Writer, done []change, b admin.Boost) error {
	if f.json {
		return writeJSON(w, map[string]any{"changed": done})
	}
	for _, c := range done {
		text := map[admin.Op]string{
			admin.OpPause: "paused", admin.OpResume: "resumed", admin.OpDrain: "draining",
			admin.OpBoost: fmt.Sprintf("weight %d for %s", b.Weight, b.For),
		}[c.Op]
		if _, err := fmt.Fprintf(w, "%s/%s: %s\n", c.Upstream, c.Class, text); err != nil {
			return err
		}
	}
	return nil
}

func upstreamsWith(queues []admin.Queue, class string) (names []string) {
	for _, q := range queues {
		for _, c := range q.Classes {
			if c.Class == class {
				names = append(names, q.Upstream)
			}
		}
	}
	return names
}

// classNames are the classes of the first queue: all queues have the same.
func classNames(queues []admin.Queue) (names []string) {
	if len(queues) == 0 {
		return []string{"none"}
	}
	for _, c := range queues[0].Classes {
		names = append(names, c.Class)
	}
	return names
}
