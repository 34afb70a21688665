package mock

import "strings"

// defaultModels is the list of a Config that names none.
func defaultModels() []string {
	return []string{
		"gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini", "o3", "o4-mini",
		"text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002",
		"claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5",
		"gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-embedding-001",
		"qwen-max", "qwen-plus", "qwen-turbo", "qwen3-max", "text-embedding-v4",
		"mock-fast", "mock-slow",
	}
}

// owner is the owned_by of a model.
func owner(model string) string {
	switch {
	case strings.HasPrefix(model, "claude-"):
		return "anthropic"
	case strings.HasPrefix(model, "gemini-"):
		return "google"
	case strings.HasPrefix(model, "qwen"), model == "text-embedding-v4":
		return "alibaba"
	case strings.HasPrefix(model, "mock-"):
		return "weir"
	default:
		return "openai"
	}
}

// isModelName says whether a name is safe to print into JSON and to route by.
func isModelName(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._-/", c) >= 0) {
			return false
		}
	}
	return true
}

// findModel returns the index of the model that answers for name: its own, or that of the name without its
// date. Counters are kept by that index, so a caller cannot make new ones.
func (s *Server) findModel(name string) (int, bool) {
	if i, ok := s.models[name]; ok {
		return i, true
	}
	return s.findDated(name)
}

// findDated cuts "-part" by "-part" off name while the parts are digits only.
func (s *Server) findDated(name string) (int, bool) {
	for {
		dash := strings.LastIndexByte(name, '-')
		if dash < 0 || dash == len(name)-1 || strings.Trim(name[dash+1:], "0123456789") != "" {
			return 0, false
		}
		name = name[:dash]
		if i, ok := s.models[name]; ok {
			return i, true
		}
	}
}
