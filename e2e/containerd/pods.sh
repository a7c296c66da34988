#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Pods as a kubelet makes them: a pause, components, a Linux container beside them, CNI's network.
. "$(dirname "$0")/../lib/scenario.sh"
. "$(dirname "$0")/../lib/pods.sh"

# container POD NAME GUEST [WORD...] -- [ARG...]: created and started; prints its id
container() {
    local pod=$1 name=$2 ref words=() id
    ref=$(publish "$3" tar)
    shift 3
    while [ "$1" != -- ]; do
        words+=("$1")
        shift
    done
    shift
    id=$(cri create "$pod" "$name" "$ref" "${words[@]}" -- "$(program "$ref")" "$@")
    cri start "$id"
    echo "$id"
}

url() { echo "http://$(cri address "$1"):8080/"; }

a_pod_lives() {
    local pod id
    pod=$(cri pod first)
    same ready "$(cri state "$pod")" "the sandbox"
    id=$(container "$pod" ends hello -- exit 3)
    becomes "$id" "exited 3 Error"
    id=$(container "$pod" serves server --)
    wait_for 10 answers "$(url "$pod")"
    cri stop "$id" 10
    same "exited 143 Error" "$(cri status "$id")" "the server afterwards"
    fails curl -s -m 1 "$(url "$pod")"
    cri end "$pod"
}

exec_in_a_pod() {
    local pod id
    pod=$(cri pod exec)
    id=$(container "$pod" main hello env=A=b -- sleep 600)
    ends_with 0 cri exec "$id" /hello.wasm env A
    same b "$OUTPUT" "the variable in the exec"
    ends_with 9 cri exec "$id" /hello.wasm exit 9
    fails cri exec "$id" /bin/sh -c true
    holds "$OUTPUT" /bin/sh
    same "running 0 " "$(cri status "$id")" "the container afterwards"
    cri end "$pod"
}

killed_for_memory() {
    local pod id
    pod=$(cri pod greedy)
    id=$(container "$pod" eats grower memory=16777216 --)
    becomes "$id" "exited 137 OOMKilled"
    holds "$(log_of greedy eats)" "stderr F skep: out of memory"
    cri end "$pod"
}

# A Linux container shares the pod's network with a component.
beside_linux() {
    local pod id linux second
    pod=$(cri pod mixed)
    id=$(container "$pod" serves server --)
    linux=$(cri create "$pod" linux "$BUSYBOX" -- sleep 600)
    cri start "$linux"
    wait_for 10 answers "$(url "$pod")"
    ends_with 0 cri exec "$linux" /bin/busybox wget -q -O - http://127.0.0.1:8080/
    ends_with 0 cri exec "$linux" hostname
    same mixed "$OUTPUT" "its host name"
    ends_with 0 cri exec "$linux" cat /etc/hostname
    same mixed "$OUTPUT" "its host name, as a file"
    ends_with 0 cri exec "$linux" cat /etc/resolv.conf
    same "search team.local nameserver 10.213.0.53" "${OUTPUT//$'\n'/ }" "where it looks up names"
    second=$(cri create "$pod" second "$BUSYBOX" -- sh -c 'echo shared >/dev/shm/note; sleep 600')
    cri start "$second"
    wait_for 10 cri exec "$linux" cat /dev/shm/note >/dev/null
    cri stop "$id" 10
    same "running 0 " "$(cri status "$linux")" "the Linux container when the component has gone"
    cri end "$pod"
}

in_the_nodes_network() {
    local pod id port
    port=$(free_port)
    pod=$(cri pod host node)
    id=$(container "$pod" serves server "env=PORT=$port" --)
    wait_for 10 answers "http://127.0.0.1:$port/"
    wait_for 10 cri cpu "$id"
    cri end "$pod"
}

mounts_of_a_pod() {
    local pod id
    mkdir -p "$E2E_DIR/volume"
    echo "from the node" >"$E2E_DIR/volume/note"
    pod=$(cri pod mounts)
    id=$(container "$pod" main hello "mount=$E2E_DIR/volume:/ro:ro" "mount=$E2E_DIR/volume:/rw" -- sleep 600)
    ends_with 0 cri exec "$id" /hello.wasm cat /ro/note
    same "from the node" "$OUTPUT" "the note"
    fails cri exec "$id" /hello.wasm write /ro/made text
    ends_with 0 cri exec "$id" /hello.wasm write /rw/made text
    same text "$(cat "$E2E_DIR/volume/made")" "what the guest wrote"
    cri end "$pod"
}

over_a_restart() {
    local pod server ticks short
    pod=$(cri pod kept)
    server=$(container "$pod" serves server --)
    ticks=$(container "$pod" ticks hello -- ticks 100000 5)
    short=$(container "$pod" short hello -- sleep 1)
    wait_for 10 grep -q 'tick 3' "$E2E_DIR/log/pods/kept/ticks.log"
    containerd_kill KILL
    containerd_start
    wait_for 10 cri state "$pod"
    same ready "$(cri state "$pod")" "the sandbox"
    same "running 0 " "$(cri status "$server")" "the server"
    becomes "$short" "exited 0 Completed"
    answers "$(url "$pod")"
    ends_with 4 cri exec "$ticks" /hello.wasm exit 4
    cri stop "$ticks" 10
    # Every tick is in the log once and in order.
    log_of kept ticks | awk '$NF != ++n { print "tick " n " is " $NF; exit 1 }'
    cri end "$pod"
}

fifty_pods() {
    local n pods=() pod id
    for n in $(seq 50); do
        pod=$(cri pod "many$n")
        pods+=("$pod")
        id=$(container "$pod" serves server --)
        same "running 0 " "$(cri status "$id")" "server $n"
    done
    same 1 "$(programs skep-worker | wc -l)" "workers of one Kubernetes namespace"
    for pod in "${pods[@]}"; do
        answers "$(url "$pod")"
        cri end "$pod"
    done
}

pods_begin
check "a pod is a sandbox, a command and a server, until it is removed" a_pod_lives
check "exec runs the image's component, and says what else there is not" exec_in_a_pod
check "out of memory is the reason OOMKilled" killed_for_memory
check "a Linux container in the same pod reaches the component" beside_linux
check "a pod in the node's network" in_the_nodes_network
check "a component sees the mounts of its container" mounts_of_a_pod
check "over a SIGKILL of containerd pods live on and lose no line" over_a_restart
check "fifty pods, one worker" fifty_pods
pods_end
scenario_end
