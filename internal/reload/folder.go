package reload

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// NamedFile is a file of a folder, with its path.
type NamedFile struct {
	Path string
	Data []byte
}

// OpenFolder is Open for the files of a folder whose names match one of the patterns (see
// filepath.Glob; relative to the folder). They count as one content: a change of any is in
// force when two reads in a row gave the same files with the same bytes. A pattern without
// a match is no error, a folder that is gone is one.
func OpenFolder[T any](folder string, patterns []string, parse func(files []NamedFile) (T, error), changed func(current T, err error)) (*File[T], error) {
	return open(folder, func() (loaded[T], error) {
		files, err := readFolder(folder, patterns)
		if err != nil {
			return loaded[T]{}, err
		}
		return loaded[T]{sumFiles(files), func() (T, error) { return parse(files) }}, nil
	}, changed)
}

// readFolder reads the files in the order of the patterns, and of their names. One that is
// removed meanwhile was not there.
func readFolder(folder string, patterns []string) ([]NamedFile, error) {
	if info, err := os.Stat(folder); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is a file, not a folder any more", folder)
	}
	var files []NamedFile
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			data, err := read(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			files = append(files, NamedFile{path, data})
		}
	}
	return files, nil
}

// sumFiles hashes the names and bytes of files, each with its length, so that no bytes can
// move from one to the next unnoticed.
func sumFiles(files []NamedFile) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%d %d %s", len(f.Path), len(f.Data), f.Path)
		_, _ = h.Write(f.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}
