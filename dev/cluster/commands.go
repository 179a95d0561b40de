package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"kulisse.dev/dev/cluster/internal/cluster"
	"kulisse.dev/dev/cluster/internal/ingress"
	"kulisse.dev/dev/cluster/internal/oci"
)

const usageText = `usage:
  devcluster up     --state DIR [--mode node|control-plane] [--no-network-policy] [--api-port N]
                    [--ingress-port N] [--forward LISTEN=TARGET]... [--reverse PORT]... [-o json]
  devcluster down   --state DIR
  devcluster status --state DIR [-o json]
  devcluster exec   --state DIR COMMAND...
  devcluster image  --ref REGISTRY/NAME:TAG --file SOURCE=TARGET... [--entrypoint ARG]...
                    [--env NAME=VALUE]... [--user UID] [--state DIR]
Called as etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubectl
or coredns, it is that program.
`

func usage(w io.Writer) { fmt.Fprint(w, usageText) }

var errNotRunning = errors.New("no cluster is running there")

// commands are the programs of our own. The last four are not for users:
// a cluster starts them itself.
var commands = map[string]func(args []string) error{
	"up":     up,
	"down":   withState(cluster.Down),
	"status": status,
	"exec":   execute,
	"image":  image,

	"supervise": withState(cluster.Supervise),
	"init":      withState(cluster.Init),
	"node":      func([]string) error { return cluster.RunNode() },
	"ingress":   func([]string) error { return ingress.Run() },
}

// list collects the values of a flag that may be given several times.
type list []string

func (l *list) String() string         { return strings.Join(*l, " ") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func newFlags(name string) (flags *flag.FlagSet, state *string) {
	flags = flag.NewFlagSet(name, flag.ExitOnError)
	flags.Usage = func() { usage(os.Stderr) }
	return flags, flags.String("state", "", "")
}

// parse reads the flags of a command that takes nothing else.
func parse(flags *flag.FlagSet, args []string) error {
	_ = flags.Parse(args) // exits by itself
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not understood; `devcluster` alone shows the options", flags.Arg(0))
	}
	return nil
}

func withState(run func(cluster.Directory) error) func([]string) error {
	return func(args []string) error {
		flags, state := newFlags("")
		if err := parse(flags, args); err != nil {
			return err
		}
		dir, err := cluster.Open(*state)
		if err != nil {
			return err
		}
		return run(dir)
	}
}

// bin is the directory of this program, where the links to it are, too.
func bin() (string, error) {
	self, err := os.Executable()
	return filepath.Dir(self), err
}

func up(args []string) error {
	flags, state := newFlags("up")
	var s cluster.Settings
	flags.StringVar(&s.Mode, "mode", cluster.Node, "")
	unenforced := flags.Bool("no-network-policy", false, "")
	flags.IntVar(&s.APIPort, "api-port", 0, "")
	flags.IntVar(&s.IngressPort, "ingress-port", 0, "")
	flags.Var((*list)(&s.Forward), "forward", "")
	flags.Var((*list)(&s.Reverse), "reverse", "")
	output := flags.String("o", "", "")
	if err := parse(flags, args); err != nil {
		return err
	}
	dir, err := cluster.Open(*state)
	if err != nil {
		return err
	}
	if s.Bin, err = bin(); err != nil {
		return err
	}
	s.NetworkPolicy = !*unenforced && s.Mode == cluster.Node
	if err := s.Check(); err != nil {
		return err
	}
	details, err := cluster.Up(dir, s, os.Stderr)
	if err != nil {
		return err
	}
	return show(details, *output)
}

func status(args []string) error {
	flags, state := newFlags("status")
	output := flags.String("o", "", "")
	if err := parse(flags, args); err != nil {
		return err
	}
	dir, err := cluster.Open(*state)
	if err != nil {
		return err
	}
	details, err := cluster.Status(dir)
	if err != nil {
		return err
	}
	if err := show(details, *output); err != nil {
		return err
	}
	if !details.Running {
		return errNotRunning
	}
	return nil
}

func show(d cluster.Details, output string) error {
	if output == "json" {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(d)
	}
	if output != "" {
		return fmt.Errorf("-o %s is not understood; there is only -o json", output)
	}
	if !d.Running {
		fmt.Printf("no cluster is running in %s\n", d.StateDir)
		return nil
	}
	fmt.Printf("Kubernetes %s, %s mode\nlogs       %s\n", d.KubernetesVersion, d.Mode, d.Logs)
	if d.Ingress != "" {
		fmt.Printf("ingress    http://%s\n", d.Ingress)
	}
	fmt.Printf("export KUBECONFIG=%s PATH=%s:$PATH\n", d.Kubeconfig, d.Bin)
	return nil
}

func execute(args []string) error {
	flags, state := newFlags("exec")
	_ = flags.Parse(args)
	dir, err := cluster.Open(*state)
	if err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("the command to run is missing")
	}
	return cluster.Exec(dir, flags.Args())
}

func image(args []string) error {
	flags, state := newFlags("image")
	var config oci.Config
	var files list
	reference := flags.String("ref", "", "")
	flags.StringVar(&config.User, "user", "", "")
	flags.Var((*list)(&config.Entrypoint), "entrypoint", "")
	flags.Var((*list)(&config.Env), "env", "")
	flags.Var(&files, "file", "")
	if err := parse(flags, args); err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("--file SOURCE=TARGET is missing: the image would be empty")
	}
	var content oci.Content
	for _, file := range files {
		source, target, ok := strings.Cut(file, "=")
		if !ok {
			return fmt.Errorf("--file %q is not SOURCE=TARGET", file)
		}
		content.Files = append(content.Files, oci.File{Source: source, Target: target})
	}
	store, err := cluster.ImageStore(*state)
	if err != nil {
		return err
	}
	digests, err := store.Add(config, content, *reference)
	if err != nil {
		return err
	}
	repository := (*reference)[:strings.LastIndex(*reference, ":")]
	fmt.Printf("%s@%s\n", repository, digests[0])
	return nil
}
