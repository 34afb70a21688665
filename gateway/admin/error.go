package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// failure is an error as the API tells it.
type failure struct {
	status  int
	code    string
	message string
	allow   string        // for 405
	retry   time.Duration // for 429
}

func (f *failure) Error() string { return f.message }

// errorBody is the shape of all errors of Weir, the one that LLM clients parse.
type errorBody struct {
	Error errorDetail `json:"error"`
}

type errorDetail struct {
	Message   string  `json:"message"`
	Type      string  `json:"type"`
	Code      string  `json:"code"`
	Param     *string `json:"param"` // always null
	RequestID string  `json:"request_id"`
}

func errorType(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "authentication_error"
	case status == http.StatusForbidden:
		return "permission_error"
	case status == http.StatusNotFound:
		return "not_found_error"
	case status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case status >= 500:
		return "api_error"
	}
	return "invalid_request_error"
}

func (f *failure) write(w http.ResponseWriter) {
	h := w.Header()
	switch f.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="weir admin"`)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", f.allow)
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(int((f.retry+time.Second-1)/time.Second)))
	}
	writeJSON(w, f.status, errorBody{errorDetail{
		Message: f.message, Type: errorType(f.status), Code: f.code, RequestID: h.Get(requestIDField),
	}})
}

// writeJSON sends v. An error means that the client has left, which is its affair.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // a NaN in a number
		status, body = http.StatusInternalServerError,
			[]byte(`{"error":{"message":"the answer cannot be written as JSON","type":"api_error","code":"internal","param":null,"request_id":""}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

func badRequest(message string) *failure {
	return &failure{status: http.StatusBadRequest, code: "bad_request", message: message}
}

func forbidden(code, message string) *failure {
	return &failure{status: http.StatusForbidden, code: code, message: message}
}
