package identity

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"unicode/utf8"

	"github.com/weir-gateway/weir/gateway/http1"
)

// MaxAttributeBytes bounds the value of an attribute.
const MaxAttributeBytes = 256

// ErrAssertion means that a request says something about itself that it may say,
// but in a way that cannot be believed (400).
var ErrAssertion = errors.New("invalid request attribute")

// assertionFields are the fields that assert attributes.
var assertionFields = [numAttributes]http1.FieldID{
	tenant: http1.XWeirTenant, user: http1.XWeirUser, tier: http1.XWeirTier,
	campaign: http1.XWeirCampaign, business: http1.XWeirBusiness, mode: http1.XWeirMode,
}

// Apply returns the attributes of a request: those of p, overlaid with the
// X-Weir-* fields that p may assert. dropped counts the fields that it may not;
// they are ignored. An empty field asserts nothing. The error wraps
// [ErrAssertion] and names the field: it is repeated, too long, has control
// bytes or invalid UTF-8, or is not a mode.
//
// The strings stay valid after the request. Values are interned in a table of
// fixed size: one that was seen lately costs a hash of it (about 20 ns), a new
// one a copy. A mode costs nothing.
func (id *Identifier) Apply(p *Principal, h *http1.Header) (a Attributes, dropped int, err error) {
	a = p.Attributes
	for which := range numAttributes {
		field := assertionFields[which]
		i := h.Find(field)
		if i < 0 {
			continue
		}
		again := h.FindFrom(field, i+1)
		if !p.MayAssert.Has(1 << which) {
			for dropped++; again >= 0; again = h.FindFrom(field, again+1) {
				dropped++
			}
			continue
		}
		if again >= 0 {
			return Attributes{}, dropped, assertionError(which, errRepeated)
		}
		if err := id.assert(a.field(which), which, h.Value(i)); err != nil {
			return Attributes{}, dropped, assertionError(which, err)
		}
	}
	return a, dropped, nil
}

func (id *Identifier) assert(dst *string, which attribute, v []byte) error {
	if len(v) == 0 {
		return nil
	}
	if which == mode {
		m := modeNamed(v)
		if m == "" {
			return errMode
		}
		*dst = m
		return nil
	}
	if err := validValue(v); err != nil {
		return err
	}
	*dst = id.values.intern(v)
	return nil
}

func assertionError(which attribute, err error) error {
	return fmt.Errorf("%w: X-Weir-%s %w", ErrAssertion, attributeNames[which], err)
}

var (
	errRepeated = errors.New("occurs more than once")
	errMode     = errors.New("must be realtime, interactive or batch")
	errTooLong  = fmt.Errorf("is longer than %d bytes", MaxAttributeBytes)
	errBytes    = errors.New("has control characters or invalid UTF-8")
)

// The modes of a request.
const (
	ModeRealtime    = "realtime"    // somebody watches the answer arrive
	ModeInteractive = "interactive" // somebody waits for the answer
	ModeBatch       = "batch"       // nobody waits
)

func modeNamed[T string | []byte](v T) string {
	switch string(v) {
	case ModeRealtime:
		return ModeRealtime
	case ModeInteractive:
		return ModeInteractive
	case ModeBatch:
		return ModeBatch
	}
	return ""
}

func validAttribute(which attribute, v string) error {
	if which == mode && modeNamed(v) == "" {
		return errMode
	}
	return validValue(v)
}

// validValue accepts what can stand in a log line and a metric label.
func validValue[T string | []byte](v T) error {
	if len(v) > MaxAttributeBytes {
		return errTooLong
	}
	ascii := true
	for i := range len(v) {
		switch c := v[i]; {
		case c < ' ' || c == 0x7f:
			return errBytes
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if !ascii && !utf8.ValidString(string(v)) {
		return errBytes
	}
	return nil
}

// internSlots bounds the memory of an interner: at 256 bytes a value, 1 MiB.
const internSlots = 4096

// interner turns bytes into strings and remembers recent ones. Each value has one
// slot, and a newer value takes it over: bounded, without a lock, and nobody can
// fill it for good.
type interner struct {
	seed  maphash.Seed
	slots [internSlots]atomic.Pointer[string]
}

func newInterner() *interner { return &interner{seed: maphash.MakeSeed()} }

func (t *interner) intern(b []byte) string {
	slot := &t.slots[maphash.Bytes(t.seed, b)%internSlots]
	if s := slot.Load(); s != nil && *s == string(b) {
		return *s
	}
	s := string(b)
	slot.Store(&s)
	return s
}
