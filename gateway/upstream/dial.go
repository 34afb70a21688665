package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Dial says how [Endpoint.Acquire] may get a connection.
type Dial struct {
	// Deadline ends the attempt, as does the upstream's connect timeout. Zero
	// means no deadline of the caller's.
	Deadline time.Time
	// Fresh asks for a new connection even if there is an idle one.
	Fresh bool
	// Abort returns a channel whose closing ends the attempt. It is called at most
	// once, and only when a new connection is needed. nil if there is none.
	Abort func() <-chan struct{}
}

const (
	// attemptDelay is the head start of one address over the next (RFC 8305
	// section 5).
	attemptDelay = 250 * time.Millisecond
	// maxParallel bounds the addresses that one call tries.
	maxParallel = 8
	// connectCap ends a dial when the connect timeout is switched off; it is about
	// what the kernel allows a TCP handshake.
	connectCap = 2 * time.Minute
)

var errConnectTimeout = errors.New("connect timeout")

// timeoutError is how a dial ends that took too long.
type timeoutError struct{ error }

// Timeout makes it a net.Error.
func (timeoutError) Timeout() bool { return true }

// Temporary makes it a net.Error.
func (timeoutError) Temporary() bool { return true }

// dial makes a new connection.
func (b *backend) dial(d Dial) (*Conn, error) {
	ctx, cancel := b.dialContext(d)
	defer cancel()
	nc, err := b.connect(ctx)
	if err != nil {
		if errors.Is(context.Cause(ctx), ErrAborted) {
			return nil, ErrAborted
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = timeoutError{fmt.Errorf("%w: %w", context.Cause(ctx), err)}
		}
		err = &DialError{Endpoint: b.plan.target.url, Err: err}
		b.note(err)
		return nil, err
	}
	return newConn(b, nc, b.deps.Watcher, b.deps.Now()), nil
}

// dialContext returns a context that ends with the connect timeout, the caller's
// deadline or the caller's patience.
func (b *backend) dialContext(d Dial) (context.Context, context.CancelFunc) {
	limit := b.settings.Load().connect
	cause := fmt.Errorf("%w of %v", errConnectTimeout, limit)
	if limit <= 0 {
		limit = connectCap
	}
	if !d.Deadline.IsZero() {
		if left := d.Deadline.Sub(b.deps.Now()); left < limit {
			limit, cause = left, errors.New("deadline of the call")
		}
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, cause)
	if d.Abort == nil {
		return ctx, cancel
	}
	ctx, abort := context.WithCancelCause(ctx)
	quit := d.Abort()
	go func() { // ends when the caller cancels ctx, which it does when it returns
		select {
		case <-quit:
			abort(ErrAborted)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { abort(context.Canceled); cancel() }
}

// connect returns a connection that is ready for HTTP.
func (b *backend) connect(ctx context.Context) (net.Conn, error) {
	nc, err := b.connectSocket(ctx)
	if err != nil || b.tls == nil {
		return nc, err
	}
	c := tls.Client(nc, b.tls)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("tls handshake: %w", err)
	}
	return c, nil
}

func (b *backend) connectSocket(ctx context.Context) (net.Conn, error) {
	if b.plan.target.socket != "" {
		return b.deps.Dial(ctx, "unix", b.plan.target.socket)
	}
	list, err := b.names.order(ctx, b.deps.Now())
	if err != nil {
		return nil, err
	}
	if len(list) == 1 {
		return b.connectAddress(ctx, list[0])
	}
	return b.race(ctx, list[:min(len(list), maxParallel)])
}

// connectAddress dials one address and remembers when it fails.
func (b *backend) connectAddress(ctx context.Context, a *address) (net.Conn, error) {
	nc, err := b.deps.Dial(ctx, "tcp", netip.AddrPortFrom(a.ip, b.plan.target.port).String())
	switch {
	case err == nil:
		a.shunUntil.Store(0)
	case !errors.Is(ctx.Err(), context.Canceled): // not merely slower than another
		a.shunUntil.Store(b.deps.Now().Add(shunAddress).UnixNano())
	}
	return nc, err
}

// race dials one address after another without waiting for each to fail (Happy
// Eyeballs, RFC 8305 section 5) and returns the first connection.
func (b *backend) race(ctx context.Context, list []*address) (net.Conn, error) {
	type result struct {
		nc  net.Conn
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result) // unbuffered: after the return nobody takes a loser's connection but itself
	start := func(a *address) {
		nc, err := b.connectAddress(ctx, a)
		select {
		case results <- result{nc, err}:
		case <-ctx.Done():
			if nc != nil {
				_ = nc.Close()
			}
		}
	}
	next, running := 0, 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	var errs []error
	for {
		select {
		case <-timer.C:
			if next < len(list) {
				go start(list[next]) // ends with ctx
				next++
				running++
				timer.Reset(attemptDelay)
			}
		case r := <-results:
			if r.err == nil {
				return r.nc, nil
			}
			errs = append(errs, r.err)
			running--
			if next < len(list) {
				timer.Reset(0)
			} else if running == 0 {
				return nil, errors.Join(errs...)
			}
		case <-ctx.Done():
			return nil, errors.Join(append(errs, ctx.Err())...)
		}
	}
}
