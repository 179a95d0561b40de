# shellcheck shell=bash
# What the demo looks at, and how. Sourced by demo.sh.
# shellcheck disable=SC2154,SC2317 # variables of the other files; functions that are called by name

# ── Asking

# sql NAMESPACE QUERY: a query in the PostgreSQL of a namespace, asked by the psql beside it.
sql() {
    # shellcheck disable=SC2016 # for the shell in the container
    k -n "$1" exec postgres-0 -- sh -c 'exec psql -X -U "$POSTGRES_USER" -d "$POSTGRES_DB" -AtF " | " -c "$1"' sh "$2"
}
env_field() { k -n "$requests" get stagingenvironment "$environment" -o "jsonpath={$1}"; }
replicas() { k -n "$1" get deployment "$2" -o 'jsonpath={.spec.replicas}'; }
pod_ip() { k -n "$1" get pod -l "$2" -o 'jsonpath={.items[0].status.podIP}'; }

# secret NAMESPACE NAME KEY: the hash of a value. Values themselves are never printed.
secret() {
    local value
    value=$(k -n "$1" get secret "$2" -o "go-template={{index .data \"$3\"}}") || return
    [ -n "$value" ] && [ "$value" != '<no value>' ] || return
    sha256sum <<<"$value"
}

# way NAMESPACE WORKLOAD HOST PORT: `open` or `closed`, as a pod of the workload sees it. Nothing at
# all where the pod could not be asked, so that this is taken for neither.
way() {
    # shellcheck disable=SC2016 # for the shell in the container
    k -n "$1" exec "deployment/$2" -- bash -c \
        'if timeout 2 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; then echo open; else echo closed; fi' bash "$3" "$4"
}

# Where a way must be open, it is tried again: a busy machine is slow. Where it must be closed, once
# open is open.
leads() {
    local seen
    for _ in 1 2 3 4 5; do
        seen=$(way "$@")
        [ "$seen" != open ] || return 0
        sleep 1
    done
    echo "is '$seen'"
    return 1
}

# Writes of the operator, and of anything that runs in its targets, to the namespace of production.
writes_to_production() {
    grep -F '"stage":"ResponseComplete"' "$audit" |
        grep -E '"username":"system:serviceaccount:(kulisse|stg-[^:"]*):' |
        grep -E "\"namespace\":\"$source\"|/namespaces/${source}[/?\"]" |
        grep -vE '"verb":"(get|list|watch)"' |
        sed 's/.*"requestURI":"\([^"]*\)","verb":"\([^"]*\)".*/\2 \1/' || true
}
reads_of_production() {
    grep -F '"username":"system:serviceaccount:kulisse:kulisse"' "$audit" |
        grep -F "\"namespace\":\"$source\"" | grep -cE '"verb":"(get|list|watch)"' || true
}

# Everything in the cluster that is in no namespace, and what Kulisse keeps in namespaces.
cluster_objects() {
    local kinds
    kinds=$(k api-resources --namespaced=false --verbs=list -o name | sort | paste -sd,) &&
        { k get "$kinds" -o name && k get secrets,configmaps -n kulisse -o name &&
            k get stagingenvironments,stagingplans -A -o name; } 2>/dev/null | sort
}
orders_of_production() { sql "$source" "SELECT count(*), md5(string_agg(o::text, ',' ORDER BY id)) FROM orders o"; }
charges() { sql "$1" 'SELECT count(*) FROM charges'; }

# ── The environment's life

remember_before() {
    objects_before=$(cluster_objects)
    orders_before=$(orders_of_production)
    charges_before=$(charges "$source")
}

# What the owners of production and the platform team do once.
allow_environments() {
    local file
    for file in 00-namespace 10-grant 20-class; do k apply -f "$examples/quickstart/$file.yaml"; done
    # Preview URLs with the port at which the ingress listens on this machine.
    k patch stagingclass preview --type merge -p "{\"spec\":{\"expose\":{\"port\":${ingress##*:}}}}"
}

apply_environment() {
    k create -f "$examples/quickstart/30-environment.yaml"
    asked=$SECONDS
}

