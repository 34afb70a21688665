package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway"
	"github.com/weir-gateway/weir/gateway/upstream"
	"github.com/weir-gateway/weir/loadtest/mock"
)

// TestTLS goes through TLS on both sides: client to Weir, and Weir to its upstream.
func TestTLS(t *testing.T) {
	up := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-Proto")+" "+string(b))
	}))
	t.Cleanup(up.Close)
	dir := t.TempDir()
	pair := up.TLS.Certificates[0]
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600))
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	r := start(t, mock.Config{}, func(c *gateway.Config) {
		c.Server.TLS = &gateway.ServerTLS{CertFile: cert, KeyFile: key}
		c.Upstreams[2].Endpoints[0].URL = up.URL
		c.Upstreams[2].TLS = upstream.ClientTLS{CAFile: cert}
	})
	roots := x509.NewCertPool()
	roots.AddCert(up.Certificate())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr}
	for _, size := range []int{1, 1 << 20} {
		body := strings.Repeat("x", size)
		res, err := client.Post("https://"+r.addr+"/x/echo", "text/plain", strings.NewReader(body))
		require.NoError(t, err)
		b, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		_ = res.Body.Close()
		assert.Equal(t, 200, res.StatusCode)
		assert.Equal(t, "https "+body, string(b))
	}
	plain, err := http.Get("http://" + r.addr + "/x/echo")
	if err == nil {
		_ = plain.Body.Close()
		assert.NotEqual(t, 200, plain.StatusCode, "a TLS listener speaks TLS only")
	}
}
