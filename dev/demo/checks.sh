# shellcheck shell=bash
# The list of what the demo checked. Sourced by demo.sh.
# shellcheck disable=SC2154,SC2034,SC2317 # variables of and for the other files; functions that are called by name

checked=() count=0 failed=0 heading=
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then green=$'\033[32m' red=$'\033[31m' plain=$'\033[0m'; else green='' red='' plain=''; fi

# check SENTENCE COMMAND…: the sentence is true if the command succeeds. What it prints is the reason
# where it does not.
check() {
    local sentence=$1 why line
    shift
    if why=$("$@" 2>&1); then
        line="$green✔$plain $sentence"
    else
        line="$red✖$plain $sentence"
        failed=$((failed + 1))
    fi
    [ "$heading" = "$section" ] || { heading=$section; checked+=("" "$section"); }
    checked+=("  $line")
    count=$((count + 1))
    echo "  $line"
    case $line in *✖*) [ -z "$why" ] || head -n 8 <<<"$why" | sed 's/^/        /' ;; esac
}

# Small true-or-false commands that say what they saw.
# What could not be asked is empty, and equals nothing.
equal() { if [ -z "$2" ] || [ "$1" != "$2" ]; then echo "is '$1', not '$2'"; return 1; fi; }
within() { if [ "$1" -lt "$2" ] || [ "$1" -gt "$3" ]; then echo "$1 is not between $2 and $3"; return 1; fi; }
differ() { if [ -z "$1" ] || [ -z "$2" ] || [ "$1" = "$2" ]; then echo "they are the same, or one is empty"; return 1; fi; }
more() { [ "$1" -gt "$2" ] || { echo "$1 is not more than $2"; return 1; }; }
holds() { grep -qF -- "$2" <<<"$1" || { echo "'$2' is not in: $1"; return 1; }; }
lacks() { if [ -z "$1" ] || grep -qF -- "$2" <<<"$1"; then echo "empty, or it holds '$2': $1"; return 1; fi; }
# The command worked and printed nothing; one that could not ask has found nothing out.
nothing() {
    local found
    found=$("$@") || { echo "could not be asked"; return 1; }
    [ -z "$found" ] || { echo "$found"; return 1; }
}

summary() {
    summarised=yes
    printf '\n══ What was checked\n'
    printf '  %s\n' "${checked[@]}"
    printf '\n  %d checked, %d failed, in %d s (this run, builds included)\n' "$count" "$failed" "$((SECONDS - begun))"
    cat <<END

The cluster still runs, with production and the operator. Look around:

  export KUBECONFIG=$KUBECONFIG PATH=$bin:${kulisse%/*}:\$PATH
  kubectl get pods -A
  kubectl apply -f examples/quickstart/30-environment.yaml     # once more, for two hours this time
  kulisse status -w -n $requests $environment

Stop it:       make demo-down
Once more:     make demo
END
    ((failed == 0))
}
