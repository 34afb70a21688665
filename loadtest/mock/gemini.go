package mock

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

func geminiRoutes() []route {
	list := []route{
		{name: "/v1beta/models/{model}:generateContent", serve: func(ex *exchange) { ex.serveGemini(false) }},
		{name: "/v1beta/models/{model}:streamGenerateContent", serve: func(ex *exchange) { ex.serveGemini(true) }},
		{name: "/v1beta/models/{model}:countTokens", serve: (*exchange).serveGeminiCount},
		{name: "/v1beta/models/{model}:embedContent", serve: (*exchange).serveGeminiEmbed},
	}
	for i := range list {
		list[i].methods, list[i].protocol, list[i].keyed, list[i].faulty = "POST", protocolGemini, true, true
	}
	return list
}

type geminiContent struct {
	Role  string `json:"role"`
	Parts []struct {
		Text string `json:"text"`
	} `json:"parts"`
}

func (c geminiContent) tokens() int {
	bytes := 0
	for _, p := range c.Parts {
		bytes += len(p.Text)
	}
	return textTokens(bytes)
}

// geminiRequest is the part of the Gemini requests that the mock acts on.
type geminiRequest struct {
	Contents          []geminiContent `json:"contents"`
	SystemInstruction geminiContent   `json:"systemInstruction"`
	GenerationConfig  struct {
		MaxOutputTokens  *int            `json:"maxOutputTokens"`
		StopSequences    []string        `json:"stopSequences"`
		ResponseMIMEType string          `json:"responseMimeType"`
		ResponseSchema   json.RawMessage `json:"responseSchema"`
	} `json:"generationConfig"`
	Content              geminiContent `json:"content"` // of embedContent
	OutputDimensionality *int          `json:"outputDimensionality"`
}

func (r *geminiRequest) tokens() int {
	n := r.SystemInstruction.tokens()
	for _, c := range r.Contents {
		n += c.tokens()
	}
	return n
}

// readGemini reads a body and checks its model.
func (ex *exchange) readGemini(r *geminiRequest) bool {
	if p, ok := decode(ex.ctx.Request.Body(), r); !ok {
		ex.refuse(p)
		return false
	}
	i, ok := ex.srv.findModel(ex.arg)
	if !ok || !isModelName(ex.arg) {
		ex.refuse(problem{
			status:  404,
			message: fmt.Sprintf("models/%.80s is not found for API version v1beta, or is not supported for this method.", ex.arg),
		})
		return false
	}
	ex.model = i
	return true
}

// needContents refuses a request without a text to work on.
func (ex *exchange) needContents(given bool, field string) bool {
	if !given {
		ex.model = -1
		ex.refuse(problem{status: 400, message: "* GenerateContentRequest." + field + ": " + field + " is not specified"})
	}
	return given
}

func (ex *exchange) serveGeminiCount() {
	var r geminiRequest
	if !ex.readGemini(&r) || !ex.needContents(len(r.Contents) > 0, "contents") {
		return
	}
	ex.model = -1 // counting is free
	if !ex.think(Dist{}, 0) {
		return
	}
	ex.writeJSON(map[string]int{"totalTokens": r.tokens()})
}

func (ex *exchange) serveGeminiEmbed() {
	var r geminiRequest
	if !ex.readGemini(&r) || !ex.needContents(len(r.Content.Parts) > 0, "content") {
		return
	}
	n := dimensions(ex.arg)
	if d := r.OutputDimensionality; d != nil {
		if *d < 1 || *d > n {
			ex.model = -1
			ex.refuse(problem{status: 400, message: fmt.Sprintf("outputDimensionality must be 1 to %d", n)})
			return
		}
		n = *d
	}
	var text strings.Builder
	for _, p := range r.Content.Parts {
		text.WriteString(p.Text)
	}
	if !ex.generateNone(r.Content.tokens()) {
		return
	}
	b := []byte(`{"embedding":{"values":`)
	b = appendVector(b, vector(ex.srv.cfg.Seed^hashText(text.String()), n), false)
	ex.ctx.Response.Header.SetContentType("application/json; charset=UTF-8")
	ex.ctx.Response.SetBodyRaw(append(b, "}}"...))
}

