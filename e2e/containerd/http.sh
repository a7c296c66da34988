#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Servers: where they listen, what they see, an instance per request, a trap that hurts nobody, a drain.
. "$(dirname "$0")/../lib/scenario.sh"

PORT=0
AT=''

# up ID [FLAG...]: the Rust server, on a loopback port of the node
up() {
    local id=$1
    shift
    PORT=$(free_port)
    AT=http://127.0.0.1:$PORT
    start_component --net-host --env "PORT=$PORT" --env NAME=Bee --log-uri "file://$E2E_DIR/log/$id" \
        "$@" -- "$(publish server)" "$id"
    wait_for 20 answers "$AT/"
}

get() { curl -s -m 20 "$AT$1"; }
code() { curl -s -m 20 -o /dev/null -w '%{http_code}' "$AT$1"; }

bodies_pass() {
    up bodies
    same "Hello from Rust, Bee!" "$(get /)"
    holds "$(get /env)" "NAME=Bee"
    holds "$(curl -s -m 5 -H 'x-one: 1' "$AT/headers")" "x-one: 1"
    same 5000000 "$(get '/big?bytes=5000000' | wc -c)" "bytes of a big answer"
    head -c 1000000 /dev/urandom >"$E2E_DIR/bytes"
    curl -sf -m 20 --data-binary "@$E2E_DIR/bytes" "$AT/echo" | cmp - "$E2E_DIR/bytes"
    same 404 "$(code /nowhere)"
    end_task bodies
}

fresh_instances() {
    local i
    up fresh
    for i in 1 2 3 4 5; do
        same 1 "$(get /count)" "requests that instance $i has seen"
    done
    end_task fresh
}

trap_is_alone() {
    local slow
    up trap
    curl -s -m 20 "$AT/sleep?ms=1500" >"$E2E_DIR/slow" &
    slow=$!
    same 500 "$(code /trap)" "answer of a trap"
    same "Hello from Rust, Bee!" "$(get /)" "the next request"
    wait "$slow"
    same slept "$(cat "$E2E_DIR/slow")" "the request beside it"
    wait_for 5 grep -q 'unreachable' "$E2E_DIR/log/trap"
    end_task trap
}

files_are_granted() {
    mkdir -p "$E2E_DIR/data"
    echo "mounted" >"$E2E_DIR/data/note"
    up files --mount "type=bind,src=$E2E_DIR/data,dst=/data,options=rbind:ro"
    same mounted "$(get '/file?path=/data/note')"
    same 404 "$(code '/file?path=/etc/passwd')" "a file of the node"
    end_task files
}

writes_logs() {
    up logs
    get '/log?text=found' >/dev/null
    wait_for 5 grep -q 'out found' "$E2E_DIR/log/logs"
    wait_for 5 grep -q 'err found' "$E2E_DIR/log/logs"
    end_task logs
}

drains() {
    local slow
    up drain
    curl -s -m 20 "$AT/sleep?ms=2000" >"$E2E_DIR/drained" &
    slow=$!
    wait_for 5 busy "$PORT"
    run_ctr task kill -s TERM drain
    wait "$slow"
    same slept "$(cat "$E2E_DIR/drained")" "the request in flight"
    same 143 "$(exit_code_of drain)" "exit code"
    ! answers "$AT/" || { echo "it still listens"; return 1; }
}

# busy PORT: a connection to it is open
busy() { ss -Htn state established "( dport = :$1 )" | grep -q .; }

spinner_is_ended() {
    up spins
    curl -s -m 30 "$AT/spin" >/dev/null &
    wait_for 5 busy "$PORT"
    same "Hello from Rust, Bee!" "$(get /)" "a request beside the spinner"
    run_ctr task kill -s KILL spins
    same 137 "$(exit_code_of spins)" "exit code"
}

default_port_in_own_network() {
    local pid
    start_component --env NAME=own -- "$(publish server)" own
    pid=$(run_ctr task ls | awk '$1 == "own" { print $2 }')
    wait_for 20 inside "$pid"
    same "Hello from Rust, own!" "$(nsenter "--net=/proc/$pid/ns/net" curl -s -m 5 http://127.0.0.1:8080/)"
    ! answers http://127.0.0.1:8080/ || { echo "it listens on the node as well"; return 1; }
    end_task own
}

inside() { nsenter "--net=/proc/$1/ns/net" curl -sf -m 2 http://127.0.0.1:8080/; }

named_network() {
    local name=$E2E_NS
    ip netns add "$name"
    # shellcheck disable=SC2064 # the name now
    trap "ip netns del '$name'" EXIT
    ip -n "$name" link set lo up
    start_component --with-ns "network:/run/netns/$name" --env NAME=there -- "$(publish server)" there
    wait_for 20 ip netns exec "$name" curl -sf -m 2 http://127.0.0.1:8080/
    same "Hello from Rust, there!" "$(ip netns exec "$name" curl -s -m 5 http://127.0.0.1:8080/)"
    end_task there
}

taken_port() {
    up first
    fails run_component --net-host --env "PORT=$PORT" -- "$(publish server)" second
    holds "$OUTPUT" "$PORT"
    same "Hello from Rust, Bee!" "$(get /)" "the first one"
    end_task first
}

scenario_begin
check "bodies, headers and the environment pass" bodies_pass
check "each request has a fresh instance" fresh_instances
check "a trap is one request's, a 500, and in the log" trap_is_alone
check "a server sees the mounts of its spec and no other file" files_are_granted
check "what a server prints is in the log" writes_logs
check "SIGTERM lets the request in flight finish" drains
check "a request that never ends holds up nobody and can be killed" spinner_is_ended
check "without PORT a server listens on 8080 of its own network" default_port_in_own_network
check "a server listens in the network namespace of its spec" named_network
check "a port that is taken is named in the error" taken_port
scenario_end
