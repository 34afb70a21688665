package telemetry

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// The shape of a window; doc.go says what follows from it.
const (
	slotLength = 5 * time.Second
	slotCount  = 13 // the running slot and the twelve before it

	unitBits    = 20 // durations are counted in units of 2^-20 s, about a microsecond
	perOctave   = 10
	firstOctave = 6  // from 2^6 units, 61 µs
	lastOctave  = 31 // up to 2^32 units, 4096 s
	longest     = 4096 * time.Second
	// bucketCount has one bucket below the first octave; what is above the last
	// one counts in its last bucket.
	bucketCount = 1 + (lastOctave-firstOctave+1)*perOctave
)

// unusedSlot is the epoch of a slot that holds nothing, or is being cleared.
const unusedSlot = math.MinInt64

// window counts durations over the last minute. The zero value is ready; its
// memory is taken with the first observation. Safe for concurrent use.
type window struct {
	mu   sync.Mutex // held to clear a slot and to take the memory
	ring atomic.Pointer[ring]
}

type ring [slotCount]slot

type slot struct {
	epoch   atomic.Int64 // which slotLength since the beginning this one counts
	buckets [bucketCount]atomic.Uint32
}

// observe counts d at a time, which is monotonic since some beginning.
func (w *window) observe(at, d time.Duration) {
	r := w.ring.Load()
	if r == nil {
		r = w.allocate()
	}
	epoch := int64(at / slotLength)
	s := &r[uint64(epoch)%slotCount]
	if s.epoch.Load() != epoch {
		w.rotate(s, epoch)
	}
	s.buckets[bucketOf(d)].Add(1)
}

func (w *window) allocate() *ring {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.ring.Load(); r != nil {
		return r
	}
	r := &ring{}
	for i := range r {
		r[i].epoch.Store(unusedSlot)
	}
	w.ring.Store(r)
	return r
}

// rotate clears a slot for an epoch. One that already counts a later epoch is
// left as it is: the caller was held up for more than a minute.
func (w *window) rotate(s *slot, epoch int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.epoch.Load() >= epoch {
		return
	}
	s.epoch.Store(unusedSlot)
	for i := range s.buckets {
		s.buckets[i].Store(0)
	}
	s.epoch.Store(epoch)
}

// tally is the sum of windows, bucket by bucket.
type tally struct {
	buckets [bucketCount]uint64
	total   uint64
}

// add adds what the window holds at a time.
func (t *tally) add(w *window, at time.Duration) {
	r := w.ring.Load()
	if r == nil {
		return
	}
	now := int64(at / slotLength)
	for i := range r {
		s := &r[i]
		if e := s.epoch.Load(); e > now-slotCount && e <= now {
			t.addSlot(s)
		}
	}
}

func (t *tally) addSlot(s *slot) {
	for i := range s.buckets {
		n := uint64(s.buckets[i].Load())
		t.buckets[i] += n
		t.total += n
	}
}

// quantile returns the middle of the bucket that holds the q-quantile by nearest
// rank, and whether there is one.
func (t *tally) quantile(q float64) (time.Duration, bool) {
	if t.total == 0 {
		return 0, false
	}
	rank := max(uint64(math.Ceil(q*float64(t.total))), 1)
	for i, n := range t.buckets {
		if n >= rank {
			return middleOf(i), true
		}
		rank -= n
	}
	return middleOf(bucketCount - 1), true
}

// bucketOf includes an upper edge in its bucket and makes one second an edge:
// a percentile reads as above one second exactly when it is.
func bucketOf(d time.Duration) int {
	d = min(max(d-1, 0), longest)
	units := uint64(d) << unitBits / uint64(time.Second)
	octave := bits.Len64(units) - 1
	switch {
	case octave < firstOctave:
		return 0
	case octave > lastOctave:
		return bucketCount - 1
	}
	part := (units - 1<<octave) * perOctave >> octave
	return 1 + (octave-firstOctave)*perOctave + int(part)
}

func middleOf(bucket int) time.Duration {
	if bucket == 0 {
		return durationOf(1<<firstOctave) / 2
	}
	octave, part := (bucket-1)/perOctave+firstOctave, (bucket-1)%perOctave
	return durationOf(float64(uint64(1)<<octave) * (1 + (float64(part)+0.5)/perOctave))
}

func durationOf(units float64) time.Duration {
	return time.Duration(units * float64(time.Second) / (1 << unitBits))
}
