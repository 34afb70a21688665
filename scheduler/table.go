package scheduler

// overflowFlows is the number of flows that the names of a class share once
// the table is full: enough to keep most tenants apart, few enough that random
// names cannot fill the memory.
const overflowFlows = 256

// flowTable finds flows by class and name. The hash is keyed by a random seed
// per scheduler, so nobody outside can aim at a collision, and the name is
// compared besides. Idle flows stay known, least recently used first to go,
// because a flow that is forgotten forgets its debt and its estimate.
type flowTable struct {
	byHash map[uint64]*flow
	idle   flowList // most recently used first
	spare  *flow    // evicted, linked through right
	n, max int
}

func newFlowTable(maxFlows int) flowTable {
	return flowTable{byHash: make(map[uint64]*flow), max: maxFlows}
}

// lookup finds or creates the flow with that name in class c. hash is the
// keyed hash of the name alone.
func (t *flowTable) lookup(c *class, hash uint64, key string) *flow {
	hash ^= c.salt
	for f := t.byHash[hash]; f != nil; f = f.collides {
		if f.class == c && string(f.key) == key {
			return f
		}
	}
	if t.n >= t.max && !t.evict() {
		return c.overflowFlow(hash)
	}
	f := t.take()
	f.class, f.hash, f.start, f.pos, f.bucket = c, hash, c.v, -1, -1
	f.key = append(f.key[:0], key...)
	f.collides = t.byHash[hash]
	t.byHash[hash] = f
	t.n++
	t.rest(f)
	return f
}

// rest puts a flow without waiting or running requests among the idle.
func (t *flowTable) rest(f *flow) {
	if !f.overflow {
		t.idle.pushFront(f)
		f.idle = true
	}
}

// rouse takes a flow out of the idle ones, so that it cannot be evicted.
func (t *flowTable) rouse(f *flow) {
	if f.idle {
		t.idle.remove(f)
		f.idle = false
	}
}

// evict forgets the flow that has been idle longest.
func (t *flowTable) evict() bool {
	f := t.idle.last
	if f == nil {
		return false
	}
	t.rouse(f)
	if first := t.byHash[f.hash]; first != f {
		for first.collides != f {
			first = first.collides
		}
		first.collides = f.collides
	} else if f.collides != nil {
		t.byHash[f.hash] = f.collides
	} else {
		delete(t.byHash, f.hash)
	}
	t.n--
	*f = flow{key: f.key[:0], right: t.spare}
	t.spare = f
	return true
}

func (t *flowTable) take() *flow {
	f := t.spare
	if f == nil {
		return &flow{}
	}
	t.spare, f.right = f.right, nil
	return f
}

// resize applies a new bound and forgets idle flows beyond it.
func (t *flowTable) resize(maxFlows int) {
	t.max = maxFlows
	for t.n > t.max && t.evict() {
	}
	t.spare = nil
}

// sibling finds or creates the flow of the same name in another class.
func (t *flowTable) sibling(c *class, f *flow) *flow {
	if f.overflow {
		return c.overflowFlow(f.hash)
	}
	return t.lookup(c, f.hash^f.class.salt, string(f.key))
}

// overflowFlow returns the shared flow for a name the table has no room for.
func (c *class) overflowFlow(hash uint64) *flow {
	if c.overflow == nil {
		c.overflow = make([]flow, overflowFlows)
		for i := range c.overflow {
			c.overflow[i] = flow{class: c, hash: uint64(i), start: c.v, pos: -1, bucket: -1, overflow: true}
		}
	}
	return &c.overflow[hash%overflowFlows]
}
