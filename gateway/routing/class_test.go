package routing_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weir-gateway/weir/gateway/identity"
	"github.com/weir-gateway/weir/gateway/routing"
)

func defaultRules() []routing.ClassRule {
	return []routing.ClassRule{
		{Name: "vip", Match: &routing.ClassMatch{Tier: routing.StringList{"vip", "enterprise"}}, Flow: "user"},
		{Name: "campaign", Match: &routing.ClassMatch{CampaignValue: ">= 100000"}, Flow: "campaign"},
		{Name: "realtime", Match: &routing.ClassMatch{Mode: routing.StringList{"realtime"}}, Flow: "business"},
		{Name: "standard", Flow: "tenant"},
		{Name: "batch", Match: &routing.ClassMatch{Mode: routing.StringList{"batch"}, Route: routing.StringList{"llm"}}, Flow: "key"},
	}
}

func classes(t testing.TB) *routing.Classifier {
	c, err := routing.CompileClasses(defaultRules())
	require.NoError(t, err)
	return c
}

func TestClassify(t *testing.T) {
	c := classes(t)
	f := func(want int, a identity.Attributes, value string, route string) {
		t.Helper()
		var micros int64
		if value != "" {
			var err error
			micros, err = identity.ParseMicros(value)
			require.NoError(t, err)
		}
		assert.Equal(t, want, c.Classify(&a, micros, value != "", route))
		for i, r := range c.Explain(&a, micros, value != "", route) {
			assert.Equal(t, i == want, r.Chosen, r)
		}
	}
	f(0, identity.Attributes{Tier: "vip", Mode: "batch"}, "", "llm")
	f(0, identity.Attributes{Tier: "enterprise"}, "500000", "llm")
	f(1, identity.Attributes{Tier: "gold"}, "100000", "llm")
	f(3, identity.Attributes{}, "99999.999999", "llm")
	f(2, identity.Attributes{Mode: "realtime"}, "99999.999999", "llm")
	f(4, identity.Attributes{Mode: "batch"}, "", "llm")
	f(3, identity.Attributes{Mode: "batch"}, "", "profiles")
	f(3, identity.Attributes{}, "", "")
	assert.Equal(t, 3, c.LastResort())
	assert.Equal(t, 5, c.Len())
}

func TestCampaignValueComparisons(t *testing.T) {
	f := func(comparison, value string, want bool) {
		t.Helper()
		c, err := routing.CompileClasses([]routing.ClassRule{
			{Name: "c", Match: &routing.ClassMatch{CampaignValue: comparison}}, {Name: "rest"},
		})
		require.NoError(t, err, comparison)
		micros, err := identity.ParseMicros(value)
		require.NoError(t, err)
		assert.Equal(t, want, c.Classify(&identity.Attributes{}, micros, true, "") == 0, "%s %s", value, comparison)
		assert.Equal(t, 1, c.Classify(&identity.Attributes{}, micros, false, ""), "no value")
	}
	f(">= 0.1", "0.1", true)
	f(">=0.1", "0.099999", false)
	f("> 0.1", "0.1", false)
	f("<= 0.3", "0.3", true)
	f("<0.3", "0.3", false)
	f("<  0.3", "0.299999", true)
	f("== 5", "5.000000", true)
	f("5", "5", true)
	f("5", "5.000001", false)
	f(">= 0", "0", true)
}

func TestManyValues(t *testing.T) {
	var tenants routing.StringList
	for i := range 100 {
		tenants = append(tenants, fmt.Sprint("t", i))
	}
	c, err := routing.CompileClasses([]routing.ClassRule{{Name: "rest"}, {Name: "c", Match: &routing.ClassMatch{Tenant: tenants}}})
	require.NoError(t, err)
	assert.Equal(t, 1, c.Classify(&identity.Attributes{Tenant: "t99"}, 0, false, ""))
	assert.Equal(t, 0, c.Classify(&identity.Attributes{Tenant: "t100"}, 0, false, ""))
}

func TestFlowKey(t *testing.T) {
	c := classes(t)
	f := func(want string, class int, a identity.Attributes) {
		t.Helper()
		assert.Equal(t, want, string(c.FlowKey(nil, class, &a, "crm")))
	}
	f("acme", 3, identity.Attributes{Tenant: "acme", User: "u"})
	f("@crm", 3, identity.Attributes{User: "u"})
	f("acme/u", 0, identity.Attributes{Tenant: "acme", User: "u"})
	f("acme", 0, identity.Attributes{Tenant: "acme"})
	f("/u", 0, identity.Attributes{User: "u"})
	f("a%2Fb/c", 0, identity.Attributes{Tenant: "a/b", User: "c"})
	f("a/b/c", 0, identity.Attributes{Tenant: "a", User: "b/c"})
	f("acme/spring", 1, identity.Attributes{Tenant: "acme", Campaign: "spring"})
	f("content", 2, identity.Attributes{Tenant: "acme", Business: "content"})
	f("acme", 2, identity.Attributes{Tenant: "acme"})
	f("@crm", 4, identity.Attributes{Tenant: "acme"})
}

func TestCompileClassesSaysWhatIsWrong(t *testing.T) {
	f := func(want string, rules ...routing.ClassRule) {
		t.Helper()
		_, err := routing.CompileClasses(rules)
		require.Error(t, err)
		assert.ErrorContains(t, err, want)
	}
	rest := routing.ClassRule{Name: "rest"}
	f("classes: one class must have no match")
	f("classes[1].match: is missing; only one class can be without, and classes[0] (rest) is", rest, routing.ClassRule{Name: "b"})
	f("classes[1].name: \"rest\" is the name of classes[0] too", rest, routing.ClassRule{Name: "rest"})
	f("classes[0].name: is missing", routing.ClassRule{})
	f("classes[0].flow: ", routing.ClassRule{Name: "a", Flow: "x"})
	f("classes[0].match: is empty", routing.ClassRule{Name: "a", Match: &routing.ClassMatch{}}, rest)
	f("classes[0].match.mode[1]: \"slow\" is not a mode", routing.ClassRule{Name: "a", Match: &routing.ClassMatch{Mode: routing.StringList{"batch", "slow"}}}, rest)
	f("classes[0].match.tier[0]: is empty", routing.ClassRule{Name: "a", Match: &routing.ClassMatch{Tier: routing.StringList{""}}}, rest)
	for _, bad := range []string{"=> 5", ">= ", ">= -1", ">= 1e5", ">= 1_000", "!= 5", ">= 0.0000001", ">= 99999999999999"} {
		f("classes[0].match.campaign_value:", routing.ClassRule{Name: "a", Match: &routing.ClassMatch{CampaignValue: bad}}, rest)
	}
	var field *routing.FieldError
	require.ErrorAs(t, (&routing.ClassMatch{CampaignValue: "x"}).Validate(), &field)
	assert.Equal(t, "campaign_value", field.Path)
	require.NoError(t, (&routing.ClassMatch{CampaignValue: "> 1"}).Validate())
}

func TestExplainClasses(t *testing.T) {
	var got []string
	for _, r := range classes(t).Explain(&identity.Attributes{Tier: "gold", Mode: "realtime"}, 5_500_000, true, "llm") {
		got = append(got, r.Name+": "+r.Why)
	}
	assert.Equal(t, []string{
		`vip: tier "gold" is not vip or enterprise`,
		`campaign: campaign value 5.5 is not >= 100000`,
		`realtime: first match: mode is realtime`,
		`standard: it takes what no other class does`,
		`batch: mode "realtime" is not batch`,
	}, got)
}
