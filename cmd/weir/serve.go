package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/weir-gateway/weir/gateway"
)

const serveLong = `Serves until SIGTERM or SIGINT, then drains: readiness goes first, new requests
are refused, those under way are answered, at most server.drain_timeout long. A
second signal ends the process at once.

SIGHUP and a change of the file, of a ConfigMap's symlinks too, load the
configuration again. A good one is put in force without dropping a request; a bad
one is reported and changes nothing. SIGHUP also opens the access log again, after
a log rotation.

GOMAXPROCS and GOMEMLIMIT are honoured as in any Go program; without GOMAXPROCS the
CPU limit of the container counts. GOGC is 200 unless set: twice the memory of live
data buys half the work of the garbage collector. In a container set GOMEMLIMIT to
nine tenths of the memory limit.`

func newServe(sh *shell) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Run the gateway",
		Long:    serveLong,
		Example: "  weir serve\n  weir serve -c /etc/weir/weir.yaml\n  kill -HUP $(pidof weir)   # reload",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tuneGC(sh)
			svc, err := newService(sh, path, gateway.Deps{})
			if err != nil {
				return err
			}
			return svc.run(cmd.Context())
		},
	}
	configFlag(cmd.Flags(), &path)
	return cmd
}

// gcPercent is GOGC for a process whose live data are small next to what passes
// through it.
const gcPercent = 200

// tuneGC sets the garbage collector's pace unless the operator has.
func tuneGC(sh *shell) {
	if sh.env["GOGC"] == "" {
		debug.SetGCPercent(gcPercent)
	}
}
