package versions

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Version is a content that the file had, or has.
type Version struct {
	Name   string    `json:"-"` // of its files, without the ending
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"` // empty: somebody who wrote the file by hand
	Why    string    `json:"why,omitempty"`
	SHA256 string    `json:"sha256"`
}

const (
	// nameFormat sorts by time, in UTC.
	nameFormat = "20060102T150405.000000000Z"
	// aboutSuffix ends the name of the file beside a version that says who and why.
	aboutSuffix = ".json"
)

var namePattern = regexp.MustCompile(`^\d{8}T\d{6}\.\d{9}Z$`)

// ErrNoVersion is the error of a version that is not, or no longer, kept.
var ErrNoVersion = errors.New("this version is not kept any more")

// folder is where the versions are.
func (f *File) folder() string { return f.path + ".versions" }

// ending is that of the versions' names: the file's own.
func (f *File) ending() string { return cmp.Or(filepath.Ext(f.path), ".txt") }

func (f *File) versionPath(name string) string { return filepath.Join(f.folder(), name+f.ending()) }

func (f *File) aboutPath(name string) string { return filepath.Join(f.folder(), name+aboutSuffix) }

// names lists the versions, the oldest first.
func (f *File) names() ([]string, error) {
	entries, err := os.ReadDir(f.folder())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), f.ending()); ok && namePattern.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Versions lists the versions, the newest first.
func (f *File) Versions() ([]Version, error) {
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	var all []Version
	for _, name := range slices.Backward(names) {
		all = append(all, f.about(name))
	}
	return all, nil
}

// about reads what is known of a version; a file that somebody put there has only its time.
// A version never changes, so that it is read once.
func (f *File) about(name string) Version {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.read[name]; ok {
		return v
	}
	var v Version
	data, err := readBounded(f.aboutPath(name))
	if err != nil || json.Unmarshal(data, &v) != nil || v.At.IsZero() {
		v = Version{}
		v.At, _ = time.Parse(nameFormat, name) // the pattern was checked
	}
	v.Name, v.At = name, v.At.UTC()
	if len(f.read) >= 2*maxVersions {
		clear(f.read)
	}
	f.read[name] = v
	return v
}

// ReadVersion reads a version by its name.
func (f *File) ReadVersion(name string) (Version, Content, error) {
	if !namePattern.MatchString(name) {
		return Version{}, Content{}, ErrNoVersion
	}
	data, err := readBounded(f.versionPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return Version{}, Content{}, ErrNoVersion
	}
	if err != nil {
		return Version{}, Content{}, err
	}
	return f.about(name), contentOf(data), nil
}

// keepUnknown keeps what stands in the file, if no version has it: somebody wrote it by hand.
func (f *File) keepUnknown(now Content, was fs.FileInfo, mode fs.FileMode) error {
	if now.SHA256 == "" || was == nil {
		return nil
	}
	names, err := f.names()
	if err != nil {
		return err
	}
	if len(names) > 0 {
		_, content, err := f.ReadVersion(names[len(names)-1])
		if err == nil && content.SHA256 == now.SHA256 {
			return nil
		}
	}
	at := was.ModTime()
	if at.After(f.now()) {
		at = f.now()
	}
	_, err = f.keep(Version{At: at, SHA256: now.SHA256}, now.Data, mode)
	return err
}

// keep writes a version. What is known of it comes first, so that there is none of which
// nothing is known.
func (f *File) keep(v Version, data []byte, mode fs.FileMode) (Version, error) {
	v.At = v.At.UTC()
	names, err := f.names()
	if err != nil {
		return v, &UnwritableError{f.folder(), err}
	}
	if len(names) > 0 { // the newest is the last, whatever clocks say
		newest, err := time.Parse(nameFormat, names[len(names)-1])
		if err == nil && !v.At.After(newest) {
			v.At = newest.Add(time.Nanosecond)
		}
	}
	v.Name = v.At.Format(nameFormat)
	about, err := json.Marshal(v)
	if err != nil {
		return v, err
	}
	if err := replaceFile(f.aboutPath(v.Name), append(about, '\n'), mode, nil); err != nil {
		return v, &UnwritableError{f.folder(), err}
	}
	if err := replaceFile(f.versionPath(v.Name), data, mode, nil); err != nil {
		_ = os.Remove(f.aboutPath(v.Name))
		return v, &UnwritableError{f.folder(), err}
	}
	return v, nil
}

func (f *File) remove(name string) {
	_ = os.Remove(f.versionPath(name))
	_ = os.Remove(f.aboutPath(name))
}

// prune removes all but the newest versions. What cannot be removed stays.
func (f *File) prune() {
	names, err := f.names()
	if err != nil {
		return
	}
	for len(names) > maxVersions {
		f.remove(names[0])
		names = names[1:]
	}
}
