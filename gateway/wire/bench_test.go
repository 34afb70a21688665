package wire

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pingPong answers every byte that arrives at peer with one, until it is closed.
func pingPong(t testing.TB, network string) (c *Conn, done <-chan struct{}) {
	server, peer := pair(t, network)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.CopyBuffer(struct{ io.Writer }{peer}, struct{ io.Reader }{peer}, make([]byte, 64))
	}()
	return NewConn(server, nil, nil), ended
}

// roundTrip is what a connection does per request: arm, write, wait, give back.
func roundTrip(t testing.TB, c *Conn) {
	now := time.Now()
	if err := c.WriteWithin(now, time.Minute); err != nil {
		require.NoError(t, err)
	}
	if _, err := c.Write(ping); err != nil {
		require.NoError(t, err)
	}
	if err := c.ReadWithin(now, time.Minute); err != nil {
		require.NoError(t, err)
	}
	var b *Buffer
	if _, err := c.Fill(&b, MediumBuffer); err != nil {
		require.NoError(t, err)
	}
	b.Free()
}

var ping = []byte("x")

func BenchmarkFillPingPong(b *testing.B) {
	for _, network := range []string{"tcp", "unix"} {
		b.Run(network, func(b *testing.B) {
			c, done := pingPong(b, network)
			b.ReportAllocs()
			for b.Loop() {
				roundTrip(b, c)
			}
			require.NoError(b, c.Close())
			<-done
		})
	}
}

func BenchmarkWithin(b *testing.B) {
	server, _ := pair(b, "tcp")
	c := NewConn(server, nil, nil)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		if err := c.ReadWithin(now, time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuffer(b *testing.B) {
	p := make([]byte, 600)
	b.ReportAllocs()
	for b.Loop() {
		buf := NewBuffer(MediumBuffer)
		buf.Append(p)
		buf.Skip(len(p))
		buf.Free()
	}
}
