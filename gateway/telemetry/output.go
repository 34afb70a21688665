package telemetry

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// output is where the access log goes. Write and reopen may be called at the
// same time.
type output struct {
	path string // of a file that can be opened again; empty for other outputs

	mu   sync.Mutex
	w    io.Writer
	file *os.File // w, when it is ours to close
}

// openOutput opens a file or takes one of the process's own outputs. A writer
// that is given takes the place of both.
func openOutput(path string, w io.Writer) (*output, error) {
	switch {
	case w != nil:
		return &output{w: w}, nil
	case path == "" || path == "stdout":
		return &output{w: os.Stdout}, nil
	case path == "stderr":
		return &output{w: os.Stderr}, nil
	}
	file, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return &output{path: path, w: file, file: file}, nil
}

// openFile opens a log for its owner and group to read: it holds personal data.
func openFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open log file: %w", err)
	}
	return file, nil
}

// Write writes p as a whole or returns an error.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

func (o *output) reopen() error {
	if o.path == "" {
		return nil
	}
	next, err := openFile(o.path)
	if err != nil {
		return err
	}
	o.mu.Lock()
	old := o.file
	if old == nil { // closed meanwhile
		old = next
	} else {
		o.w, o.file = next, next
	}
	o.mu.Unlock()
	if err := old.Close(); err != nil {
		return fmt.Errorf("close the log file before: %w", err)
	}
	return nil
}

func (o *output) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file == nil {
		return nil
	}
	err := o.file.Close()
	o.w, o.file = io.Discard, nil
	if err != nil {
		return fmt.Errorf("close log file: %w", err)
	}
	return nil
}
