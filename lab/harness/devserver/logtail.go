package devserver

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// tailBytes bounds what is read back of a log.
const tailBytes = 16 << 10

// logTail is the end of what the file at path has had written to it since offset.
func logTail(path string, offset int64, lines int) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		offset = max(offset, info.Size()-tailBytes)
	}
	data, err := io.ReadAll(io.NewSectionReader(f, offset, tailBytes))
	if err != nil {
		return fmt.Sprintf("cannot read %s: %v", path, err)
	}
	return lastLines(data, lines)
}

// lastLines indents the last n lines of text.
func lastLines(text []byte, n int) string {
	if len(bytes.TrimSpace(text)) == 0 {
		return "    (nothing)"
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return "    " + string(bytes.Join(lines, []byte("\n    ")))
}
