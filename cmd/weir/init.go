package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/weir-gateway/weir/config"
)

func newInit(sh *shell) *cobra.Command {
	var path string
	var force bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a commented starter configuration",
		Long: `Writes a configuration to start from, with every section explained. A file that
is there is kept unless --force is given; '-' prints to standard output.`,
		Example: "  weir init\n  weir init --config /etc/weir/weir.yaml\n  weir init -c - | less",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if path == "-" {
				_, err := sh.stdout.Write(config.Starter())
				return err
			}
			if err := writeStarter(path, force); err != nil {
				return err
			}
			_, err := fmt.Fprintf(sh.stdout, "wrote %s\nnext: weir check -c %s, then weir serve -c %s\n", path, path, path)
			return err
		},
	}
	configFlag(cmd.Flags(), &path)
	cmd.Flags().BoolVar(&force, "force", false, "overwrite a file that is there")
	return cmd
}

// writeStarter writes the starter configuration to path.
func writeStarter(path string, force bool) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; --force overwrites it", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(config.Starter()); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
