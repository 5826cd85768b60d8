package config

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/privatereply/privatereply"
)

// Connect are the settings of Meta's logins, with which accounts are connected and their
// tokens renewed. Without an app's id and secret its login is not offered.
type Connect struct {
	FacebookAppID     AppID   `env:"FACEBOOK_APP_ID"`
	FacebookAppSecret Secret  `env:"FACEBOOK_APP_SECRET"`
	FacebookConfigID  AppID   `env:"FACEBOOK_CONFIG_ID"` // of a configuration of Login for Business: it is asked for instead of permissions
	InstagramAppID    AppID   `env:"INSTAGRAM_APP_ID"`   // another number than Facebook's
	InstagramSecret   Secret  `env:"INSTAGRAM_APP_SECRET"`
	FacebookLoginURL  MetaURL `env:"FACEBOOK_LOGIN_URL" envDefault:"https://www.facebook.com"`
	InstagramLoginURL MetaURL `env:"INSTAGRAM_LOGIN_URL" envDefault:"https://www.instagram.com"`
	InstagramTokenURL MetaURL `env:"INSTAGRAM_TOKEN_URL" envDefault:"https://api.instagram.com"`
}

// App is the id and the secret of the app at Meta that a login belongs to. Both are empty,
// or neither is.
func (c Connect) App(login privatereply.Login) (id string, secret Secret) {
	switch login {
	case privatereply.LoginFacebook:
		return string(c.FacebookAppID), c.FacebookAppSecret
	case privatereply.LoginInstagram:
		return string(c.InstagramAppID), c.InstagramSecret
	}
	return "", ""
}

// validate refuses an app's id without its secret, and the other way round.
func (c Connect) validate() error {
	for _, login := range []struct {
		name string
		privatereply.Login
	}{{"FACEBOOK", privatereply.LoginFacebook}, {"INSTAGRAM", privatereply.LoginInstagram}} {
		id, secret := c.App(login.Login)
		app := Prefix + login.name + "_APP_"
		switch {
		case id != "" && secret == "":
			return fmt.Errorf("%[1]sSECRET is missing: set it beside %[1]sID, or %[1]sSECRET%[2]s to the path of a file that holds it", app, fileSuffix)
		case id == "" && secret != "":
			return fmt.Errorf("%[1]sID is missing: set it beside %[1]sSECRET, to the app's id in Meta's dashboard", app)
		}
	}
	if c.FacebookConfigID != "" && c.FacebookAppID == "" {
		return fmt.Errorf("%[1]sFACEBOOK_APP_ID is missing: %[1]sFACEBOOK_CONFIG_ID belongs to an app", Prefix)
	}
	return nil
}

// AppID is the number of an app at Meta, or of one of its login configurations. Empty: none.
type AppID string

// UnmarshalText refuses what is no number, an app's secret above all. It repeats nothing.
func (a *AppID) UnmarshalText(text []byte) error {
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			return fmt.Errorf("it is not an id of Meta's; write the number of the dashboard")
		}
	}
	*a = AppID(text)
	return nil
}

// MetaURL is the address of one of Meta's hosts, without a slash at the end.
type MetaURL string

// UnmarshalText refuses an address to which a secret must not go.
func (m *MetaURL) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	switch {
	case err != nil || u.Hostname() == "":
		return fmt.Errorf("it is not a web address; write one such as https://www.facebook.com")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("it may hold a host and a path, nothing else; write one such as https://www.facebook.com")
	case u.Scheme == "http" && !isLoopback(u.Hostname()), u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("write an https:// address; http:// is accepted only on loopback, such as http://127.0.0.1:9000")
	}
	*m = MetaURL(strings.TrimRight(u.String(), "/"))
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
