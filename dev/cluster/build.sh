#!/bin/sh
# Builds the cluster's programs and prints the directory they are in.
#
# The result is kept outside the work tree, by the hash of everything it is built
# from, in ${KULISSE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/kulisse}/cluster.
set -eu
cache=$(realpath -m "${KULISSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kulisse}")/cluster
cd "$(dirname "$0")"

key=$(find . -type f ! -name '*_test.go' ! -name '*.md' ! -name smoke.sh ! -path './testdata/*' |
    LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-16)
out=$cache/$key/bin
[ -d "$out" ] && { echo "$out"; exit 0; }

say() { echo "devcluster: $*" >&2; }
command -v go >/dev/null || { say "install Go 1.21 or newer (it fetches the version it needs itself)"; exit 1; }

mkdir -p "$cache/$key"
exec 9>"$cache/lock"
flock 9 # a second build at the same time waits for the first and uses its result
if [ ! -d "$out" ]; then
    version=$(sed -n 's#^.*k8s.io/kubernetes \(v[^ ]*\)$#\1#p' go.mod)
    say "building Kubernetes $version; the first time takes five minutes or more"
    rm -rf "$out.new"
    mkdir "$out.new"
    # Always these flags, in tests too: with others Go compiles all of Kubernetes
    # once more.
    export CGO_ENABLED=0
    build() { nice -n 5 go build -trimpath -buildvcs=false "$@" >&2; }
    stamp=k8s.io/component-base/version
    major=${version#v} minor=${version#v*.}
    build -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=${major%%.*} \
        -X $stamp.gitMinor=${minor%%.*} -X $stamp.gitTreeState=clean \
        -X k8s.io/client-go/pkg/version.gitVersion=$version" -o "$out.new/devcluster" .
    build -ldflags "-s -w" -o "$out.new/" ./cmd/pause ./cmd/policy-gate
    for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl coredns; do
        ln -s devcluster "$out.new/$name"
    done
    mv "$out.new" "$out"
    say "built $out"
fi
echo "$out"
