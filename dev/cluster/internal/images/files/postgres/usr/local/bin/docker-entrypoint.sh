#!/bin/bash
# The public image's contract: POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB and
# their _FILE forms, PGDATA, /docker-entrypoint-initdb.d/*.sql, *.sql.gz and *.sh.
set -euo pipefail

[ "${1:0:1}" = - ] && set -- postgres "$@"
[ "${1:-}" = postgres ] || exec "$@"

from_file() {
    local file="${1}_FILE"
    if [ -n "${!file:-}" ]; then export "$1=$(<"${!file}")"; fi
}
from_file POSTGRES_PASSWORD
from_file POSTGRES_USER
from_file POSTGRES_DB
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

mkdir -p "$PGDATA"
if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    exec gosu postgres "$0" "$@"
fi

# On a volume that only the group may write, the directory is not ours to change.
chmod 700 "$PGDATA" 2>/dev/null || true

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
        echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
        echo '       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser.' >&2
        exit 1
    fi
    initdb --username="$user" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-unused}") --encoding=UTF8 ${POSTGRES_INITDB_ARGS:-}
    echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"

    pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=''" start
    export PGPASSWORD=${POSTGRES_PASSWORD:-}
    run() { psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user" "$@"; }
    [ "$database" = postgres ] || run --dbname postgres --set db="$database" <<<'CREATE DATABASE :"db";'
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
        *.sql) run --dbname "$database" -f "$file" ;;
        *.sql.gz) gzip -dc "$file" | run --dbname "$database" ;;
        esac
    done
    unset PGPASSWORD
    pg_ctl -D "$PGDATA" -m fast -w stop
    echo 'PostgreSQL init process complete; ready for start up.'
fi
exec "$@"
