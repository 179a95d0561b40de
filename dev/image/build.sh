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
binary=${KULISSE_IMAGE_BINARY:-$(dev/image/compile.sh)}

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
