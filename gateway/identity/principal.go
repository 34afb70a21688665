package identity

// Kind says how a caller proved who it is.
type Kind uint8

// The kinds of principal.
const (
	KindAnonymous Kind = iota // presented nothing
	KindAPIKey                // holds an API key
	KindJWT                   // holds a token of the identity provider
)

// String returns anonymous, api_key or jwt.
func (k Kind) String() string {
	switch k {
	case KindAPIKey:
		return "api_key"
	case KindJWT:
		return "jwt"
	}
	return anonymousName
}

const (
	anonymousName = "anonymous"
	jwtNamePrefix = "jwt:"
)

// Principal is a caller. Principals are shared between requests and must not be
// changed.
type Principal struct {
	// Name is the configured name of an API key, "jwt:" and the subject of a
	// token, or "anonymous".
	Name string
	// Kind says how the caller proved who it is.
	Kind Kind
	// Attributes is what is known without looking at the request.
	Attributes Attributes
	// MayAssert says what is believed of what the request says about itself.
	MayAssert Assertable
}

// Assertable is a set of things that a caller may say about its own request.
type Assertable uint8

// What a caller may be allowed to assert: the attributes, and its request id.
const (
	AssertTenant Assertable = 1 << iota
	AssertUser
	AssertTier
	AssertCampaign
	AssertBusiness
	AssertMode
	AssertRequestID
)

// Has reports whether all of what is in the set.
func (a Assertable) Has(what Assertable) bool { return a&what == what }

// attribute is the index of an attribute; 1<<attribute is its Assertable.
type attribute uint8

const (
	tenant attribute = iota
	user
	tier
	campaign
	business
	mode
	numAttributes
)

// attributeNames are the attributes as configurations write them.
var attributeNames = [numAttributes]string{"tenant", "user", "tier", "campaign", "business", "mode"}

func attributeNamed(name string) (attribute, bool) {
	for i := range attributeNames {
		if attributeNames[i] == name {
			return attribute(i), true
		}
	}
	return 0, false
}

func (a *Attributes) field(which attribute) *string {
	switch which {
	case tenant:
		return &a.Tenant
	case user:
		return &a.User
	case tier:
		return &a.Tier
	case campaign:
		return &a.Campaign
	case business:
		return &a.Business
	}
	return &a.Mode
}

func parseAssertable(path string, names []string) (set Assertable, err error) {
	for i, name := range names {
		if name == "request_id" {
			set |= AssertRequestID
			continue
		}
		which, ok := attributeNamed(name)
		if !ok {
			return 0, fault(path+"["+itoa(i)+"]", "%q cannot be asserted; use user, campaign, business, mode, tier, tenant or request_id", name)
		}
		set |= 1 << which
	}
	return set, nil
}
