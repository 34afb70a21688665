package mock

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// maxChoices is OpenAI's limit of n.
const maxChoices = 128

// chatRequest is the part of a chat completion request that the mock acts on.
type chatRequest struct {
	Model         string        `json:"model"`
	Messages      []chatMessage `json:"messages"`
	Stream        bool          `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	N                   *int            `json:"n"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	Temperature         *float64        `json:"temperature"`
	Stop                texts           `json:"stop"`
	Tools               []chatTool      `json:"tools"`
	ToolChoice          json.RawMessage `json:"tool_choice"`
	ResponseFormat      struct {
		Type       string `json:"type"`
		JSONSchema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

type chatMessage struct {
	Role      string          `json:"role"`
	Content   prose           `json:"content"`
	ToolCalls json.RawMessage `json:"tool_calls"`
}

type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name       string          `json:"name"`
		Parameters json.RawMessage `json:"parameters"`
	} `json:"function"`
}

// check returns what is wrong with a request.
func (r *chatRequest) check() (problem, bool) {
	switch {
	case r.Model == "":
		return missing("model"), false
	case len(r.Messages) == 0:
		return missing("messages"), false
	case r.N != nil && (*r.N < 1 || *r.N > maxChoices):
		return invalid("n", fmt.Sprintf("expected 1 to %d", maxChoices)), false
	case r.MaxTokens != nil && *r.MaxTokens < 1:
		return invalid("max_tokens", "expected a number of at least 1"), false
	case r.MaxCompletionTokens != nil && *r.MaxCompletionTokens < 1:
		return invalid("max_completion_tokens", "expected a number of at least 1"), false
	case r.Temperature != nil && !(*r.Temperature >= 0 && *r.Temperature <= 2):
		return invalid("temperature", "expected 0 to 2"), false
	case len(r.Stop) > 4:
		return invalid("stop", "expected at most 4 sequences"), false
	}
	for i, m := range r.Messages {
		param := "messages[" + strconv.Itoa(i) + "]"
		switch m.Role {
		case "system", "developer", "user", "tool", "function":
			if !m.Content.given {
				return missing(param + ".content"), false
			}
		case "assistant":
		case "":
			return missing(param + ".role"), false
		default:
			return invalid(param+".role", "expected system, developer, user, assistant, tool or function"), false
		}
	}
	return problem{}, true
}

// tokens counts the input: every message for itself, a token for every four bytes, rounded up.
func (r *chatRequest) tokens() int {
	n := 0
	for _, m := range r.Messages {
		n += textTokens(m.Content.bytes)
	}
	return n
}

// most is the caller's limit of output tokens; 0 is none.
func (r *chatRequest) most() int {
	if r.MaxCompletionTokens != nil {
		return *r.MaxCompletionTokens
	}
	if r.MaxTokens != nil {
		return *r.MaxTokens
	}
	return 0
}

// call returns the tool that the answer must call, if it must call one.
func (r *chatRequest) call() (chatTool, bool) {
	if len(r.Tools) == 0 || len(r.ToolChoice) == 0 {
		return chatTool{}, false
	}
	if string(r.ToolChoice) == `"required"` {
		return r.Tools[0], true
	}
	var choice chatTool
	if json.Unmarshal(r.ToolChoice, &choice) != nil {
		return chatTool{}, false
	}
	for _, t := range r.Tools {
		if t.Function.Name == choice.Function.Name {
			return t, true
		}
	}
	return chatTool{}, false
}

// chatAnswer is a planned chat completion.
type chatAnswer struct {
	id, model string
	created   int64
	voices    []*voice
	tool      string // the name of the tool that is called, as the inside of a JSON string
	callID    string
	total     int
	usage     usage
}

func (ex *exchange) serveChat() {
	var r chatRequest
	if p, ok := decode(ex.ctx.Request.Body(), &r); !ok {
		ex.refuse(p)
		return
	}
	if p, ok := r.check(); !ok {
		ex.refuse(p)
		return
	}
	if !ex.chooseModel(r.Model) {
		return
	}
	a := ex.planChat(&r)
	if !ex.generate(r.tokens(), a.total, r.Stream) {
		return
	}
	a.usage = ex.used(a.total)
	if r.Stream {
		ex.stream(newChatScript(a, r.StreamOptions.IncludeUsage), a.total, "text/event-stream; charset=utf-8")
		return
	}
	ex.ctx.Response.Header.SetContentType("application/json")
	ex.ctx.Response.SetBodyRaw(a.appendJSON(make([]byte, 0, 1024)))
}

func (ex *exchange) planChat(r *chatRequest) *chatAnswer {
	a := &chatAnswer{id: ex.id("chatcmpl-"), model: r.Model, created: time.Now().Unix()}
	n := 1
	if r.N != nil {
		n = *r.N
	}
	tool, mustCall := r.call()
	if mustCall {
		a.tool = string(appendEscaped(nil, []byte(tool.Function.Name)))
		a.callID = ex.id("call_")
	}
	format := r.ResponseFormat
	w := wish{
		most: r.most(), stops: r.Stop, schema: format.JSONSchema.Schema,
		object: format.Type == "json_object" || format.Type == "json_schema",
	}
	for i := range n {
		var v *voice
		if mustCall {
			v = ex.newCall(tool.Function.Parameters, w.most)
		} else {
			v = ex.newVoice(w, i)
		}
		a.voices = append(a.voices, v)
		a.total += v.count
	}
	return a
}

func (a *chatAnswer) appendJSON(b []byte) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, a.id...)
	b = append(b, `","object":"chat.completion","created":`...)
	b = strconv.AppendInt(b, a.created, 10)
	b = append(b, `,"model":"`...)
	b = append(b, a.model...)
	b = append(b, `","choices":[`...)
	for i, v := range a.voices {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"index":`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `,"message":{"role":"assistant","content":`...)
		b = a.appendContent(b, v)
		b = append(b, `,"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"`...)
		b = append(b, v.finish...)
		b = append(b, `"}`...)
	}
	b = append(b, `],"usage":`...)
	b = a.usage.appendChat(b)
	return append(b, `,"service_tier":"default","system_fingerprint":"fp_weirmock"}`...)
}

func (a *chatAnswer) appendContent(b []byte, v *voice) []byte {
	if a.callID != "" {
		b = append(b, `null,"tool_calls":[`...)
		b = a.appendCall(b, v, v.count)
		return append(b, ']')
	}
	b = append(b, '"')
	for i := range v.count {
		b = v.jsonPiece(b, i)
	}
	return append(b, '"')
}

// appendCall writes a tool call with the first so many pieces of its arguments.
func (a *chatAnswer) appendCall(b []byte, v *voice, pieces int) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, a.callID...)
	b = append(b, `","type":"function","function":{"name":"`...)
	b = append(b, a.tool...)
	b = append(b, `","arguments":"`...)
	for i := range pieces {
		b = v.jsonPiece(b, i)
	}
	return append(b, `"}}`...)
}

func (u usage) appendChat(b []byte) []byte {
	b = append(b, `{"prompt_tokens":`...)
	b = strconv.AppendInt(b, int64(u.in), 10)
	b = append(b, `,"completion_tokens":`...)
	b = strconv.AppendInt(b, int64(u.out), 10)
	b = append(b, `,"total_tokens":`...)
	b = strconv.AppendInt(b, int64(u.in+u.out), 10)
	b = append(b, `,"prompt_tokens_details":{"cached_tokens":`...)
	b = strconv.AppendInt(b, int64(u.cached), 10)
	b = append(b, `,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":`...)
	b = strconv.AppendInt(b, int64(u.reasoning), 10)
	return append(b, `,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`...)
}
