#!/bin/bash
# Runs the operator on this machine, for a development cluster, as its ServiceAccount: with the
# rights that it has in a cluster and no others. `make dev` calls it.
#
#   dev/image/outside.sh STATE
set -euo pipefail
# shellcheck source=dev/test/common.sh
. "$(dirname "$0")/../test/common.sh"
cd "$root"
state=${1:?the state directory of a cluster}

need_compilers
bin=$(dev/cluster/build.sh)
"$bin/devcluster" status --state "$state" >/dev/null 2>&1 || "$bin/devcluster" up --mode node --state "$state"
admin=$state/kubeconfig

# All of the installation but the operator itself: it would be the second one.
"$bin/kubectl" --kubeconfig "$admin" apply --server-side --force-conflicts \
    -f deploy/namespace.yaml -f deploy/crds.yaml -f deploy/rbac.yaml -f deploy/policies.yaml >/dev/null
if "$bin/kubectl" --kubeconfig "$admin" -n kulisse get deployment kulisse >/dev/null 2>&1; then
    die "An operator is installed in this cluster already (deployment kulisse in namespace kulisse)."
fi
# The pods that probe the fence run its image.
image=$(dev/image/build.sh --state "$state")

# A kubeconfig that acts as the account. The API server checks its rights as it would in a cluster.
account=$state/operator.kubeconfig
umask 077
sed 's/user: {client-/user: {as: "system:serviceaccount:kulisse:kulisse", as-groups: ["system:serviceaccounts", '\
'"system:serviceaccounts:kulisse", "system:authenticated"], client-/' "$admin" >"$account"
"$bin/kubectl" --kubeconfig "$account" auth whoami -o 'jsonpath={.status.userInfo.username}{"\n"}' |
    grep -qx system:serviceaccount:kulisse:kulisse || die "the kubeconfig does not act as the operator's account"

say "export KUBECONFIG=$admin PATH=$bin:\$PATH    (for another terminal)"
# Its own address means nothing to pods; the node's kubelet is alive and out of targets' reach, too.
KUBECONFIG=$account exec cargo run --locked -- run --image "$image" \
    --listen 127.0.0.1:18080 --probe-control 10.77.0.1:10250 --log-format text
