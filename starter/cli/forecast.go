package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/replies"
)

func newForecast() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forecast [--account ACCOUNT]",
		Short: "Show which replies will not make their deadlines",
		Long: `Show, for each account, how many replies wait, at what rate they are sent, when the last
one is sent, and how many will not make their deadlines. The rate is the account's
posts_per_hour, or live_per_second for live broadcasts, which are paced by themselves.

Replies that wait for a person are counted, but nobody knows when they are sent. The
deadline of a live reply is the latest that its broadcast can end; most end earlier.

Too many? Stop what need not go (starter stop --account A --rule R).`,
		Example: `  starter forecast
  starter forecast --account 17841400000000001 --json`,
		Args:    Args(0, 0, ""),
		GroupID: groupInspect,
	}
	only := cmd.Flags().String("account", "", "only this account: its id, or its name in the accounts file")
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, _ []string) error {
		accounts, err := s.SelectAccounts(*only)
		if err != nil {
			return err
		}
		all := []forecast{} // [] rather than null
		for _, account := range accounts {
			kinds, err := s.forecast(ctx, account)
			if err != nil {
				return err
			}
			all = append(all, kinds...)
		}
		if *asJSON {
			return WriteJSON(cmd.OutOrStdout(), all)
		}
		return writeForecasts(cmd.OutOrStdout(), all, time.Now())
	})
	return cmd
}

// The kinds of replies that are sent at rates of their own.
const (
	kindPosts = "posts"
	kindLive  = "live"
)

// forecast is the forecast for one account and kind of reply.
type forecast struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Name     string                `json:"name,omitempty"`
	Kind     string                `json:"kind"`
	PerHour  float64               `json:"per_hour"`
	replies.Forecast
}

// forecast gives the account's posts, and its live replies if there are any. On a
// Facebook Page these are paced with the posts.
func (s *Session) forecast(ctx context.Context, a privatereply.Account) ([]forecast, error) {
	posts := forecast{Platform: a.Platform, Account: a.ID, Name: a.Name, Kind: kindPosts, PerHour: a.PostsPerHour}
	filter := replies.Filter{Account: a.ID, Running: true}
	onAir := a.Platform.Facts().AnsweredOnAir
	if onAir {
		filter.NotSource = privatereply.SourceLive
	}
	var err error
	if posts.Forecast, err = s.replies.Forecast(ctx, filter, a.PostsPerHour/time.Hour.Seconds()); err != nil {
		return nil, err
	}
	all := []forecast{posts}
	if !onAir {
		return all, nil
	}
	live := posts
	live.Kind, live.PerHour = kindLive, a.LivePerSecond*time.Hour.Seconds()
	filter.Source, filter.NotSource = privatereply.SourceLive, ""
	if live.Forecast, err = s.replies.Forecast(ctx, filter, a.LivePerSecond); err != nil {
		return nil, err
	}
	if live.Waiting() > 0 {
		all = append(all, live)
	}
	return all, nil
}

func (f forecast) rate() string {
	if f.Kind == kindLive {
		return strconv.FormatFloat(f.PerHour/time.Hour.Seconds(), 'f', -1, 64) + "/s"
	}
	return strconv.FormatFloat(f.PerHour, 'f', -1, 64) + "/h"
}

// writeForecasts shows a line for each kind, and under it what is wrong.
func writeForecasts(w io.Writer, all []forecast, now time.Time) error {
	t := console.NewTable([]int{0}, "ACCOUNT", "KIND", "HELD", "FOR A PERSON", "SENDING", "RATE", "ALL GONE", "LATE", "FIRST DEADLINE")
	from := func(at time.Time) string {
		if at.IsZero() {
			return "-"
		}
		return console.RelativeTime(at, now)
	}
	for _, f := range all {
		below := ""
		if f.Late > 0 {
			below = fmt.Sprintf("%s will be too late; to make room: starter stop --account %s", countOf(f.Late), f.Account)
		}
		t.Row(below, f.Name, f.Kind, strconv.FormatInt(f.Holding, 10), strconv.FormatInt(f.AwaitingApproval, 10), strconv.FormatInt(f.Sending, 10),
			f.rate(), from(f.LastSendAt), strconv.FormatInt(f.Late, 10), from(f.FirstDeadline))
	}
	if err := t.Write(w); err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(f forecast) bool { return f.Waiting() > 0 }) {
		_, err := fmt.Fprintln(w, "nothing waits")
		return err
	}
	return nil
}
