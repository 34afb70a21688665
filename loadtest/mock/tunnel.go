package mock

import (
	"bufio"
	"crypto/sha1" // #nosec G505 -- the WebSocket handshake is defined with it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
)

// maxFrame bounds a WebSocket frame.
const maxFrame = 1 << 20

// WebSocket opcodes and close codes (RFC 6455).
const (
	opClose       = 8
	opPing        = 9
	opPong        = 10
	closeProtocol = 1002
	closeTooBig   = 1009
)

// tunnel hands the connection to serve after the answer is sent.
func (ex *exchange) tunnel(serve func(io.Reader, io.Writer)) {
	s := ex.srv
	ex.ctx.SetStatusCode(101)
	s.tunnels.Add(1)
	ex.ctx.Hijack(func(c net.Conn) {
		defer s.tunnels.Done()
		serve(c, c)
	})
}

func (ex *exchange) hasUpgrade(protocol string) bool {
	return strings.EqualFold(string(ex.ctx.Request.Header.Peek("Upgrade")), protocol) &&
		strings.Contains(strings.ToLower(string(ex.ctx.Request.Header.Peek("Connection"))), "upgrade")
}

// serveUpgrade switches to a protocol that repeats every byte.
func (ex *exchange) serveUpgrade() {
	if !ex.hasUpgrade("raw-echo") {
		ex.ctx.Response.Header.Set("Upgrade", "raw-echo")
		ex.refuse(problem{status: 426, code: "upgrade_required", message: "Send Connection: Upgrade and Upgrade: raw-echo."})
		return
	}
	if !ex.think(Dist{}, 0) {
		return
	}
	ex.ctx.Response.Header.Set("Connection", "Upgrade")
	ex.ctx.Response.Header.Set("Upgrade", "raw-echo")
	ex.tunnel(func(r io.Reader, w io.Writer) {
		_, _ = io.CopyBuffer(w, r, make([]byte, writeBuffer)) // its end is the end of the tunnel, whatever the reason
	})
}

// serveWebSocket repeats every message.
func (ex *exchange) serveWebSocket() {
	h := &ex.ctx.Request.Header
	key, err := base64.StdEncoding.DecodeString(string(h.Peek("Sec-WebSocket-Key")))
	if !ex.hasUpgrade("websocket") || err != nil || len(key) != 16 {
		ex.ctx.Response.Header.Set("Upgrade", "websocket")
		ex.refuse(problem{status: 426, code: "upgrade_required", message: "Open this endpoint as a WebSocket."})
		return
	}
	if string(h.Peek("Sec-WebSocket-Version")) != "13" {
		ex.ctx.Response.Header.Set("Sec-WebSocket-Version", "13")
		ex.refuse(problem{status: 426, code: "upgrade_required", message: "WebSocket version 13 is spoken here."})
		return
	}
	if !ex.think(Dist{}, 0) {
		return
	}
	resp := &ex.ctx.Response.Header
	resp.Set("Connection", "Upgrade")
	resp.Set("Upgrade", "websocket")
	resp.Set("Sec-WebSocket-Accept", acceptKey(string(h.Peek("Sec-WebSocket-Key"))))
	ex.tunnel(echoFrames)
}

// acceptKey proves to the client that its handshake was understood.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // #nosec G401 -- see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}

// frame is one WebSocket frame, its payload unmasked.
type frame struct {
	first   byte // FIN and opcode
	payload []byte
}

var (
	errFrame  = errors.New("mock: not a frame of a WebSocket client")
	errTooBig = errors.New("mock: frame is too big")
)

// echoFrames sends every data frame back as it came, so fragments stay fragments, and answers pings and
// the close.
func echoFrames(r io.Reader, w io.Writer) {
	br := bufio.NewReader(r)
	for {
		f, err := readFrame(br)
		switch {
		case errors.Is(err, errFrame):
			f = closeFrame(closeProtocol)
		case errors.Is(err, errTooBig):
			f = closeFrame(closeTooBig)
		case err != nil:
			return
		case f.first&15 == opPing:
			f.first = 0x80 | opPong
		case f.first&15 == opPong:
			continue
		}
		if _, werr := w.Write(f.append(nil)); werr != nil || f.first&15 == opClose {
			return
		}
	}
}

func closeFrame(code uint16) frame {
	return frame{first: 0x80 | opClose, payload: binary.BigEndian.AppendUint16(nil, code)}
}

// readFrame reads a frame of a client, which must be masked, without reserved bits, and short when it is a
// control frame.
func readFrame(r io.Reader) (frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	op := head[0] & 15
	size := uint64(head[1] & 127)
	control := op >= opClose
	if head[0]&0x70 != 0 || head[1]&0x80 == 0 || op > 2 && op < opClose || op > opPong || control && (size > 125 || head[0]&0x80 == 0) {
		return frame{}, errFrame
	}
	var long [8]byte
	switch size {
	case 126:
		if _, err := io.ReadFull(r, long[6:]); err != nil {
			return frame{}, err
		}
		size = binary.BigEndian.Uint64(long[:])
	case 127:
		if _, err := io.ReadFull(r, long[:]); err != nil {
			return frame{}, err
		}
		size = binary.BigEndian.Uint64(long[:])
	}
	if size > maxFrame {
		return frame{}, errTooBig
	}
	body := make([]byte, 4+size)
	if _, err := io.ReadFull(r, body); err != nil {
		return frame{}, err
	}
	mask, payload := body[:4], body[4:]
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
	return frame{first: head[0], payload: payload}, nil
}

// append writes the frame as a server does: unmasked.
func (f frame) append(b []byte) []byte {
	b = append(b, f.first)
	switch n := len(f.payload); {
	case n < 126:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, f.payload...)
}
