# shellcheck shell=bash
# The demo's stage: programs, cluster, operator, production. Sourced by demo.sh.
# shellcheck disable=SC2154,SC2034 # variables of the other files, and for them

# step TITLE
step() {
    section=$*
    printf '\n── %s\n' "$section"
}

# run NAME WHAT COMMAND…: runs something long with its output in a log, and says that it goes on.
run() {
    local log=$logs/$1.log what=$2 from=$SECONDS pid waited said=1
    shift 2
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        sleep 0.3
        waited=$((SECONDS - from))
        ((waited > said)) || continue
        if [ -t 2 ]; then
            printf '\r%4d s  %s … %d s ' "$((SECONDS - begun))" "$what" "$waited" >&2
        elif ((waited >= said + 30)); then
            say "$what … $waited s"
        else
            continue
        fi
        said=$waited
    done
    [ ! -t 2 ] || printf '\r\033[K' >&2
    if wait $pid; then
        say "$what: done ($((SECONDS - from)) s)"
    else
        tail -n 20 "$log" >&2
        say "$what failed; the whole log: $log"
        return 1
    fi
}

k() { "$bin/kubectl" "$@"; }

# eventually SECONDS COMMAND…: tries again until it holds.
eventually() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < until)) || return 1
        sleep 0.5
    done
}

build_everything() {
    step "Building what is missing"
    run kubernetes "Kubernetes (first time: 5 minutes and more)" "$root/dev/cluster/build.sh"
    bin=$("$root/dev/cluster/build.sh")
    run helm "Helm" "$root/dev/helm/build.sh"
    helm=$("$root/dev/helm/build.sh")
    run operator "the operator" "$root/dev/image/build.sh" --binary
    kulisse=$("$root/dev/image/build.sh" --binary 2>/dev/null)
}

# Always a new one: whatever an earlier run left, also one that was killed, is gone with its cluster.
start_cluster() {
    step "A cluster of one node"
    run down "taking down what an earlier demo left" "$bin/devcluster" down --state "$state"
    run cluster "Kubernetes (first time: a minute for images)" "$bin/devcluster" up --mode node --state "$state"
    export KUBECONFIG=$state/kubeconfig
    ingress=$(field "$state" ingress)
    audit=$(field "$state" auditLog)
    say "$(k version -o json | sed -n '/"serverVersion"/,/}/s/.*"gitVersion": "\(.*\)".*/Kubernetes \1/p'), $(k get nodes --no-headers | wc -l) node, KUBECONFIG=$KUBECONFIG"
}

install_operator() {
    step "The operator, from its Helm chart"
    # By digest: the tag is the same for every build of this version.
    local image
    image=$("$root/dev/image/build.sh" --state "$state" 2>"$logs/image.log") || { tail "$logs/image.log" >&2; die "no image"; }
    k apply -f "$examples/shop" >"$logs/shop.log" # pulls its images meanwhile
    run install "helm install kulisse charts/kulisse" "$helm" install kulisse "$root/charts/kulisse" \
        --namespace kulisse --create-namespace --set "image.digest=${image##*@}" --wait --timeout 3m
    say "runs as $image"
}

production_serves() { holds "$(from_ingress shop.example.com /api/orders)" 'Production Customer'; }

# A page through the ingress, for hosts that DNS does not know: from_ingress HOST PATH
# On a busy machine one answer may fail, as anywhere: it is asked for again.
from_ingress() {
    curl -fsS --max-time 10 --retry 5 --retry-delay 1 --retry-all-errors --resolve "$1:${ingress##*:}:${ingress%:*}" "http://$1:${ingress##*:}$2"
}

deploy_production() {
    step "Production: the application of examples/shop"
    k apply -f "$examples/shop/data" >>"$logs/shop.log"
    local workload
    for workload in statefulset/postgres deployment/{redis,catalog-db,api,web,catalog,ops}; do
        run "shop-${workload#*/}" "$workload" "$bin/kubectl" -n "$source" rollout status "$workload" --timeout=180s
    done
    run shop-data "production's rows" "$bin/kubectl" -n "$source" wait --for=condition=Complete --timeout=120s job/load-production-data
    eventually 60 production_serves || die "production does not serve its orders; KUBECONFIG=$KUBECONFIG"
    say "http://shop.example.com serves $(sql "$source" 'SELECT count(*) FROM orders') orders to its customers, with $(replicas "$source" web) web servers"
}
