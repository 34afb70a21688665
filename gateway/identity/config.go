package identity

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/invopop/jsonschema"
)

// Config says who may call and what is known about them.
type Config struct {
	APIKeys        []APIKey   `yaml:"api_keys,omitempty" json:"api_keys,omitempty" jsonschema:"description=Keys that callers present as a bearer token or in x-api-key / api-key / x-goog-api-key"`
	JWT            *JWTConfig `yaml:"jwt,omitempty" json:"jwt,omitempty" jsonschema:"description=Signed tokens of an identity provider"`
	TrustedProxies []string   `yaml:"trusted_proxies,omitempty" json:"trusted_proxies,omitempty" jsonschema:"description=Networks (CIDR) whose X-Forwarded-* and Forwarded fields are believed"`
	Anonymous      Anonymous  `yaml:"anonymous,omitempty" json:"anonymous,omitempty" jsonschema:"description=Attributes of callers without a credential, or the word deny"`
}

// APIKey is one caller's key. Exactly one of SHA256, KeyEnv and KeyFile is set;
// only the SHA-256 of the key is kept.
type APIKey struct {
	Name       string     `yaml:"name" json:"name"`
	SHA256     string     `yaml:"sha256,omitempty" json:"sha256,omitempty" jsonschema:"description=SHA-256 of the key in hex"`
	KeyEnv     string     `yaml:"key_env,omitempty" json:"key_env,omitempty" jsonschema:"description=Environment variable that holds the key"`
	KeyFile    string     `yaml:"key_file,omitempty" json:"key_file,omitempty" jsonschema:"description=File that holds the key"`
	Attributes Attributes `yaml:"attributes,omitempty" json:"attributes,omitempty"`
	MayAssert  []string   `yaml:"may_assert,omitempty" json:"may_assert,omitempty" jsonschema:"enum=user,enum=campaign,enum=business,enum=mode,enum=tier,enum=tenant,enum=request_id,description=Which X-Weir-* request headers (and X-Request-Id) are believed from this key"`
}

// JWTConfig says which JSON Web Tokens (RFC 7519) are accepted.
type JWTConfig struct {
	JWKSURL   string            `yaml:"jwks_url" json:"jwks_url"`
	Issuer    string            `yaml:"issuer" json:"issuer"`
	Audience  string            `yaml:"audience" json:"audience"`
	Claims    map[string]string `yaml:"claims,omitempty" json:"claims,omitempty" jsonschema:"description=Attribute to claim; a claim inside another is written a.b"`
	MayAssert []string          `yaml:"may_assert,omitempty" json:"may_assert,omitempty"`
	Refresh   time.Duration     `yaml:"refresh,omitempty" json:"refresh,omitempty" jsonschema:"default=15m"`
	Leeway    time.Duration     `yaml:"leeway,omitempty" json:"leeway,omitempty" jsonschema:"default=30s"`
	CacheSize int               `yaml:"cache_size,omitempty" json:"cache_size,omitempty" jsonschema:"default=10000,description=Verified tokens remembered until they expire"`
}

// Anonymous is what holds for callers without a credential. In a configuration
// it is either the word deny or a set of attributes; the zero value lets them in
// with no attributes.
type Anonymous struct {
	Deny       bool       `yaml:"-" json:"-"`
	Attributes Attributes `yaml:"-" json:"-"`
}

// denyWord is how a configuration refuses callers without a credential.
const denyWord = "deny"

// UnmarshalYAML reads the word deny or a set of attributes.
func (a *Anonymous) UnmarshalYAML(unmarshal func(any) error) error {
	var node ast.Node
	if err := unmarshal(&node); err != nil {
		return err
	}
	*a = Anonymous{}
	switch n := node.(type) {
	case *ast.NullNode:
		return nil
	case *ast.StringNode:
		if n.Value == denyWord {
			a.Deny = true
			return nil
		}
	case *ast.MappingNode, *ast.MappingValueNode, *ast.AliasNode:
		return unmarshal(&a.Attributes)
	}
	return &yaml.SyntaxError{Message: "anonymous must be the word deny or a set of attributes", Token: node.GetToken()}
}

// MarshalYAML writes what UnmarshalYAML reads.
func (a Anonymous) MarshalYAML() (any, error) {
	if a.Deny {
		return denyWord, nil
	}
	return a.Attributes, nil
}

// MarshalJSON writes the same as MarshalYAML in JSON.
func (a Anonymous) MarshalJSON() ([]byte, error) {
	v, err := a.MarshalYAML()
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write anonymous: %w", err)
	}
	return b, nil
}

// JSONSchema describes both forms.
func (Anonymous) JSONSchema() *jsonschema.Schema {
	r := jsonschema.Reflector{DoNotReference: true, Anonymous: true}
	attributes := r.Reflect(Attributes{})
	attributes.Version = ""
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string", Const: denyWord},
		attributes,
	}}
}

// Attributes is what is known about a caller. Unknown ones are empty.
type Attributes struct {
	Tenant   string `yaml:"tenant,omitempty" json:"tenant,omitempty"`
	User     string `yaml:"user,omitempty" json:"user,omitempty"`
	Tier     string `yaml:"tier,omitempty" json:"tier,omitempty"`
	Campaign string `yaml:"campaign,omitempty" json:"campaign,omitempty"`
	Business string `yaml:"business,omitempty" json:"business,omitempty"`
	Mode     string `yaml:"mode,omitempty" json:"mode,omitempty" jsonschema:"enum=realtime,enum=interactive,enum=batch"`
}
