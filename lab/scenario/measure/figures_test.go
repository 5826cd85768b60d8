package measure

import (
	"testing"
	"time"
)

// Guards: a figure in the table is the one that was measured.
func TestFigures(t *testing.T) {
	tests := []struct{ name, got, want string }{
		{"small", number(0.4), "0"},
		{"rounded", number(999.5), "1,000"},
		{"millions", number(12345678), "12,345,678"},
		{"one rate", perSecond([]float64{12}), "12/s"},
		{"three rates", perSecond([]float64{1200, 10, 300}), "300/s (10 to 1,200)"},
		{"milliseconds", milliseconds(12345 * time.Microsecond), "12.3 ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %s, want %s", tt.got, tt.want)
			}
		})
	}
	if got := median([]time.Duration{4, 1, 3, 2}); got != 2 {
		t.Errorf("median = %v, want the lower of the two in the middle", got)
	}
}
