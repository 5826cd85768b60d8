// Package logging makes the product's logger.
package logging

import (
	"fmt"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Format is how log lines are written.
type Format string

// The formats: JSON for machines, Console for people.
const (
	JSON    Format = "json"
	Console Format = "console"
)

// New makes a logger that writes lines of at least level to standard error.
func New(format Format, level zapcore.Level) (*zap.Logger, error) {
	var cfg zap.Config
	switch format {
	case JSON:
		cfg = zap.NewProductionConfig()
		cfg.EncoderConfig.TimeKey = "time"
		cfg.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	case Console:
		cfg = zap.NewDevelopmentConfig()
		cfg.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
		cfg.EncoderConfig.EncodeLevel = zapcore.CapitalLevelEncoder
		cfg.DisableCaller = true
	default:
		return nil, fmt.Errorf("log format %q is not known; write json or console", format)
	}
	cfg.Level = zap.NewAtomicLevelAt(level)
	cfg.DisableStacktrace = true
	cfg.Sampling = nil
	return cfg.Build()
}
