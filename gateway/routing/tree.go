package routing

import "bytes"

// tree holds the patterns of the routes of one host by their literal segments.
type tree struct {
	root node
	bare []int32 // routes without a path, ascending
}

// node is where a sequence of literal segments leads.
type node struct {
	children map[string]*node
	ends     []int32 // routes whose pattern ends here, ascending
	globs    []tail  // patterns that go on with a wildcard, by ascending route
}

// tail is what follows the literal segments of a pattern.
type tail struct {
	route int32
	rest  []glob
}

func (t *tree) insert(route int32, paths []pattern) {
	if len(paths) == 0 {
		t.bare = append(t.bare, route)
	}
	for i := range paths {
		n := &t.root
		for _, segment := range paths[i].literal {
			if n.children == nil {
				n.children = map[string]*node{}
			}
			next := n.children[segment]
			if next == nil {
				next = &node{}
				n.children[segment] = next
			}
			n = next
		}
		if rest := paths[i].rest; len(rest) > 0 {
			n.globs = append(n.globs, tail{route, rest})
		} else {
			n.ends = append(n.ends, route)
		}
	}
}

// search looks for the first route that takes a request. Each list that it walks
// is in the order of routes, so it leaves a list as soon as that cannot better
// what it has.
type search struct {
	routes      *Routes
	method      []byte
	best        int32
	otherMethod bool // a route matched but for the method
}

// offer considers a route whose host and path match.
func (s *search) offer(route int32) {
	if s.routes.route[route].allows(s.method) {
		s.best = route
	} else {
		s.otherMethod = true
	}
}

func (s *search) offerAll(routes []int32) {
	for _, route := range routes {
		if route >= s.best {
			return
		}
		s.offer(route)
	}
}

func (s *search) walk(t *tree, path []byte) {
	if t == nil {
		return
	}
	s.offerAll(t.bare)
	if len(path) == 0 || path[0] != '/' {
		return // "*" and CONNECT have no path
	}
	for n := &t.root; ; {
		for i := range n.globs {
			g := &n.globs[i]
			if g.route >= s.best {
				break
			}
			if matchRest(g.rest, path) {
				s.offer(g.route)
			}
		}
		if len(path) == 0 {
			s.offerAll(n.ends)
			return
		}
		if n.children == nil {
			return
		}
		var segment []byte
		segment, path = nextSegment(path)
		if n = n.children[string(segment)]; n == nil {
			return
		}
	}
}

// walkBelow visits the wildcards that host lies below.
func (s *search) walkBelow(host, path []byte) {
	for {
		dot := bytes.IndexByte(host, '.')
		if dot < 0 {
			return
		}
		host = host[dot+1:]
		s.walk(s.routes.below[string(host)], path)
	}
}
