#!/bin/bash
# Compiles what is committed twice, at two places with nothing in common but the crates' sources, and
# compares: same bytes, or the build is not reproducible. `make reproducible`.
set -euo pipefail
# shellcheck source=dev/test/common.sh
. "$(dirname "$0")/../test/common.sh"
need_compilers
tmpdir reproducible

home=${CARGO_HOME:-$HOME/.cargo}
commit=$(git -C "$root" rev-parse HEAD)
sums=() programs=()
for place in one another/and/longer; do
    at=$TMPDIR/$place
    mkdir -p "$at/source" "$at/cargo"
    git -C "$root" archive "$commit" | tar -x -C "$at/source"
    [ ! -d "$home/registry" ] || ln -s "$home/registry" "$at/cargo/registry"
    [ ! -e "$home/config.toml" ] || cp "$home/config.toml" "$at/cargo/"
    say "compiling in $at/source …"
    program=$(CARGO_HOME=$at/cargo CARGO_TARGET_DIR=$at/target "$at/source/dev/image/compile.sh" 2>"$at/log") ||
        { tail -n 25 "$at/log" >&2; die "it does not compile"; }
    programs+=("$program")
    sums+=("$(sha256sum <"$program" | cut -d' ' -f1)")
    say "${sums[-1]}  $(stat -c %s "$program") bytes"
done
if [ "${sums[0]}" != "${sums[1]}" ]; then
    # Where they differ is where to look for why.
    mkdir -p "$root/target/twice"
    cp "${programs[0]}" "$root/target/twice/one"
    cp "${programs[1]}" "$root/target/twice/another"
    { cmp -l "${programs[@]}" || true; } | wc -l | sed 's/$/ bytes differ/'
    die "not reproducible: $commit compiles to two different programs, kept in target/twice"
fi
printf '\nreproducible: %s compiles to %s at two places, with %s\n' "${commit:0:12}" "${sums[0]}" "$(rustc -V)"
