#!/bin/bash
# Prints figures, each beside the yardstick of the same run. `make bench` calls it.
#
# Prepares what the measurements need, with the release build of everything, and leaves nothing
# running: bench/run.sh keeps its clusters below TMPDIR.
set -euo pipefail
# shellcheck source=dev/test/common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
[ -x bench/run.sh ] || die "There is no bench/run.sh: nothing was measured."

need_compilers
tmpdir bench
KULISSE_DEVCLUSTER=$(dev/cluster/build.sh)/devcluster
KULISSE_HELM=$(dev/helm/build.sh)
KULISSE_IMAGE_BINARY=$(dev/image/build.sh --binary)
export KULISSE_DEVCLUSTER KULISSE_HELM KULISSE_IMAGE_BINARY
bench/run.sh "$@"
