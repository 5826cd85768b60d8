package reload

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
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
//
// A file that is as long, as old and the same (os.SameFile) as before is read again only
// every minute: reading ten thousand small files takes half a second.
func OpenFolder[T any](folder string, patterns []string, parse func(files []NamedFile) (T, error), changed func(current T, err error)) (*File[T], error) {
	reader := folderReader{folder: folder, patterns: patterns}
	return open(folder, func() (loaded[T], error) {
		files, err := reader.read(time.Now())
		if err != nil {
			return loaded[T]{}, err
		}
		return loaded[T]{sumFiles(files), func() (T, error) { return parse(files) }}, nil
	}, changed)
}

const (
	// rereadInterval is how long an unchanged file's bytes are taken from memory: there are
	// programs that set a file's old time again, and file systems that keep no times.
	rereadInterval = time.Minute
	// settledAfter is the age from which a file's time tells a later change from that of
	// the bytes that were read; the coarsest file systems keep it in steps of two seconds.
	settledAfter = 3 * time.Second
)

// folderReader reads the files of a folder, again and again.
type folderReader struct {
	folder   string
	patterns []string
	last     map[string]readFile // of the last read, by path
}

// readFile is a file with its bytes, as they were read at a time.
type readFile struct {
	info os.FileInfo
	data []byte
	at   time.Time
}

// stands reports whether the file that info describes now has the bytes that were read.
func (f readFile) stands(info os.FileInfo, now time.Time) bool {
	return f.info != nil && os.SameFile(f.info, info) && f.info.Size() == info.Size() && f.info.ModTime().Equal(info.ModTime()) &&
		f.at.Sub(info.ModTime()) > settledAfter && now.Sub(f.at) < rereadInterval
}

// read reads the files in the order of the patterns, and of their names. One that is
// removed meanwhile was not there.
func (r *folderReader) read(now time.Time) ([]NamedFile, error) {
	if info, err := os.Stat(r.folder); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is a file, not a folder any more", r.folder)
	}
	var files []NamedFile
	all := make(map[string]readFile, len(r.last))
	for _, pattern := range r.patterns {
		paths, err := filepath.Glob(filepath.Join(r.folder, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			file, err := r.readFile(path, now)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			all[path] = file
			files = append(files, NamedFile{path, file.data})
		}
	}
	r.last = all
	return files, nil
}

// readFile reads a file, unless it stands as it was read last.
func (r *folderReader) readFile(path string, now time.Time) (readFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return readFile{}, err
	}
	if last := r.last[path]; last.stands(info, now) {
		return last, nil
	}
	data, err := read(path)
	return readFile{info, data, now}, err
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
