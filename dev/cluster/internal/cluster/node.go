package cluster

import (
	"context"
	"embed"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"kulisse.dev/dev/cluster/internal/netpol"
	"kulisse.dev/dev/cluster/internal/oci"
	"kulisse.dev/dev/cluster/internal/process"
	"kulisse.dev/dev/cluster/internal/volumes"
)

//go:embed config
var config embed.FS

//go:embed manifests/*.yaml
var manifests embed.FS

const registryAddress = "127.0.0.1:5000"

// node runs everything inside the node's namespaces.
type node struct {
	record *record
	group  *process.Group
	events *events
	failed chan error // what of the node runs in this process itself
}

// RunNode runs the node and returns when anything of it has ended.
func RunNode() error {
	r, err := insideState.mustLoad()
	if err != nil {
		return err
	}
	n := &node{r, process.NewGroup(insideState.logs()), newEvents(lineToStarter()), make(chan error, 4)}
	n.events.send(event{Network: true})
	up := make(chan error, 1)
	go func() { up <- n.bringUp(context.Background()) }()
	for {
		select {
		case err = <-up:
			if err == nil {
				n.events.send(event{Ready: true})
				continue
			}
		case err = <-n.group.Ended():
		case err = <-n.failed:
		}
		n.events.fail(err)
		return err
	}
}

func (n *node) bringUp(ctx context.Context) error {
	if err := n.writeConfig(); err != nil {
		return err
	}
	n.run("registry", func(log *log.Logger) error {
		return http.ListenAndServe(registryAddress, &oci.Registry{Stores: insideStores(), Log: log})
	})
	containerd := exec.Command("containerd", "--config", insideState.join("conf/containerd.toml"))
	if err := n.group.Start("containerd", containerd); err != nil {
		return err
	}
	go pullAhead(ctx, []string{"registry.k8s.io/pause:3.10", "registry.k8s.io/coredns/coredns:v1.14.2", "kulisse.dev/dev/ingress:dev"})
	plane := &controlPlane{
		bin:       insideBin,
		dir:       insideState,
		ports:     ports{api: 6443, etcd: 2379, peers: 2380, controllers: 10257, scheduler: 10259},
		bind:      "0.0.0.0",
		advertise: nodeAddress,
		kubelets:  true,
	}
	if err := plane.start(ctx, n.group, n.events.step); err != nil {
		return err
	}
	if err := n.startAgents(ctx); err != nil {
		return err
	}
	if err := n.startKubelet(); err != nil {
		return err
	}
	if err := n.applyManifests(); err != nil {
		return err
	}
	return n.waitUntilUsable(ctx)
}

// run runs one of our own parts, which has a log of its own like the others.
func (n *node) run(name string, part func(*log.Logger) error) {
	go func() {
		file, err := os.OpenFile(filepath.Join(insideState.logs(), name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err == nil {
			err = part(log.New(file, "", log.LstdFlags|log.Lmicroseconds))
		}
		n.failed <- fmt.Errorf("the %s ended: %w", name, err)
	}()
}

func (n *node) startAgents(ctx context.Context) error {
	config, err := clientcmd.BuildConfigFromFlags("", n.key("admin.kubeconfig"))
	if err != nil {
		return err
	}
	config.QPS, config.Burst, config.UserAgent = 100, 200, "devcluster"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	n.run("volumes", func(log *log.Logger) error { return volumes.Run(ctx, client, log) })
	if n.record.Settings.NetworkPolicy {
		n.run("network-policy", func(log *log.Logger) error { return netpol.Run(ctx, client, log) })
	}
	return nil
}

func (n *node) startKubelet() error {
	kubelet := exec.Command(filepath.Join(insideBin, "kubelet"),
		"--config="+insideState.join("conf/kubelet.yaml"),
		"--kubeconfig="+n.key("kubelet.kubeconfig"),
		"--cgroup-root=/"+n.record.Cgroup,
		"--hostname-override=node",
		"--node-ip="+nodeAddress)
	if err := n.group.Start("kubelet", kubelet); err != nil {
		return err
	}
	proxy := exec.Command(filepath.Join(insideBin, "kube-proxy"), "--config="+insideState.join("conf/proxy.yaml"))
	return n.group.Start("kube-proxy", proxy)
}

// applyManifests installs what runs in the cluster itself.
func (n *node) applyManifests() error {
	files, err := manifests.ReadDir("manifests")
	if err != nil {
		return err
	}
	var all strings.Builder
	for _, file := range files {
		text, err := manifests.ReadFile("manifests/" + file.Name())
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "---\n%s", text)
	}
	apply := exec.Command(filepath.Join(insideBin, "kubectl"), "--kubeconfig="+n.key("admin.kubeconfig"),
		"apply", "--server-side", "-f", "-")
	apply.Stdin = strings.NewReader(all.String())
	if out, err := apply.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl apply: %w: %s", err, out)
	}
	return nil
}

func (n *node) waitUntilUsable(ctx context.Context) error {
	api, err := newAPI(insideState.pki(), "https://127.0.0.1:6443")
	if err != nil {
		return err
	}
	if err := until(ctx, "the node", func(ctx context.Context) error { return nodeReady(ctx, api) }); err != nil {
		return err
	}
	n.events.step("node ready")
	for _, d := range []struct{ what, namespace, name string }{
		{"DNS", "kube-system", "coredns"},
		{"ingress", "ingress", "ingress"},
	} {
		check := func(ctx context.Context) error { return deploymentAvailable(ctx, api, d.namespace, d.name) }
		if err := until(ctx, d.what, check); err != nil {
			return err
		}
		n.events.step(d.what + " ready")
	}
	return waitForAccounts(ctx, api)
}

func nodeReady(ctx context.Context, api *api) error {
	var answer struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := api.get(ctx, "/api/v1/nodes/node", &answer); err != nil {
		return err
	}
	for _, c := range answer.Status.Conditions {
		if c.Type == "Ready" && c.Status == "True" {
			return nil
		} else if c.Type == "Ready" {
			return fmt.Errorf("the node is not ready: %s", c.Message)
		}
	}
	return fmt.Errorf("the node says nothing yet; see %s", insideState.join("logs/kubelet.log"))
}

func deploymentAvailable(ctx context.Context, api *api, namespace, name string) error {
	var answer struct {
		Status struct{ AvailableReplicas int }
	}
	if err := api.get(ctx, "/apis/apps/v1/namespaces/"+namespace+"/deployments/"+name, &answer); err != nil {
		return err
	}
	if answer.Status.AvailableReplicas == 0 {
		return fmt.Errorf("deployment %s/%s has no pod that is ready", namespace, name)
	}
	return nil
}

func (n *node) key(file string) string { return filepath.Join(insideState.pki(), file) }
