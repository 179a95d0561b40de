#!/bin/bash
# Says what the released program consists of, as CycloneDX 1.5 (JSON): each crate with its version,
# its licence and where it comes from. Writes sbom/kulisse.cdx.json. `make sbom`.
set -euo pipefail
# shellcheck source=dev/test/common.sh
. "$(dirname "$0")/../test/common.sh"
need_compilers
tool=$("$root/dev/tools/build.sh" cargo-cyclonedx)
tmpdir sbom

# The tool writes beside every Cargo.toml, and names the folder it was run in.
git -C "$root" ls-files -z -- '*.toml' '*.rs' Cargo.lock | tar -C "$root" --null -T - -c | tar -x -C "$TMPDIR"
cd "$TMPDIR"
"$tool" cyclonedx --quiet --format json --spec-version 1.5 --describe binaries --all \
    --target "$(rustc -vV | sed -n 's/^host: //p')"
mkdir -p "$root/sbom"
sed "s#file://$TMPDIR#file:///kulisse#g" kulisse_bin.cdx.json >"$root/sbom/kulisse.cdx.json"
say "sbom/kulisse.cdx.json: $(grep -c '"type": "library"' "$root/sbom/kulisse.cdx.json") crates"
