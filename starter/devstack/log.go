package devstack

import (
	"io"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// openLog makes the logger of all parts: everything goes to the file at path, and
// warnings in short form to warnings as well.
func openLog(path string, warnings io.Writer) (log *zap.Logger, closeLog func() error, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	format := zap.NewProductionEncoderConfig()
	format.TimeKey, format.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(format), zapcore.Lock(file), zap.InfoLevel)
	if warnings != nil {
		short := zap.NewDevelopmentEncoderConfig()
		short.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
		short.CallerKey = ""
		core = zapcore.NewTee(core, zapcore.NewCore(zapcore.NewConsoleEncoder(short), zapcore.Lock(zapcore.AddSync(warnings)), zap.WarnLevel))
	}
	return zap.New(core), file.Close, nil
}
