package mock

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

// maxInputs is OpenAI's limit of texts in one embeddings request.
const maxInputs = 2048

// embedInput is one text to embed, as its size and what its vector is made from.
type embedInput struct {
	tokens int
	hash   uint64
}

// embedInputs is the input of an embeddings request: a string, strings, token numbers, or lists of those.
type embedInputs []embedInput

// UnmarshalJSON reads all four forms.
func (in *embedInputs) UnmarshalJSON(raw []byte) error {
	if raw[0] == 'n' {
		return nil
	}
	var list texts
	if list.UnmarshalJSON(raw) == nil {
		for _, s := range list {
			*in = append(*in, embedInput{tokens: textTokens(len(s)), hash: hashText(s)})
		}
		return nil
	}
	var numbers []uint32
	if json.Unmarshal(raw, &numbers) == nil {
		*in = embedInputs{numbersInput(numbers)}
		return nil
	}
	var lists [][]uint32
	if json.Unmarshal(raw, &lists) != nil {
		return wrongType(jsonKind(raw[0]), "string, array of strings or array of token arrays")
	}
	for _, l := range lists {
		*in = append(*in, numbersInput(l))
	}
	return nil
}

func numbersInput(numbers []uint32) embedInput {
	h := uint64(len(numbers))
	for _, n := range numbers {
		h = mix(h ^ uint64(n))
	}
	return embedInput{tokens: len(numbers), hash: h}
}

func hashText(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

type embedRequest struct {
	Model          string      `json:"model"`
	Input          embedInputs `json:"input"`
	EncodingFormat string      `json:"encoding_format"`
	Dimensions     *int        `json:"dimensions"`
}

func (r *embedRequest) check() (problem, bool) {
	switch {
	case r.Model == "":
		return missing("model"), false
	case len(r.Input) == 0:
		return missing("input"), false
	case len(r.Input) > maxInputs:
		return invalid("input", fmt.Sprintf("expected at most %d texts", maxInputs)), false
	case r.EncodingFormat != "" && r.EncodingFormat != "float" && r.EncodingFormat != "base64":
		return invalid("encoding_format", "expected float or base64"), false
	case r.Dimensions != nil && (*r.Dimensions < 1 || *r.Dimensions > dimensions(r.Model)):
		return invalid("dimensions", fmt.Sprintf("expected 1 to %d", dimensions(r.Model))), false
	}
	return problem{}, true
}

// dimensions is the full length of a model's vectors.
func dimensions(model string) int {
	switch model {
	case "text-embedding-3-large", "gemini-embedding-001":
		return 3072
	case "text-embedding-v4":
		return 1024
	default:
		return 1536
	}
}

func (ex *exchange) serveEmbeddings() {
	var r embedRequest
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
	tokens := 0
	for _, in := range r.Input {
		tokens += in.tokens
	}
	if !ex.generateNone(tokens) {
		return
	}
	n := dimensions(r.Model)
	if r.Dimensions != nil {
		n = *r.Dimensions
	}
	b := []byte(`{"object":"list","data":[`)
	for i, in := range r.Input {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"object":"embedding","index":`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `,"embedding":`...)
		b = appendVector(b, vector(ex.srv.cfg.Seed^in.hash, n), r.EncodingFormat == "base64")
		b = append(b, '}')
	}
	b = fmt.Appendf(b, `],"model":"%s","usage":{"prompt_tokens":%d,"total_tokens":%d}}`, r.Model, tokens, tokens)
	ex.ctx.Response.Header.SetContentType("application/json")
	ex.ctx.Response.SetBodyRaw(b)
}

// generateNone is generate for answers without output tokens. Reasoning that was ordered does not apply.
func (ex *exchange) generateNone(tokensIn int) bool {
	ex.order.reasoning = 0
	return ex.generate(tokensIn, 0, false)
}

// vector returns n numbers of length 1 together, the same for the same hash.
func vector(hash uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(hash, 1))
	v := make([]float32, n)
	sum := 0.0
	for i := range v {
		x := r.NormFloat64()
		v[i] = float32(x)
		sum += x * x
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range v {
		v[i] *= scale
	}
	return v
}

func appendVector(b []byte, v []float32, asBase64 bool) []byte {
	if asBase64 {
		raw := make([]byte, 0, 4*len(v))
		for _, x := range v {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, raw)
		return append(b, '"')
	}
	b = append(b, '[')
	for i, x := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(x), 'g', -1, 32)
	}
	return append(b, ']')
}
