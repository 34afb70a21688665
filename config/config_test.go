package config_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-gateway/weir/config"
)

var update = flag.Bool("update", false, "rewrite the expected files")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

func env(vars map[string]string) config.Env {
	return config.Env{LookupEnv: func(n string) (string, bool) { v, ok := vars[n]; return v, ok }}
}

const smallest = "upstreams: [{name: app, endpoints: [{url: \"http://127.0.0.1:9\"}]}]\nroutes: [{name: all, upstream: app}]\n"

func TestSmallestFileHasEveryDefault(t *testing.T) {
	c, err := config.Parse([]byte(smallest), "weir.yaml", env(nil))
	require.NoError(t, err)
	assert.Equal(t, ":8080", c.Server.Listen)
	assert.Equal(t, "127.0.0.1:8081", c.Admin.Listen)
	assert.EqualValues(t, 64<<10, c.Server.Limits.HeaderBytes)
	assert.Equal(t, 90*time.Second, c.Server.Limits.IdleTimeout)
	require.Len(t, c.Classes, 5)
	assert.Equal(t, "vip", c.Classes[0].Name)
	assert.Equal(t, 80, c.Classes[4].MaxSeats.Percent)
	assert.Equal(t, "http", c.Upstreams[0].Protocol)
	assert.Equal(t, 60*time.Second, c.Upstreams[0].Timeouts.FirstByte)
}

func TestStarterAndExampleLoad(t *testing.T) {
	_, err := config.Parse(config.Starter(), "starter.yaml", env(nil))
	require.NoError(t, err)
	_, err = config.Load("../deploy/weir.example.yaml", env(nil))
	require.NoError(t, err)
}

func TestEnvironment(t *testing.T) {
	text := strings.Replace(smallest, "http://127.0.0.1:9", "http://${HOST}:${PORT:-9000}", 1) +
		"server: {limits: {connections: ${N}}, listen: \"${L:-:1}\"} # ${IGNORED}\n"
	c, err := config.Parse([]byte(text), "weir.yaml", env(map[string]string{"HOST": "h", "N": "17"}))
	require.NoError(t, err)
	assert.Equal(t, "http://h:9000", c.Upstreams[0].Endpoints[0].URL)
	assert.Equal(t, 17, c.Server.Limits.Connections)
	assert.Equal(t, ":1", c.Server.Listen)
	_, err = config.Parse([]byte(text), "weir.yaml", env(map[string]string{"N": "17"}))
	assert.ErrorContains(t, err, "weir.yaml:1:")
	assert.ErrorContains(t, err, "HOST")
	_, err = config.Parse([]byte("server: ${X}\n"+smallest), "weir.yaml", env(map[string]string{"X": "{listen: \":1\"}"}))
	assert.Error(t, err, "a value cannot become a map")
}

// TestBadFiles: each file of testdata/bad is refused with the errors beside it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			data, err := os.ReadFile(f)
			require.NoError(t, err)
			_, err = config.Parse(data, "weir.yaml", env(nil))
			require.Error(t, err)
			golden := strings.TrimSuffix(f, ".yaml") + ".err"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644))
			}
			want, rerr := os.ReadFile(golden)
			require.NoError(t, rerr)
			assert.Equal(t, string(want), err.Error()+"\n")
		})
	}
}

func TestSchemaIsThatOfTheStructs(t *testing.T) {
	s, err := config.GenerateSchema()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("weir.schema.json", s, 0o644))
		t.Skip("rewritten")
	}
	assert.Equal(t, string(s), string(config.Schema()), "run go test ./config -update")
	require.True(t, json.Valid(s))
	for _, key := range []string{"server", "admin", "identity", "campaigns", "classes", "upstreams", "routes", "telemetry"} {
		assert.Contains(t, string(s), `"`+key+`": {`)
	}
	assert.Contains(t, string(s), `"additionalProperties": false`)
}

func TestMasked(t *testing.T) {
	text := strings.Replace(smallest, "http://127", "http://user:s3cret@127", 1) +
		"admin: {tokens: [{name: ops, role: admin, sha256: " + strings.Repeat("ab", 32) + "}]}\n" +
		"identity: {api_keys: [{name: k, sha256: " + strings.Repeat("cd", 32) + "}]}\n"
	c, err := config.Parse([]byte(text), "weir.yaml", env(nil))
	if err != nil { // user information may be refused altogether
		text = strings.Replace(text, "user:s3cret@", "", 1)
		c, err = config.Parse([]byte(text), "weir.yaml", env(nil))
	}
	require.NoError(t, err)
	y, err := c.Masked()
	require.NoError(t, err)
	for _, secret := range []string{"s3cret", "abab", "cdcd"} {
		assert.NotContains(t, string(y), secret)
	}
	assert.Contains(t, string(y), "idle_timeout: 1m30s")
	j, err := c.MaskedJSON()
	require.NoError(t, err)
	assert.True(t, json.Valid(j))
	assert.NotContains(t, c.Identity.APIKeys[0].SHA256, "*", "the configuration itself is unchanged")
}

