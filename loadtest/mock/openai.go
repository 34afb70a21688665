package mock

import (
	"fmt"
	"strconv"
	"time"
)

func openAIRoutes() []route {
	var list []route
	// DashScope serves the same interface below its own path.
	for _, base := range []string{"/v1", "/compatible-mode/v1"} {
		list = append(list,
			route{name: base + "/chat/completions", methods: "POST", serve: (*exchange).serveChat},
			route{name: base + "/responses", methods: "POST", serve: (*exchange).serveResponses},
			route{name: base + "/embeddings", methods: "POST", serve: (*exchange).serveEmbeddings},
			route{name: base + "/models", methods: "GET, HEAD", serve: (*exchange).serveModels},
			route{name: base + "/models/{model}", methods: "GET, HEAD", serve: (*exchange).serveModel},
		)
	}
	for i := range list {
		list[i].protocol, list[i].keyed, list[i].faulty = protocolOpenAI, true, true
	}
	return list
}

// usage is what an answer is billed for.
type usage struct{ in, cached, out, reasoning int }

// chooseModel checks the model of a request and makes it the one that is counted.
func (ex *exchange) chooseModel(name string) bool {
	i, ok := ex.srv.findModel(name)
	if !ok || !isModelName(name) {
		code := "model_not_found"
		message := fmt.Sprintf("The model `%.80s` does not exist or you do not have access to it.", name)
		if ex.route.protocol == protocolAnthropic {
			message = fmt.Sprintf("model: %.80s", name)
		}
		ex.refuse(problem{status: 404, param: openAIParam(ex.route.protocol, "model"), code: code, message: message})
		return false
	}
	ex.model = i
	return true
}

// openAIParam names a parameter where the protocol has a field for it.
func openAIParam(p protocol, name string) string {
	if p == protocolOpenAI {
		return name
	}
	return ""
}

// generate passes a valid request on to the "model": it takes a place in the rate windows, waits for the
// first token, and for all of them when the answer is not streamed. It counts the input, and the output of
// an answer in one piece. False means that the request is answered.
func (ex *exchange) generate(tokensIn, tokensOut int, streamed bool) bool {
	q := ex.srv.limits.take(time.Now(), tokensIn+tokensOut)
	ex.quotaHeaders(q)
	if q.refused != "" {
		model := ex.model
		ex.model = -1
		ex.refuse(problem{
			status: 429, kind: openAIParam(ex.route.protocol, q.refused), code: "rate_limit_exceeded", retryAfter: q.reset,
			message: fmt.Sprintf("Rate limit reached for %s on %s per min. Please try again in %s.",
				ex.srv.cfg.Models[model], q.refused, q.reset.Round(time.Millisecond)),
		})
		return false
	}
	var writing time.Duration
	if gap := ex.gap(); !streamed && tokensOut > 1 && !gap.IsZero() {
		writing = gap.sum(ex.rng(), tokensOut-1)
	}
	model := ex.model
	ex.model = -1 // an answer that fails costs nothing
	if !ex.think(ex.srv.cfg.TTFT, writing) {
		return false
	}
	ex.model = model
	ex.tokensIn = tokensIn
	ex.cached = min(ex.order.cached, tokensIn)
	ex.tokensOut = ex.order.reasoning
	if !streamed {
		ex.tokensOut += tokensOut
	}
	ex.vendorHeaders()
	return true
}

// used returns the usage of an answer of so many pieces.
func (ex *exchange) used(pieces int) usage {
	return usage{in: ex.tokensIn, cached: ex.cached, out: pieces + ex.order.reasoning, reasoning: ex.order.reasoning}
}

// vendorHeaders sets the headers that every good answer of a provider has.
func (ex *exchange) vendorHeaders() {
	h := &ex.ctx.Response.Header
	switch ex.route.protocol {
	case protocolOpenAI:
		h.Set("X-Request-Id", ex.id("req_"))
		h.Set("Openai-Processing-Ms", strconv.FormatInt(time.Since(ex.started).Milliseconds(), 10))
		h.Set("Openai-Version", "2020-10-01")
		h.Set("Openai-Organization", "weir-mock")
	case protocolAnthropic:
		h.Set("Request-Id", ex.id("req_"))
		h.Set("Anthropic-Organization-Id", "weir-mock")
	case protocolGemini:
		h.Set("Server-Timing", "gfet4t7; dur="+strconv.FormatInt(time.Since(ex.started).Milliseconds(), 10))
	}
}

// quotaHeaders sets the vendor's limit headers. Google has none.
func (ex *exchange) quotaHeaders(q quota) {
	h := &ex.ctx.Response.Header
	set := func(name string, v int) { h.Set(name, strconv.Itoa(v)) }
	switch ex.route.protocol {
	case protocolOpenAI:
		set("X-Ratelimit-Limit-Requests", q.limitRequests)
		set("X-Ratelimit-Remaining-Requests", q.leftRequests)
		set("X-Ratelimit-Limit-Tokens", q.limitTokens)
		set("X-Ratelimit-Remaining-Tokens", q.leftTokens)
		reset := q.reset.Round(time.Millisecond).String()
		h.Set("X-Ratelimit-Reset-Requests", reset)
		h.Set("X-Ratelimit-Reset-Tokens", reset)
	case protocolAnthropic:
		set("Anthropic-Ratelimit-Requests-Limit", q.limitRequests)
		set("Anthropic-Ratelimit-Requests-Remaining", q.leftRequests)
		set("Anthropic-Ratelimit-Tokens-Limit", q.limitTokens)
		set("Anthropic-Ratelimit-Tokens-Remaining", q.leftTokens)
		reset := time.Now().Add(q.reset).UTC().Format(time.RFC3339)
		h.Set("Anthropic-Ratelimit-Requests-Reset", reset)
		h.Set("Anthropic-Ratelimit-Tokens-Reset", reset)
	}
}

// modelCreated is the date of every model.
const modelCreated = 1735689600

func modelObject(name string) map[string]any {
	return map[string]any{"id": name, "object": "model", "created": modelCreated, "owned_by": owner(name)}
}

func (ex *exchange) serveModels() {
	if !ex.think(Dist{}, 0) {
		return
	}
	data := make([]any, 0, len(ex.srv.cfg.Models))
	for _, m := range ex.srv.cfg.Models {
		data = append(data, modelObject(m))
	}
	ex.vendorHeaders()
	ex.writeJSON(map[string]any{"object": "list", "data": data})
}

func (ex *exchange) serveModel() {
	if _, ok := ex.srv.findModel(ex.arg); !ok || !isModelName(ex.arg) {
		ex.refuse(problem{
			status: 404, param: "model", code: "model_not_found",
			message: fmt.Sprintf("The model '%.80s' does not exist", ex.arg),
		})
		return
	}
	if !ex.think(Dist{}, 0) {
		return
	}
	ex.vendorHeaders()
	ex.writeJSON(modelObject(ex.arg))
}
