package rules

import "testing"

// Only a boundary that RE2 gets wrong is refused.
func TestBoundaryNextToLetter(t *testing.T) {
	for pattern, want := range map[string]bool{
		`\bprice\b`:               false,
		`(?i)\bskip\b`:            false, // (?i) adds the Kelvin sign and the long s
		`(?i)\b[ks]`:              false,
		`\bprix\b|été`:            false,
		`été \bprix\b`:            false,
		`\b[^a]`:                  false,
		`\b.`:                     false,
		`\b🔥`:                     false,
		`\bcafé au lait\b`:        false,
		`é`:                       false,
		``:                        false,
		`\b`:                      false,
		`\bété`:                   true,
		`café\b`:                  true,
		`caf\Bé`:                  true,
		`\b(été|hiver)`:           true,
		`\b(?:hiver|(été))`:       true,
		`(?:^|\b)é`:               true,
		`\b-?é`:                   true,
		`\b(?:-|x*)é`:             true,
		`é+\b`:                    true,
		`(?:é){2}\b`:              true,
		`(?:é){0,2}\b`:            true,
		`\b[а-я]+`:                true,
		`\b\p{L}`:                 true,
		`(\bé)`:                   true,
		`x(?:a\bb|c(?:d\bé))`:     true,
		`(?:a|\b)(?:$|-)?(?:é|b)`: true,
	} {
		if got := hasBoundaryNextToLetter(pattern); got != want {
			t.Errorf("boundaryBesideLetter(%q) = %v, want %v", pattern, got, want)
		}
	}
}
