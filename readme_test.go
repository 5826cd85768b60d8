package privatereply_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sources are the texts of the product's Go files.
func sources(t *testing.T, isTest bool) []string {
	t.Helper()
	var texts []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && path != "." || entry.Name() == "bin"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") != isTest:
			return nil
		}
		b, err := os.ReadFile(path)
		texts = append(texts, string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func found(texts []string, pattern string) []string {
	var all []string
	for _, text := range texts {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Every test that the README names for a promise exists.
func TestReadmeNamesTests(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	there := found(sources(t, true), `(?m)^func (Test\w+)\(`)
	named := found([]string{string(readme)}, `\b(Test[A-Z]\w*)`)
	if len(named) < 10 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !slices.Contains(there, name) {
			t.Errorf("the README names %s, which does not exist", name)
		}
	}
}

// The README documents every setting, and none that does not exist.
func TestReadmeNamesSettings(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := found([]string{string(readme)}, "(?m)^\\| `PRIVATEREPLY_(\\w+)`")
	var programs []string
	for _, text := range sources(t, false) {
		if strings.Contains(text, "package config") || strings.Contains(text, "config.Starter") {
			programs = append(programs, text)
		}
	}
	if real := found(programs, `env:"([A-Z_]+)`); !slices.Equal(real, documented) {
		t.Errorf("the settings are\n%q\nthe README documents\n%q", real, documented)
	}
}
