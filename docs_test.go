package privatereply_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/privatereply/privatereply"
)

// sources are the texts of the product's Go files, by their package's folder.
func sources(t *testing.T, isTest bool) map[string][]string {
	t.Helper()
	texts := map[string][]string{}
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
		folder := filepath.ToSlash(filepath.Dir(path))
		texts[folder] = append(texts[folder], string(b))
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

// guards finds tests, and the package that is named before them, as in
// "`workflows` TestX/Sub, /Other, TestY".
var guards = regexp.MustCompile("(?:`([a-z][\\w/]*)` |the (root) package's |go test \\./(\\S+) -run '?)?\\b(Test[A-Z][\\w/]*(?:, (?:Test[A-Z]|/)[\\w/]*)*)")

// Every test that the pages name for a promise exists, in the package that they name
// with it; of a subtest, which they name in full, its t.Run.
func TestPagesNameTests(t *testing.T) {
	tests := sources(t, true)
	pages := []string{"README.md", "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	n := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range guards.FindAllStringSubmatch(string(text), -1) {
			folder := m[1] + m[3]
			if m[2] != "" {
				folder = "."
			}
			in := tests[folder]
			if folder == "" { // any package
				in = slices.Concat(slices.Collect(maps.Values(tests))...)
			}
			test := ""
			for _, name := range strings.Split(m[4], ", ") {
				n++
				first, subtest, _ := strings.Cut(name, "/")
				if first != "" {
					test = first
				}
				if !slices.Contains(found(in, `(?m)^func (Test\w+)\(`), test) {
					t.Errorf("%s names %s %s, which does not exist", page, folder, test)
				}
				if subtest != "" && !slices.Contains(found(in, `t\.Run\("([^"]+)"`), subtest) {
					t.Errorf("%s names %s %s/%s, which is not run", page, folder, test, subtest)
				}
			}
		}
	}
	if n < 30 {
		t.Fatalf("only %d tests are named", n)
	}
}

// docs/approvals.md lists every state and every reason with its words, in the order of the
// source, and docs/operations.md names every permission.
func TestPagesNameTheDomain(t *testing.T) {
	read := func(page string) string {
		text, err := os.ReadFile(filepath.Join("docs", page))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var want strings.Builder
	for _, s := range privatereply.States {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", s, s.Label(), s.Sentence())
	}
	want.WriteString("\n| reason | |\n| --- | --- |\n")
	for _, m := range regexp.MustCompile(`Reason += "(\w+)"`).FindAllStringSubmatch(strings.Join(sources(t, false)["."], ""), -1) {
		fmt.Fprintf(&want, "| `%s` | %s |\n", m[1], privatereply.Reason(m[1]).Sentence())
	}
	if !strings.Contains(read("approvals.md"), want.String()) {
		t.Errorf("docs/approvals.md does not have these tables:\n%s", want.String())
	}
	operations := read("operations.md")
	for _, p := range privatereply.Platforms {
		for _, login := range p.Facts().Logins {
			for _, permission := range login.Permissions {
				if !strings.Contains(operations, "`"+permission.Name+"`") {
					t.Errorf("docs/operations.md does not name the permission %s", permission.Name)
				}
			}
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
	for _, text := range slices.Concat(slices.Collect(maps.Values(sources(t, false)))...) {
		if strings.Contains(text, "package config") || strings.Contains(text, "config.Starter") {
			programs = append(programs, text)
		}
	}
	if real := found(programs, `env:"([A-Z_]+)`); !slices.Equal(real, documented) {
		t.Errorf("the settings are\n%q\nthe README documents\n%q", real, documented)
	}
}
