#!/bin/bash
# Proves a node: brings one up with policies enforced and one without, looks at
# each part, ends one with kill -9 and looks for what is left. Needs root.
set -euo pipefail
cd "$(dirname "$0")"

bin=$(./build.sh)
states=$(mktemp -d)
trap 'status=$?; for s in "$states"/*/cluster.json; do [ -e "$s" ] && "$bin/devcluster" down --state "$(dirname "$s")"; done
      rm -rf "$states"; exit $status' EXIT

begun=$(date +%s%N)
ok() { printf '%6.1f s  ok: %s\n' "$((($(date +%s%N) - begun) / 100000000))e-1" "$*"; }
die() { echo "FAILED: $*" >&2; exit 1; }
eventually() { for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done; die "$*"; }
k() { "$bin/kubectl" --kubeconfig "$state/kubeconfig" "$@"; }
fetch() { k -n stage exec sh -- curl -s -m 2 -o /dev/null "$1"; } # from a pod in stage
field() { "$bin/devcluster" status --state "$state" -o json | sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p"; }
sql() { k -n prod exec db-0 -- psql -h 127.0.0.1 -AtqU postgres -d shop -c "$1"; }

look_around() { # everything but policies, on the cluster in $state
    k apply -f testdata/smoke.yaml >/dev/null
    k -n prod rollout status deploy/web deploy/cache sts/db --timeout=120s >/dev/null
    k -n stage wait --for=condition=Ready pod/sh --timeout=60s >/dev/null
    ok "pods run"
    eventually fetch http://web.prod.svc.cluster.local/
    ok "DNS and a Service"
    local host
    host=$(field ingress)
    answers() { [ "$(curl -s -m 5 -o /dev/null -w '%{http_code}' -H "Host: $1" "http://$host/")" = "$2" ]; }
    eventually answers shop.localhost 200
    eventually answers unknown.localhost 404
    [ "$(k -n prod get ingress web -o 'jsonpath={.status.loadBalancer.ingress[0].ip}')" = 127.0.0.1 ] || die "the Ingress has no address"
    ok "Ingress at http://$host"
    waiting() { [ "$(k -n stage get pod nowhere -o 'jsonpath={.status.containerStatuses[0].state.waiting.reason}')" = "$1" ]; }
    eventually waiting ErrImagePull
    ok "an unknown image is ErrImagePull"
}

volumes() {
    sql 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS n'
    k -n prod delete pod db-0 >/dev/null
    k -n prod rollout status sts/db --timeout=120s >/dev/null
    [ "$(sql 'SELECT count(*) FROM t')" = 1000 ] || die "the data is gone"
    ok "data survives its pod"
    k -n prod delete sts/db pvc/data-db-0 >/dev/null
    none_left() { [ -z "$(k get pv -o name)" ] && [ -z "$(ls "$state/volumes")" ]; }
    eventually none_left
    ok "a deleted claim leaves nothing"
}

digests() {
    local id
    id=$(k -n prod get pod -l app=web -o 'jsonpath={.items[0].status.containerStatuses[0].imageID}')
    case $id in docker.io/library/nginx@sha256:*) ;; *) die "imageID is $id" ;; esac
    k -n stage run pinned --image="$id" >/dev/null
    k -n stage wait --for=condition=Ready pod/pinned --timeout=30s >/dev/null
    "$bin/devcluster" image --state "$state" --ref ghcr.io/example/pause:1 --file "$bin/pause=/app" --entrypoint /app --user 65532 >/dev/null
    k -n stage run own --image=ghcr.io/example/pause:1 >/dev/null
    k -n stage wait --for=condition=Ready pod/own --timeout=30s >/dev/null
    ok "pulls by digest, and an image of one's own"
}

audited() {
    grep -q '"username":"system:serviceaccount:ingress:ingress","uid":"' "$(field auditLog)" || die "the audit log does not know the ingress' account"
    ok "the audit log names service accounts with their UIDs"
}

left_behind() { # what names the cluster in $state, anywhere
    local cgroup=$1
    { find /sys/fs/cgroup -maxdepth 3 -name "$cgroup"
      grep -F "$state" /proc/self/mountinfo
      pgrep -af -- "$state"
      ip -o link show | grep -E 'node[01]|veth'
      ls -d "$state"; } 2>/dev/null || true
}

state=$states/fenced
"$bin/devcluster" up --state "$state"
look_around
digests
k apply -f testdata/fence.yaml >/dev/null
eventually eval '! fetch http://web.prod.svc.cluster.local/'
for _ in 1 2 3; do ! fetch http://web.prod.svc.cluster.local/ 2>/dev/null || die "the fence has a hole"; done
k -n stage exec sh -- getent hosts web.prod.svc.cluster.local >/dev/null || die "DNS is fenced off"
k -n stage run early --restart=Never --image=curlimages/curl:8.10.1 -- curl -s -m 2 http://web.prod.svc.cluster.local/ >/dev/null
k -n stage wait --for=jsonpath='{.status.phase}'=Failed pod/early --timeout=30s >/dev/null || die "a new pod got through before its policy"
ok "policies are enforced, from a pod's first packet on"
volumes
audited
"$bin/devcluster" exec --state "$state" nft list tables | grep -q kulisse_policy || die "exec is not inside"

first=$state state=$states/open
"$bin/devcluster" up --state "$state" --no-network-policy
look_around
k apply -f testdata/fence.yaml >/dev/null
sleep 1
fetch http://web.prod.svc.cluster.local/ || die "a policy is enforced with --no-network-policy"
ok "a second cluster, without policies, at the same time"

cgroup=$(sed -n 's/^ *"cgroup": "\(.*\)",/\1/p' "$state/cluster.json")
kill -9 "$(sed -n '/"processes"/,$s/^ *"pid": \([0-9]*\).*/\1/p' "$state/cluster.json" | head -1)"
eventually eval '! "$bin/devcluster" status --state "$state"'
"$bin/devcluster" up --state "$state" --no-network-policy
"$bin/devcluster" down --state "$state"
[ -z "$(left_behind "$cgroup")" ] || die "left behind: $(left_behind "$cgroup")"
ok "kill -9 of the supervisor, up again, down"

state=$first
cgroup=$(sed -n 's/^ *"cgroup": "\(.*\)",/\1/p' "$state/cluster.json")
"$bin/devcluster" down --state "$state"
[ -z "$(left_behind "$cgroup")" ] || die "left behind: $(left_behind "$cgroup")"
ok "down leaves nothing behind"
