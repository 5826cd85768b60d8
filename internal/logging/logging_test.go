package logging

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// written is what a logger of this format and level writes to standard error.
func written(t *testing.T, format Format, level zapcore.Level, write func(*zap.Logger)) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stderr := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = stderr }()
	log, err := New(format, level)
	if err != nil {
		t.Fatal(err)
	}
	write(log)
	b, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Lines are JSON that machines can read, or short ones for people, from the level on
// that was asked for.
func TestNew(t *testing.T) {
	write := func(log *zap.Logger) {
		log.Debug("unimportant")
		log.Info("reply", zap.String("WorkflowID", "reply:instagram:1:2"))
	}
	t.Run("json", func(t *testing.T) {
		var line struct{ Level, Time, Msg, WorkflowID string }
		text := written(t, JSON, zap.InfoLevel, write)
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if line.Level != "info" || line.Msg != "reply" || line.WorkflowID != "reply:instagram:1:2" || !strings.Contains(line.Time, "T") {
			t.Errorf("wrote %q", text)
		}
	})
	t.Run("console", func(t *testing.T) {
		text := written(t, Console, zap.InfoLevel, write)
		if !strings.Contains(text, "\tINFO\treply\t{\"WorkflowID\": \"reply:instagram:1:2\"}\n") || strings.Contains(text, "unimportant") {
			t.Errorf("wrote %q", text)
		}
	})
	t.Run("debug", func(t *testing.T) {
		if text := written(t, JSON, zap.DebugLevel, write); strings.Count(text, "\n") != 2 {
			t.Errorf("wrote %q, want both lines", text)
		}
	})
	t.Run("another format", func(t *testing.T) {
		if _, err := New("xml", zap.InfoLevel); err == nil || !strings.Contains(err.Error(), `"xml" is not known; write json or console`) {
			t.Errorf("New = %v", err)
		}
	})
}
