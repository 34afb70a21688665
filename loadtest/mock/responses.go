package mock

import (
	"encoding/json"
	"strconv"
	"time"
)

// responsesRequest is the part of a Responses API request that the mock acts on. It answers with text.
type responsesRequest struct {
	Model           string        `json:"model"`
	Input           responseInput `json:"input"`
	Instructions    prose         `json:"instructions"`
	Stream          bool          `json:"stream"`
	MaxOutputTokens *int          `json:"max_output_tokens"`
	Text            struct {
		Format struct {
			Type   string          `json:"type"`
			Schema json.RawMessage `json:"schema"`
		} `json:"format"`
	} `json:"text"`
}

// responseInput is a text, or items of which each counts for itself.
type responseInput struct {
	tokens int
	given  bool
}

// UnmarshalJSON measures the input.
func (in *responseInput) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case 'n':
		return nil
	case '"':
		var p prose
		err := p.UnmarshalJSON(raw)
		*in = responseInput{tokens: textTokens(p.bytes), given: true}
		return err
	case '[':
		var items []struct {
			Content prose `json:"content"`
			Output  prose `json:"output"`
		}
		if json.Unmarshal(raw, &items) != nil {
			return wrongType("array of something else", "array of input items")
		}
		in.given = len(items) > 0
		for _, it := range items {
			in.tokens += textTokens(it.Content.bytes) + textTokens(it.Output.bytes)
		}
		return nil
	default:
		return wrongType(jsonKind(raw[0]), "string or array of input items")
	}
}

func (ex *exchange) serveResponses() {
	var r responsesRequest
	if p, ok := decode(ex.ctx.Request.Body(), &r); !ok {
		ex.refuse(p)
		return
	}
	switch {
	case r.Model == "":
		ex.refuse(missing("model"))
		return
	case !r.Input.given:
		ex.refuse(missing("input"))
		return
	case r.MaxOutputTokens != nil && *r.MaxOutputTokens < 16:
		ex.refuse(invalid("max_output_tokens", "expected a number of at least 16"))
		return
	}
	if !ex.chooseModel(r.Model) {
		return
	}
	w := wish{schema: r.Text.Format.Schema, object: r.Text.Format.Type == "json_object" || r.Text.Format.Type == "json_schema"}
	if r.MaxOutputTokens != nil {
		w.most = *r.MaxOutputTokens
	}
	v := ex.newVoice(w, 0)
	if !ex.generate(r.Input.tokens+textTokens(r.Instructions.bytes), v.count, r.Stream) {
		return
	}
	s := &responsesScript{
		id: ex.id("resp_"), item: ex.id("msg_"), model: r.Model, created: time.Now().Unix(), voice: v, usage: ex.used(v.count),
	}
	if r.Stream {
		ex.stream(s, v.count, "text/event-stream; charset=utf-8")
		return
	}
	for i := range v.count {
		s.text = v.jsonPiece(s.text, i)
	}
	ex.ctx.Response.Header.SetContentType("application/json")
	ex.ctx.Response.SetBodyRaw(s.response(nil, true))
}

// responsesScript writes a Responses API answer as events, numbered from 0.
type responsesScript struct {
	id, item, model string
	created         int64
	voice           *voice
	usage           usage

	number int
	said   int
	text   []byte // said so far, as the inside of a JSON string: the last events repeat all of it
}

func (s *responsesScript) head(b []byte) []byte {
	for _, name := range []string{"response.created", "response.in_progress"} {
		b = s.begin(b, name)
		b = append(b, `,"response":`...)
		b = s.response(b, false)
		b = append(b, "}\n\n"...)
	}
	b = s.begin(b, "response.output_item.added")
	b = append(b, `,"output_index":0,"item":{"id":"`...)
	b = append(b, s.item...)
	b = append(b, `","type":"message","status":"in_progress","content":[],"role":"assistant"}}`+"\n\n"...)
	b = s.beginPart(b, "response.content_part.added")
	return append(b, `,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}}`+"\n\n"...)
}

