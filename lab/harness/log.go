package harness

import (
	"io"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// openLog makes the logger that writes to the file at path.
func openLog(path string) (log *zap.Logger, closeLog func() error, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	format := zap.NewProductionEncoderConfig()
	format.TimeKey, format.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(format), zapcore.Lock(file), zap.InfoLevel)), file.Close, nil
}

// withWarnings makes log tell w of warnings as well, in a form for people.
func withWarnings(log *zap.Logger, w io.Writer) *zap.Logger {
	format := zap.NewDevelopmentEncoderConfig()
	format.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
	short := zapcore.NewCore(zapcore.NewConsoleEncoder(format), zapcore.Lock(zapcore.AddSync(w)), zap.WarnLevel)
	return log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return zapcore.NewTee(c, short) }))
}
