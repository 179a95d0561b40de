#!/bin/bash
# Runs every layer of the tests and says at the end what was run, what was skipped and why, and how
# long each took. `make test` calls it.
#
#   dev/test/run.sh [LAYER…]     only these; their names are in the first column below
#
# It builds and starts what it needs and leaves nothing running, also when it is interrupted; what a
# killed run left, the next one takes down. It touches no cluster but its own, or the one that
# KULISSE_TEST_KUBECONFIG names.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=dev/test/common.sh
. "$here/common.sh"
cd "$root"

# name | turn | what it shows | what it needs | command. Turns: `first`, with no test beside it, what is
# compiled or counts seconds; then `clusters`, which mostly wait, and `beside` them, giving way, what only
# computes. Each in this order.
layers='
format     | first    | code is formatted                               | fmt          | cargo fmt --all --check -- --color never
lint       | first    | clippy finds nothing                            | clippy       | cargo clippy --locked --workspace --all-targets -- -D warnings
rustdoc    | first    | documentation builds without a warning          |              | documentation
compile    | first    | every test compiles                             |              | compile
faults     | first    | the proxy that carries out fault plans          |              | targets_of faults
unit       | beside   | units of planner, lifecycle, controller, faults |              | cargo test --locked --no-fail-fast --workspace --lib --bins
planner    | beside   | goldens, properties, corpora                    |              | targets_of core
cli        | beside   | plan offline: outputs, exit codes, errors       |              | target cli
simulation | beside   | the operator in a simulated cluster; faults     |              | target sim
schema     | beside   | definitions equal the types; CEL accepts, refuses |            | target schema
docs       | beside   | the documents say what the code says            |              | target docs
examples   | beside   | every example is valid                          | helm argocd  | target examples
chart      | beside   | the chart, rendered and checked by Helm         | helm cluster | target chart
cluster    | beside   | the development cluster: units                  | cluster      | cluster_units
licences   | beside   | licences, advisories and sources of crates      | deny         | licences
released   | beside   | the released program: static, names its crates  | image        | target released
apiserver  | clusters | scenarios on a real API server                  | cluster helm | target apiserver
e2e        | clusters | pods, network policy, databases: the whole way  | cluster helm image node | target e2e
'

# Arbitrary objects, and the same ones everywhere: what passes here passes elsewhere. Others are tried
# with another seed, or none.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED-20261121}

run=$cache/test/run-$$
logs=$cache/logs/test

# ── Commands that are more than a line

# A test target of tests/. Targets are found by their files, so that none is left out in silence:
# one without a file is an error, and one without a line above is run, too (others).
target_file() { [ -e "tests/$1/main.rs" ] || [ -e "tests/$1.rs" ]; }
# Not captured: what a test says it left out must be in the log.
#
# Always of the whole workspace: crates are compiled once for each set of features that is asked for,
# and a package alone asks for fewer.
target() { cargo test --locked --workspace --test "$1" -- --nocapture; }
targets_of() {
    local file targets=()
    # Cargo builds examples for all tests of a package, and not for those that are named.
    [ ! -d "$1/examples" ] || cargo build --locked --workspace --examples || return
    for file in "$1"/tests/*.rs; do targets+=(--test "$(basename "$file" .rs)"); done
    cargo test --locked --no-fail-fast --workspace "${targets[@]}"
}
others() {
    local file name
    for file in tests/*.rs tests/*/main.rs; do
        name=${file%/main.rs} name=${name##*/} name=${name%.rs}
        if [ -e "$file" ] && ! grep -q "| target $name\$" <<<"$layers"; then echo "$name | beside | tests/$name | | target $name"; fi
    done
}
compile() { cargo test --locked --workspace --no-run; }
documentation() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps; }
# The flags are part of it: with others, Go compiles all of Kubernetes once more.
cluster_units() { (cd dev/cluster && CGO_ENABLED=0 go test -trimpath ./internal/...); }
licences() {
    local deny
    deny=$(cat "$run/deny.built")
    "$deny" --locked check bans licenses sources || return
    if timeout 120 "$deny" --locked fetch db; then
        "$deny" --locked check --disable-fetch advisories
    else
        echo "skipped: advisories: their database is not within reach of this machine"
    fi
}

# ── What layers need

# build NEED…: one after the other, in the background: two cores are soon full.
build() {
    trap 'touch "$run/built"' EXIT
    build_all "$@"
}
build_all() {
    [[ " $* " != *" helm "* ]] || build_one helm dev/helm/build.sh
    [[ " $* " != *" argocd "* ]] || build_one argocd dev/argocd/build.sh
    [[ " $* " != *" cluster "* ]] || build_one cluster dev/cluster/build.sh
    [[ " $* " != *" image "* ]] || build_one image dev/image/build.sh --binary
    [[ " $* " != *" deny "* ]] || build_one deny dev/tools/build.sh cargo-deny
}
build_one() {
    local name=$1 from=$SECONDS
    shift
    if "$@" >"$run/$name.building" 2>"$logs/build-$name.log" </dev/null; then
        say "built: $name ($((SECONDS - from)) s)"
        mv "$run/$name.building" "$run/$name.built"
    else
        say "cannot build: $name; $logs/build-$name.log"
        touch "$run/$name.failed"
    fi
}
built() {
    local waited=$SECONDS
    until [ -e "$run/$1.built" ] || [ -e "$run/$1.failed" ]; do
        sleep 0.5
        if ((SECONDS - waited >= 60)); then say "waiting for the build of $1"; waited=$SECONDS; fi
    done
    [ -e "$run/$1.built" ]
}

