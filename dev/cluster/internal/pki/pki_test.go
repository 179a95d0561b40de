package pki

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func issued(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	authority, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := authority.IssueAll("https://127.0.0.1:6443", "10.77.0.1"); err != nil {
		t.Fatal(err)
	}
	return dir
}

func load(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestServerCertificatesAnswerToTheirNames(t *testing.T) {
	dir := issued(t)
	roots := x509.NewCertPool()
	roots.AddCert(load(t, dir, "ca"))
	for name, hosts := range map[string][]string{
		"apiserver":          {"127.0.0.1", "10.77.0.1", "10.96.0.1", "kubernetes.default.svc", "localhost"},
		"kubelet":            {"node", "10.77.0.1", "127.0.0.1"},
		"scheduler":          {"127.0.0.1"},
		"controller-manager": {"127.0.0.1"},
	} {
		cert := load(t, dir, name)
		for _, host := range hosts {
			if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
				t.Errorf("%s for %s: %v", name, host, err)
			}
		}
	}
}

func TestClientsAreWhoTheyShouldBe(t *testing.T) {
	dir := issued(t)
	for name, want := range map[string]string{
		"admin":              "kubernetes-admin system:masters",
		"kubelet":            "system:node:node system:nodes",
		"proxy":              "system:kube-proxy ",
		"scheduler":          "system:kube-scheduler ",
		"controller-manager": "system:kube-controller-manager ",
	} {
		subject := load(t, dir, name).Subject
		if got := subject.CommonName + " " + strings.Join(subject.Organization, ","); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestKeysAreSecret(t *testing.T) {
	dir := issued(t)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %v", f.Name(), info.Mode())
		}
	}
}
