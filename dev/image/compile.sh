#!/bin/sh
# Compiles the program that is released, and prints its path: static, with the list of its crates
# inside (`cargo audit bin` and other scanners read it), and without the paths and the time of this machine, so that
# it can be compared with what is compiled elsewhere (`make reproducible`).
set -eu
cd "$(dirname "$0")/../.."

host=$(rustc -vV | sed -n 's/^host: //p')
# With an explicit target the flags stay away from build scripts and procedural macros, which cannot
# be linked statically.
case $host in
*-linux-gnu) static="-C target-feature=+crt-static" ;;
*-linux-musl) static= ;; # by itself
*) echo "image: no static program for $host: the image is for Linux" >&2; exit 1 ;;
esac
# Where things lie on this machine does not belong in it.
home=${CARGO_HOME:-$HOME/.cargo}
RUSTFLAGS="$static --remap-path-prefix=$home=/cargo --remap-path-prefix=$PWD=/kulisse"
CFLAGS="-ffile-prefix-map=$home=/cargo"
# Nor does when it was compiled, which C code writes down.
SOURCE_DATE_EPOCH=0
tool=$(dev/tools/build.sh cargo-auditable)
PATH=${tool%/*}:$PATH
export RUSTFLAGS CFLAGS SOURCE_DATE_EPOCH PATH
cargo auditable build --release --locked --target "$host" --bin kulisse >&2
cargo metadata --format-version 1 --locked --no-deps |
    sed "s#.*\"target_directory\":\"\([^\"]*\)\".*#\\1/$host/release/kulisse#"
