package cluster

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"kulisse.dev/dev/cluster/internal/process"
)

//go:embed config/audit.yaml
var auditPolicy []byte

// Services get their addresses from here; the first is the API server's own.
const serviceRange = "10.96.0.0/16"

// controlPlane is etcd, the API server and the two programs that act through it.
type controlPlane struct {
	bin   string
	dir   Directory
	ports ports
	// Where the API server listens, and what it calls itself in the cluster.
	bind, advertise string
	kubelets        bool // whether there are nodes to talk to
}

type ports struct{ api, etcd, peers, controllers, scheduler int }

// start starts the components in the order they need and returns when all are
// healthy.
func (c *controlPlane) start(ctx context.Context, group *process.Group, step func(string)) error {
	policy := c.dir.join("audit-policy.yaml")
	if err := os.WriteFile(policy, auditPolicy, 0o644); err != nil {
		return err
	}
	server := fmt.Sprintf("https://127.0.0.1:%d", c.ports.api)
	api, err := newAPI(c.dir.pki(), server)
	if err != nil {
		return err
	}
	if err := c.run(group, "etcd", c.etcd()); err != nil {
		return err
	}
	if err := c.run(group, "kube-apiserver", c.apiServer(policy)); err != nil {
		return err
	}
	err = until(ctx, "the API server", func(ctx context.Context) error { return api.get(ctx, "/readyz", nil) })
	if err != nil {
		return err
	}
	step("API server ready")

	// Not earlier: the controller manager exits when the API server has not
	// created the roles it needs yet.
	if err := c.run(group, "kube-controller-manager", c.controllerManager()); err != nil {
		return err
	}
	if err := c.run(group, "kube-scheduler", c.scheduler()); err != nil {
		return err
	}
	for name, port := range map[string]int{"controller manager": c.ports.controllers, "scheduler": c.ports.scheduler} {
		url := fmt.Sprintf("https://127.0.0.1:%d/healthz", port)
		err := until(ctx, "the "+name, func(ctx context.Context) error { return api.getURL(ctx, url, nil) })
		if err != nil {
			return err
		}
	}
	step("controller manager and scheduler healthy")
	return nil
}

// waitForAccounts returns when pods can be created: not before there is a
// default service account for them.
func waitForAccounts(ctx context.Context, api *api) error {
	return until(ctx, "the default service account", func(ctx context.Context) error {
		return api.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
	})
}

func (c *controlPlane) run(group *process.Group, name string, args []string) error {
	return group.Start(name, exec.Command(filepath.Join(c.bin, name), args...))
}

func (c *controlPlane) etcd() []string {
	clients := fmt.Sprintf("http://127.0.0.1:%d", c.ports.etcd)
	peers := fmt.Sprintf("http://127.0.0.1:%d", c.ports.peers)
	return []string{
		"--name=dev",
		"--data-dir=" + c.dir.join("etcd"),
		"--listen-client-urls=" + clients,
		"--advertise-client-urls=" + clients,
		"--listen-peer-urls=" + peers,
		"--initial-advertise-peer-urls=" + peers,
		"--initial-cluster=dev=" + peers,
		"--unsafe-no-fsync", // the data does not outlive the cluster anyway
		"--log-level=warn",
	}
}

func (c *controlPlane) apiServer(policy string) []string {
	args := []string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", c.ports.etcd),
		fmt.Sprintf("--secure-port=%d", c.ports.api),
		"--bind-address=" + c.bind,
		"--advertise-address=" + c.advertise,
		"--service-cluster-ip-range=" + serviceRange,
		"--allow-privileged=true",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--tls-cert-file=" + c.key("apiserver.crt"),
		"--tls-private-key-file=" + c.key("apiserver.key"),
		"--client-ca-file=" + c.key("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.key("sa.pub"),
		"--service-account-signing-key-file=" + c.key("sa.key"),
		"--requestheader-client-ca-file=" + c.key("ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + c.key("front-proxy.crt"),
		"--proxy-client-key-file=" + c.key("front-proxy.key"),
		"--audit-policy-file=" + policy,
		"--audit-log-path=" + c.dir.audit(),
		// In megabytes. The default would start a new file at 100 and whoever
		// reads along would miss what follows.
		"--audit-log-maxsize=1000000",
	}
	if !c.kubelets {
		// A loopback address is not accepted as an endpoint of the Service.
		return append(args, "--endpoint-reconciler-type=none")
	}
	return append(args,
		"--kubelet-client-certificate="+c.key("apiserver-kubelet.crt"),
		"--kubelet-client-key="+c.key("apiserver-kubelet.key"),
		"--kubelet-certificate-authority="+c.key("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
	)
}

func (c *controlPlane) controllerManager() []string {
	return append(c.client("controller-manager", c.ports.controllers),
		"--controllers=*,bootstrapsigner,tokencleaner",
		"--use-service-account-credentials=true",
		// It makes an account for each of its controllers first. At the default
		// rate that alone takes five seconds.
		"--kube-api-qps=300",
		"--kube-api-burst=600",
		"--root-ca-file="+c.key("ca.crt"),
		"--service-account-private-key-file="+c.key("sa.key"),
		"--cluster-signing-cert-file="+c.key("ca.crt"),
		"--cluster-signing-key-file="+c.key("ca.key"),
	)
}

func (c *controlPlane) scheduler() []string {
	return c.client("scheduler", c.ports.scheduler)
}

// client has the flags that the controller manager and the scheduler share.
func (c *controlPlane) client(name string, port int) []string {
	kubeconfig := c.key(name + ".kubeconfig")
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--leader-elect=false",
		"--tls-cert-file=" + c.key(name+".crt"),
		"--tls-private-key-file=" + c.key(name+".key"),
	}
}

func (c *controlPlane) key(file string) string { return filepath.Join(c.dir.pki(), file) }