// changes collects call-backs of a Watcher.
func watch(t *testing.T, paths ...string) <-chan struct{} {
	ch := make(chan struct{}, 16)
	w, err := config.NewWatcher(paths, func() { ch <- struct{}{} }, config.WatchOptions{Settle: 10 * time.Millisecond, Poll: time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, w.Close()) })
	return ch
}

func expect(t *testing.T, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(10 * time.Second):
		t.Fatal("the change was not noticed")
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func TestWatcherNoticesEveryKindOfChange(t *testing.T) {
	t.Run("written in place", func(t *testing.T) {
		f := filepath.Join(t.TempDir(), "weir.yaml")
		write(t, f, "a")
		ch := watch(t, f)
		write(t, f, "b")
		expect(t, ch)
	})
	t.Run("renamed over", func(t *testing.T) {
		dir := t.TempDir()
		f := filepath.Join(dir, "weir.yaml")
		write(t, f, "a")
		ch := watch(t, f)
		write(t, filepath.Join(dir, "tmp"), "b")
		require.NoError(t, os.Rename(filepath.Join(dir, "tmp"), f))
		expect(t, ch)
	})
	t.Run("removed and written again", func(t *testing.T) {
		f := filepath.Join(t.TempDir(), "weir.yaml")
		write(t, f, "a")
		ch := watch(t, f)
		require.NoError(t, os.Remove(f))
		write(t, f, "b")
		expect(t, ch)
	})
	t.Run("ConfigMap", func(t *testing.T) {
		dir := t.TempDir()
		version := func(name, text string) {
			require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
			write(t, filepath.Join(dir, name, "weir.yaml"), text)
			require.NoError(t, os.Symlink(name, filepath.Join(dir, "..data_tmp")))
			require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
		}
		version("..2026_1", "a")
		f := filepath.Join(dir, "weir.yaml")
		require.NoError(t, os.Symlink("..data/weir.yaml", f))
		ch := watch(t, f)
		version("..2026_2", "b")
		expect(t, ch)
	})
	t.Run("polled", func(t *testing.T) {
		f := filepath.Join(t.TempDir(), "sub", "weir.yaml") // the directory does not exist yet: nothing can notify
		ch := make(chan struct{}, 16)
		w, err := config.NewWatcher([]string{f}, func() { ch <- struct{}{} }, config.WatchOptions{Poll: 5 * time.Millisecond})
		require.NoError(t, err)
		defer func() { _ = w.Close() }()
		require.NoError(t, os.Mkdir(filepath.Dir(f), 0o755))
		write(t, f, "a")
		expect(t, ch)
	})
}

func TestReloaderKeepsWhatWorks(t *testing.T) {
	f := filepath.Join(t.TempDir(), "weir.yaml")
	write(t, f, smallest)
	cur, err := config.Load(f, env(nil))
	require.NoError(t, err)
	applied := 0
	r := config.NewReloader(f, env(nil), cur, func(*config.Config) error { applied++; return nil })
	write(t, f, "upstreams: [")
	require.ErrorContains(t, r.Reload(), f+":1:")
	assert.Same(t, cur, r.Current())
	assert.Zero(t, applied)
	write(t, f, smallest+"server: {drain_timeout: 7s}\n")
	require.NoError(t, r.Reload())
	assert.Equal(t, 7*time.Second, r.Current().Server.DrainTimeout)
	_, last := r.Last()
	assert.NoError(t, last)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(smallest))
	f.Add(config.Starter())
	for _, s := range []string{"", "a: &a [*a]", "{", "- - -", "a: ${X", "\t", "classes: [{max_seats: 300%}]", "upstreams: {0: 1}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse(data, "f", env(nil))
		if (c == nil) == (err == nil) {
			t.Fatal("a configuration or an error, not both")
		}
		if err == nil {
			if _, err := c.Masked(); err != nil {
				t.Fatal(err)
			}
			return
		}
		for line := range bytes.Lines([]byte(err.Error())) {
			if !bytes.HasPrefix(line, []byte("f:")) {
				t.Fatalf("an error without a place: %q", line)
			}
		}
	})
}
