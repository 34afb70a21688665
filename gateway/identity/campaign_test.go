package identity_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/identity"
)

func TestParseMicros(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "1": 1e6, "0.1": 1e5, "100000": 1e11, "0.000001": 1, "1.50": 15e5, "1.0000000000": 1e6, "007": 7e6,
		"9223372036854.775807": 9223372036854775807,
	} {
		got, err := identity.ParseMicros(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
	for _, s := range []string{"", ".", "1.", ".5", "-1", "+1", "1e5", "1_000", "0x1", "1,000", " 1", "1.0000001", "1.000000x", "1.2.3", "9223372036854.775808", "99999999999999999999", "∞"} {
		_, err := identity.ParseMicros(s)
		assert.Error(t, err, s)
	}
}

func TestLoadCampaigns(t *testing.T) {
	c, err := identity.LoadCampaigns([]byte("# what they are worth\nspring: {value: 100000.10, business: content}\n\"4711\":\n  value: '5'\n4712: {value: 7}\n"), "c.yaml")
	require.NoError(t, err)
	assert.Equal(t, 3, c.Len())
	got, ok := c.Lookup("spring")
	assert.True(t, ok)
	assert.Equal(t, identity.Campaign{Value: 100000_100000, Business: "content"}, got)
	got, _ = c.Lookup("4712")
	assert.Equal(t, int64(7e6), got.Value)
	_, ok = c.Lookup("autumn")
	assert.False(t, ok)
	for _, empty := range []string{"", "# nothing\n", "{}", "---\n"} {
		c, err := identity.LoadCampaigns([]byte(empty), "c.yaml")
		require.NoError(t, err, empty)
		assert.Zero(t, c.Len())
	}
}

func TestLoadCampaignsSaysWhereItIsWrong(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		c, err := identity.LoadCampaigns([]byte(text), "c.yaml")
		require.Error(t, err, text)
		assert.Nil(t, c)
		for _, w := range want {
			assert.ErrorContains(t, err, w)
		}
	}
	f("- a\n", "c.yaml:1:1: must be a map")
	f("a: {value: 1e5}\nb: {value: -2, busines: x}\nc: 7\nd: {business: x}\n",
		"c.yaml:1:12: value must be a decimal", "c.yaml:2:12: value must", `c.yaml:2:16: unknown key "busines"`, "c.yaml:3:4: must be a map of value", "c.yaml:4:1: has no value")
	f("a: {value: [1]}", "c.yaml:1:12: value must be a plain value")
	f("a: {value: 1}\na: {value: 2}\n", "c.yaml:2:1: ")
	f("a: {value: 1", "c.yaml:1:")
	f("a: {value: 1}\n---\nb: {value: 1}\n", "c.yaml:3:")
	f(strings.Repeat("x", 300)+": {value: 1}", "is longer than 256 bytes")
	_, err := identity.LoadCampaigns([]byte(strings.Repeat("- x\n", 5)), "c.yaml")
	assert.Error(t, err)
}

func TestLoadCampaignsInEveryStyle(t *testing.T) {
	want, err := identity.LoadCampaigns([]byte("a: {value: 1, business: x}\nb: {value: 2}\n"), "c.yaml")
	require.NoError(t, err)
	for _, text := range []string{
		"a:\n  value: 1\n  business: x\n# then\nb:\n\n  # two\n  value: 2\n",
		"a: {value: 1, business: x}\r\nb:\r\n  value: 2\r\n",
		"{a: {value: 1, business: x}, b: {value: 2}}",
		"---\na: {value: 1, business: x}\nb: {value: 2}\n",
		"a: {\n  value: 1,\n  business: x\n}\nb: {value: 2}\n",
		"\"a\": {value: 1, business: x}\n'b': {value: 2}",
	} {
		got, err := identity.LoadCampaigns([]byte(text), "c.yaml")
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	f := func(text, want string) {
		t.Helper()
		_, err := identity.LoadCampaigns([]byte(text), "c.yaml")
		assert.ErrorContains(t, err, want, text)
	}
	f("# one\na:\n  value: 1\n\nb:\n  value: x\n", "c.yaml:6:10: value must")
	f("# one\na: {value: 1}\n\na: {value: 2}\n", `c.yaml:4:1: campaign "a" is there twice`)
	f("a: {value: 1}\nb: {value: 1\nc: {value: 2}\n", "c.yaml:2:")
	f("a: {value: 1}\nb\n", "c.yaml:2:1: must be a map")
}

func BenchmarkLoadCampaigns(b *testing.B) {
	var text strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&text, "campaign-%d: {value: 100000.5, business: content}\n", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, err := identity.LoadCampaigns([]byte(text.String()), "c.yaml")
		require.NoError(b, err)
	}
}

func TestCampaignTableKeepsWhatWorked(t *testing.T) {
	files := map[string]string{"good": "a: {value: 1}", "bad": "a: {value: x}", "better": "b: {value: 2}"}
	table := identity.NewCampaignTable(func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, errors.New("no such file")
	})
	_, ok := table.Lookup("a")
	assert.False(t, ok)
	require.NoError(t, table.Load("good"))
	require.ErrorContains(t, table.Load("bad"), "bad:1:12: ")
	require.ErrorContains(t, table.Load("none"), "no such file")
	_, ok = table.Lookup("a")
	assert.True(t, ok)
	require.NoError(t, table.Load("better"))
	_, ok = table.Lookup("a")
	assert.False(t, ok)
	assert.Equal(t, 1, table.Len())
}

func FuzzLoadCampaigns(f *testing.F) {
	f.Add("a: {value: 1, business: x}")
	f.Add("a: &x {value: 1}\nb: *x\n<<: *x")
	f.Add("? [a]\n: {value: 1}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := identity.LoadCampaigns([]byte(text), "f")
		require.Equal(t, err == nil, c != nil)
	})
}
