#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# containerd is ended and started again while containers run: nothing is lost.
. "$(dirname "$0")/../lib/scenario.sh"

PORT=0

all_is_there() {
    local n
    start_component --net-host --env "PORT=$PORT" --env NAME=kept -- "$(publish server)" kept-server
    start_component -- "$(publish hello)" kept-sleeper sleep 300
    start_component --log-uri "file://$E2E_DIR/log/ticks" -- "$(publish hello)" kept-ticks ticks 100000 5
    start_component -- "$(publish hello)" ended exit 5
    wait_for 20 answers "http://127.0.0.1:$PORT/"
    wait_for 10 task_is ended STOPPED
    programs skep-worker >"$E2E_DIR/workers"
    containerd_kill "$1"
    n=$(wc -l <"$E2E_DIR/log/ticks")
    wait_for 10 grep -q "tick $((n + 20))" "$E2E_DIR/log/ticks"
    answers "http://127.0.0.1:$PORT/"
    containerd_start
    same RUNNING "$(task_status kept-server)" kept-server
    same RUNNING "$(task_status kept-sleeper)" kept-sleeper
    same RUNNING "$(task_status kept-ticks)" kept-ticks
    same STOPPED "$(task_status ended)" ended
    same "$(cat "$E2E_DIR/workers")" "$(programs skep-worker)" "the worker"
}

still_ours() {
    end_task kept-ticks
    same 5 "$(exit_code_of ended)" "exit code of the one that ended before"
    run_ctr task kill -s TERM kept-sleeper
    same 143 "$(exit_code_of kept-sleeper)" "exit code of one that ends after"
    answers "http://127.0.0.1:$PORT/"
    run_ctr task kill -s KILL kept-server
    same 137 "$(exit_code_of kept-server)" "exit code of the server"
}

ends_meanwhile() {
    start_component -- "$(publish hello)" meanwhile sleep 2
    containerd_kill TERM
    wait_for 20 no_ticks_left
    containerd_start
    same 0 "$(exit_code_of meanwhile)" "exit code"
}

# The sleeper has ended when two seconds are over; a clock is the only thing to look at while containerd is away.
no_ticks_left() {
    local now
    now=$(date +%s)
    [ -n "${GONE_SINCE:-}" ] || GONE_SINCE=$now
    [ $((now - GONE_SINCE)) -ge 4 ]
}

new_ones() { ends_with 4 run_component -- "$(publish hello)" fresh exit 4; }

round() { # SIGNAL
    PORT=$(free_port)
    check "after containerd got SIG$1 and came back, its containers are listed and run" all_is_there "$1"
    check "after SIG$1 they can be ended, and exit codes are seen" still_ours
    check "after SIG$1 new ones start" new_ones
}

scenario_begin
round TERM
round KILL
check "a command that ends while containerd is away has its exit code" ends_meanwhile
scenario_end