follow_environment() {
    # Bounded, and ended with the demo even if that is killed: a watcher has no end of its own.
    setpriv --pdeathsig TERM timeout --foreground 420 "$kulisse" status -w -n "$requests" "$environment" || true
    target=$(env_field '.status.namespaces[0].name')
    url=$(env_field .status.url)
    took=$((SECONDS - asked))
    check "kubectl wait --for=condition=Ready: true, $took s after it was asked for" \
        k -n "$requests" wait --for=condition=Ready --timeout=5s "stagingenvironment/$environment"
    [ "$(env_field '.status.conditions[?(@.type=="Ready")].status')" = True ]
}

explain_trouble() {
    say "it did not become ready; this is what there is to see:"
    k -n "$requests" get stagingenvironment "$environment" \
        -o 'jsonpath={range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\n"}{end}' || true
    [ -z "$target" ] || k -n "$target" get pods,jobs || true
    k -n kulisse logs deployment/kulisse --tail=20 || true
}

look_at_preview() {
    local host=${url#http://} page
    host=${host%%[:/]*}
    say "$url (host and port: ${url#http://})"
    page=$(from_ingress "$host" /api/orders) || page=
    check "the preview URL answers with the rows it was seeded with" holds "$page" 'Ada Lovelace'
    check "and with none of production's" lacks "$page" 'Production Customer'
    check "its port is that of the ingress: the URL can be opened as it is" holds "$url" ":${ingress##*:}"
    check "the API talks to its own Redis, with the clone's password" holds "$(from_ingress "$host" /api/visits)" visits
}

look_at_data() {
    local customers
    customers=$(sql "$target" 'SELECT id, customer, item FROM orders ORDER BY id') || customers=
    echo "  SELECT id, customer, item FROM orders, in the PostgreSQL of $target:"
    echo "    ${customers//$'\n'/$'\n'    }"
    check "the clone's PostgreSQL holds the three seeded orders" equal "$(wc -l <<<"$customers")" 3
    check "and none of production's" lacks "$customers" 'Production Customer'
    check "it has a volume of its own" differ "$(k -n "$source" get pvc data-postgres-0 -o 'jsonpath={.spec.volumeName}')" \
        "$(k -n "$target" get pvc data-postgres-0 -o 'jsonpath={.spec.volumeName}')"
}

look_at_credentials() {
    local entry name key
    for entry in postgres/POSTGRES_PASSWORD catalog-db/POSTGRES_PASSWORD redis/password redis/url api-database/DATABASE_URL; do
        name=${entry%/*} key=${entry#*/}
        check "Secret $name: $key differs from production's (compared by hash)" \
            differ "$(secret "$source" "$name" "$key")" "$(secret "$target" "$name" "$key")"
    done
    for key in POSTGRES_USER POSTGRES_DB; do
        check "Secret postgres: $key is the same, and looks like production's password" \
            equal "$(secret "$target" postgres "$key")" "$(secret "$source" postgres POSTGRES_PASSWORD)"
    done
}

look_at_size() {
    check "web runs once in the clone" equal "$(replicas "$target" web)" 1
    check "and three times in production" equal "$(replicas "$source" web)" 3
    check "the CronJob that charges customers is suspended" equal \
        "$(k -n "$target" get cronjob charge-customers -o 'jsonpath={.spec.suspend}')" true
    check "nobody was charged by the clone" equal "$(charges "$target")" 0
}

look_at_fence() {
    local service postgres web
    service=$(k -n "$source" get service web -o 'jsonpath={.spec.clusterIP}')
    postgres=$(pod_ip "$source" app=postgres) web=$(pod_ip "$source" app.kubernetes.io/name=web)
    local ways=("api.$source.svc.cluster.local 8080 Service api, by name" "$service 80 Service web, by address"
        "$postgres 5432 pod of postgres" "$web 80 pod of web" "10.96.0.1 443 Kubernetes API") each host port what
    for each in "${ways[@]}"; do
        read -r host port what <<<"$each"
        # The same question from production's own pod: what is dead anyway would prove nothing.
        check "production's $what: alive for production's api" leads "$source" api "$host" "$port"
        check "production's $what: closed for the clone's api" equal "$(way "$target" api "$host" "$port")" closed
    done
    check "the clone's DNS answers" k -n "$target" exec deployment/api -- getent hosts redis
    check "the clone's api reaches its PostgreSQL" leads "$target" api postgres 5432
    check "the clone's web reaches its api" leads "$target" web api 8080
    check "web and postgres, which production keeps apart, are apart" equal "$(way "$target" web postgres 5432)" closed
    check "the clone's catalog reaches its own database" leads "$target" catalog catalog-db 5432
    check "catalog and postgres are apart" equal "$(way "$target" catalog postgres 5432)" closed
    check "ops, which has rights there, reaches the Kubernetes API" leads "$target" ops 10.96.0.1 443
}

look_at_access() {
    local person=dev@example.com fence
    fence=$(k -n "$target" get networkpolicies -o name | head -n 1)
    check "$person reads logs in the clone" k --as "$person" -n "$target" logs deployment/api --tail=1
    check "and runs programs in its pods" k --as "$person" -n "$target" exec deployment/api -- true
    check "but does not read its Secrets" forbidden k --as "$person" -n "$target" get secret postgres -o name
    check "nor open its fence" forbidden k --as "$person" -n "$target" delete "$fence" --dry-run=server
    check "nor can its administrator" forbidden k -n "$target" delete "$fence" --dry-run=server
    check "and sees nothing of production" forbidden k --as "$person" -n "$source" get pods
}
forbidden() {
    local said
    if said=$("$@" 2>&1); then echo "was allowed: $said"; return 1; fi
    grep -qi forbidden <<<"$said" || { echo "$said"; return 1; }
}

# ── The end

expire() {
    local started elapsed before deleted late
    started=$(env_field .status.startedAt) before=$(env_field .status.expiresAt)
    elapsed=$(($(date +%s) - $(date -d "$started" +%s)))
    k -n "$requests" patch stagingenvironment "$environment" --type merge \
        -p "{\"spec\":{\"lifecycle\":{\"ttl\":\"$((elapsed + 30))s\",\"warnBefore\":\"15s\",\"onExpiry\":\"Delete\"}}}" >/dev/null
    moved() { [ "$(env_field .status.expiresAt)" != "$before" ]; }
    eventually 15 moved || true
    expires=$(env_field .status.expiresAt)
    say "its TTL is now $((elapsed + 30)) s: it expires at $expires, in $(($(date -d "$expires" +%s) - $(date +%s))) s"
    run gone "waiting for its end" timeout 240 "$bin/kubectl" -n "$requests" wait --for=delete --timeout=230s \
        "stagingenvironment/$environment"
    deleted=$(grep -F '"stage":"ResponseComplete"' "$audit" | grep -F '"verb":"delete"' |
        grep -F "\"resource\":\"namespaces\",\"namespace\":\"$target\"" | head -n 1 |
        sed 's/.*"requestReceivedTimestamp":"\([^"]*\)".*/\1/')
    late=$(($(date -d "${deleted:-@0}" +%s%3N) - $(date -d "${expires:-@0}" +%s%3N)))
    check "its namespace was deleted when its time was up: $late ms later, and not before" within "$late" 0 5000
}

look_for_leftovers() {
    check "namespace $target is gone" nothing k get namespace "$target" -o name --ignore-not-found
    check "no volume of it is left" nothing volumes_of "$target"
    check "no environment and no report is left" nothing k get stagingenvironments,stagingplans -A -o name
    check "no stored plan is left" nothing k -n kulisse get secrets -l kulisse.dev/environment-uid -o name
    check "nothing in the whole cluster is there that was not there before" nothing new_objects
}
volumes_of() {
    local claims
    claims=$(k get persistentvolumes -o 'jsonpath={range .items[*]}{.spec.claimRef.namespace}{"\n"}{end}') || return
    grep -Fx -- "$1" <<<"$claims" || true
}
new_objects() {
    local now
    now=$(cluster_objects) || return
    comm -13 <(echo "$objects_before") <(echo "$now")
}

look_at_production() {
    check "audit log: the operator read production ($(reads_of_production) requests)" more "$(reads_of_production)" 0
    check "audit log: neither it nor the clone wrote there, not once" nothing writes_to_production
    check "production's orders are what they were: ${orders_before/ | */} rows, same checksum" equal "$(orders_of_production)" "$orders_before"
    check "and none of them is a seeded one" equal "$(sql "$source" "SELECT count(*) FROM orders WHERE customer NOT LIKE 'Production %'")" 0
    grown() { [ "$(charges "$source")" -gt "$charges_before" ]; }
    eventually 75 grown || true
    check "production's own CronJob went on charging its customers" more "$(charges "$source")" "$charges_before"
    check "production still serves" production_serves
}
