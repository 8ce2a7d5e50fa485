# Makes the cluster and the database where there is none, then becomes the server (PID 1, so it gets the signals).
# Environment: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB; PGDATA. Arguments go to the server.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    rm -rf "$PGDATA"
    password=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" > "$password"
    initdb --no-sync --username="$POSTGRES_USER" --pwfile="$password" --auth=scram-sha-256 --encoding=UTF8 > /dev/null
    rm "$password"
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -c fsync=off -j postgres > /dev/null
fi
exec postgres -c "listen_addresses=*" -c unix_socket_directories=/tmp "$@"
