#!/bin/bash
# Brings what is derived up to date: the chart's copies of the CustomResourceDefinitions (from
# crds/), and this kustomize base (from the chart, with its default values).
#
#   HELM=path/to/helm deploy/generate.sh
set -euo pipefail
cd "$(dirname "$0")/.."
helm=${HELM:-helm}

# Packaging tools treat symbolic links each in their own way, so the chart holds copies.
if compgen -G 'crds/*.yaml' >/dev/null; then
    mkdir -p charts/kulisse/files/crds
    rm -f charts/kulisse/files/crds/*.yaml
    cp crds/*.yaml charts/kulisse/files/crds/
fi

# The chart as one stream, then a file for each group of its templates. What only Helm reads goes:
# its two labels, and the annotation by which it keeps definitions. So do empty lines at the end of
# an object.
"$helm" template kulisse charts/kulisse --namespace kulisse --set crds.keep=false |
    awk '
        BEGIN {
            group["crds.yaml"] = "crds.yaml"
            group["policies.yaml"] = "policies.yaml"
            group["deployment.yaml"] = group["service.yaml"] = "operator.yaml"
            note = "# Generated from charts/kulisse by deploy/generate.sh: change it there."
        }
        function flush(   file) {
            sub(/\n+$/, "\n", object)
            if (source != "" && object ~ /kind:/) {
                file = "deploy/" (source in group ? group[source] : "rbac.yaml")
                if (!(file in begun)) { printf "%s\n", note >file; begun[file] = 1 }
                printf "---\n%s", object >file
            }
            object = ""
        }
        /^---$/ { flush(); next }
        /^# Source: / { flush(); n = split($3, path, "/"); source = path[n]; next }
        /^ +helm.sh\/chart: / || /^ +app.kubernetes.io\/managed-by: Helm$/ { next }
        object == "" && /^$/ { next }
        { object = object $0 "\n" }
        END { flush() }
    '