func (ex *exchange) serveGemini(streamed bool) {
	var r geminiRequest
	if !ex.readGemini(&r) || !ex.needContents(len(r.Contents) > 0, "contents") {
		return
	}
	g := r.GenerationConfig
	w := wish{stops: g.StopSequences, object: g.ResponseMIMEType == "application/json", schema: g.ResponseSchema}
	if g.MaxOutputTokens != nil {
		if w.most = *g.MaxOutputTokens; w.most < 1 {
			ex.refuse(problem{status: 400, message: "max_output_tokens must be positive."})
			return
		}
	}
	v := ex.newVoice(w, 0)
	sse := string(ex.ctx.QueryArgs().Peek("alt")) == "sse"
	if !ex.generate(r.tokens(), v.count, streamed) {
		return
	}
	s := &geminiScript{id: ex.id(""), model: ex.arg, voice: v, usage: ex.used(v.count), sse: sse}
	switch {
	case !streamed:
		ex.ctx.Response.Header.SetContentType("application/json; charset=UTF-8")
		ex.ctx.Response.SetBodyRaw(s.chunk(nil, 0, v.count, true))
	case sse:
		ex.stream(s, v.count, "text/event-stream")
	default:
		ex.stream(s, v.count, "application/json; charset=UTF-8")
	}
}

// geminiScript writes a Gemini answer: events, or the elements of one JSON array. The last piece carries
// the reason of the end.
type geminiScript struct {
	id, model string
	voice     *voice
	usage     usage
	sse       bool
	said      int
}

func (s *geminiScript) head(b []byte) []byte {
	if s.sse {
		return b
	}
	return append(b, '[')
}

func (s *geminiScript) token(b []byte) []byte {
	if s.sse {
		b = append(b, "data: "...)
	} else if s.said > 0 {
		b = append(b, ",\r\n"...)
	}
	s.said++
	b = s.chunk(b, s.said-1, s.said, s.said == s.voice.count)
	if s.sse {
		b = append(b, "\r\n\r\n"...)
	}
	return b
}

func (s *geminiScript) tail(b []byte) []byte {
	if s.voice.count == 0 {
		if s.sse {
			b = append(b, "data: "...)
		}
		b = s.chunk(b, 0, 0, true)
		if s.sse {
			b = append(b, "\r\n\r\n"...)
		}
	}
	if s.sse {
		return b
	}
	return append(b, ']')
}

// chunk writes one GenerateContentResponse with the pieces from first up to but not including end.
func (s *geminiScript) chunk(b []byte, first, end int, last bool) []byte {
	b = append(b, `{"candidates":[{"content":{"parts":[{"text":"`...)
	for i := first; i < end; i++ {
		b = s.voice.jsonPiece(b, i)
	}
	b = append(b, `"}],"role":"model"}`...)
	if last {
		reason := "STOP"
		if s.voice.finish == "length" {
			reason = "MAX_TOKENS"
		}
		b = append(b, `,"finishReason":"`+reason+`"`...)
	}
	b = append(b, `,"index":0}],"usageMetadata":{"promptTokenCount":`...)
	b = strconv.AppendInt(b, int64(s.usage.in), 10)
	b = append(b, `,"candidatesTokenCount":`...)
	b = strconv.AppendInt(b, int64(end), 10)
	b = append(b, `,"totalTokenCount":`...)
	b = strconv.AppendInt(b, int64(s.usage.in+end+s.usage.reasoning), 10)
	if s.usage.cached > 0 {
		b = append(b, `,"cachedContentTokenCount":`...)
		b = strconv.AppendInt(b, int64(s.usage.cached), 10)
	}
	if s.usage.reasoning > 0 {
		b = append(b, `,"thoughtsTokenCount":`...)
		b = strconv.AppendInt(b, int64(s.usage.reasoning), 10)
	}
	b = append(b, `},"modelVersion":"`...)
	b = append(b, s.model...)
	b = append(b, `","responseId":"`...)
	b = append(b, s.id...)
	return append(b, `"}`...)
}
