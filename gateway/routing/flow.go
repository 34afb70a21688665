package routing

import "github.com/weir-gateway/weir/gateway/identity"

// flowKind says which attribute tells the flows of a class apart.
type flowKind uint8

const (
	flowTenant flowKind = iota
	flowUser
	flowCampaign
	flowBusiness
	flowKey
)

func flowNamed(name string) (flowKind, bool) {
	switch name {
	case "", "tenant":
		return flowTenant, true
	case "user":
		return flowUser, true
	case "campaign":
		return flowCampaign, true
	case "business":
		return flowBusiness, true
	case "key":
		return flowKey, true
	}
	return 0, false
}

// FlowKey appends the key of the flow that a request belongs to inside its class.
//
// User and campaign ids belong to a tenant, so their flows are named
// tenant/user; a slash in the tenant is written %2F. Where the attribute is not
// known, the flow is that of the tenant, or else that of the principal, with an @
// in front: callers about whom nothing is known do not share one flow.
func (c *Classifier) FlowKey(dst []byte, class int, a *identity.Attributes, principal string) []byte {
	var own string
	switch c.classes[class].flow {
	case flowUser:
		own = a.User
	case flowCampaign:
		own = a.Campaign
	case flowBusiness:
		if a.Business != "" {
			return append(dst, a.Business...)
		}
	case flowKey:
		return append(append(dst, '@'), principal...)
	}
	if a.Tenant == "" && own == "" {
		return append(append(dst, '@'), principal...)
	}
	dst = appendTenant(dst, a.Tenant)
	if own != "" {
		dst = append(append(dst, '/'), own...)
	}
	return dst
}

func appendTenant(dst []byte, tenant string) []byte {
	for i := range len(tenant) {
		if tenant[i] == '/' {
			dst = append(dst, "%2F"...)
		} else {
			dst = append(dst, tenant[i])
		}
	}
	return dst
}
