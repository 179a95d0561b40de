// Package pki makes the keys and certificates of one cluster. They live as long
// as the cluster and are never renewed.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs the certificates of one cluster and writes them to a directory.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  time.Time
}

// leaf describes one certificate: NAME.crt and NAME.key, and whom it is for.
type leaf struct {
	name, user, group string
	hosts             []string // addresses and names it serves; none for a client only
}

// New makes an authority and writes ca.crt and ca.key.
func New(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, now: time.Now()}
	key, err := a.newKey("ca")
	if err != nil {
		return nil, err
	}
	template := a.template("dev-cluster-ca")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage |= x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	a.key = key
	return a, a.write("ca.crt", "CERTIFICATE", der)
}

// IssueAll writes every certificate of a cluster whose machines answer to the
// given addresses and names, the key that signs service account tokens, and a
// kubeconfig for each component that calls the API server at the given URL.
func (a *Authority) IssueAll(server string, hosts ...string) error {
	if err := a.serviceAccountKey(); err != nil {
		return err
	}
	local := []string{"localhost", "127.0.0.1"}
	api := append([]string{"kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local", "10.96.0.1"}, append(local, hosts...)...)
	for _, l := range []leaf{
		{"apiserver", "kube-apiserver", "", api},
		{"apiserver-kubelet", "kube-apiserver-kubelet-client", "system:masters", nil},
		{"front-proxy", "front-proxy-client", "", nil},
		{"controller-manager", "system:kube-controller-manager", "", local},
		{"scheduler", "system:kube-scheduler", "", local},
		{"proxy", "system:kube-proxy", "", nil},
		{"kubelet", "system:node:node", "system:nodes", append([]string{"node"}, append(local, hosts...)...)},
		{"admin", "kubernetes-admin", "system:masters", nil},
	} {
		if err := a.issue(l); err != nil {
			return fmt.Errorf("certificate %s: %w", l.name, err)
		}
		if err := WriteKubeconfig(a.dir, l.name, server, filepath.Join(a.dir, l.name+".kubeconfig")); err != nil {
			return err
		}
	}
	return nil
}

func (a *Authority) issue(l leaf) error {
	key, err := a.newKey(l.name)
	if err != nil {
		return err
	}
	template := a.template(l.user)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if l.group != "" {
		template.Subject.Organization = []string{l.group}
	}
	if len(l.hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, host := range l.hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return err
	}
	return a.write(l.name+".crt", "CERTIFICATE", der)
}

func (a *Authority) serviceAccountKey() error {
	key, err := a.newKey("sa")
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	return a.write("sa.pub", "PUBLIC KEY", der)
}

func (a *Authority) template(user string) *x509.Certificate {
	// The serial number must only differ between certificates of one authority.
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: user},
		// A laptop's clock may be set back a little while the cluster runs.
		NotBefore: a.now.Add(-time.Hour),
		NotAfter:  a.now.AddDate(1, 0, 0),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
}

func (a *Authority) newKey(name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, a.write(name+".key", "EC PRIVATE KEY", der)
}

func (a *Authority) write(file, kind string, der []byte) error {
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	return os.WriteFile(filepath.Join(a.dir, file), block, 0o600)
}
