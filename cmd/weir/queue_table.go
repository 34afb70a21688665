package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/weir-gateway/weir/gateway/admin"
)

// queueView draws queues as a table.
type queueView struct {
	colour bool
	flows  int // longest flows shown for each class
	now    time.Time
}

// write draws the queues: a row for each class, below it its longest flows, and a
// last row for each upstream.
func (v queueView) write(w io.Writer, queues []admin.Queue) error {
	if len(queues) == 0 {
		_, err := fmt.Fprintln(w, "no upstreams")
		return err
	}
	t := newTable()
	t.AppendHeader(table.Row{"upstream", "class", "state", "weight", "share", "of", "queued", "oldest", "wait p50", "wait p95", "seats", "served", "refused"})
	alignRight(t, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
	for i, q := range queues {
		if i > 0 {
			t.AppendSeparator()
		}
		for _, c := range q.Classes {
			t.AppendRow(v.classRow(q, c))
			v.appendFlows(t, c)
		}
		t.AppendRow(v.totalRow(q))
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

func (v queueView) classRow(q admin.Queue, c admin.Class) table.Row {
	return table.Row{
		q.Upstream, c.Class, v.state(c), v.weight(c),
		percent(c.Share), percent(c.ConfiguredShare),
		v.paint(c.Queued > 0, text.FgYellow, fmt.Sprint(c.Queued)), seconds(oldest(c)),
		seconds(c.WaitP50Seconds), seconds(c.WaitP95Seconds),
		c.InUse, c.Dispatched, v.paint(refused(c) > 0, text.FgRed, fmt.Sprint(refused(c))),
	}
}

func (v queueView) appendFlows(t table.Writer, c admin.Class) {
	flows := slices.Clone(c.Flows)
	slices.SortStableFunc(flows, func(a, b admin.Flow) int { return cmp.Compare(b.Queued, a.Queued) })
	for _, f := range flows[:min(v.flows, len(flows))] {
		name := f.Flow
		if name == "" {
			name = "(others)"
		}
		t.AppendRow(table.Row{"", "  " + printable(name), "", "", "", "", f.Queued, "", "", "", f.InUse, "", ""})
	}
}

func (v queueView) totalRow(q admin.Queue) table.Row {
	seats := fmt.Sprintf("%d/%d", q.InUse, q.Seats)
	return table.Row{
		q.Upstream, "all", "", "", "", "", q.Queued, "", "", "",
		v.paint(q.Seats > 0 && q.InUse >= q.Seats, text.FgYellow, seats), "", "",
	}
}

func (v queueView) state(c admin.Class) string {
	return v.paint(c.State != admin.StateOpen, text.FgRed, string(c.State))
}

// weight shows a boost with the time it has left.
func (v queueView) weight(c admin.Class) string {
	if c.BoostUntil == nil {
		return fmt.Sprint(c.Weight)
	}
	left := c.BoostUntil.Sub(v.now).Round(time.Second)
	return v.paint(true, text.FgGreen, fmt.Sprintf("%d→%d %s", c.Weight, c.EffectiveWeight, max(left, 0)))
}

// paint colours s on a terminal when it says something that one should see.
func (v queueView) paint(when bool, c text.Color, s string) string {
	if !v.colour || !when {
		return s
	}
	return c.EscapeSeq() + s + text.Reset.EscapeSeq()
}

// newTable makes a table in the style of all our tables: no frame, two spaces
// between columns, so that awk can read it.
func newTable() table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Name = "weir"
	style.Options = table.OptionsNoBordersAndSeparators
	style.Options.SeparateRows = false
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatUpper
	t.SetStyle(style)
	return t
}

func alignRight(t table.Writer, columns ...int) {
	var configs []table.ColumnConfig
	for _, n := range columns {
		configs = append(configs, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(configs)
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

func oldest(c admin.Class) *float64 {
	if c.Queued == 0 {
		return nil
	}
	return &c.OldestSeconds
}

// seconds writes a time so that five characters tell its size.
func seconds(s *float64) string {
	switch {
	case s == nil:
		return "-"
	case *s < 0.0995:
		return fmt.Sprintf("%.0fms", 1000**s)
	case *s < 99.5:
		return fmt.Sprintf("%.1fs", *s)
	}
	return (time.Duration(*s) * time.Second).String()
}

func refused(c admin.Class) (n uint64) {
	for _, v := range c.Rejected {
		n += v
	}
	return n
}

// printable keeps the name of a flow, which a caller has chosen, from controlling
// the terminal.
func printable(s string) string {
	const longest = 40
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest-1]) + "…"
	}
	return s
}
