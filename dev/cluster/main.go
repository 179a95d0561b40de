// Devcluster runs a real Kubernetes cluster on one machine, without containers
// or virtual machines around it. One binary is every component; which one it is
// depends on the name it is called by. README.md has the overview.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	if component, ok := components[filepath.Base(os.Args[0])]; ok {
		component()
		return
	}
	if len(os.Args) < 2 {
		usage(os.Stderr)
		os.Exit(2)
	}
	name, args := os.Args[1], os.Args[2:]
	command, ok := commands[name]
	if !ok {
		usage(os.Stderr)
		os.Exit(2)
	}
	err := command(args)
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		os.Exit(ended.ExitCode())
	case errors.Is(err, errNotRunning):
		os.Exit(3)
	case err != nil:
		fmt.Fprintf(os.Stderr, "devcluster %s: %v\n", name, err)
		os.Exit(1)
	}
}
