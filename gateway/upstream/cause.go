package upstream

import (
	"fmt"
	"strconv"
	"strings"
)

// Cause is why a call is to be made again: one of the constants or a status code
// made by [CauseStatus].
type Cause uint16

// What can go wrong with a call before it has an answer.
const (
	CauseConnect Cause = 1 + iota // no connection came about
	CauseReset                    // the connection broke before the answer
	CauseTimeout                  // no answer in time
)

// CauseStatus is the cause of an answer with that status code; zero, which is
// never retried, when the code is outside 100 to 599.
func CauseStatus(code int) Cause {
	if code < 100 || code > 599 {
		return 0
	}
	return Cause(code)
}

// causeNames are the words of a retry list.
var causeNames = map[string]Cause{"connect": CauseConnect, "reset": CauseReset, "timeout": CauseTimeout}

// causeSet has one bit per cause.
type causeSet [10]uint64

func (s *causeSet) add(c Cause)      { s[c/64] |= 1 << (c % 64) }
func (s *causeSet) has(c Cause) bool { return int(c) < 64*len(s) && s[c/64]&(1<<(c%64)) != 0 }

// addName adds a word, a status code, or a class of them such as 5xx.
func (s *causeSet) addName(name string) error {
	if c, ok := causeNames[name]; ok {
		s.add(c)
		return nil
	}
	if class := strings.ToLower(name); class == "4xx" || class == "5xx" {
		first := int(class[0]-'0') * 100
		for code := first; code < first+100; code++ {
			s.add(Cause(code))
		}
		return nil
	}
	code, err := strconv.Atoi(name)
	if err != nil {
		return unknown("cause", name, "connect", "reset", "timeout", "4xx", "5xx", "a status code such as 503")
	}
	if code < 400 || code > 599 {
		return fmt.Errorf("%d cannot be retried on: a status code from 400 to 599 is wanted", code)
	}
	s.add(Cause(code))
	return nil
}
