#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Streams and the verbs of ctr task: stdin, output in files and loggers, exec, kill, pause, metrics, ps.
. "$(dirname "$0")/../lib/scenario.sh"

# ctr loses the end of a stdin that ends before it has made the task, so the writers here end later.
after_start() { # ID COMMAND...
    "${@:2}"
    wait_for 20 task_is "$1" RUNNING
}

stdin_arrives() {
    local ref
    ref=$(publish hello)
    same "through the pipe" "$(after_start stdin echo 'through the pipe' |
        ctr_run --rm -- "$ref" stdin echo)" "what came back"
    head -c 3000000 /dev/urandom >"$E2E_DIR/bytes"
    after_start stdin-much cat "$E2E_DIR/bytes" | ctr_run --rm -- "$ref" stdin-much echo >"$E2E_DIR/back"
    cmp "$E2E_DIR/back" "$E2E_DIR/bytes"
}

streams_stay_apart() {
    local ref
    ref=$(publish hello)
    run_component -- "$ref" apart err oops >"$E2E_DIR/1" 2>"$E2E_DIR/2"
    same "" "$(cat "$E2E_DIR/1")" stdout
    same oops "$(cat "$E2E_DIR/2")" stderr
}

flood_is_whole() {
    local ref
    ref=$(publish hello)
    same 20000000 "$(run_component -- "$ref" flood flood 20000000 | wc -c)" "bytes of the flood"
}

# Not through ctr's own output: it closes the FIFO at the task's end, whatever is still in there (seen by strace).
slow_reader_holds_back() {
    local ref
    ref=$(publish hello)
    cat >"$E2E_DIR/late-logger" <<'SH'
#!/bin/sh
# Reads nothing before the file $2.go is there.
exec 5>&-
until [ -e "$2.go" ]; do sleep 0.05; done
cat <&3 >"$2.out"
SH
    chmod +x "$E2E_DIR/late-logger"
    start_component --log-uri "binary://$E2E_DIR/late-logger?to=$E2E_DIR/log/late" "$@" -- "$ref" held flood 5000000
    ! wait_for 1 task_is held STOPPED || { echo "it ended though nobody reads"; return 1; }
    touch "$E2E_DIR/log/late.go"
    same 0 "$(exit_code_of held)" "exit code"
    wait_for 5 has_bytes "$E2E_DIR/log/late.out" 5000000
}

has_bytes() { [ "$(stat -c %s "$1")" = "$2" ]; }

log_file() {
    local ref
    ref=$(publish hello)
    start_component --log-uri "file://$E2E_DIR/log/guest.log" -- "$ref" logged ticks 3 1
    same 0 "$(exit_code_of logged)" "exit code"
    same "tick 1 tick 2 tick 3" "$(tr '\n' ' ' <"$E2E_DIR/log/guest.log" | sed 's/ $//')" "the log"
}

log_program() {
    local ref
    ref=$(publish hello)
    cat >"$E2E_DIR/logger" <<'SH'
#!/bin/sh
# As containerd's binary loggers: 3 is stdout, 4 is stderr; closing 5 says that we are ready.
echo "$CONTAINER_NAMESPACE $CONTAINER_ID" >"$2.who"
cat <&3 5>&- >"$2.out" & cat <&4 5>&- >"$2.err" &
exec 5>&-
wait
SH
    chmod +x "$E2E_DIR/logger"
    start_component --log-uri "binary://$E2E_DIR/logger?to=$E2E_DIR/log/by-program" -- "$ref" logger ticks 2 1
    same 0 "$(exit_code_of logger)" "exit code"
    wait_for 10 grep -q 'tick 2' "$E2E_DIR/log/by-program.out"
    same "tick 1 tick 2" "$(tr '\n' ' ' <"$E2E_DIR/log/by-program.out" | sed 's/ $//')" "the log"
    same "$E2E_NS logger" "$(cat "$E2E_DIR/log/by-program.who")" "its environment"
}

execs() {
    local ref file
    ref=$(publish hello tar)
    start_component --env A=b -- "$ref" host sleep 60
    file=$(run_ctr container info host | jq -r '.Spec.process.args[0]')
    ends_with 0 run_ctr task exec --exec-id e1 host "$file" show inside
    holds "$OUTPUT" "arg 1: show"
    holds "$OUTPUT" "arg 2: inside"
    holds "$OUTPUT" "env A=b"
    ends_with 6 run_ctr task exec --exec-id e2 host "$file" exit 6
    fails run_ctr task exec --exec-id e3 host /nothing-here.wasm
    holds "$OUTPUT" nothing-here
    task_is host RUNNING
    end_task host
}

signals() {
    local ref
    ref=$(publish hello)
    start_component -- "$ref" term spin
    run_ctr task kill -s TERM term
    same 143 "$(exit_code_of term)" "exit code after SIGTERM"
    start_component -- "$ref" kill spin
    run_ctr task kill -s KILL kill
    same 137 "$(exit_code_of kill)" "exit code after SIGKILL"
    fails run_ctr task kill -s KILL kill
}

pause_and_resume() {
    local ref before
    ref=$(publish hello)
    start_component --log-uri "file://$E2E_DIR/log/paused" -- "$ref" paused ticks 100000 5
    wait_for 10 grep -q 'tick 3' "$E2E_DIR/log/paused"
    run_ctr task pause paused
    task_is paused PAUSED
    before=$(wc -l <"$E2E_DIR/log/paused")
    ! wait_for 1 grep -q "tick $((before + 20))" "$E2E_DIR/log/paused" || { echo "it ran on"; return 1; }
    run_ctr task resume paused
    task_is paused RUNNING
    wait_for 10 grep -q "tick $((before + 20))" "$E2E_DIR/log/paused"
    end_task paused
}

looked_at() {
    local ref
    ref=$(publish hello)
    start_component -- "$ref" looked eat 8 60
    ends_with 0 run_ctr task ls
    holds "$OUTPUT" looked
    ends_with 0 run_ctr task ps looked
    same 2 "$(wc -l <<<"$OUTPUT")" "lines of task ps"
    wait_for 10 memory_of looked 8000000
    memory_of looked 8000000 64000000
    end_task looked
}

# memory_of ID LEAST [MOST]: what ctr task metrics shows of it
memory_of() {
    local bytes
    bytes=$(run_ctr task metrics --format json "$1" |
        jq -r '.. | objects | (.memory? // empty) | (.usage | if type == "object" then .usage else . end)' |
        head -1)
    echo "memory of $1: ${bytes:-none}"
    [ "${bytes:-0}" -ge "$2" ] && { [ -z "${3:-}" ] || [ "$bytes" -le "$3" ]; }
}

scenario_begin
check "stdin reaches the guest, and its end does" stdin_arrives
check "stdout and stderr stay apart" streams_stay_apart
check "twenty million bytes arrive" flood_is_whole
check "a slow reader holds the guest back and loses nothing" slow_reader_holds_back
check "output goes to a file:// log" log_file
check "output goes to a binary:// logger" log_program
check "exec runs a component of the image with the container's environment" execs
check "SIGTERM ends a command with 143, SIGKILL with 137" signals
check "pause stops a guest, resume lets it go on" pause_and_resume
check "task ls, ps and metrics show a running guest" looked_at
scenario_end
