#!/bin/bash
# Changes the planner and the lifecycle in small ways, one at a time, and says which changes no test
# notices. `make mutants` calls it.
#
#   SHARD=0/40             every fortieth change, beginning with the first; without it all of them
#   JOBS=1                 so many at a time, each in a copy of the work tree
#
# All of them take days on two cores; a shard is an evenly spread sample. The list of what was missed is
# left in mutants.out/, which tells of every change what was run.
set -euo pipefail
# shellcheck source=dev/test/common.sh
. "$(dirname "$0")/common.sh"
cd "$root"
need_compilers
mutants=$(dev/tools/build.sh cargo-mutants)
# What the tests draw by lot is the same every time: a change is missed or caught for itself.
# What walks through millions of combinations walks in longer strides.
export STRIDE=101
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED-20261121} PROPTEST_CASES=${PROPTEST_CASES-32}
shard=()
[ -z "${SHARD-}" ] || shard=(--sharding round-robin --shard "$SHARD")
status=0
"$mutants" mutants --package kulisse-core --profile mutants --no-shuffle --jobs "${JOBS:-1}" "${shard[@]}" --output "$root" "$@" || status=$?
# 2: some were missed; 3: some took too long.
case $status in 0 | 2 | 3) ;; *) exit $status ;; esac
caught=$(wc -l <mutants.out/caught.txt) slow=$(wc -l <mutants.out/timeout.txt) missed=$(wc -l <mutants.out/missed.txt)
say "caught $((caught + slow)) of $((caught + slow + missed)): $((100 * (caught + slow) / (caught + slow + missed))) %; missed: mutants.out/missed.txt"
