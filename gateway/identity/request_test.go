package identity_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/http1"
	"github.com/weir-gateway/weir/gateway/identity"
)

var limits = http1.Limits{HeaderBytes: 64 << 10, Fields: 256, TargetBytes: 32 << 10}

// request parses a request for target with these field lines.
func request(t testing.TB, target string, lines ...string) *http1.Request {
	text := "GET " + target + " HTTP/1.1\r\nHost: gw.example.com\r\n"
	for _, l := range lines {
		text += l + "\r\n"
	}
	r := &http1.Request{}
	n, err := r.Parse([]byte(text+"\r\n"), limits)
	require.NoError(t, err)
	require.Positive(t, n)
	return r
}

// kept returns the field lines that would go upstream, Host left out.
func kept(r *http1.Request) []string {
	lines := strings.Split(strings.TrimSuffix(string(r.AppendFields(nil)), "\r\n"), "\r\n")
	return lines[1:]
}

func sha(key string) string {
	d := sha256.Sum256([]byte(key))
	return hex.EncodeToString(d[:])
}

func newIdentifier(t testing.TB, cfg identity.Config, deps identity.Deps) *identity.Identifier {
	id, err := identity.New(cfg, deps)
	require.NoError(t, err)
	t.Cleanup(id.Close)
	return id
}
