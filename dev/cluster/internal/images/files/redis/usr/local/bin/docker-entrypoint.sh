#!/bin/sh
# The public image's contract: arguments that begin with - or end in .conf are
# redis-server's, and the server does not stay root.
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
    set -- redis-server "$@"
fi
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . \! -user redis -exec chown redis '{}' +
    exec gosu redis "$0" "$@"
fi
if [ "$1" = redis-server ]; then
    # The public image listens without a password. Options given later win.
    shift
    case "${1:-}" in
    *.conf) conf=$1 && shift && set -- redis-server "$conf" --protected-mode no "$@" ;;
    *) set -- redis-server --protected-mode no "$@" ;;
    esac
fi
exec "$@"
