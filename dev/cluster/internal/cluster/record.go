package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"kulisse.dev/dev/cluster/internal/process"
)

// The two kinds of cluster.
const (
	ControlPlane = "control-plane"
	Node         = "node"
)

const recordFile = "cluster.json"

// Settings are what a cluster was asked to be.
type Settings struct {
	Mode          string   `json:"mode"`
	NetworkPolicy bool     `json:"networkPolicy"`
	APIPort       int      `json:"apiPort"`     // 0 for any
	IngressPort   int      `json:"ingressPort"` // 0 for any
	Forward       []string `json:"forward,omitempty"`
	Reverse       []string `json:"reverse,omitempty"`
	Bin           string   `json:"bin"`
}

// Details are what a user needs to know about a cluster.
type Details struct {
	Mode              string `json:"mode"`
	Running           bool   `json:"running"`
	Kubeconfig        string `json:"kubeconfig"`
	AuditLog          string `json:"auditLog"`
	Ingress           string `json:"ingress"`
	APIServer         string `json:"apiServer"`
	Bin               string `json:"bin"`
	StateDir          string `json:"stateDir"`
	Logs              string `json:"logs"`
	NetworkPolicy     bool   `json:"networkPolicy"`
	KubernetesVersion string `json:"kubernetesVersion"`
}

// record is what one command leaves in the state directory for the next.
type record struct {
	Settings  Settings           `json:"settings"`
	APIServer string             `json:"apiServer"`
	Ingress   string             `json:"ingress"`
	Version   string             `json:"version"`
	Cgroup    string             `json:"cgroup"`
	Ready     bool               `json:"ready"`
	Processes []process.Identity `json:"processes"` // the one that holds the others first
}

// load returns nil where there is no cluster.
func (d Directory) load() (*record, error) {
	raw, err := os.ReadFile(d.join(recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &record{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("%s: %w; remove %s if no cluster runs from it", d.join(recordFile), err, d)
	}
	return r, nil
}

// mustLoad is load where there has to be a cluster.
func (d Directory) mustLoad() (*record, error) {
	r, err := d.load()
	if err == nil && r == nil {
		err = fmt.Errorf("there is no cluster in %s", d)
	}
	return r, err
}

func (d Directory) save(r *record) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	next := d.join("." + recordFile)
	if err := os.WriteFile(next, append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(next, d.join(recordFile))
}

// serves tells whether the cluster is what the settings ask for.
func (r *record) serves(wanted Settings) bool {
	has := r.Settings
	port := func(has, wanted int) bool { return wanted == 0 || has == wanted }
	return has.Mode == wanted.Mode && has.NetworkPolicy == wanted.NetworkPolicy && has.Bin == wanted.Bin &&
		port(has.APIPort, wanted.APIPort) && port(has.IngressPort, wanted.IngressPort) &&
		slices.Equal(has.Forward, wanted.Forward) && slices.Equal(has.Reverse, wanted.Reverse)
}

// alive tells whether every process of the cluster runs.
func (r *record) alive() bool {
	for _, p := range r.Processes {
		if !p.Alive() {
			return false
		}
	}
	return len(r.Processes) > 0
}

// running tells whether the cluster can be used. It is patient, because what does
// not run is replaced, and a machine that compiles something is slow to answer.
func (d Directory) running(r *record) bool {
	if !r.Ready || !r.alive() {
		return false
	}
	api, err := newAPI(d.pki(), r.APIServer)
	return err == nil && api.ready(15*time.Second) == nil
}

func (d Directory) details(r *record, running bool) Details {
	return Details{
		Mode:              r.Settings.Mode,
		Running:           running,
		Kubeconfig:        d.kubeconfig(),
		AuditLog:          d.audit(),
		Ingress:           r.Ingress,
		APIServer:         r.APIServer,
		Bin:               r.Settings.Bin,
		StateDir:          string(d),
		Logs:              d.logs(),
		NetworkPolicy:     r.Settings.NetworkPolicy,
		KubernetesVersion: r.Version,
	}
}
