#!/bin/bash
# Measures what bench/README.md describes and prints tables. `make bench` calls it.
#
#   bench/run.sh [plan] [apply] [many]   only these
#
#   BLESS=1      also writes docs/figures/apply.md
#   STRICT=1     being slower than the design allows is a failure, too: on a machine of one's own
#   TIMELINE=1   also prints every request of the operator, with the pauses between them
#   ENVIRONMENTS=200   so many at once, not a thousand
#
# The control plane that it starts goes with it.
set -euo pipefail
# shellcheck source=dev/test/common.sh
. "$(dirname "$0")/../dev/test/common.sh"
cd "$root"

[ $# -gt 0 ] || set -- plan apply many
benches=()
for measure; do
    case $measure in
    # It needs no cluster.
    plan) cargo bench --locked -q -p kulisse-core --bench plan ;;
    apply | many) benches+=(--bench "$measure") ;;
    *) die "There is no measurement $measure: plan, apply, many." ;;
    esac
done
[ ${#benches[@]} -gt 0 ] || exit 0

need curl curl
: "${KULISSE_DEVCLUSTER:=$(dev/cluster/build.sh)/devcluster}"
: "${KULISSE_HELM:=$(dev/helm/build.sh)}"
: "${KULISSE_IMAGE_BINARY:=$(dev/image/build.sh --binary)}"
export KULISSE_DEVCLUSTER KULISSE_HELM KULISSE_IMAGE_BINARY

# The operator that is measured is the release image's program. What measures needs an optimised
# client and nothing of ours optimised; `panic` as release has it would compile every crate twice.
exec cargo bench --locked "${benches[@]}" --profile figures \
    --config 'profile.figures.inherits="release"' \
    --config 'profile.figures.panic="unwind"' \
    --config 'profile.figures.package.kulisse.opt-level=0' \
    --config 'profile.figures.package.kulisse-core.opt-level=0' \
    --config 'profile.figures.package.k8s-openapi.opt-level=0'
