package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// queuesAnswer is the answer of GET /api/v1/queues.
type queuesAnswer struct {
	Queues []Queue `json:"queues"`
}

func (s *Server) queues(c *call) *failure {
	queues := s.deps.Gateway.Queues()
	for i := range queues {
		queues[i].complete()
	}
	writeJSON(c.w, http.StatusOK, queuesAnswer{orEmpty(queues)})
	return nil
}

// complete makes lists that are empty be written as such, and not as null.
func (q *Queue) complete() {
	q.Classes = orEmpty(q.Classes)
	for i := range q.Classes {
		k := &q.Classes[i]
		k.Flows = orEmpty(k.Flows)
		if k.Rejected == nil {
			k.Rejected = map[string]uint64{}
		}
	}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// queueOp serves POST /api/v1/queues/{upstream}/{class}:{op} and answers with the
// class as it is afterwards.
func (s *Server) queueOp(c *call) *failure {
	upstream := c.r.PathValue("upstream")
	class, name, ok := cutLast(c.r.PathValue("target"), ":")
	op := Op(name)
	if !ok || !op.known() {
		return &failure{
			status: http.StatusNotFound, code: "no_such_operation",
			message: "the path must end in CLASS:pause, :resume, :drain or :boost",
		}
	}
	c.audit = append(c.audit, zap.String("upstream", upstream), zap.String("class", class), zap.String("op", name))
	boost, f := readBoost(c, op)
	if f != nil {
		return f
	}
	if err := s.deps.Gateway.QueueOp(upstream, class, op, boost); err != nil {
		return opFailure(err)
	}
	return s.answerClass(c, upstream, class)
}

func (o Op) known() bool {
	switch o {
	case OpPause, OpResume, OpDrain, OpBoost:
		return true
	}
	return false
}

// cutLast splits at the last separator: class names may hold it, operations not.
func cutLast(s, sep string) (before, after string, ok bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(sep):], true
}

func opFailure(err error) *failure {
	switch {
	case errors.Is(err, ErrNoUpstream):
		return &failure{status: http.StatusNotFound, code: "no_such_upstream", message: err.Error()}
	case errors.Is(err, ErrNoClass):
		return &failure{status: http.StatusNotFound, code: "no_such_class", message: err.Error()}
	}
	return &failure{status: http.StatusInternalServerError, code: "internal", message: err.Error()}
}

func (s *Server) answerClass(c *call, upstream, class string) *failure {
	for _, q := range s.deps.Gateway.Queues() {
		if q.Upstream != upstream {
			continue
		}
		q.complete()
		for _, k := range q.Classes {
			if k.Class == class {
				writeJSON(c.w, http.StatusOK, k)
				return nil
			}
		}
	}
	// A reload has removed it in between.
	return &failure{status: http.StatusNotFound, code: "no_such_class", message: "the class is gone"}
}

// boostBody is the body of a boost; the query may hold the same two instead.
type boostBody struct {
	Weight *int    `json:"weight"`
	For    *string `json:"for"`
}

// readBoost reads the parameters of an operation, which only a boost has.
func readBoost(c *call, op Op) (Boost, *failure) {
	var body boostBody
	if f := readBody(c.r, &body); f != nil {
		return Boost{}, f
	}
	if op != OpBoost {
		if body != (boostBody{}) || c.r.URL.RawQuery != "" {
			return Boost{}, badRequest(string(op) + " takes no parameters")
		}
		return Boost{}, nil
	}
	if f := body.fromQuery(c.r); f != nil {
		return Boost{}, f
	}
	b, err := body.boost()
	if err != nil {
		return Boost{}, badRequest(err.Error())
	}
	c.audit = append(c.audit, zap.Int("weight", b.Weight), zap.Duration("for", b.For))
	return b, nil
}

// readBody reads a JSON object, strictly. No body is an empty object.
func readBody(r *http.Request, v any) *failure {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return &failure{
				status: http.StatusRequestEntityTooLarge, code: "body_too_large",
				message: fmt.Sprintf("the body is longer than %d bytes", tooLarge.Limit),
			}
		}
		return badRequest("the body cannot be read: " + err.Error())
	}
	if len(data) == 0 {
		return nil
	}
	if !isJSON(r) {
		return &failure{
			status: http.StatusUnsupportedMediaType, code: "media_type",
			message: "the body must be JSON, with Content-Type: application/json",
		}
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badRequest("the body is not what is expected: " + err.Error())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badRequest("the body goes on after its JSON object")
	}
	return nil
}

// fromQuery adds what the query says. Saying a thing twice is refused, even if
// both say the same.
func (b *boostBody) fromQuery(r *http.Request) *failure {
	for name, values := range r.URL.Query() {
		switch {
		case name != "weight" && name != "for":
			return badRequest(fmt.Sprintf("there is no parameter %q; a boost takes weight and for", name))
		case len(values) > 1 || name == "weight" && b.Weight != nil || name == "for" && b.For != nil:
			return badRequest(name + " is given twice")
		case name == "for":
			b.For = &values[0]
		default:
			w, err := strconv.Atoi(values[0])
			if err != nil {
				return badRequest(fmt.Sprintf("weight is %q, want a whole number", values[0]))
			}
			b.Weight = &w
		}
	}
	return nil
}

func (b *boostBody) boost() (Boost, error) {
	if b.Weight == nil || b.For == nil {
		return Boost{}, errors.New("a boost needs weight and for")
	}
	if *b.Weight < 1 || *b.Weight > MaxWeight {
		return Boost{}, fmt.Errorf("weight is %d, want 1 to %d", *b.Weight, MaxWeight)
	}
	d, err := time.ParseDuration(*b.For)
	if err != nil {
		return Boost{}, fmt.Errorf("for is %q, want a duration such as 10m", *b.For)
	}
	if d <= 0 || d > MaxBoost {
		return Boost{}, fmt.Errorf("for is %s, want more than 0 and at most %s", d, MaxBoost)
	}
	return Boost{Weight: *b.Weight, For: d}, nil
}