func (s *responsesScript) token(b []byte) []byte {
	b = s.beginPart(b, "response.output_text.delta")
	b = append(b, `,"delta":"`...)
	at := len(s.text)
	s.text = s.voice.jsonPiece(s.text, s.said)
	s.said++
	b = append(b, s.text[at:]...)
	return append(b, `","logprobs":[]}`+"\n\n"...)
}

func (s *responsesScript) tail(b []byte) []byte {
	b = s.beginPart(b, "response.output_text.done")
	b = append(b, `,"text":"`...)
	b = append(b, s.text...)
	b = append(b, `","logprobs":[]}`+"\n\n"...)
	b = s.beginPart(b, "response.content_part.done")
	b = append(b, `,"part":`...)
	b = s.part(b)
	b = append(b, "}\n\n"...)
	b = s.begin(b, "response.output_item.done")
	b = append(b, `,"output_index":0,"item":`...)
	b = s.message(b)
	b = append(b, "}\n\n"...)
	last := "response.completed"
	if s.voice.finish == "length" {
		last = "response.incomplete"
	}
	b = s.begin(b, last)
	b = append(b, `,"response":`...)
	b = s.response(b, true)
	return append(b, "}\n\n"...)
}

func (s *responsesScript) begin(b []byte, name string) []byte {
	b = append(b, "event: "...)
	b = append(b, name...)
	b = append(b, "\ndata: {\"type\":\""...)
	b = append(b, name...)
	b = append(b, `","sequence_number":`...)
	b = strconv.AppendInt(b, int64(s.number), 10)
	s.number++
	return b
}

func (s *responsesScript) beginPart(b []byte, name string) []byte {
	b = s.begin(b, name)
	b = append(b, `,"item_id":"`...)
	b = append(b, s.item...)
	return append(b, `","output_index":0,"content_index":0`...)
}

func (s *responsesScript) part(b []byte) []byte {
	b = append(b, `{"type":"output_text","annotations":[],"logprobs":[],"text":"`...)
	b = append(b, s.text...)
	return append(b, `"}`...)
}

func (s *responsesScript) message(b []byte) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, s.item...)
	b = append(b, `","type":"message","status":"`...)
	b = append(b, s.status()...)
	b = append(b, `","content":[`...)
	b = s.part(b)
	return append(b, `],"role":"assistant"}`...)
}

func (s *responsesScript) status() string {
	if s.voice.finish == "length" {
		return "incomplete"
	}
	return "completed"
}

// response writes the response object, with or without its outcome.
func (s *responsesScript) response(b []byte, ended bool) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, s.id...)
	b = append(b, `","object":"response","created_at":`...)
	b = strconv.AppendInt(b, s.created, 10)
	b = append(b, `,"model":"`...)
	b = append(b, s.model...)
	b = append(b, `","error":null,"status":"`...)
	if !ended {
		return append(b, `in_progress","incomplete_details":null,"output":[],"usage":null}`...)
	}
	b = append(b, s.status()...)
	if s.voice.finish == "length" {
		b = append(b, `","incomplete_details":{"reason":"max_output_tokens"},"output":[`...)
	} else {
		b = append(b, `","incomplete_details":null,"output":[`...)
	}
	b = s.message(b)
	b = append(b, `],"usage":{"input_tokens":`...)
	b = strconv.AppendInt(b, int64(s.usage.in), 10)
	b = append(b, `,"input_tokens_details":{"cached_tokens":`...)
	b = strconv.AppendInt(b, int64(s.usage.cached), 10)
	b = append(b, `},"output_tokens":`...)
	b = strconv.AppendInt(b, int64(s.usage.out), 10)
	b = append(b, `,"output_tokens_details":{"reasoning_tokens":`...)
	b = strconv.AppendInt(b, int64(s.usage.reasoning), 10)
	b = append(b, `},"total_tokens":`...)
	b = strconv.AppendInt(b, int64(s.usage.in+s.usage.out), 10)
	return append(b, `}}`...)
}
