package workflows

// What the tests on a real server share with those in the time-skipping
// environment. They are a package of their own because setup needs this one.
var (
	TestComment = comment
	OnFacebook  = onFacebook
	OnLive      = onLive
	Auto        = auto
	AutoAfter   = autoAfter
	Ask         = ask
	RefusedBy   = refused
)
