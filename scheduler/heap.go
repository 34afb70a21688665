package scheduler

// heapEntry carries its key inline, so that a comparison touches no flow.
type heapEntry struct {
	start int64  // the flow's start tag
	seq   uint64 // arrival number of its head; decides ties
	f     *flow
}

// before compares by difference, so that tags may wrap around.
func (e *heapEntry) before(o *heapEntry) bool {
	if e.start != o.start {
		return e.start-o.start < 0
	}
	return int64(e.seq-o.seq) < 0
}

// flowHeap is a 4-ary heap of the backlogged flows of a class. Each flow knows
// its index, so that a change of its tag or its head costs one sift. Four
// children share at most two cache lines, which halves the depth and the
// misses of a binary heap.
type flowHeap []heapEntry

func (h *flowHeap) push(f *flow) {
	*h = append(*h, heapEntry{f.start, f.head.seq, f})
	f.pos = int32(len(*h) - 1)
	h.up(int(f.pos))
}

// fix restores the order after f's start tag or head has changed.
func (h *flowHeap) fix(f *flow) {
	i := int(f.pos)
	e := &(*h)[i]
	e.start, e.seq = f.start, f.head.seq
	if !h.up(i) {
		h.down(i)
	}
}

func (h *flowHeap) remove(f *flow) {
	old := *h
	i, last := int(f.pos), len(old)-1
	f.pos = -1
	moved := old[last]
	old[last] = heapEntry{}
	*h = old[:last]
	if i == last {
		return
	}
	old[i] = moved
	moved.f.pos = int32(i)
	if !h.up(i) {
		h.down(i)
	}
}

// up reports whether the entry moved.
func (h flowHeap) up(i int) bool {
	e, from := h[i], i
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&h[parent]) {
			break
		}
		h[i] = h[parent]
		h[i].f.pos = int32(i)
		i = parent
	}
	if i == from {
		return false
	}
	h[i] = e
	e.f.pos = int32(i)
	return true
}

func (h flowHeap) down(i int) {
	e, from := h[i], i
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		least := child
		for j := child + 1; j < min(child+4, len(h)); j++ {
			if h[j].before(&h[least]) {
				least = j
			}
		}
		if !h[least].before(&e) {
			break
		}
		h[i] = h[least]
		h[i].f.pos = int32(i)
		i = least
	}
	if i != from {
		h[i] = e
		e.f.pos = int32(i)
	}
}
