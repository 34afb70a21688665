package config

import (
	"slices"
	"strings"
)

// laterKeys are the keys of the configuration language that this version does
// not implement, by place; [] stands for any index. To accept one silently
// would make an operator believe that it works.
func laterKeys(path string) []string {
	switch withoutIndexes(path) {
	case "":
		return []string{"cache", "cost", "limits", "shared_state"}
	case "routes[]":
		return []string{"cache", "meter", "scale_on_latency"}
	case "upstreams[].capacity":
		return []string{"requests_per_minute", "tokens_per_minute"}
	case "telemetry":
		return []string{"otlp"}
	}
	return nil
}

func isLater(path, key string) bool { return slices.Contains(laterKeys(path), key) }

// withoutIndexes turns a[12].b into a[].b.
func withoutIndexes(path string) string {
	var b strings.Builder
	inside := false
	for _, r := range path {
		inside = inside && r != ']'
		if !inside {
			b.WriteRune(r)
		}
		inside = inside || r == '['
	}
	return b.String()
}
