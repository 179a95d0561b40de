#!/bin/bash
# The public image's contract: MARIADB_ROOT_PASSWORD, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD,
# MARIADB_DATABASE, MARIADB_USER, MARIADB_PASSWORD, the same with MYSQL_, their _FILE
# forms, /docker-entrypoint-initdb.d/*.sql, *.sql.gz and *.sh.
set -euo pipefail

[ "${1:0:1}" = - ] && set -- mariadbd "$@"
case ${1:-} in
mariadbd | mysqld) ;;
*) exec "$@" ;;
esac

setting() { # prints MARIADB_$1, or MYSQL_$1, or what is in the file that one of them names
    local name file
    for name in "MARIADB_$1" "MYSQL_$1"; do
        file=${name}_FILE
        if [ -n "${!file:-}" ]; then cat "${!file}"; return; fi
        if [ -n "${!name:-}" ]; then printf %s "${!name}"; return; fi
    done
}
quoted() { # as a text in SQL
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\\\'}"
}
root_password=$(setting ROOT_PASSWORD)
database=$(setting DATABASE)
user=$(setting USER)
password=$(setting PASSWORD)

data=/var/lib/mysql socket=/run/mysqld/mysqld.sock
if [ "$(id -u)" = 0 ]; then
    chown -R mysql "$data" /run/mysqld
    exec gosu mysql "$0" "$@"
fi

if [ ! -d "$data/mysql" ]; then
    if [ -z "$root_password$(setting ALLOW_EMPTY_ROOT_PASSWORD)" ]; then
        echo 'Database is uninitialized and password option is not specified: MARIADB_ROOT_PASSWORD' >&2
        exit 1
    fi
    # Installed beside and moved when it is complete: a container that was killed meanwhile begins anew.
    rm -rf "$data/.new" && mkdir "$data/.new"
    mariadb-install-db --no-defaults --datadir="$data/.new" --skip-test-db \
        --auth-root-authentication-method=normal >/dev/null
    mariadbd --no-defaults --datadir="$data/.new" --skip-networking --socket="$socket" &
    server=$!
    sql() { mariadb --no-defaults --socket="$socket" --user=root "$@"; }
    until sql -e 'SELECT 1' >/dev/null 2>&1; do
        kill -0 "$server" || { echo 'The server did not start.' >&2; exit 1; }
        sleep 0.2
    done
    [ -z "$database" ] || sql -e "CREATE DATABASE \`$database\`"
    if [ -n "$user" ]; then
        sql -e "CREATE USER $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$password")"
        [ -z "$database" ] || sql -e "GRANT ALL ON \`$database\`.* TO $(quoted "$user")@'%'"
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
        *.sql) sql ${database:+"$database"} <"$file" ;;
        *.sql.gz) gzip -dc "$file" | sql ${database:+"$database"} ;;
        esac
    done
    # Those for other names of this machine have no password.
    sql -e "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost'; FLUSH PRIVILEGES;
        CREATE USER root@'%' IDENTIFIED BY $(quoted "$root_password");
        GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
        ALTER USER root@localhost IDENTIFIED BY $(quoted "$root_password")"
    kill "$server" && wait "$server"
    mv "$data"/.new/* "$data"/ && rm -rf "$data/.new"
    echo 'MariaDB init process done. Ready for start up.'
fi
# Nobody asks DNS for the names of Pods that connect.
exec "$@" --skip-name-resolve --datadir="$data" --socket="$socket"
