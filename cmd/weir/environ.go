package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envAnnotation marks a flag that takes its default from the environment.
const envAnnotation = "weir_env"

// fromEnv lets a flag that is not given take its value from the environment
// variable name, and says so in its help.
func fromEnv(fs *pflag.FlagSet, flag, name string) {
	f := fs.Lookup(flag)
	if f == nil {
		panic("BUG: no flag " + flag)
	}
	f.Usage += " ($" + name + ")"
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[envAnnotation] = []string{name}
}

// applyEnv sets the flags of cmd that were not given and have a variable.
func (sh *shell) applyEnv(cmd *cobra.Command) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		names := f.Annotations[envAnnotation]
		if err != nil || f.Changed || len(names) == 0 {
			return
		}
		value := sh.env[names[0]]
		if value == "" {
			return
		}
		if bad := cmd.Flags().Set(f.Name, value); bad != nil {
			err = fmt.Errorf("%s: %w", names[0], bad)
		}
	})
	return err
}

// configFlag adds --config to the flags of a command.
func configFlag(fs *pflag.FlagSet, path *string) {
	fs.StringVarP(path, "config", "c", "weir.yaml", "configuration `FILE`")
	fromEnv(fs, "config", "WEIR_CONFIG")
}

// jsonFlag adds --json to the flags of a command that prints a table.
func jsonFlag(fs *pflag.FlagSet, p *bool) {
	fs.BoolVar(p, "json", false, "print JSON instead of text")
}
