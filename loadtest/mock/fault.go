package mock

import (
	"fmt"
	"time"
)

// fault is a way to fail on purpose.
type fault uint8

const (
	faultNone fault = iota
	faultError
	faultOverload
	faultReset
	faultCloseEarly
	faultGarbage
	faultHang
	faultSlowHeaders
	faultCutStream
)

// Of faultSlowHeaders: lines of header, and the time between two when no gap is ordered.
const (
	slowHeaderLines = 20
	slowHeaderGap   = 100 * time.Millisecond
)

// pickFault settles what will go wrong: what the request orders, else what the rates draw.
func (ex *exchange) pickFault() {
	o := &ex.order
	if o.fault != faultNone {
		ex.fault = o.fault
		return
	}
	if o.status != 0 || o.errorRate > 0 && ex.rng().Float64() < o.errorRate {
		ex.fault = faultError
		return
	}
	if !ex.route.faulty || ex.srv.cfg.Faults == (Faults{}) {
		return
	}
	faults := ex.srv.cfg.Faults
	p := ex.rng().Float64()
	for _, f := range faults.shares() {
		if p -= *f.share; p < 0 {
			ex.fault = f.fault
			if f.fault == faultCutStream {
				o.cutAfter = -1 // half of the tokens, once their number is known
			}
			return
		}
	}
}

// passFaults lets the fault of this exchange happen and says whether the answer goes on. A cut stream does:
// the stream itself ends early.
func (ex *exchange) passFaults() bool {
	if ex.fault == faultNone || ex.fault == faultCutStream {
		return true
	}
	ex.faulted = true
	switch ex.fault {
	case faultError:
		status := ex.srv.cfg.ErrorStatus
		if ex.order.status != 0 {
			status = ex.order.status
		}
		ex.refuse(faultProblem(status))
	case faultOverload:
		status := 503
		if ex.route.protocol == protocolAnthropic {
			status = 529
		}
		ex.refuse(faultProblem(status))
	default:
		ex.breakConn()
	}
	return false
}

func faultProblem(status int) problem {
	p := problem{status: status, message: fmt.Sprintf("The mock was told to answer %d.", status)}
	if status == 429 || status == 503 || status == 529 {
		p.retryAfter = time.Second
	}
	return p
}

// breakConn carries out the faults below HTTP. All of them end the connection.
func (ex *exchange) breakConn() {
	if ex.conn == nil {
		ex.refuse(faultProblem(500))
		return
	}
	switch ex.fault {
	case faultReset:
		ex.finish(statusNone)
		ex.conn.reset()
	case faultCloseEarly:
		ex.sendRaw([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\r\n" +
			`{"id":"cut","object":"mock.incomplete","text":"` + string(ex.srv.filler[:465])))
	case faultGarbage:
		ex.sendRaw(garbage())
	case faultHang:
		ex.hang()
	case faultSlowHeaders:
		ex.dripHeaders()
	}
}

// garbage returns bytes no HTTP parser accepts.
func garbage() []byte {
	return []byte("\x00\x01\x7f\xff this is not HTTP \x80\x81\r\n\x16\x03\x01\x02\x00:::\r\n\r\n")
}

// sendRaw sends bytes in place of an answer and closes the connection.
func (ex *exchange) sendRaw(p []byte) {
	_ = ex.conn.raw(p) // a client that is gone misses nothing
	ex.finish(statusNone)
	_ = ex.conn.Close()
}

// hang answers nothing until the client or the server gives up.
func (ex *exchange) hang() {
	if ex.waitUntil(ex.started.Add(maxDistDuration)) == wakeGone {
		ex.abandon("waiting")
		return
	}
	ex.finish(statusNone)
	_ = ex.conn.Close()
}

// dripHeaders sends a complete answer whose header takes its time.
func (ex *exchange) dripHeaders() {
	gap := FixedDuration(slowHeaderGap)
	if ex.order.hasGap {
		gap = ex.order.gap
	}
	due := time.Now()
	line := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n"
	for i := range slowHeaderLines {
		if err := ex.conn.raw([]byte(line)); err != nil {
			ex.abandon("waiting")
			return
		}
		line = fmt.Sprintf("X-Slow-%d: %d\r\n", i+1, i+1)
		due = due.Add(gap.Duration(ex.rng()))
		switch ex.waitUntil(due) {
		case wakeGone:
			ex.abandon("waiting")
			return
		case wakeStopped:
			ex.finish(statusNone)
			_ = ex.conn.Close()
			return
		}
	}
	_ = ex.conn.raw([]byte("\r\n{}"))
	ex.finish(200)
	_ = ex.conn.Close()
}
