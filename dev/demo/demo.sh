#!/bin/bash
# The demo: a real Kubernetes, a production application, and a staging environment of it from its
# first second to its last. `make demo` runs it, `make demo-down` stops what it leaves running.
#
# It can be interrupted anywhere and started again: it always begins with a new cluster, in a state
# directory of its own.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=dev/test/common.sh
. "$here/../test/common.sh"
# shellcheck source=dev/demo/setup.sh
. "$here/setup.sh"
# shellcheck source=dev/demo/look.sh
. "$here/look.sh"
# shellcheck source=dev/demo/checks.sh
. "$here/checks.sh"

state=$cache/clusters/demo
logs=$cache/logs/demo
examples=$root/examples
source=shop requests=previews environment=pr-1234

introduce() {
    cat <<END
Kulisse, the demo

  1. builds Kubernetes, Helm and the operator          first time 10 to 15 minutes, then seconds
  2. starts a cluster of one node on this machine      no Docker; nothing else is touched
  3. installs the operator from its chart, and a
     production application in namespace $source
  4. asks for a staging environment of it, and looks
     into it: its data, its fence, its credentials
  5. lets it expire, and looks for what is left

From 2 to 5 it takes about four minutes. Debian packages it installs where they are missing: curl,
a C compiler, and what runs containers (containerd, runc, containernetworking-plugins, nftables,
iptables, iproute2). Everything else is kept in $cache.

END
}

# Another demo on this machine has the same cluster: the new one takes over.
take_over() {
    local pidfile=$cache/clusters/demo.pid other
    mkdir -p "${pidfile%/*}" "$logs"
    other=$(cat "$pidfile" 2>/dev/null) || other=
    if [ -n "$other" ] && [ "$other" != $$ ] && tr '\0' ' ' 2>/dev/null <"/proc/$other/cmdline" | grep -q 'demo/demo\.sh'; then
        say "ending a demo that is still running (process $other)"
        end_tree "$other"
    fi
    echo $$ >"$pidfile"
}

summarised=no
ended_early() {
    local status=$?
    [ $status = 0 ] || [ $summarised = yes ] || [ $status = 130 ] ||
        printf '\nThe demo did not get to its end. Logs: %s and %s/logs\nTo stop what is running: make demo-down\n' "$logs" "$state" >&2
}

interrupted() {
    trap - INT TERM
    printf '\nInterrupted. Again from the start: make demo. To stop what is running: make demo-down\n' >&2
    end_children
    exit 130
}

end_children() {
    local child
    while read -r child; do [ "$child" = "$BASHPID" ] || end_tree "$child"; done < <(ps -o pid= --ppid $$)
}

# The environment's life, step by step. Each look adds lines to the list of what was checked; what
# cannot be asked fails its check and not the demo.
live() {
    if ! follow_environment; then
        explain_trouble
        return 0
    fi
    step "The clone at work";                look_at_preview
    step "Its data is its own";              look_at_data
    step "No credential is production's";    look_at_credentials
    step "Smaller, and asleep where it would act"; look_at_size
    step "Nothing leads back to production"; look_at_fence
    step "What people may do in it";         look_at_access
    step "Its time is up";                   expire
    step "What is left";                     look_for_leftovers
    step "And production?";                  look_at_production
}

main() {
    introduce
    [ "$(id -u)" = 0 ] || die "The demo runs real pods: it must be root."
    take_over
    trap interrupted INT TERM
    trap ended_early EXIT
    need_compilers
    need curl curl ps procps
    build_everything
    start_cluster
    install_operator
    deploy_production
    step "A staging environment of $source, for pull request 1234"
    allow_environments >"$logs/quickstart.log"
    remember_before
    apply_environment
    live || true
    summary
}

case ${1-up} in
up) main ;;
down)
    other=$(cat "$cache/clusters/demo.pid" 2>/dev/null) || other=
    [ -z "$other" ] || take_over
    take_down "$state"
    rm -f "$cache/clusters/demo.pid"
    say "the demo is stopped; nothing of it is running"
    ;;
*) die "usage: demo.sh [up|down]" ;;
esac
