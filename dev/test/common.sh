# shellcheck shell=bash
# What the demo, the tests and the Makefile's other targets share: where things are kept, what is
# installed, how a cluster is taken down. Sourced.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=$(realpath -m "${KULISSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kulisse}")
export KULISSE_CACHE=$cache

# Whatever cluster this shell is set up for is none of our business. /dev/null and not unset:
# without the variable, programs read ~/.kube/config.
export KUBECONFIG=/dev/null
while read -r name; do unset "$name"; done < <(compgen -e | grep '^HELM_')

begun=$SECONDS
say() { printf '%4d s  %s\n' "$((SECONDS - begun))" "$*" >&2; }
die() { printf '\n%s\n' "$*" >&2; exit 1; }

# need COMMAND PACKAGE…: installs the packages of commands that are missing, where that is possible.
need() {
    local missing=() wanted=()
    while (($#)); do
        command -v "$1" >/dev/null || { wanted+=("$1"); missing+=("$2"); }
        shift 2
    done
    ((${#missing[@]})) || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "Please install: ${wanted[*]} (Debian: apt-get install ${missing[*]})"
    fi
    say "installing ${missing[*]} (Debian packages)"
    local log=$cache/logs/apt.log
    mkdir -p "${log%/*}"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; } \
        >"$log" 2>&1 </dev/null || { tail -n 15 "$log" >&2; die "apt-get failed; the whole log: $log"; }
}

# What cannot be installed for somebody: their compilers.
need_compilers() {
    command -v cargo >/dev/null || die "Rust is missing: https://rustup.rs"
    command -v go >/dev/null || die "Go is missing (1.21 or newer; Debian 12's is too old): https://go.dev/dl"
    local version
    version=$(go env GOVERSION)
    [[ $version =~ ^go([0-9]+)\.([0-9]+) ]] || die "cannot read the version of Go: $version"
    ((BASH_REMATCH[1] > 1 || BASH_REMATCH[2] >= 21)) || die "$version is too old: Go 1.21 or newer is needed (it then fetches what it needs)"
    # Cargo links with the C compiler, and some crates hold C.
    need cc gcc ld binutils
    [ -e /usr/include/stdlib.h ] || need no-c-library-headers libc6-dev
}

# The kubeconfig, ingress, … of a running cluster: field STATE NAME
# shellcheck disable=SC2154 # bin: whoever asks has built it
field() { "$bin/devcluster" status --state "$1" -o json | sed -n "s/^ *\"$2\": \"\{0,1\}\([^\",]*\).*/\1/p"; }

# Takes down the cluster in a state directory, by the program that started it: the work tree may be
# newer, and building takes minutes.
take_down() {
    local state=$1 program
    [ -e "$state" ] || return 0
    program=$(sed -n 's/^ *"bin": "\([^"]*\)".*/\1/p' "$state/cluster.json" 2>/dev/null | head -n 1)
    [ -x "$program/devcluster" ] || program=$("$root/dev/cluster/build.sh")
    "$program/devcluster" down --state "$state"
}

# Gives the calling script a TMPDIR of its own, which goes with it, and with it clusters below: NAME
tmpdir() {
    mkdir -p "$cache/test"
    TMPDIR=$(mktemp -d "$cache/test/$1-XXXXXX")
    export TMPDIR
    trap leave_tmpdir EXIT
    trap 'exit 130' INT TERM
}
leave_tmpdir() {
    local status=$? record
    while read -r record; do take_down "${record%/cluster.json}" || true; done < <(find "$TMPDIR" -maxdepth 4 -name cluster.json)
    rm -rf --one-file-system "$TMPDIR"
    exit $status
}

# Ends a process and everything it started, leaves first come last: end_tree PID
end_tree() {
    local child
    kill -STOP "$1" 2>/dev/null || return 0 # so that it starts nothing more meanwhile
    while read -r child; do end_tree "$child"; done < <(ps -o pid= --ppid "$1")
    kill -TERM "$1" 2>/dev/null || true
    kill -CONT "$1" 2>/dev/null || true
}
