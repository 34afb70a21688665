package config

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// WatchOptions says how a Watcher looks. Zero fields have their defaults.
type WatchOptions struct {
	// Settle is how long files must be quiet before they are read: an editor or a
	// ConfigMap changes several things in a row. Default 100 ms.
	Settle time.Duration
	// Poll is how often files are read without being told of a change, for file
	// systems that tell nothing. Default 10 s.
	Poll time.Duration
	// Failed hears of trouble with the notifications; polling goes on. Default:
	// nobody.
	Failed func(error)
}

// Watcher calls back when one of its files has other content than before. It
// watches the files' directories, so that it notices files that are replaced by
// renaming, removed and written again, or reached through the symbolic links of a
// Kubernetes ConfigMap. All methods are safe for concurrent use.
type Watcher struct {
	opts    WatchOptions
	changed func()
	notify  *fsnotify.Watcher
	quit    chan struct{}
	done    chan struct{}
	closing sync.Once

	mu    sync.Mutex
	files map[string][sha256.Size]byte // content last seen; zero: unreadable
	dirs  map[string]bool
}

// NewWatcher watches paths and calls changed, from one goroutine, after each
// change of content. Close ends it.
func NewWatcher(paths []string, changed func(), opts WatchOptions) (*Watcher, error) {
	if opts.Settle <= 0 {
		opts.Settle = 100 * time.Millisecond
	}
	if opts.Poll <= 0 {
		opts.Poll = 10 * time.Second
	}
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &Watcher{
		opts: opts, changed: changed, notify: n,
		quit: make(chan struct{}), done: make(chan struct{}),
		files: map[string][sha256.Size]byte{}, dirs: map[string]bool{},
	}
	w.SetPaths(paths)
	go w.run()
	return w, nil
}

// SetPaths replaces the files that are watched. Their present content counts as
// known, that of files that stay does not change.
func (w *Watcher) SetPaths(paths []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	files := make(map[string][sha256.Size]byte, len(paths))
	dirs := map[string]bool{}
	for _, p := range paths {
		sum, known := w.files[p]
		if !known {
			sum = digest(p)
		}
		files[p] = sum
		dirs[filepath.Dir(p)] = true
	}
	for d := range dirs {
		if !w.dirs[d] {
			if err := w.notify.Add(d); err != nil {
				w.failed(fmt.Errorf("watch directory %s: %w", d, err))
			}
		}
	}
	for d := range w.dirs {
		if !dirs[d] {
			_ = w.notify.Remove(d)
		}
	}
	w.files, w.dirs = files, dirs
}

// Close ends the watch and waits for a call-back under way.
func (w *Watcher) Close() error {
	var err error
	w.closing.Do(func() {
		close(w.quit)
		err = w.notify.Close()
	})
	<-w.done
	return err
}

func (w *Watcher) failed(err error) {
	if w.opts.Failed != nil {
		w.opts.Failed(err)
	}
}

func (w *Watcher) run() {
	defer close(w.done)
	poll := time.NewTicker(w.opts.Poll)
	defer poll.Stop()
	var settled <-chan time.Time
	events, failures := w.notify.Events, w.notify.Errors
	for {
		select {
		case <-w.quit:
			return
		case _, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			settled = time.After(w.opts.Settle)
		case err, ok := <-failures:
			if !ok {
				failures = nil
				continue
			}
			w.failed(err)
		case <-settled:
			settled = nil
			w.look()
		case <-poll.C:
			w.look()
		}
	}
}

// look compares the files with what was last seen. A file that is away for a
// moment is not a change: it is about to be written again.
func (w *Watcher) look() {
	w.mu.Lock()
	changed := false
	for _, p := range slices.Sorted(maps.Keys(w.files)) {
		sum := digest(p)
		if sum != w.files[p] && sum != ([sha256.Size]byte{}) {
			w.files[p], changed = sum, true
		}
	}
	w.mu.Unlock()
	if changed {
		w.changed()
	}
}

func digest(path string) (sum [sha256.Size]byte) {
	data, err := os.ReadFile(path)
	if err != nil {
		return sum
	}
	return sha256.Sum256(data)
}
