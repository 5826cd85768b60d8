package measure

import "testing"

// Guards: the price is the one of Temporal's list, tier by tier.
func TestPrice(t *testing.T) {
	tests := []struct {
		name    string
		actions float64
		want    float64
	}{
		{"none", 0, 0},
		{"the example of the price page", 11.25e6, 525},
		{"all tiers", 200e6, 5925},
		{"above them", 300e6, 8425},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := actionPrice(tt.actions); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	// 1 GB in an hour, open for 10 hours each: 10 GB open and 240 GB retained, all month.
	if got, want := storagePrice(1000, 1e6, 10), 730*(10*0.042+240*0.00105); got != want {
		t.Errorf("storage: got %v, want %v", got, want)
	}
}
