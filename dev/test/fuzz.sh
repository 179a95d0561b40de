#!/bin/bash
# Lets a fuzzer look for manifests and files that break the planner. `make fuzz` calls it.
#
#   MINUTES=5              of each target
#   TARGETS="file"         only these: the programs of fuzz/
#   KEEP=1                 adds the smallest set of inputs that reach new code to fuzz/corpus/
#
# It starts from the golden cases, from fuzz/corpus/ and from what earlier runs reached, which is kept
# in the cache. What it finds is left in fuzz/found/.
#
# It needs no nightly compiler and no cargo-fuzz: these are the flags that the latter gives, without
# a sanitizer, since there is no unsafe code.
set -euo pipefail
# shellcheck source=dev/test/common.sh
. "$(dirname "$0")/common.sh"
cd "$root/fuzz"
need cargo cargo c++ g++

# Golden cases as texts: DIRECTORY
golden() {
    local case
    for case in ../tests/golden/*/; do
        { cat "$case/environment.yaml"; echo ---; cat "$case/source.yaml"; } >"$1/golden-$(basename "$case")"
    done
}

host=$(rustc -vV | sed -n 's/^host: //p')
flags=(
    --cfg=fuzzing
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Ccodegen-units=1
)
# With --target the flags do not hold for build scripts.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/fuzz RUSTFLAGS="${flags[*]}"
cargo build --locked --target "$host"

status=0
for target in ${TARGETS:-manifests file words environment}; do
    program=$CARGO_TARGET_DIR/$host/debug/$target
    reached=$cache/fuzz/$target
    mkdir -p "$reached" found
    [ "$target" != manifests ] || golden "$reached"
    say "$target: ${MINUTES:-5} minutes"
    "$program" "$reached" "corpus/$target" -max_total_time=$((${MINUTES:-5} * 60)) -timeout=20 \
        -max_len=8192 -len_control=0 \
        -artifact_prefix="found/$target-" -dict=words.dict -print_final_stats=1 || status=$?
    [ -z "${KEEP-}" ] || "$program" -merge=1 "corpus/$target" "$reached"
done
[ $status = 0 ] || die "found something, in fuzz/found/: CONTRIBUTING.md says what to do with it"
