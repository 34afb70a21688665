package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Exit codes of the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // wrong use or invalid configuration
)

// shell is what the program may touch of its surroundings. Commands use it
// instead of package os.
type shell struct {
	env    map[string]string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	// started says that the command line was right and the command has begun.
	started bool
}

// run is the program. It returns the exit code; ctx ends with the first signal
// that asks it to end.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	sh := &shell{env: parseEnviron(environ), stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRoot(sh)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return sh.report(cmd, err)
}

// report says on standard error what went wrong and returns the exit code.
func (sh *shell) report(cmd *cobra.Command, err error) int {
	var invalid *invalidConfig
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &invalid):
		fmt.Fprintln(sh.stderr, invalid.Error())
		return exitUsage
	case !sh.started || errors.As(err, &usage):
		fmt.Fprintf(sh.stderr, "weir: %v\nRun '%s --help' for usage.\n", err, cmd.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(sh.stderr, "weir: %v\n", err)
	return exitFailed
}

// invalidConfig is an error in a configuration file. Its text starts with the
// place, as editors expect it, and so gets no prefix.
type invalidConfig struct {
	err error
}

func (e *invalidConfig) Error() string { return e.err.Error() }
func (e *invalidConfig) Unwrap() error { return e.err }

// usageError is a command line that is understood and makes no sense.
type usageError struct {
	text string
}

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

const rootLong = `Weir is a gateway in front of LLM providers and HTTP services. Clients call them
through Weir as if it were not there; Weir decides who goes first when capacity
is short, by weighted priority queues that starve nobody.

A file that serves is written by 'weir init'. 'weir demo' needs no file.

Every flag that names an environment variable takes its default from it.`

// newRoot builds the tree of commands.
func newRoot(sh *shell) *cobra.Command {
	root := &cobra.Command{
		Use:           "weir",
		Short:         "A gateway with weighted priority queues for LLM providers and HTTP services",
		Long:          rootLong,
		Example:       "  weir demo\n  weir init && weir check && weir serve",
		Version:       buildVersion().String(),
		Args:          noSuchCommand,
		SilenceErrors: true,
		SilenceUsage:  true,
		// Only reached through a subcommand; the root alone prints its help.
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := sh.applyEnv(cmd); err != nil {
				return err
			}
			sh.started = true
			return nil
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(
		newServe(sh), newDemo(sh), newCheck(sh), newInit(sh), newMock(sh), newQueue(sh), newVersion(sh),
	)
	root.SetOut(sh.stdout) // the completion command remembers it
	describeCompletion(root)
	return root
}

// noSuchCommand refuses arguments of the root: they are misspelt commands.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return usagef("%s", text)
}

// describeCompletion gives cobra's completion command our wording.
func describeCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd("completion")
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short = "Write a completion script for a shell"
			c.Example = "  weir completion bash > /etc/bash_completion.d/weir\n  weir completion zsh > \"${fpath[1]}/_weir\"\n  weir completion fish > ~/.config/fish/completions/weir.fish"
		}
	}
}

// parseEnviron turns NAME=value lines into a map; the last of equal names counts.
func parseEnviron(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok {
			env[name] = value
		}
	}
	return env
}

// lookupEnv has the signature of os.LookupEnv.
func (sh *shell) lookupEnv(name string) (string, bool) {
	v, ok := sh.env[name]
	return v, ok
}

// terminal says whether w is one, and so wants colours and redrawing. NO_COLOR
// and a dumb terminal speak against it.
func (sh *shell) terminal(w io.Writer) bool {
	if sh.env["NO_COLOR"] != "" || sh.env["TERM"] == "dumb" {
		return false
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
