package mock

import (
	"encoding/json"
	"fmt"
	"strconv"
)

func anthropicRoutes() []route {
	list := []route{
		{name: "/v1/messages", serve: (*exchange).serveMessages},
		{name: "/v1/messages/count_tokens", serve: (*exchange).serveCountTokens},
	}
	for i := range list {
		list[i].methods, list[i].protocol, list[i].keyed, list[i].faulty = "POST", protocolAnthropic, true, true
	}
	return list
}

// messagesRequest is the part of a Messages API request that the mock acts on.
type messagesRequest struct {
	Model         string          `json:"model"`
	MaxTokens     *int            `json:"max_tokens"`
	Messages      []chatMessage   `json:"messages"`
	System        prose           `json:"system"`
	Stream        bool            `json:"stream"`
	StopSequences []string        `json:"stop_sequences"`
	Tools         []anthropicTool `json:"tools"`
	ToolChoice    struct {
		Type string `json:"type"`
		Name string `json:"name"`
	} `json:"tool_choice"`
}

type anthropicTool struct {
	Name        string          `json:"name"`
	InputSchema json.RawMessage `json:"input_schema"`
}

func (r *messagesRequest) check(needsMax bool) (problem, bool) {
	bad := func(param, message string) (problem, bool) {
		return problem{status: 400, param: param, message: message}, false
	}
	switch {
	case r.Model == "":
		return bad("model", "Field required")
	case needsMax && r.MaxTokens == nil:
		return bad("max_tokens", "Field required")
	case needsMax && *r.MaxTokens < 1:
		return bad("max_tokens", "Input should be greater than or equal to 1")
	case len(r.Messages) == 0:
		return bad("messages", "at least one message is required")
	}
	for i, m := range r.Messages {
		if m.Role != "user" && m.Role != "assistant" {
			return bad(fmt.Sprintf("messages.%d.role", i), "Input should be 'user' or 'assistant'")
		}
		if !m.Content.given {
			return bad(fmt.Sprintf("messages.%d.content", i), "Field required")
		}
	}
	return problem{}, true
}

func (r *messagesRequest) tokens() int {
	n := textTokens(r.System.bytes)
	for _, m := range r.Messages {
		n += textTokens(m.Content.bytes)
	}
	return n
}

func (r *messagesRequest) call() (anthropicTool, bool) {
	for _, t := range r.Tools {
		if r.ToolChoice.Type == "any" || r.ToolChoice.Type == "tool" && r.ToolChoice.Name == t.Name {
			return t, true
		}
	}
	return anthropicTool{}, false
}

// readMessages reads and checks what both endpoints take.
func (ex *exchange) readMessages(r *messagesRequest, needsMax bool) bool {
	if len(ex.ctx.Request.Header.Peek("Anthropic-Version")) == 0 {
		ex.refuse(problem{status: 400, message: "anthropic-version: header is required"})
		return false
	}
	p, ok := decode(ex.ctx.Request.Body(), r)
	if ok {
		p, ok = r.check(needsMax)
	}
	if !ok {
		ex.refuse(p)
		return false
	}
	return ex.chooseModel(r.Model)
}

func (ex *exchange) serveCountTokens() {
	var r messagesRequest
	if !ex.readMessages(&r, false) {
		return
	}
	ex.model = -1 // counting is free
	if !ex.think(Dist{}, 0) {
		return
	}
	ex.vendorHeaders()
	ex.writeJSON(map[string]int{"input_tokens": r.tokens()})
}

func (ex *exchange) serveMessages() {
	var r messagesRequest
	if !ex.readMessages(&r, true) {
		return
	}
	s := &messagesScript{id: ex.id("msg_"), model: r.Model}
	if tool, mustCall := r.call(); mustCall {
		s.tool, s.callID = string(appendEscaped(nil, []byte(tool.Name))), ex.id("toolu_")
		s.voice = ex.newCall(tool.InputSchema, *r.MaxTokens)
	} else {
		s.voice = ex.newVoice(wish{most: *r.MaxTokens, stops: r.StopSequences}, 0)
	}
	if !ex.generate(r.tokens(), s.voice.count, r.Stream) {
		return
	}
	s.usage = ex.used(s.voice.count)
	if r.Stream {
		ex.stream(s, s.voice.count, "text/event-stream; charset=utf-8")
		return
	}
	ex.ctx.Response.Header.SetContentType("application/json")
	ex.ctx.Response.SetBodyRaw(s.message(nil))
}

