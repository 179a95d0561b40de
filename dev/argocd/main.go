// argocd-look says how Argo CD sees objects, by Argo CD's own code: their health,
// and which actions it offers and what those make of them.
//
//	argocd-look CONFIGMAP FILE…
//
// CONFIGMAP is a manifest of argocd-cm, each FILE one of an object. It prints a line
// of JSON for each object.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const customizations = "resource.customizations."

type sight struct {
	Health  string         `json:"health"`
	Message string         `json:"message"`
	Offered map[string]any `json:"offered"`
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "argocd-look CONFIGMAP FILE…")
		os.Exit(2)
	}
	overrides, err := read(os.Args[1])
	for _, file := range os.Args[2:] {
		if err == nil {
			err = look(overrides, file)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "argocd-look:", err)
		os.Exit(1)
	}
}

// read finds what the ConfigMap says of each kind.
func read(file string) (map[string]v1alpha1.ResourceOverride, error) {
	var config struct{ Data map[string]string }
	if err := load(file, &config); err != nil {
		return nil, err
	}
	overrides := map[string]v1alpha1.ResourceOverride{}
	for key, value := range config.Data {
		what, kind, _ := strings.Cut(strings.TrimPrefix(key, customizations), ".")
		kind = strings.Replace(kind, "_", "/", 1)
		override := overrides[kind]
		switch what {
		case "health":
			override.HealthLua = value
		case "actions":
			override.Actions = value
		}
		overrides[kind] = override
	}
	return overrides, nil
}

func look(overrides map[string]v1alpha1.ResourceOverride, file string) error {
	object := &unstructured.Unstructured{}
	if err := load(file, &object.Object); err != nil {
		return err
	}
	vm := lua.VM{ResourceOverrides: overrides}
	script, _, err := vm.GetHealthScript(object)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	health, err := vm.ExecuteHealthLua(object, script)
	if err != nil {
		return fmt.Errorf("%s: health: %w", file, err)
	}
	seen := sight{Health: string(health.Status), Message: health.Message, Offered: map[string]any{}}
	discovery, err := vm.GetResourceActionDiscovery(object)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	actions, err := vm.ExecuteResourceActionDiscovery(object, discovery)
	if err != nil {
		return fmt.Errorf("%s: discovery: %w", file, err)
	}
	for _, action := range actions {
		if action.Disabled {
			continue
		}
		definition, err := vm.GetResourceAction(object, action.Name)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", file, action.Name, err)
		}
		changed, err := vm.ExecuteResourceAction(object.DeepCopy(), definition.ActionLua, nil)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", file, action.Name, err)
		}
		for _, it := range changed {
			seen.Offered[action.Name] = it.UnstructuredObj.GetAnnotations()
		}
	}
	return json.NewEncoder(os.Stdout).Encode(seen)
}

func load(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
