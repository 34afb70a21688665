package mock

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// fillerSize is the period of asset content. It is a prime just below 1 MiB, so that a range that is off
// by a power of two cannot pass for the right one.
const fillerSize = 1048573

// newFiller returns printable bytes that depend on the seed only.
func newFiller(seed uint64) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	r := rand.NewPCG(seed, 0)
	b := make([]byte, fillerSize+8)
	for i := 0; i < fillerSize; i += 8 {
		v := r.Uint64()
		for j := range 8 {
			b[i+j] = alphabet[v>>(8*j)&63]
		}
	}
	return b[:fillerSize]
}

// words is what models talk in.
const words = "the quick brown fox jumps over a lazy dog while every customer reads one short letter about spring " +
	"offers and new arrivals in their own town because good timing beats loud words and a calm queue serves " +
	"all of them in fair order with care for price tone place season and reason today we write to you"

func vocabulary() []string { return strings.Fields(words) }

// fixedPiece is the length in bytes of a piece of a text that is not made of words.
const fixedPiece = 4

// voice is one answer's text, cut into pieces. One piece is one token.
type voice struct {
	count  int
	finish string // stop, length or tool_calls
	words  []string
	start  int
	fixed  string // when not "", the text
	pad    int
	stamps bool
	last   string // when cutLast: the last piece, shortened by a stop sequence
	cut    bool

	stopped   bool // by the stop sequence stoppedBy
	stoppedBy string
}

// wish is what a request wants of a text.
type wish struct {
	most   int // tokens; 0 is no limit
	stops  []string
	object bool            // a JSON object
	schema json.RawMessage // of that object
}

// newVoice plans the i-th answer to a request.
func (ex *exchange) newVoice(w wish, i int) *voice {
	v := &voice{finish: "stop", pad: ex.order.pad, stamps: ex.order.timestamps}
	v.count = max(1, ex.srv.cfg.OutputTokens.Count(ex.rng()))
	if ex.order.hasTok {
		v.count = ex.order.tokens.Count(ex.rng())
	}
	if w.object {
		v.setFixed(objectText(w.schema, v.count))
	} else {
		v.words = ex.srv.vocabulary
		v.start = (ex.promptHash() + i*7) % len(v.words)
	}
	most := ex.srv.cfg.MaxTokens
	if w.most > 0 {
		most = min(most, w.most)
	}
	v.limit(most)
	v.stopAt(w.stops)
	return v
}

// newCall plans an answer that calls a tool: its text is the arguments.
func (ex *exchange) newCall(schema json.RawMessage, most int) *voice {
	v := &voice{}
	v.setFixed(instance(schema))
	v.finish = "tool_calls"
	if most > 0 {
		v.limit(most)
	}
	return v
}

// setFixed takes a JSON text. It is made ASCII, so that no piece can end inside a character.
func (v *voice) setFixed(text string) {
	v.fixed = asciiJSON(text)
	v.count = (len(v.fixed) + fixedPiece - 1) / fixedPiece
}

func (v *voice) limit(most int) {
	if v.count > most {
		v.count, v.finish = most, "length"
	}
}

// promptHash is the same for equal requests, so that equal requests read alike.
func (ex *exchange) promptHash() int {
	body := ex.ctx.Request.Body()
	body = body[max(0, len(body)-1024):]
	h := uint32(2166136261) ^ uint32(ex.srv.cfg.Seed)
	for _, b := range body {
		h = (h ^ uint32(b)) * 16777619
	}
	return int(h >> 1)
}

// piece appends the i-th piece.
func (v *voice) piece(dst []byte, i int) []byte {
	switch {
	case v.cut && i == v.count-1:
		return append(dst, v.last...)
	case v.fixed != "":
		return append(dst, v.fixed[i*fixedPiece:min((i+1)*fixedPiece, len(v.fixed))]...)
	}
	begin := len(dst)
	if v.stamps {
		dst = strconv.AppendInt(dst, time.Now().UnixNano(), 10)
		dst = append(dst, ' ')
	} else {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, v.words[(v.start+i)%len(v.words)]...)
		if v.pad > 0 {
			dst = dst[:min(len(dst), begin+v.pad)]
		}
	}
	for len(dst)-begin < v.pad {
		dst = append(dst, '.')
	}
	return dst
}

// jsonPiece appends the i-th piece as the inside of a JSON string.
func (v *voice) jsonPiece(dst []byte, i int) []byte {
	if v.fixed == "" && !v.cut {
		return v.piece(dst, i) // words, dots and digits need no escapes
	}
	return appendEscaped(dst, v.piece(nil, i))
}

// text returns all pieces together.
func (v *voice) text() string {
	var b []byte
	for i := range v.count {
		b = v.piece(b, i)
	}
	return string(b)
}

// stopAt ends the text before the first of the sequences.
func (v *voice) stopAt(stops []string) {
	if v.stamps || len(stops) == 0 {
		return
	}
	text := v.text()
	end := len(text)
	for _, s := range stops {
		if at := strings.Index(text, s); s != "" && at >= 0 {
			if at < end {
				end, v.stoppedBy = at, s
			}
		}
	}
	if end == len(text) {
		return
	}
	v.stopped = true
	at := 0
	for i := range v.count {
		p := v.piece(nil, i)
		if at+len(p) < end {
			at += len(p)
			continue
		}
		v.count, v.finish = i+1, "stop"
		if v.last, v.cut = string(p[:end-at]), true; v.last == "" {
			v.count, v.cut = i, false
		}
		return
	}
}

// appendEscaped appends p as the inside of a JSON string.
func appendEscaped(dst, p []byte) []byte {
	quoted, err := json.Marshal(string(p))
	if err != nil {
		panic("BUG: a string is not JSON: " + err.Error())
	}
	return append(dst, quoted[1:len(quoted)-1]...)
}

// asciiJSON escapes what is beyond ASCII in a JSON text.
func asciiJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf:
			b.WriteByte(byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, "\\u%04x\\u%04x", high, low)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

// textTokens is the rule for input: a token for every four bytes of a text, rounded up.
func textTokens(bytes int) int { return (bytes + 3) / 4 }

// id returns a name that no other exchange of this run has, and the n-th exchange of every run with one seed.
func (ex *exchange) id(prefix string) string {
	v := mix(ex.srv.cfg.Seed ^ mix(ex.number))
	var raw [12]byte
	for i := range raw {
		raw[i] = byte(v >> (8 * (i % 8)))
		if i == 7 {
			v = mix(v)
		}
	}
	return prefix + hex.EncodeToString(raw[:])
}

// mix spreads a number over all 64 bits (the finaliser of splitmix64).
func mix(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}
