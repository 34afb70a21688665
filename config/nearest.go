package config

import "strings"

// nearest returns the word that was probably meant, or "". A third of the word
// may be wrong, where swapped neighbours count as one error.
func nearest(word string, known []string) string {
	const longest = 64
	if word == "" || len(word) > longest {
		return ""
	}
	best, at := "", max(1, (len(word)+1)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	if best == "" && len(word) >= 4 {
		for _, k := range known {
			if strings.HasPrefix(k, word) || strings.HasSuffix(k, "_"+word) {
				return k
			}
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours between a and b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// meant writes "; did you mean …?" or, when nothing is near, what is known.
func meant(word string, known []string, what string) string {
	if n := nearest(word, known); n != "" {
		return `; did you mean "` + n + `"?`
	}
	return "; " + what + " " + knownKeys(known)
}
