package routing

// reading is a way in which an upstream may understand a path.
type reading uint8

const (
	// strictReading decodes encoded dots and removes dot segments (RFC 3986
	// section 5.2.4 after 6.2.2.2).
	strictReading reading = iota
	// looseReading also takes encoded slashes and backslashes for separators,
	// several of them for one, and cuts parameters off dot segments.
	looseReading
)

// hasDotSegment reports whether path has a segment that some reader would take
// for "." or "..".
func hasDotSegment(path []byte) bool {
	for i := 0; i < len(path); i++ {
		n := separatorAt(path, i, looseReading)
		if n == 0 {
			continue
		}
		if dots, _ := dotsAt(path, i+n, looseReading); dots > 0 {
			return true
		}
		i += n - 1
	}
	return false
}

// separatorAt returns the length of the separator at i, or 0.
func separatorAt(path []byte, i int, how reading) int {
	switch path[i] {
	case '/':
		return 1
	case '\\':
		if how == looseReading {
			return 1
		}
	case '%':
		if how == looseReading && i+2 < len(path) {
			hi, lo := path[i+1], path[i+2]|0x20
			if (hi == '2' && lo == 'f') || (hi == '5' && lo == 'c') {
				return 3
			}
		}
	}
	return 0
}

// dotsAt returns 1 or 2 if the segment that starts at i is "." or "..", and where
// it ends.
func dotsAt(path []byte, i int, how reading) (dots, end int) {
	for dots = 0; i < len(path) && dots <= 2; dots++ {
		switch {
		case path[i] == '.':
			i++
		case i+2 < len(path) && path[i] == '%' && path[i+1] == '2' && path[i+2]|0x20 == 'e':
			i += 3
		default:
			return endOfDots(path, i, dots, how)
		}
	}
	return endOfDots(path, i, dots, how)
}

func endOfDots(path []byte, i, dots int, how reading) (int, int) {
	if dots == 0 || dots > 2 {
		return 0, i
	}
	if i < len(path) && path[i] == ';' && how == looseReading {
		for i < len(path) && separatorAt(path, i, how) == 0 {
			i++
		}
	}
	if i < len(path) && separatorAt(path, i, how) == 0 {
		return 0, i
	}
	return dots, i
}

// resolve appends path without its dot segments. ok is false when they lead above
// the root.
func resolve(dst, path []byte, how reading) (_ []byte, ok bool) {
	i := 0
	for i < len(path) {
		n := separatorAt(path, i, how)
		if n == 0 {
			return dst, false // not a path: it starts with '/'
		}
		i += n
		dots, end := dotsAt(path, i, how)
		switch {
		case dots == 2:
			if len(dst) == 0 {
				return dst, false
			}
			dst = dst[:lastSlash(dst)]
			i = end
		case dots == 1:
			i = end
		default:
			if how == looseReading && i < len(path) && separatorAt(path, i, how) > 0 {
				continue // an empty segment
			}
			dst = append(dst, '/')
			for i < len(path) && separatorAt(path, i, how) == 0 {
				dst = append(dst, path[i])
				i++
			}
			continue
		}
		if i == len(path) {
			dst = append(dst, '/') // "/a/.." is "/", not ""
		}
	}
	return dst, true
}

func lastSlash(b []byte) int {
	i := len(b) - 1
	for b[i] != '/' {
		i--
	}
	return i
}
