package ingress

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// Where requests come in, and where the kubelet asks whether they may.
const (
	address       = ":8000"
	healthAddress = ":8001"
)

// reached is the address that users find every Ingress at: the machine forwards a
// port of its own to this proxy.
const reached = "127.0.0.1"

// Run serves the cluster it runs in.
func Run() error {
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	ingresses := factory.Networking().V1().Ingresses()
	where := &endpoints{factory.Core().V1().Services().Lister(), factory.Discovery().V1().EndpointSlices().Lister()}
	p := newProxy(where.pick)

	changed := make(chan struct{}, 1)
	note := func() {
		select {
		case changed <- struct{}{}:
		default: // one is noted already
		}
	}
	if _, err := ingresses.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { note() },
		UpdateFunc: func(any, any) { note() },
		DeleteFunc: func(any) { note() },
	}); err != nil {
		return err
	}
	ctx := context.Background()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go follow(ctx, client, ingresses.Lister(), p, changed, note)

	healthy := http.NewServeMux()
	healthy.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	go func() { log.Fatal(http.ListenAndServe(healthAddress, healthy)) }()
	return http.ListenAndServe(address, p)
}

// follow keeps the table in step with the Ingresses and their status with the table.
func follow(ctx context.Context, client kubernetes.Interface, lister networkinglisters.IngressLister, p *proxy, changed <-chan struct{}, note func()) {
	for range changed {
		all, err := lister.List(labels.Everything())
		if err != nil {
			log.Print(err)
			continue
		}
		p.table.Store(newTable(all))
		for _, ingress := range all {
			if !needsStatus(ingress) {
				continue
			}
			if err := setStatus(ctx, client, ingress); err != nil {
				log.Printf("status of %s/%s: %v", ingress.Namespace, ingress.Name, err)
				time.AfterFunc(time.Second, note)
			}
		}
	}
}

func needsStatus(ingress *networkingv1.Ingress) bool {
	if ingress.Spec.IngressClassName == nil || *ingress.Spec.IngressClassName != Class {
		return false
	}
	told := ingress.Status.LoadBalancer.Ingress
	return len(told) != 1 || told[0].IP != reached
}

func setStatus(ctx context.Context, client kubernetes.Interface, ingress *networkingv1.Ingress) error {
	status := networkingv1.IngressLoadBalancerStatus{Ingress: []networkingv1.IngressLoadBalancerIngress{{IP: reached}}}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"loadBalancer": status}})
	if err != nil {
		return err
	}
	_, err = client.NetworkingV1().Ingresses(ingress.Namespace).
		Patch(ctx, ingress.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}
