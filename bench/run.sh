#!/bin/bash
# Measures what bench/README.md describes and prints a table. `make bench` calls it.
#
#   BLESS=1      also writes docs/figures/apply.md
#   STRICT=1     being slower than the design allows is a failure, too: on a machine of one's own
#   TIMELINE=1   also prints every request of the operator, with the pauses between them
#
# The control plane that it starts goes with it.
set -euo pipefail
# shellcheck source=dev/test/common.sh
. "$(dirname "$0")/../dev/test/common.sh"
cd "$root"

# The planner needs no cluster.
cargo bench --locked -q -p kulisse-core --bench plan

need curl curl
: "${KULISSE_DEVCLUSTER:=$(dev/cluster/build.sh)/devcluster}"
: "${KULISSE_HELM:=$(dev/helm/build.sh)}"
: "${KULISSE_IMAGE_BINARY:=$(dev/image/build.sh --binary)}"
export KULISSE_DEVCLUSTER KULISSE_HELM KULISSE_IMAGE_BINARY

# The operator that is measured is the release image's program. What measures needs an optimised
# client and nothing of ours optimised; `panic` as release has it would compile every crate twice.
exec cargo bench --locked --bench apply --profile figures \
    --config 'profile.figures.inherits="release"' \
    --config 'profile.figures.panic="unwind"' \
    --config 'profile.figures.package.kulisse.opt-level=0' \
    --config 'profile.figures.package.kulisse-core.opt-level=0' \
    --config 'profile.figures.package.k8s-openapi.opt-level=0' \
    "$@"
