package netpol

import (
	"context"
	"fmt"
	"log"
	"os/exec"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Socket is where the enforcer is told of pods that are about to start.
const Socket = "/run/kulisse-policy.sock"

// enforcer keeps the table in step with pods, namespaces and policies.
type enforcer struct {
	log                        *log.Logger
	pods, namespaces, policies cache.Store

	mu      sync.Mutex
	early   map[types.UID]string // addresses that the pods' status does not tell yet
	applied string
}

// Run enforces until the context ends.
func Run(ctx context.Context, client kubernetes.Interface, log *log.Logger) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	e := &enforcer{
		log:        log,
		pods:       pods.GetStore(),
		namespaces: namespaces.GetStore(),
		policies:   policies.GetStore(),
		early:      map[types.UID]string{},
	}
	changed := make(chan struct{}, 1)
	note := func() {
		select {
		case changed <- struct{}{}:
		default: // one is noted already
		}
	}
	for _, informer := range []cache.SharedIndexInformer{pods, namespaces, policies} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { note() },
			UpdateFunc: func(any, any) { note() },
			DeleteFunc: func(any) { note() },
		}); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	gate, err := openGate(Socket, e.admit, log)
	if err != nil {
		return err
	}
	defer gate.Close()
	note()
	return e.follow(ctx, changed)
}

func (e *enforcer) follow(ctx context.Context, changed <-chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		time.Sleep(100 * time.Millisecond) // changes come in flocks, and each costs the kernel the whole table
		for err := e.apply(); err != nil && ctx.Err() == nil; err = e.apply() {
			e.log.Print(err)
			time.Sleep(500 * time.Millisecond)
		}
	}
}

// admit returns when the table knows the pod by its address.
func (e *enforcer) admit(key string, uid types.UID, address string) error {
	for range 300 {
		// A pod of this name may be its own predecessor, which is still known here.
		if object, known, _ := e.pods.GetByKey(key); known && object.(*corev1.Pod).UID == uid {
			e.mu.Lock()
			e.early[uid] = address
			e.mu.Unlock()
			return e.apply()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("pod %s with UID %s is not known", key, uid)
}

func (e *enforcer) apply() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snapshot()
	script := s.render()
	if script == e.applied {
		return nil
	}
	begun := time.Now()
	nft := exec.Command("nft", "-f", "-")
	nft.Stdin = strings.NewReader(script)
	if out, err := nft.CombinedOutput(); err != nil {
		return fmt.Errorf("the rules stay as they were: nft: %w: %s", err, out)
	}
	e.applied = script
	e.log.Printf("%d pods, %d policies, %d bytes of rules in %v", len(s.pods), len(s.policies), len(script), time.Since(begun).Round(time.Millisecond))
	return nil
}

func (e *enforcer) snapshot() *snapshot {
	s := &snapshot{namespaces: map[string]labels.Set{}}
	early := map[types.UID]string{} // those still needed
	for _, object := range e.pods.List() {
		p := object.(*corev1.Pod)
		address := p.Status.PodIP
		if told := e.early[p.UID]; told != "" && told != address {
			address, early[p.UID] = told, told
		}
		if r, ok := newPod(p, address); ok {
			s.pods = append(s.pods, r)
		}
	}
	e.early = early
	for _, object := range e.namespaces.List() {
		n := object.(*corev1.Namespace)
		s.namespaces[n.Name] = n.Labels
	}
	for _, object := range e.policies.List() {
		s.policies = append(s.policies, object.(*networkingv1.NetworkPolicy))
	}
	s.sort()
	return s
}
