#!/bin/sh
# Builds the Helm CLI from its published Go module and prints the program's path.
#
# The result is kept outside the work tree, by the hash of go.mod and go.sum, in
# ${KULISSE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/kulisse}/helm.
set -eu
cache=$(realpath -m "${KULISSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kulisse}")/helm
cd "$(dirname "$0")"

key=$(sha256sum go.mod go.sum build.sh | sha256sum | cut -c1-16)
out=$cache/$key/helm
[ -x "$out" ] && { echo "$out"; exit 0; }

command -v go >/dev/null || { echo "helm: install Go 1.21 or newer (it fetches the version it needs itself)" >&2; exit 1; }
mkdir -p "$cache/$key"
exec 9>"$cache/lock"
flock 9 # a second build at the same time waits for the first and uses its result
if [ ! -x "$out" ]; then
    version=$(sed -n 's#^.*helm.sh/helm/v4 \(v[^ ]*\).*#\1#p' go.mod)
    echo "helm: building $version; the first time takes some minutes" >&2
    CGO_ENABLED=0 nice -n 5 go build -trimpath -buildvcs=false \
        -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$version" \
        -o "$out.new" helm.sh/helm/v4/cmd/helm >&2
    mv "$out.new" "$out"
fi
echo "$out"
