package scheduler

import "math/bits"

// flow is one tenant's traffic in one class. It is backlogged (in its class's
// heap and buckets), or idle (in the table's LRU list), or it only has running
// requests (in neither); so one pair of links serves both lists.
type flow struct {
	class    *class
	key      []byte // nil for overflow flows; reused by the next owner
	hash     uint64
	collides *flow // next flow of the table with the same hash

	start int64   // virtual start tag of the head, in cost units: flows weigh 1
	est   float64 // EWMA of the actual cost; 0: none yet

	head, tail *node
	n          int32 // length of the list
	running    int32 // seats in use
	pos        int32 // index in the class's heap; -1: not backlogged
	place      uint32
	bucket     int8
	idle       bool
	overflow   bool

	left, right *flow // neighbours in a bucket or in the LRU list
}

func (f *flow) append(n *node) {
	n.flow, n.prev, n.next = f, f.tail, nil
	if f.tail == nil {
		f.head = n
	} else {
		f.tail.next = n
	}
	f.tail = n
	f.n++
	f.place++
	n.place = f.place
}

func (f *flow) remove(n *node) {
	if n.prev == nil {
		f.head = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		f.tail = n.prev
	} else {
		n.next.prev = n.prev
	}
	n.prev, n.next = nil, nil
	f.n--
}

// flowList is a doubly linked list of flows through left and right.
type flowList struct{ first, last *flow }

func (l *flowList) pushFront(f *flow) {
	f.left, f.right = nil, l.first
	if l.first == nil {
		l.last = f
	} else {
		l.first.left = f
	}
	l.first = f
}

func (l *flowList) remove(f *flow) {
	if f.left == nil {
		l.first = f.right
	} else {
		f.left.right = f.right
	}
	if f.right == nil {
		l.last = f.left
	} else {
		f.right.left = f.left
	}
	f.left, f.right = nil, nil
}

// buckets groups the backlogged flows of a class by the binary logarithm of
// their length: any flow of the highest bucket is at least half as long as the
// longest, which finds a victim in O(1).
type buckets struct {
	used  uint32 // bit b: list b is not empty
	lists [32]flowList
}

// update moves f to the bucket of its length.
func (b *buckets) update(f *flow) {
	want := int8(bits.Len32(uint32(f.n))) - 1 // -1: empty
	if want == f.bucket {
		return
	}
	if f.bucket >= 0 {
		b.lists[f.bucket].remove(f)
		if b.lists[f.bucket].first == nil {
			b.used &^= 1 << f.bucket
		}
	}
	if want >= 0 {
		b.lists[want].pushFront(f)
		b.used |= 1 << want
	}
	f.bucket = want
}

// victimProbes bounds the flows of the highest bucket that longest looks at.
const victimProbes = 8

// longest returns the longest of the first flows in the highest bucket; nil
// when the class has no backlog. It is at least half as long as any flow.
func (b *buckets) longest() *flow {
	if b.used == 0 {
		return nil
	}
	best := b.lists[bits.Len32(b.used)-1].first
	f := best.right
	for i := 1; i < victimProbes && f != nil; i++ {
		if f.n > best.n {
			best = f
		}
		f = f.right
	}
	return best
}
