#!/bin/bash
# Kills the operator before, after and between every one of its writes, on a real API server; answers
# every request wrongly, and loses, doubles and delays every event of a watch. `make faults-cluster` calls it.
#
#   dev/test/faults.sh [FAMILY…]     all, which is every kill (the default); answers; events
#
#   EVERY=6                          of answers and events one plan in six, by lot; all of them take hours
#   EVERY=6 LOT=1                    another sixth: those from 0, the default, to 5 make up the whole
#
# Each prints a line per plan, and a sum that begins with `figure:`.
set -euo pipefail
# shellcheck source=dev/test/common.sh
. "$(dirname "$0")/common.sh"
cd "$root"

need_compilers
tmpdir faults
KULISSE_DEVCLUSTER=$(dev/cluster/build.sh)/devcluster
export KULISSE_DEVCLUSTER
for family in "${@:-all}"; do
    FAULTS=$family cargo test --locked --workspace --test apiserver -- --nocapture 'killed at its writes'
done
