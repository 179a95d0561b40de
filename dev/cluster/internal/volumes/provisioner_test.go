package volumes

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func claim(change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	class := "standard"
	c := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "prod", Name: "data", UID: "1-2-3",
			Annotations: map[string]string{provisionerAnnotation: Provisioner, nodeAnnotation: "node"},
		},
		Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &class},
	}
	change(c)
	return c
}

func TestWhichClaimsAreOurs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*corev1.PersistentVolumeClaim)
		want   bool
	}{
		"a waiting one":          {func(*corev1.PersistentVolumeClaim) {}, true},
		"bound already":          {func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeName = "pv" }, false},
		"another provisioner's":  {func(c *corev1.PersistentVolumeClaim) { c.Annotations[provisionerAnnotation] = "x" }, false},
		"not yet time":           {func(c *corev1.PersistentVolumeClaim) { c.Annotations = nil }, false},
		"without a class":        {func(c *corev1.PersistentVolumeClaim) { c.Spec.StorageClassName = nil }, false},
		"one that is on its way": {func(c *corev1.PersistentVolumeClaim) { c.DeletionTimestamp = &metav1.Time{} }, false},
	} {
		if got := wanted(claim(c.change)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestVolumeBelongsToItsClaim(t *testing.T) {
	retain := corev1.PersistentVolumeReclaimRetain
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "retain"}, ReclaimPolicy: &retain}
	v := newVolume(claim(func(*corev1.PersistentVolumeClaim) {}), class)
	if v.Name != "pvc-1-2-3" || v.Spec.ClaimRef.UID != "1-2-3" || v.Spec.ClaimRef.Namespace != "prod" {
		t.Errorf("%s for %v", v.Name, v.Spec.ClaimRef)
	}
	if v.Spec.PersistentVolumeReclaimPolicy != retain || v.Spec.StorageClassName != "retain" {
		t.Errorf("the class is not followed: %v", v.Spec)
	}
}

func TestOnlyReleasedVolumesOfOursAreDeleted(t *testing.T) {
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "standard"}}
	for name, c := range map[string]struct {
		change func(*corev1.PersistentVolume)
		want   bool
	}{
		"released":         {func(*corev1.PersistentVolume) {}, true},
		"bound":            {func(v *corev1.PersistentVolume) { v.Status.Phase = corev1.VolumeBound }, false},
		"to be retained":   {func(v *corev1.PersistentVolume) { v.Spec.PersistentVolumeReclaimPolicy = "Retain" }, false},
		"somebody else's":  {func(v *corev1.PersistentVolume) { v.Annotations = nil }, false},
		"another's path":   {func(v *corev1.PersistentVolume) { v.Spec.Local.Path = "/etc" }, false},
		"not a local one":  {func(v *corev1.PersistentVolume) { v.Spec.Local = nil }, false},
		"deleted already":  {func(v *corev1.PersistentVolume) { v.DeletionTimestamp = &metav1.Time{} }, false},
		"a neighbour's":    {func(v *corev1.PersistentVolume) { v.Spec.Local.Path = Directory + "/pvc-4" }, false},
		"above all others": {func(v *corev1.PersistentVolume) { v.Spec.Local.Path = Directory }, false},
	} {
		v := newVolume(claim(func(*corev1.PersistentVolumeClaim) {}), class)
		v.Status.Phase = corev1.VolumeReleased
		c.change(v)
		if got := reclaimable(v); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhatIsNotProvidedIsRefused(t *testing.T) {
	block := corev1.PersistentVolumeBlock
	for name, change := range map[string]func(*corev1.PersistentVolumeClaim){
		"block":       func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeMode = &block },
		"data source": func(c *corev1.PersistentVolumeClaim) { c.Spec.DataSource = &corev1.TypedLocalObjectReference{} },
	} {
		if supported(claim(change)) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
