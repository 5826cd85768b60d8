package graph

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// oldestVersion is the oldest Graph version that allows a private reply without
// the Human Agent permission.
const oldestVersion = 8

var versionForm = regexp.MustCompile(`^v([0-9]{1,3})\.[0-9]{1,2}$`)

func checkVersion(v string) (string, error) {
	if v == "" {
		return DefaultVersion, nil
	}
	m := versionForm.FindStringSubmatch(v)
	if m == nil {
		return "", fmt.Errorf("graph: %q is not a Graph API version; write one like %s", v, DefaultVersion)
	}
	if major, _ := strconv.Atoi(m[1]); major < oldestVersion {
		return "", fmt.Errorf("graph: Graph API %s needs the Human Agent permission for private replies; use v%d.0 or newer", v, oldestVersion)
	}
	return v, nil
}

// checkURL returns raw without a slash at its end. Its errors do not repeat a URL
// that may hold a password.
func checkURL(host, raw, ifEmpty string) (string, error) {
	if raw == "" {
		return ifEmpty, nil
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return "", fmt.Errorf("graph: the %s URL is not a URL; write one like %s", host, ifEmpty)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("graph: the %s URL may hold a host and a path, nothing else; write one like %s", host, ifEmpty)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", fmt.Errorf("graph: the %s URL %s would send access tokens in clear; use https (http is for loopback only)", host, u)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("graph: the %s URL has the scheme %q; use https", host, u.Scheme)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