# provide NEED: makes it so, or says in `why` why not; 1 to skip the layer, 2 where that is a failure.
provide() {
    case $1 in
    fmt) cargo fmt --version >/dev/null 2>&1 || { why="rustup component add rustfmt"; return 1; } ;;
    clippy) cargo clippy --version >/dev/null 2>&1 || { why="rustup component add clippy"; return 1; } ;;
    deny) built deny || { why="cargo-deny was not built"; return 2; } ;;
    helm) built helm || { why="Helm was not built"; return 2; }
        KULISSE_HELM=$(cat "$run/helm.built") && export KULISSE_HELM ;;
    argocd) built argocd || { why="Argo CD's code was not built"; return 2; }
        KULISSE_ARGOCD=$(cat "$run/argocd.built") && export KULISSE_ARGOCD ;;
    cluster) built cluster || { why="Kubernetes was not built"; return 2; }
        KULISSE_DEVCLUSTER=$(cat "$run/cluster.built")/devcluster && export KULISSE_DEVCLUSTER ;;
    image) built image || { why="the release binary was not built"; return 2; }
        KULISSE_IMAGE_BINARY=$(cat "$run/image.built") && export KULISSE_IMAGE_BINARY ;;
    node) [ "$(id -u)" = 0 ] || [ -n "${KULISSE_TEST_KUBECONFIG-}" ] ||
        { why="needs root for a node, or a cluster in KULISSE_TEST_KUBECONFIG"; return 1; } ;;
    esac
}

# ── Running

layer() {
    local name=$1 what=$2 needs=$3 command=$4 from=$SECONDS why='' need status=0 log=$logs/$1.log
    if [[ $command == target\ * ]] && ! target_file "${command#target }"; then
        record "$name" "$what" MISSING "there is no tests/${command#target }" 0
        return
    fi
    for need in $needs; do
        provide "$need" && continue || status=$?
        record "$name" "$what" "$([ $status = 1 ] && echo skipped || echo FAILED)" "$why" $((SECONDS - from))
        return
    done
    from=$SECONDS
    say "$name …"
    # shellcheck disable=SC2086 # a command line
    $command >"$log" 2>&1 </dev/null || status=$?
    if [ $status != 0 ]; then
        tail -n 25 "$log" | sed 's/^/        /' >&2
        record "$name" "$what" FAILED "$log" $((SECONDS - from))
    elif [[ $command == *"cargo test"* || $command == target* ]]; then
        judge "$name" "$what" "$log" $((SECONDS - from))
    else
        record "$name" "$what" passed "$(sed -n 's/^skipped: /SKIPPED: /p' "$log" | head -n 1)" $((SECONDS - from))
    fi
}

# turn NAME: its layers, one after the other.
turn() {
    local name when what needs command
    while IFS='|' read -r name when what needs command; do
        [ "$when" != "$1" ] || layer "$name" "$what" "$needs" "$command"
    done <<<"$chosen"
}

# Clusters keep time, and compilers leave them none: their turn comes when all is built. From then on
# the process BESIDE, and what it starts, has only what they leave over.
turn_of_clusters() {
    if ! grep -q '|clusters|' <<<"$chosen"; then return; fi
    until [ -e "$run/built" ]; do sleep 0.5; done
    give_way "$1"
    turn clusters
}
give_way() {
    local child
    renice -n 19 -p "$1" >/dev/null 2>&1 || true # it may be done
    while read -r child; do give_way "$child"; done < <(ps -o pid= --ppid "$1")
}

# What a person chooses to leave out. Anything else that a test skips, although what it needs is there,
# is a failure.
chosen_skips='KULISSE_CORPUS is not set|FAULTS=all tries|a cluster that was given'

# Cargo is content where no test was run; we are not.
judge() {
    local ran ignored aloud why
    # What a test leaves out by itself, it says in such a line.
    aloud=$(grep -c '^skipped: ' "$3" || true)
    why=$(grep '^skipped: ' "$3" | grep -Ev "$chosen_skips" | head -n 1 || true)
    if [ -n "$why" ]; then
        record "$1" "$2" FAILED "$why" "$4"
        return
    fi
    read -r ran ignored < <(awk '/^test result:/ { ran += $4; ignored += $8 } END { print ran + 0, ignored + 0 }' "$3")
    [ "$ignored" -ge "$aloud" ] || ignored=$aloud
    if [ "$ran" != 0 ]; then
        record "$1" "$2" passed "$ran tests$([ "$ignored" = 0 ] || echo ", $ignored SKIPPED: $3")" "$4"
    elif [ "$ignored" != 0 ]; then
        record "$1" "$2" skipped "$(sed -n 's/^skipped: [^:]*: //p' "$3" | head -n 1)" "$4"
    else
        record "$1" "$2" FAILED "no test was run: $3" "$4"
    fi
}

