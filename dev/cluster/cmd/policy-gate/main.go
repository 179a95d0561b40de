// Policy-gate is a chained CNI plugin: a pod's network is not ready before the
// policies for its address are in force. It is a program of its own because one
// runs for every pod and should start fast.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// config is the part of the plugin's configuration that it needs.
type config struct {
	CNIVersion string          `json:"cniVersion"`
	Socket     string          `json:"socket"`
	Previous   json.RawMessage `json:"prevResult"`
}

func main() {
	var c config
	if err := json.NewDecoder(os.Stdin).Decode(&c); err != nil {
		fail(c, err)
	}
	switch os.Getenv("CNI_COMMAND") {
	case "VERSION":
		fmt.Println(`{"cniVersion":"0.4.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}`)
	case "ADD":
		if err := waitForPolicy(c); err != nil {
			fail(c, err)
		}
		os.Stdout.Write(c.Previous)
	}
}

func waitForPolicy(c config) error {
	var result struct {
		IPs []struct{ Address string }
	}
	if err := json.Unmarshal(c.Previous, &result); err != nil {
		return err
	}
	if len(result.IPs) == 0 {
		return errors.New("the plugin before this one gave the pod no address")
	}
	address, _, _ := strings.Cut(result.IPs[0].Address, "/")
	connection, err := net.Dial("unix", c.Socket)
	if err != nil {
		return err
	}
	defer connection.Close()
	fmt.Fprintf(connection, "%s/%s %s %s\n",
		argument("K8S_POD_NAMESPACE"), argument("K8S_POD_NAME"), argument("K8S_POD_UID"), address)
	answer, err := bufio.NewReader(connection).ReadString('\n')
	if answer = strings.TrimSpace(answer); answer != "ok" {
		return fmt.Errorf("network policy is not in force: %s %v", answer, err)
	}
	return nil
}

// argument looks up what the container runtime says about the pod.
func argument(name string) string {
	for _, pair := range strings.Split(os.Getenv("CNI_ARGS"), ";") {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value
		}
	}
	return ""
}

// fail reports the way CNI wants it: an object on stdout.
func fail(c config, err error) {
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"cniVersion": c.CNIVersion, "code": 100, "msg": err.Error()})
	os.Exit(1)
}
