package http1_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-gateway/weir/gateway/http1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var limits = http1.Limits{HeaderBytes: 4096, Fields: 32, TargetBytes: 1024}

// status returns the status of a parse error.
func status(t require.TestingT, err error) int {
	var p *http1.ParseError
	require.ErrorAs(t, err, &p)
	return p.Status
}

// parseRequest parses a message that is expected to be whole and valid.
func parseRequest(t require.TestingT, s string) *http1.Request {
	var r http1.Request
	n, err := r.Parse([]byte(s), limits)
	require.NoError(t, err)
	require.NotZero(t, n, "message not complete")
	return &r
}

func parseResponse(t require.TestingT, s string) *http1.Response {
	var r http1.Response
	n, err := r.Parse([]byte(s), limits)
	require.NoError(t, err)
	require.NotZero(t, n, "message not complete")
	return &r
}

// header parses field lines, each ended by CRLF.
func header(t require.TestingT, lines string) *http1.Header {
	return &parseRequest(t, "GET / HTTP/1.0\r\n"+lines+"\r\n").Header
}

// lines lists the fields of h that were not dropped as "Name: value".
func lines(h *http1.Header) []string {
	var out []string
	for i := range h.Len() {
		if !h.Dropped(i) {
			out = append(out, string(h.Name(i))+": "+string(h.Value(i)))
		}
	}
	return out
}

func isParseError(err error) bool {
	var p *http1.ParseError
	return errors.As(err, &p)
}
