package routing

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// pattern is a compiled path pattern: literal segments, then globs.
type pattern struct {
	text    string
	literal []string // leading segments without a wildcard
	rest    []glob   // from the first wildcard on
}

// glob is one segment of a pattern.
type glob struct {
	text string
	deep bool // any number of segments
	wild bool // contains *
}

// maxPatternSegments bounds the work that one pattern can cause.
const maxPatternSegments = 64

func compilePattern(s string) (p pattern, err error) {
	if s == "" || s[0] != '/' {
		return p, fmt.Errorf("%q must start with /", s)
	}
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		return p, fmt.Errorf("%q has a %c: only the path is matched, not the query", s, s[i])
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return p, fmt.Errorf("%q has a byte that a request target cannot have; write it percent-encoded", s)
		}
	}
	if hasDotSegment([]byte(s)) {
		return p, fmt.Errorf("%q has a dot segment, which no request is matched by", s)
	}
	p.text = s
	segments := strings.Split(s[1:], "/")
	if len(segments) > maxPatternSegments {
		return p, fmt.Errorf("%q has more than %d segments", s, maxPatternSegments)
	}
	for i, text := range segments {
		last := i == len(segments)-1
		g := glob{text: text, deep: text == "**" || (last && text == "*"), wild: strings.Contains(text, "*")}
		if !g.deep && strings.Contains(text, "**") {
			return p, fmt.Errorf("%q has ** within a segment; it stands for whole segments only", s)
		}
		if !g.wild && len(p.rest) == 0 {
			p.literal = append(p.literal, text)
		} else {
			p.rest = append(p.rest, g)
		}
	}
	return p, nil
}

// matchRest matches the segments of path against globs. path is what follows the
// literal segments: empty, or starting with '/'. A deep glob first takes nothing
// and, whenever what follows fails, one segment more; only the latest one needs
// to be gone back to, so the cost is at most len(globs) times the segments.
func matchRest(globs []glob, path []byte) bool {
	next, deepNext := 0, -1
	var deepPath []byte
	for {
		switch {
		case next < len(globs) && globs[next].deep:
			next++
			deepNext, deepPath = next, path
			if next == len(globs) {
				return true
			}
			continue
		case next == len(globs) && len(path) == 0:
			return true
		case next < len(globs) && len(path) > 0:
			segment, rest := nextSegment(path)
			if globs[next].match(segment) {
				next, path = next+1, rest
				continue
			}
		}
		if deepNext < 0 || len(deepPath) == 0 {
			return false
		}
		_, deepPath = nextSegment(deepPath)
		next, path = deepNext, deepPath
	}
}

// nextSegment splits "/a/b" into "a" and "/b".
func nextSegment(path []byte) (segment, rest []byte) {
	path = path[1:]
	if i := bytes.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, nil
}

func (g *glob) match(segment []byte) bool {
	if !g.wild {
		return string(segment) == g.text
	}
	return matchStars(g.text, segment)
}

// matchStars matches s against a text in which * stands for any bytes.
func matchStars(text string, s []byte) bool {
	t, i := 0, 0
	starText, starAt := -1, 0
	for i < len(s) {
		switch {
		case t < len(text) && text[t] == '*':
			starText, starAt = t, i
			t++
		case t < len(text) && text[t] == s[i]:
			t++
			i++
		case starText >= 0:
			starAt++
			t, i = starText+1, starAt
		default:
			return false
		}
	}
	for t < len(text) && text[t] == '*' {
		t++
	}
	return t == len(text)
}

// match is the whole pattern against a whole path.
func (p *pattern) match(path []byte) bool {
	if len(path) == 0 || path[0] != '/' {
		return false
	}
	for _, want := range p.literal {
		if len(path) == 0 {
			return false
		}
		var segment []byte
		segment, path = nextSegment(path)
		if string(segment) != want {
			return false
		}
	}
	return matchRest(p.rest, path)
}

// compileHost checks a host pattern and returns it in lower case; wildcard means
// that it stands for every name below it.
func compileHost(s string) (host string, wildcard bool, err error) {
	host = strings.ToLower(strings.TrimSuffix(s, "."))
	if rest, ok := strings.CutPrefix(host, "*."); ok {
		host, wildcard = rest, true
	}
	if host == "" {
		return "", false, errors.New("is empty")
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") && !wildcard {
		return host, false, nil
	}
	if strings.Contains(host, ":") {
		return "", false, fmt.Errorf("%q has a port; hosts are matched without it", s)
	}
	for _, c := range []byte(host) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_') {
			return "", false, fmt.Errorf("%q is not a host name; use a name or *.name", s)
		}
	}
	return host, wildcard, nil
}
