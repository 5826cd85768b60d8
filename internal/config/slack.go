package config

import (
	"errors"
	"fmt"
	"regexp"
)

// Slack are the settings of the messages in Slack: the desk posts them, the bridge takes
// what people do with them.
type Slack struct {
	SlackToken   Secret       `env:"SLACK_TOKEN"`
	SlackChannel SlackChannel `env:"SLACK_CHANNEL"`
	SlackURL     MetaURL      `env:"SLACK_URL" envDefault:"https://slack.com/api"`
}

// SlackEnabled reports whether there is a Slack to post to.
func (s Slack) SlackEnabled() bool { return s.SlackToken != "" }

// validateSlack refuses half of the settings.
func (s Slack) validateSlack() error {
	switch {
	case s.SlackToken != "" && s.SlackChannel == "":
		return fmt.Errorf("%[1]sSLACK_CHANNEL is missing: set it beside %[1]sSLACK_TOKEN, to the channel's id", Prefix)
	case s.SlackToken == "" && s.SlackChannel != "":
		return fmt.Errorf("%[1]sSLACK_TOKEN is missing: set it beside %[1]sSLACK_CHANNEL, or %[1]sSLACK_TOKEN%[2]s to the path of a file that holds it", Prefix, fileSuffix)
	}
	return nil
}

// validate refuses settings that belong together and are not.
func (d Desk) validate() error { return d.validateSlack() }

// validate refuses a bridge that would take interactions and could not answer them.
func (b Bridge) validate() error {
	if err := b.validateSlack(); err != nil {
		return err
	}
	switch {
	case b.SlackSigningSecret == "":
		return nil
	case b.SlackToken == "":
		return fmt.Errorf("%[1]sSLACK_TOKEN is missing: set it beside %[1]sSLACK_SIGNING_SECRET, as for the desk", Prefix)
	case b.Users == "":
		return fmt.Errorf("%[1]sAPPROVALS_USERS is missing: set it beside %[1]sSLACK_SIGNING_SECRET, to the desk's users file, which says who may decide", Prefix)
	}
	return nil
}

// SlackChannel is the id of a channel. Empty: none.
type SlackChannel string

var slackChannel = regexp.MustCompile(`^[CG][A-Z0-9]{2,30}$`)

// UnmarshalText refuses a channel's name: it can change, and buttons come with the id.
func (c *SlackChannel) UnmarshalText(text []byte) error {
	if len(text) > 0 && !slackChannel.Match(text) {
		return errors.New("it is not the id of a channel; write one such as C0123ABCD, which the channel's details have")
	}
	*c = SlackChannel(text)
	return nil
}
