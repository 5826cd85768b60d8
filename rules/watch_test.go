package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/privatereply/privatereply/internal/reload"
)

const (
	askFile    = "default: ask\n"
	ignoreFile = "default: ignore\n"
	badFile    = "default: perhaps\n"
)

// watched is a Watcher whose log a test can wait for.
type watched struct {
	*Watcher
	logged chan zapcore.Entry
}

func startWatch(t *testing.T, path string) watched {
	t.Helper()
	logged := make(chan zapcore.Entry, 100)
	core, _ := observer.New(zap.InfoLevel)
	logger := zap.New(zapcore.RegisterHooks(core, func(e zapcore.Entry) error {
		logged <- e
		return nil
	}))
	w, err := Watch(t.Context(), path, logger)
	if err != nil {
		t.Fatal(err)
	}
	return watched{w, logged}
}

// wait returns when the Watcher has logged at level, which it does after it changed.
func (w watched) wait(t *testing.T, level zapcore.Level) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case e := <-w.logged:
			if e.Level == level {
				return
			}
		case <-timeout:
			t.Fatalf("nothing was logged at %v", level)
		}
	}
}

func (w watched) expect(t *testing.T, data string) {
	t.Helper()
	if got := w.Current().SHA256(); got != reload.SHA256([]byte(data)) {
		t.Errorf("another file than %q is in force", data)
	}
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// replace puts data in the place of path in one step.
func replace(t *testing.T, path, data string) {
	t.Helper()
	write(t, path+".new", data)
	rename(t, path+".new", path)
}

func symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
}

// A changed file comes into force in whatever way it was changed.
func TestWatchNoticesChanges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		set    func(t *testing.T, dir string)
		change func(t *testing.T, dir string)
	}{
		{
			"written in place",
			func(t *testing.T, dir string) { write(t, filepath.Join(dir, "rules.yaml"), askFile) },
			func(t *testing.T, dir string) { write(t, filepath.Join(dir, "rules.yaml"), ignoreFile) },
		},
		{
			"renamed over, as editors do",
			func(t *testing.T, dir string) { write(t, filepath.Join(dir, "rules.yaml"), askFile) },
			func(t *testing.T, dir string) {
				write(t, filepath.Join(dir, ".rules.yaml.swp"), ignoreFile)
				rename(t, filepath.Join(dir, ".rules.yaml.swp"), filepath.Join(dir, "rules.yaml"))
			},
		},
		{
			"moved away and written anew, as other editors do",
			func(t *testing.T, dir string) { write(t, filepath.Join(dir, "rules.yaml"), askFile) },
			func(t *testing.T, dir string) {
				rename(t, filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "rules.yaml~"))
				write(t, filepath.Join(dir, "rules.yaml"), ignoreFile)
			},
		},
		{
			"elsewhere, behind a symbolic link",
			func(t *testing.T, dir string) {
				if err := os.Mkdir(filepath.Join(dir, "elsewhere"), 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, "elsewhere", "rules.yaml"), askFile)
				symlink(t, filepath.Join("elsewhere", "rules.yaml"), filepath.Join(dir, "rules.yaml"))
			},
			func(t *testing.T, dir string) { write(t, filepath.Join(dir, "elsewhere", "rules.yaml"), ignoreFile) },
		},
		{
			"a symbolic link to a directory swapped, as Kubernetes does",
			func(t *testing.T, dir string) {
				for version, data := range map[string]string{"..1": askFile, "..2": ignoreFile} {
					if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
						t.Fatal(err)
					}
					write(t, filepath.Join(dir, version, "rules.yaml"), data)
				}
				symlink(t, "..1", filepath.Join(dir, "..data"))
				symlink(t, filepath.Join("..data", "rules.yaml"), filepath.Join(dir, "rules.yaml"))
			},
			func(t *testing.T, dir string) {
				symlink(t, "..2", filepath.Join(dir, "..data_tmp"))
				rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.set(t, dir)
			w := startWatch(t, filepath.Join(dir, "rules.yaml"))
			w.expect(t, askFile)
			tt.change(t, dir)
			w.wait(t, zap.InfoLevel)
			w.expect(t, ignoreFile)
			if err := w.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A file that is still being written is left alone, even if what is there would load.
func TestWatchHalfWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, path, askFile)
	w, err := Watch(t.Context(), path, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	w.file.Stop() // the test looks itself
	for n := range 3 {
		write(t, path, ignoreFile+strings.Repeat("#", n))
		w.file.Poll()
		if w.Current().SHA256() != reload.SHA256([]byte(askFile)) {
			t.Fatal("a file that changes is in force")
		}
	}
	w.file.Poll()
	if w.Current().SHA256() != reload.SHA256([]byte(ignoreFile+"##")) {
		t.Error("a file that does not change any more is not in force")
	}
}

// A bad file leaves the old one in force and says so until a good one replaces it.
func TestWatchBadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, path, askFile)
	w := startWatch(t, path)

	replace(t, path, badFile)
	w.wait(t, zap.ErrorLevel)
	w.expect(t, askFile)
	if err := w.Err(); err == nil || !strings.Contains(err.Error(), `"perhaps" is not a default`) || !strings.Contains(err.Error(), "the earlier one still is") {
		t.Errorf("Err() = %v", err)
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.wait(t, zap.ErrorLevel)
	w.expect(t, askFile)
	if err := w.Err(); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("Err() = %v", err)
	}

	replace(t, path, askFile)
	w.wait(t, zap.InfoLevel)
	w.expect(t, askFile)
	if err := w.Err(); err != nil {
		t.Errorf("Err() = %v after the file is good again", err)
	}
}

// Nothing happens, and nothing is logged, as long as the file says the same.
func TestWatchUnchanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, path, askFile)
	core, logs := observer.New(zap.DebugLevel)
	w, err := Watch(t.Context(), path, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	w.file.Stop() // the test looks itself
	before := w.Current()
	write(t, path, askFile)
	w.file.Poll()
	w.file.Poll()
	if w.Current() != before || logs.Len() != 0 {
		t.Errorf("an unchanged file was loaded again: %v", logs.All())
	}
	write(t, path, badFile)
	w.file.Poll()
	w.file.Poll()
	w.file.Poll()
	if logs.Len() != 1 {
		t.Errorf("an unchanged bad file was logged %d times", logs.Len())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.file.Poll()
	w.file.Poll()
	w.file.Poll()
	if logs.Len() != 2 {
		t.Errorf("a missing file was logged %d times", logs.Len()-1)
	}
}

// Without a file that loads there is nothing to begin with.
func TestWatchFirstLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bad.yaml"), badFile)
	for name, wrong := range map[string]string{
		"bad.yaml":                               "perhaps",
		"missing.yaml":                           "no such file",
		filepath.Join("missing", "missing.yaml"): "no such file",
	} {
		w, err := Watch(t.Context(), filepath.Join(dir, name), zap.NewNop())
		if w != nil || err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v, %v", name, w, err)
		}
	}
}
