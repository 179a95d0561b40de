#!/bin/sh
# Builds argocd-look, which asks Argo CD's own code how it sees objects, and prints the program's path.
#
# The result is kept outside the work tree, by the hash of its source, in
# ${KULISSE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/kulisse}/argocd.
set -eu
cache=$(realpath -m "${KULISSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kulisse}")/argocd
cd "$(dirname "$0")"

key=$(sha256sum go.mod go.sum main.go build.sh | sha256sum | cut -c1-16)
out=$cache/$key/argocd-look
[ -x "$out" ] && { echo "$out"; exit 0; }

command -v go >/dev/null || { echo "argocd: install Go 1.21 or newer (it fetches the version it needs itself)" >&2; exit 1; }
mkdir -p "$cache/$key"
exec 9>"$cache/lock"
flock 9 # a second build at the same time waits for the first and uses its result
if [ ! -x "$out" ]; then
    echo "argocd: building; the first time takes some minutes" >&2
    CGO_ENABLED=0 nice -n 5 go build -trimpath -buildvcs=false -o "$out.new" . >&2
    mv "$out.new" "$out"
fi
echo "$out"
