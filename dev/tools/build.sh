#!/bin/sh
# Builds a subcommand of cargo from its published crate and prints the program's path.
#
#   dev/tools/build.sh NAME     one of those below
#
# The result is kept outside the work tree, by name and version, in
# ${KULISSE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/kulisse}/tools. It is used a few times and not for long:
# unoptimised, it is there in half the time.
set -eu
name=${1-}
case $name in
cargo-auditable) version=0.7.7 ;;
cargo-cyclonedx) version=0.5.9 ;;
cargo-deny) version=0.20.2 ;;
cargo-mutants) version=27.1.0 ;;
*) echo "tools: cargo-auditable, cargo-cyclonedx, cargo-deny or cargo-mutants, not «$name»" >&2; exit 2 ;;
esac
cache=$(realpath -m "${KULISSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kulisse}")/tools
root=$cache/$name-$version
out=$root/bin/$name
[ -x "$out" ] && { echo "$out"; exit 0; }

command -v cargo >/dev/null || { echo "tools: install Rust (https://rustup.rs)" >&2; exit 1; }
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # a second build at the same time waits for the first and uses its result
if [ ! -x "$out" ]; then
    echo "tools: building $name $version; the first time takes some minutes" >&2
    # Not the work tree's build directory, and none of the flags of whoever asks.
    build=$cache/build
    (cd "$cache" && env -u RUSTFLAGS -u CARGO_BUILD_TARGET CARGO_TARGET_DIR="$build" CARGO_PROFILE_DEV_DEBUG=0 \
        nice -n 5 cargo install --quiet --locked --debug --root "$root" "$name@$version" >&2)
    rm -rf "$build"
fi
echo "$out"
