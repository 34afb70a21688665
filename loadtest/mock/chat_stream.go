package mock

import "strconv"

// chatScript writes a chat completion as events: the role of every choice, their pieces in turn, the
// reasons of their ends, the usage when it was asked for, and [DONE].
type chatScript struct {
	answer    *chatAnswer
	withUsage bool
	opening   string // of every chunk, up to its choices
	closing   string // of a chunk with choices

	choice int   // whose turn it is
	said   []int // pieces, by choice
}

func newChatScript(a *chatAnswer, withUsage bool) *chatScript {
	s := &chatScript{answer: a, withUsage: withUsage, said: make([]int, len(a.voices))}
	s.opening = `data: {"id":"` + a.id + `","object":"chat.completion.chunk","created":` + strconv.FormatInt(a.created, 10) +
		`,"model":"` + a.model + `","service_tier":"default","system_fingerprint":"fp_weirmock","choices":[`
	s.closing = "]}\n\n"
	if withUsage {
		s.closing = `],"usage":null}` + "\n\n"
	}
	return s
}

func (s *chatScript) head(b []byte) []byte {
	for i, v := range s.answer.voices {
		b = s.begin(b, i)
		if s.answer.callID != "" {
			b = append(b, `{"role":"assistant","content":null,"tool_calls":[{"index":0,`...)
			b = append(b, s.answer.appendCall(nil, v, 0)[1:]...)
			b = append(b, `]}`...)
		} else {
			b = append(b, `{"role":"assistant","content":"","refusal":null}`...)
		}
		b = s.end(b, "")
	}
	return b
}

func (s *chatScript) token(b []byte) []byte {
	for s.said[s.choice] >= s.answer.voices[s.choice].count {
		s.choice = (s.choice + 1) % len(s.said)
	}
	v := s.answer.voices[s.choice]
	b = s.begin(b, s.choice)
	if s.answer.callID != "" {
		b = append(b, `{"tool_calls":[{"index":0,"function":{"arguments":"`...)
		b = v.jsonPiece(b, s.said[s.choice])
		b = append(b, `"}}]}`...)
	} else {
		b = append(b, `{"content":"`...)
		b = v.jsonPiece(b, s.said[s.choice])
		b = append(b, `"}`...)
	}
	s.said[s.choice]++
	s.choice = (s.choice + 1) % len(s.said)
	return s.end(b, "")
}

func (s *chatScript) tail(b []byte) []byte {
	for i, v := range s.answer.voices {
		b = s.begin(b, i)
		b = append(b, `{}`...)
		b = s.end(b, v.finish)
	}
	if s.withUsage {
		b = append(b, s.opening...)
		b = append(b, `],"usage":`...)
		b = s.answer.usage.appendChat(b)
		b = append(b, "}\n\n"...)
	}
	return append(b, "data: [DONE]\n\n"...)
}

// begin opens a chunk up to its delta.
func (s *chatScript) begin(b []byte, choice int) []byte {
	b = append(b, s.opening...)
	b = append(b, `{"index":`...)
	b = strconv.AppendInt(b, int64(choice), 10)
	return append(b, `,"delta":`...)
}

// end closes a chunk after its delta.
func (s *chatScript) end(b []byte, finish string) []byte {
	if finish == "" {
		b = append(b, `,"logprobs":null,"finish_reason":null}`...)
	} else {
		b = append(b, `,"logprobs":null,"finish_reason":"`...)
		b = append(b, finish...)
		b = append(b, `"}`...)
	}
	return append(b, s.closing...)
}
