package temporalclient

import (
	"fmt"

	"go.temporal.io/sdk/log"
	"go.uber.org/zap"
)

// temporalLogger lets Temporal's SDK write to zap. The SDK has no adapter of its
// own; zap's slog bridge would be a second module for the same few lines.
type temporalLogger struct {
	zap *zap.SugaredLogger
}

var (
	_ log.Logger          = temporalLogger{}
	_ log.WithLogger      = temporalLogger{}
	_ log.WithSkipCallers = temporalLogger{}
)

// NewLogger adapts l for client.Options.Logger.
func NewLogger(l *zap.Logger) log.Logger {
	return temporalLogger{zap: l.WithOptions(zap.AddCallerSkip(1)).Sugar()}
}

func (l temporalLogger) Debug(msg string, keyvals ...any) { l.zap.Debugw(msg, pairs(keyvals)...) }
func (l temporalLogger) Info(msg string, keyvals ...any)  { l.zap.Infow(msg, pairs(keyvals)...) }
func (l temporalLogger) Warn(msg string, keyvals ...any)  { l.zap.Warnw(msg, pairs(keyvals)...) }
func (l temporalLogger) Error(msg string, keyvals ...any) { l.zap.Errorw(msg, pairs(keyvals)...) }

// With returns a logger that adds keyvals to every line.
func (l temporalLogger) With(keyvals ...any) log.Logger {
	return temporalLogger{zap: l.zap.With(pairs(keyvals)...)}
}

// WithCallerSkip returns a logger that names the caller depth frames further up.
func (l temporalLogger) WithCallerSkip(depth int) log.Logger {
	return temporalLogger{zap: l.zap.WithOptions(zap.AddCallerSkip(depth))}
}

// pairs makes sure of what zap expects and the SDK does not promise: a string
// before every value. zap drops what does not fit, and complains instead.
func pairs(keyvals []any) []any {
	out := make([]any, 0, len(keyvals)+1)
	for i := 0; i < len(keyvals); i += 2 {
		if i+1 == len(keyvals) {
			return append(out, "extra", keyvals[i])
		}
		key, ok := keyvals[i].(string)
		if !ok {
			key = fmt.Sprint(keyvals[i])
		}
		out = append(out, key, keyvals[i+1])
	}
	return out
}
