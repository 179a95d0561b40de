#!/bin/bash
# Makes the operator's image for the development cluster, with the content of the release image
# (Dockerfile), without Docker. Prints the image's digest reference.
#
#   dev/image/build.sh [--state DIR]     for one cluster, or for all of this machine
#   dev/image/build.sh --binary          only builds; prints the path of the static program
#
# KULISSE_IMAGE_BINARY names a static program that was built before: then nothing is built.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
build() { # prints the path
    local host RUSTFLAGS
    host=$(rustc -vV | sed -n 's/^host: //p')
    # With an explicit target the flag stays away from build scripts and procedural macros, which
    # cannot be linked statically.
    case $host in
    *-linux-gnu) RUSTFLAGS="-C target-feature=+crt-static" ;;
    *-linux-musl) RUSTFLAGS= ;; # static by itself
    *) echo "image: no static program for $host: the image is for Linux" >&2; return 1 ;;
    esac
    export RUSTFLAGS
    cargo build --release --locked --target "$host" --bin kulisse >&2
    cargo metadata --format-version 1 --locked --no-deps |
        sed "s#.*\"target_directory\":\"\([^\"]*\)\".*#\\1/$host/release/kulisse#"
}
binary=${KULISSE_IMAGE_BINARY:-$(build)}

case ${1-} in
--binary)
    echo "$binary"
    ;;
*)
    bin=$(dev/cluster/build.sh)
    "$bin/devcluster" image --ref "ghcr.io/kulisse-dev/kulisse:$version" --file "$binary=/kulisse" \
        --user 65532 --entrypoint /kulisse "$@"
    ;;
esac
