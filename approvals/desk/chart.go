package desk

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/privatereply/privatereply/approvals/funnel"
)

// stageLabels name the stages for people.
var stageLabels = map[funnel.Stage]string{
	funnel.Responded: "Answered", funnel.Sent: "Delivered, no answer", funnel.Waiting: "Waiting",
	funnel.Declined: "Rejected or removed", funnel.Ignored: "Left alone", funnel.Expired: "Too late",
	funnel.Undeliverable: "Not delivered", funnel.DeliveryUnknown: "Unknown",
}

// step is one bar of the funnel: how many came so far.
type step struct {
	Name  string
	N     int64
	Share int // of the received, in per cent
}

func steps(c funnel.Counts) []step {
	share := func(n int64) int {
		if c.Received == 0 {
			return 0
		}
		return int(100 * n / c.Received)
	}
	var all []step
	for _, s := range []struct {
		name string
		n    int64
	}{
		{"Comments received", c.Received},
		{"To be answered", c.Received - c.In[funnel.Ignored]},
		{"Delivered", c.Delivered()},
		{"Answered by the person", c.In[funnel.Responded]},
	} {
		all = append(all, step{s.name, s.n, share(s.n)})
	}
	return all
}

// chart is a drawing of counts over time: a stacked bar a day. Units are those of
// the drawing's own coordinates.
type chart struct {
	Width, Height int
	Base          int // where the bars stand
	Bars          []bar
	Lines         []gridLine
	Legend        []legend
	Rows          []funnel.Day
}

type bar struct {
	X, Width int
	Label    string
	Title    string
	Parts    []barPart
}

// Middle is where the label goes.
func (b bar) Middle() int { return b.X + b.Width/2 }

type barPart struct {
	Stage     funnel.Stage
	Y, Height float64
}

type gridLine struct {
	Y int
	N int64
}

type legend struct {
	Stage funnel.Stage
	Name  string
	N     int64
}

// Sizes of the drawing.
const (
	chartWidth  = 720
	chartHeight = 240
	chartTop    = 12
	chartBottom = 28
	chartLeft   = 44
	chartGap    = 0.3 // of a bar's place
)

func newChart(slots []funnel.Day) chart {
	c := chart{Width: chartWidth, Height: chartHeight, Base: chartHeight - chartBottom, Rows: slots}
	most := int64(0)
	for _, s := range slots {
		most = max(most, s.Received)
	}
	top := roundUp(most)
	room := float64(chartHeight - chartTop - chartBottom)
	height := func(n int64) float64 { return room * float64(n) / float64(top) }
	for _, n := range []int64{0, top / 2, top} {
		c.Lines = append(c.Lines, gridLine{c.Base - int(height(n)), n})
	}
	place := float64(chartWidth-chartLeft) / float64(len(slots))
	for i, s := range slots {
		b := bar{
			X: chartLeft + int(place*(float64(i)+chartGap/2)), Width: int(place * (1 - chartGap)),
			Label: s.From.Format("2 Jan"), Title: fmt.Sprintf("%s: %d received", s.From.Format("2 January"), s.Received),
		}
		y := float64(c.Base)
		for _, stage := range funnel.Stages {
			if n := s.In[stage]; n > 0 {
				h := height(n)
				y -= h
				b.Parts = append(b.Parts, barPart{stage, y, h})
			}
		}
		c.Bars = append(c.Bars, b)
	}
	total := funnel.Sum(slots)
	for _, stage := range funnel.Stages {
		c.Legend = append(c.Legend, legend{stage, stageLabels[stage], total.In[stage]})
	}
	return c
}

// roundUp is a round number at or above n, and even, for the line in the middle.
func roundUp(n int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, step := range []int64{2, 4, 10} {
			if n <= step*unit {
				return step * unit
			}
		}
	}
}

// filterURL is the address of the funnel with one more condition.
func (v funnelView) filterURL(name, value string) string {
	values := url.Values{"days": {strconv.Itoa(v.Days)}}
	for n, old := range map[string]string{"account": v.Sel.Account, "rule": v.Sel.Rule} {
		if old != "" {
			values.Set(n, old)
		}
	}
	values.Set(name, value)
	return "/funnel?" + values.Encode()
}

// RangeURL is the address of the same funnel over other days.
func (v funnelView) RangeURL(days int) string { return v.filterURL("days", strconv.Itoa(days)) }
