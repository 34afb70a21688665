package http1

// FieldID says which known field a header line carries. Names are matched
// without regard to case (RFC 9110 section 5.1). Fields that Weir neither reads
// nor rewrites are [Other].
type FieldID uint8

// The fields that Weir reads, rewrites or removes.
const (
	Other FieldID = iota
	Accept
	Age
	APIKey // api-key (Azure OpenAI)
	Authorization
	CacheControl
	Connection
	ContentEncoding
	ContentLength
	ContentType
	Cookie
	Date
	ETag
	Expect
	Forwarded
	Host
	IdempotencyKey
	KeepAlive
	ProxyAuthenticate
	ProxyAuthorization
	ProxyConnection
	Range
	RetryAfter
	RetryAfterMS // retry-after-ms (OpenAI, Azure)
	Server
	ServerTiming
	SetCookie
	TE
	Trailer
	TransferEncoding
	Upgrade
	UserAgent
	Vary
	Via
	XAPIKey     // x-api-key (Anthropic)
	XGoogAPIKey // x-goog-api-key (Gemini)
	XForwardedFor
	XForwardedHost
	XForwardedProto
	XForwardedOther // any other X-Forwarded-*
	XRealIP
	XRequestID
	XWeirBusiness
	XWeirCampaign
	XWeirMode
	XWeirTenant
	XWeirTier
	XWeirTimeout
	XWeirUser
	XWeirOther // any other X-Weir-*
	numFieldIDs
)

type knownField struct {
	name string // lower case
	id   FieldID
}

// knownByLength groups the known names by length, so that most names are
// dismissed by one table look-up. It is never written after initialisation.
var knownByLength = [24][]knownField{
	2:  {{"te", TE}},
	3:  {{"age", Age}, {"via", Via}},
	4:  {{"host", Host}, {"date", Date}, {"etag", ETag}, {"vary", Vary}},
	5:  {{"range", Range}},
	6:  {{"accept", Accept}, {"cookie", Cookie}, {"expect", Expect}, {"server", Server}},
	7:  {{"upgrade", Upgrade}, {"trailer", Trailer}, {"api-key", APIKey}},
	9:  {{"x-api-key", XAPIKey}, {"forwarded", Forwarded}, {"x-real-ip", XRealIP}},
	10: {{"connection", Connection}, {"user-agent", UserAgent}, {"set-cookie", SetCookie}, {"keep-alive", KeepAlive}},
	11: {{"retry-after", RetryAfter}, {"x-weir-user", XWeirUser}, {"x-weir-mode", XWeirMode}, {"x-weir-tier", XWeirTier}},
	12: {{"content-type", ContentType}, {"x-request-id", XRequestID}},
	13: {
		{"authorization", Authorization},
		{"cache-control", CacheControl},
		{"server-timing", ServerTiming},
		{"x-weir-tenant", XWeirTenant},
	},
	14: {{"content-length", ContentLength}, {"retry-after-ms", RetryAfterMS}, {"x-goog-api-key", XGoogAPIKey}, {"x-weir-timeout", XWeirTimeout}},
	15: {
		{"x-forwarded-for", XForwardedFor},
		{"x-weir-campaign", XWeirCampaign},
		{"x-weir-business", XWeirBusiness},
		{"idempotency-key", IdempotencyKey},
	},
	16: {
		{"content-encoding", ContentEncoding},
		{"proxy-connection", ProxyConnection},
		{"x-forwarded-host", XForwardedHost},
	},
	17: {{"transfer-encoding", TransferEncoding}, {"x-forwarded-proto", XForwardedProto}},
	18: {{"proxy-authenticate", ProxyAuthenticate}},
	19: {{"proxy-authorization", ProxyAuthorization}},
}

// FieldIDOf returns the FieldID of a field name in any case.
func FieldIDOf(name []byte) FieldID {
	if len(name) < len(knownByLength) {
		for i := range knownByLength[len(name)] {
			k := &knownByLength[len(name)][i]
			if equalFold(name, k.name) {
				return k.id
			}
		}
	}
	switch {
	case len(name) > len("x-weir-") && equalFold(name[:len("x-weir-")], "x-weir-"):
		return XWeirOther
	case len(name) > len("x-forwarded-") && equalFold(name[:len("x-forwarded-")], "x-forwarded-"):
		return XForwardedOther
	}
	return Other
}

// aliasOf returns the known field that name would become in a backend that
// reads punctuation as '-', as CGI and WSGI servers do with '_' and some with all
// of it, or Other.
func aliasOf(name []byte) FieldID {
	var buf [24]byte
	if len(name) > len(buf) {
		name = name[:len(buf)]
	}
	b := buf[:copy(buf[:], name)]
	for i, c := range b {
		if !isAlnum(c) {
			b[i] = '-'
		}
	}
	return FieldIDOf(b)
}

// equalFold reports whether b equals the lower-case ASCII string s without
// regard to case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

// EqualFold reports whether a field value or token equals the lower-case ASCII
// string s without regard to case.
func EqualFold(b []byte, s string) bool { return equalFold(b, s) }