# What became of a layer, kept in a file: turns are processes of their own.
record() {
    printf '%-10s  %-50s  %-8s %5s s  %s\n' "$1" "$2" "$3" "$5" "$4" >"$run/results/$1"
    say "$1: $3${4:+ ($4)}"
}
# results WORD…: names of the layers of which this became.
results() {
    local name
    while IFS='|' read -r name _; do
        ! grep -Eqs "  ($1) +[0-9]+ s  " "$run/results/$name" || echo "$name"
    done <<<"$chosen"
}

# What failed, and with which words: often the end of the output is all that somebody gets to see.
failures() {
    printf '\n  %s\n' "$1"
    awk '/^---- .* ----$/ { left = 12 } /^(failures|successes):$/ { left = 0 } NF && left-- > 0' "$1" | cut -c 1-400 |
        head -n 60 | sed 's/^/      /'
}

table() {
    printf '\n══ Tests\n\n'
    local name what skipped failed
    while IFS='|' read -r name _ what _; do
        [ -e "$run/results/$name" ] || record "$name" "$what" "not run" "" 0
        sed 's/^/  /' "$run/results/$name"
    done <<<"$chosen"
    skipped=$(results skipped | wc -l)
    failed=$(results 'FAILED|MISSING|not run')
    for name in $failed; do [ ! -e "$logs/$name.log" ] || failures "$logs/$name.log"; done
    printf '\n  %s in %d s on %d cores' "$([ -z "$failed" ] && echo "No failure" || echo FAILED)" "$((SECONDS - begun))" "$(nproc)"
    [ "$skipped" = 0 ] || printf '; %d layers SKIPPED: what they show was not shown' "$skipped"
    printf '. Logs: %s\n' "$logs"
    [ -z "$failed" ]
}

# ── Leaving nothing behind

# Tests keep their clusters below TMPDIR, which is in the run's own directory.
clean() {
    local dir=$1 record pid
    [ -d "$dir" ] || return 0
    # Everything that a run starts carries its TMPDIR, also what outlived it.
    while read -r pid; do kill -TERM "$pid" 2>/dev/null || true; done < <(
        grep -lsF "TMPDIR=$dir/tmp" /proc/[0-9]*/environ | tr -dc '0-9\n')
    while read -r record; do
        say "taking down ${record%/cluster.json}"
        take_down "${record%/cluster.json}" || true
    done < <(find "$dir" -maxdepth 6 -name cluster.json 2>/dev/null)
    rm -rf --one-file-system "$dir"
}

# Runs that were killed leave their directories.
clean_after_killed_runs() {
    local dir pid
    for dir in "$cache"/test/run-*; do
        [ -d "$dir" ] || continue
        pid=${dir##*-}
        if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'test/run\.sh'; then continue; fi
        say "an earlier run was killed; taking down what it left"
        clean "$dir"
    done
}

leave() {
    local status=$?
    trap - EXIT INT TERM
    local job
    for job in $(jobs -p); do end_tree "$job"; done
    clean "$run"
    exit $status
}

# The lines of the table that are to be run, without the spaces that make it readable.
chosen() {
    local line name
    while read -r line; do
        name=${line%%|*}
        if [ -n "$name" ] && { [ $# = 0 ] || [[ " $* " == *" $name "* ]]; }; then echo "$line"; fi
    done < <({ echo "$layers"; others; } | sed 's/ *| */|/g')
}

main() {
    need_compilers
    need curl curl ps procps
    [ ! -d "$run" ] || clean "$run" # of a killed run that had this number
    mkdir -p "$logs" "$run/tmp" "$run/results"
    rm -f "$logs"/*.log
    trap leave EXIT
    trap 'say interrupted; exit 130' INT TERM
    clean_after_killed_runs
    export TMPDIR=$run/tmp
    chosen=$(chosen "$@")
    [ -n "$chosen" ] || die "No layer is called $*: make test LAYERS=\"unit schema\" takes the names in the table of dev/test/run.sh."
    # shellcheck disable=SC2046 # words
    build $(cut -d'|' -f4 <<<"$chosen") &
    local beside
    turn first &
    wait $!
    # What does not compile fails once, and not in each layer.
    if [ "$(results FAILED | grep -x compile)" != compile ]; then
        turn beside &
        beside=$!
        turn_of_clusters $beside &
        wait $! $beside
    fi
    table
}

main "$@"