// messagesScript writes a Messages API answer.
type messagesScript struct {
	id, model    string
	tool, callID string // of an answer that calls a tool
	voice        *voice
	usage        usage
	said         int
}

func (s *messagesScript) stopReason() string {
	switch s.voice.finish {
	case "length":
		return "max_tokens"
	case "tool_calls":
		return "tool_use"
	default:
		if s.voice.stopped {
			return "stop_sequence"
		}
		return "end_turn"
	}
}

// appendUsage writes the usage; input_tokens are those that did not come from the cache.
func (s *messagesScript) appendUsage(b []byte, out int) []byte {
	b = append(b, `{"input_tokens":`...)
	b = strconv.AppendInt(b, int64(s.usage.in-s.usage.cached), 10)
	b = append(b, `,"cache_creation_input_tokens":0,"cache_read_input_tokens":`...)
	b = strconv.AppendInt(b, int64(s.usage.cached), 10)
	b = append(b, `,"output_tokens":`...)
	b = strconv.AppendInt(b, int64(out), 10)
	return append(b, `,"service_tier":"standard"}`...)
}

func (s *messagesScript) begin(b []byte) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, s.id...)
	b = append(b, `","type":"message","role":"assistant","model":"`...)
	b = append(b, s.model...)
	return append(b, `","content":[`...)
}

func (s *messagesScript) message(b []byte) []byte {
	b = s.begin(b)
	if s.callID != "" {
		b = append(b, `{"type":"tool_use","id":"`+s.callID+`","name":"`+s.tool+`","input":`...)
		if s.voice.finish == "length" {
			b = append(b, `{}`...) // cut off in the middle, it is no object
		} else {
			b = append(b, s.voice.fixed...)
		}
		b = append(b, '}')
	} else {
		b = append(b, `{"type":"text","text":"`...)
		for i := range s.voice.count {
			b = s.voice.jsonPiece(b, i)
		}
		b = append(b, `"}`...)
	}
	b = append(b, `],"stop_reason":"`+s.stopReason()+`","stop_sequence":`...)
	b = s.appendStop(b)
	b = append(b, `,"usage":`...)
	b = s.appendUsage(b, s.usage.out)
	return append(b, '}')
}

func (s *messagesScript) appendStop(b []byte) []byte {
	if !s.voice.stopped {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = appendEscaped(b, []byte(s.voice.stoppedBy))
	return append(b, '"')
}

func (s *messagesScript) head(b []byte) []byte {
	b = append(b, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"...)
	b = s.begin(b)
	b = append(b, `],"stop_reason":null,"stop_sequence":null,"usage":`...)
	b = s.appendUsage(b, 1)
	b = append(b, "}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":"...)
	if s.callID != "" {
		b = append(b, `{"type":"tool_use","id":"`+s.callID+`","name":"`+s.tool+`","input":{}}`...)
	} else {
		b = append(b, `{"type":"text","text":""}`...)
	}
	return append(b, "}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n"...)
}

func (s *messagesScript) token(b []byte) []byte {
	b = append(b, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"...)
	if s.callID != "" {
		b = append(b, `{"type":"input_json_delta","partial_json":"`...)
	} else {
		b = append(b, `{"type":"text_delta","text":"`...)
	}
	b = s.voice.jsonPiece(b, s.said)
	s.said++
	return append(b, "\"}}\n\n"...)
}

func (s *messagesScript) tail(b []byte) []byte {
	b = append(b, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"...)
	b = append(b, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\""+s.stopReason()+"\",\"stop_sequence\":"...)
	b = s.appendStop(b)
	b = append(b, `},"usage":`...)
	b = s.appendUsage(b, s.usage.out)
	return append(b, "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...)
}
