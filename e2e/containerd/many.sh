#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Many servers in one worker process: all answer, each costs little, nothing stays.
. "$(dirname "$0")/../lib/scenario.sh"

MANY=${E2E_MANY:-100}
FIRST_PORT=${E2E_FIRST_PORT:-21000}

# memory PID...: proportional set size of these processes, KiB
memory() {
    local pid
    for pid in "$@"; do
        awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup" 2>/dev/null || echo 0
    done | awk '{ sum += $1 } END { print sum + 0 }'
}

ours() { programs skepd; programs skep-worker; programs skep-images; }

descriptors() {
    local pid
    for pid in $(ours); do
        find "/proc/$pid/fd" -mindepth 1 2>/dev/null
    done | wc -l
}

all_run() {
    local ref before after i
    ref=$(publish server)
    start_component --net-host --env "PORT=$((FIRST_PORT))" -- "$ref" many-0
    wait_for 60 answers "http://127.0.0.1:$FIRST_PORT/"
    mapfile -t pids < <(ours)
    before=$(memory "${pids[@]}")
    descriptors >"$E2E_DIR/descriptors"
    for i in $(seq 1 $((MANY - 1))); do
        start_component --net-host --env "PORT=$((FIRST_PORT + i))" --env "NAME=$i" --null-io -- "$ref" "many-$i"
    done
    same "$MANY" "$(run_ctr task ls | grep -c RUNNING)" "running tasks"
    same 1 "$(programs skep-worker | wc -l)" "worker processes"
    mapfile -t pids < <(ours)
    after=$(memory "${pids[@]}")
    echo "| $MANY containers | one worker | $(((after - before) / (MANY - 1))) KiB each (skepd and worker, Pss) | $((after / 1024)) MiB in all |"
}

all_answer() {
    local i
    for i in $(seq 1 $((MANY - 1))); do
        same "Hello from Rust, $i!" "$(curl -s -m 10 "http://127.0.0.1:$((FIRST_PORT + i))/")" "container $i"
    done
    mapfile -t pids < <(ours)
    echo "| $MANY containers | all answered | $(($(memory "${pids[@]}") / 1024)) MiB in all after one request each | |"
}

all_go() {
    local i id
    for id in $(tasks); do
        if [ "$id" != many-0 ]; then
            run_ctr task kill -s KILL "$id"
        fi
    done
    wait_for 30 only_first_runs
    for i in $(seq 1 $((MANY - 1))); do
        run_ctr task rm "many-$i" >/dev/null 2>&1 || :
        run_ctr container rm "many-$i"
    done
    same many-0 "$(tasks)" "tasks"
    answers "http://127.0.0.1:$FIRST_PORT/"
}

only_first_runs() { [ "$(run_ctr task ls | grep -c RUNNING)" = 1 ]; }

# The store of one more container is in use or not at any moment: a few descriptors either way are not a leak.
no_descriptors_stay() { wait_for 10 few_descriptors || { echo "$(cat "$E2E_DIR/descriptors") before, $(descriptors) now"; return 1; }; }
few_descriptors() { [ "$(descriptors)" -le $(($(cat "$E2E_DIR/descriptors") + 8)) ]; }

scenario_begin
export E2E_LIMIT=900
check "$MANY servers run in one worker process" all_run
check "each of the $MANY servers answers with its own environment" all_answer
check "all but one are removed, and that one still answers" all_go
check "skepd and the worker hold no more descriptors than before" no_descriptors_stay
scenario_end
