// Package volumes provides persistent volumes: a directory on the node for each.
package volumes

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// Provisioner is the name by which storage classes ask for these volumes.
const Provisioner = "kulisse.dev/directory"

// Directory holds the volumes.
const Directory = "/var/lib/volumes"

const (
	provisionerAnnotation = "volume.kubernetes.io/storage-provisioner"
	nodeAnnotation        = "volume.kubernetes.io/selected-node"
	madeByAnnotation      = "pv.kubernetes.io/provisioned-by"
)

// Keys of the work queue.
type key struct{ kind, name string } // kind is "claim" (NAMESPACE/NAME) or "volume"

type provisioner struct {
	client                   kubernetes.Interface
	log                      *log.Logger
	claims, volumes, classes cache.Store
}

// Run provides volumes until the context ends.
func Run(ctx context.Context, client kubernetes.Interface, log *log.Logger) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	claims := factory.Core().V1().PersistentVolumeClaims().Informer()
	volumes := factory.Core().V1().PersistentVolumes().Informer()
	classes := factory.Storage().V1().StorageClasses().Informer()
	p := &provisioner{client, log, claims.GetStore(), volumes.GetStore(), classes.GetStore()}

	queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[key](100*time.Millisecond, 10*time.Second))
	for kind, informer := range map[string]cache.SharedIndexInformer{"claim": claims, "volume": volumes} {
		add := func(object any) {
			if name, err := cache.MetaNamespaceKeyFunc(object); err == nil {
				queue.Add(key{kind, name})
			}
		}
		handler := cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, object any) { add(object) }}
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go func() {
		<-ctx.Done()
		queue.ShutDown()
	}()
	for {
		item, stopped := queue.Get()
		if stopped {
			return nil
		}
		if err := p.handle(ctx, item); err != nil {
			log.Printf("%s %s: %v", item.kind, item.name, err)
			queue.AddRateLimited(item)
		} else {
			queue.Forget(item)
		}
		queue.Done(item)
	}
}

func (p *provisioner) handle(ctx context.Context, item key) error {
	if item.kind == "claim" {
		if object, ok, _ := p.claims.GetByKey(item.name); ok {
			return p.provide(ctx, object.(*corev1.PersistentVolumeClaim))
		}
		return nil
	}
	if object, ok, _ := p.volumes.GetByKey(item.name); ok {
		return p.reclaim(ctx, object.(*corev1.PersistentVolume))
	}
	return nil
}

// provide makes a volume for a claim that waits for one of ours.
func (p *provisioner) provide(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	if !wanted(claim) {
		return nil
	}
	object, ok, err := p.classes.GetByKey(*claim.Spec.StorageClassName)
	if err != nil || !ok {
		return fmt.Errorf("storage class %s is not known: %w", *claim.Spec.StorageClassName, err)
	}
	class := object.(*storagev1.StorageClass)
	if claim.Annotations[nodeAnnotation] == "" && waitsForConsumer(class) {
		return nil
	}
	if err := supported(claim); err != nil {
		return p.refuse(ctx, claim, err)
	}
	volume := newVolume(claim, class)
	if err := os.MkdirAll(volume.Spec.Local.Path, 0o755); err != nil {
		return err
	}
	_, err = p.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err == nil {
		p.log.Printf("made %s for claim %s/%s", volume.Name, claim.Namespace, claim.Name)
	}
	return err
}

// wanted tells whether a claim waits for a volume of ours. The annotation is set
// by Kubernetes when it is time to provide one.
func wanted(claim *corev1.PersistentVolumeClaim) bool {
	return claim.Spec.VolumeName == "" && claim.DeletionTimestamp == nil && claim.Spec.StorageClassName != nil &&
		claim.Annotations[provisionerAnnotation] == Provisioner
}

func waitsForConsumer(class *storagev1.StorageClass) bool {
	return class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
}

func supported(claim *corev1.PersistentVolumeClaim) error {
	if claim.Spec.VolumeMode != nil && *claim.Spec.VolumeMode == corev1.PersistentVolumeBlock {
		return errors.New("block volumes are not provided here, only filesystems")
	}
	if claim.Spec.DataSource != nil || claim.Spec.DataSourceRef != nil {
		return errors.New("volumes are made empty here, not from a data source")
	}
	return nil
}

// newVolume describes the volume. It is a local volume and not a host path, for
// which the kubelet would not honour fsGroup.
func newVolume(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) *corev1.PersistentVolume {
	name := "pvc-" + string(claim.UID)
	policy := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{madeByAnnotation: Provisioner}},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName:              class.Name,
			PersistentVolumeReclaimPolicy: policy,
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			MountOptions:                  class.MountOptions,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1",
				Kind:       "PersistentVolumeClaim",
				Namespace:  claim.Namespace,
				Name:       claim.Name,
				UID:        claim.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				Local: &corev1.LocalVolumeSource{Path: filepath.Join(Directory, name)},
			},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{"node"},
				}}}},
			}},
		},
	}
}

// reclaim deletes a volume of ours whose claim is gone, and what it held.
func (p *provisioner) reclaim(ctx context.Context, volume *corev1.PersistentVolume) error {
	if !reclaimable(volume) {
		return nil
	}
	if err := os.RemoveAll(volume.Spec.Local.Path); err != nil {
		return err
	}
	precondition := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &volume.UID}}
	err := p.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, precondition)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	p.log.Printf("deleted %s", volume.Name)
	return err
}

func reclaimable(volume *corev1.PersistentVolume) bool {
	return volume.Annotations[madeByAnnotation] == Provisioner && volume.DeletionTimestamp == nil &&
		volume.Status.Phase == corev1.VolumeReleased &&
		volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete &&
		// Only what lies where ours do is ours to remove.
		volume.Spec.Local != nil && volume.Spec.Local.Path == filepath.Join(Directory, volume.Name)
}

// refuse tells the user, in the place they will look, why a claim stays pending.
func (p *provisioner) refuse(ctx context.Context, claim *corev1.PersistentVolumeClaim, reason error) error {
	now := metav1.Now()
	_, err := p.client.CoreV1().Events(claim.Namespace).Create(ctx, &corev1.Event{
		// The same name each time, so that a claim is refused once.
		ObjectMeta: metav1.ObjectMeta{Name: claim.Name + ".not-provided", Namespace: claim.Namespace},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
		},
		Reason:         "ProvisioningFailed",
		Message:        reason.Error(),
		Type:           corev1.EventTypeWarning,
		Source:         corev1.EventSource{Component: Provisioner},
		FirstTimestamp: now,
		LastTimestamp:  now,
		Count:          1,
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
