#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The truth about endings: for each of twelve, the exit code, the words and the event.
. "$(dirname "$0")/../lib/scenario.sh"

TABLE=
EVENTS=

row() { printf '| %-20s | %-12s | %-60.60s | %-24s |\n' "$@"; }

# exit_event ID: the status that the exit event of that container carries; empty if there is none
exit_event() {
    grep -F '/tasks/exit' "$EVENTS" | grep -F "\"container_id\":\"$1\"" | tail -1 |
        sed 's/^[^{]*//' | jq -r '.exit_status // 0'
}

exit_event_is() { [ "$(exit_event "$1")" = "$2" ]; }

# last_line PART: of $OUTPUT that has it
last_line() { grep -F "$1" <<<"$OUTPUT" | tail -1 | sed 's/.*create failed: //; s/^ctr: //; s/|/ /g' || :; }

# ending ID CODE WORDS ARGS...: a command which ends by itself
ending() {
    local id=$1 code=$2 words=$3 ref
    shift 3
    ref=$(publish "${GUEST:-hello}")
    ends_with "$code" run_component ${FLAGS:+$FLAGS} -- "$ref" "$id" "$@"
    wait_for 5 exit_event_is "$id" "$code" || { echo "no exit event with $code"; return 1; }
    [ -z "$words" ] || holds "$OUTPUT" "$words"
    row "$id" "$code" "$(last_line "${words:-@}")" "exit $code" >>"$TABLE"
}

out_of_memory() {
    local at_oom at_exit
    FLAGS='--memory-limit 33554432' ending oom 137 'skep: ' eat 4000
    at_oom=$(grep -nF /tasks/oom "$EVENTS" | grep -F '"oom"' | head -1 | cut -d: -f1)
    at_exit=$(grep -nF /tasks/exit "$EVENTS" | grep -F '"oom"' | head -1 | cut -d: -f1)
    [ -n "$at_oom" ] || { echo "no /tasks/oom"; return 1; }
    [ "$at_oom" -lt "$at_exit" ] || { echo "/tasks/oom came after the exit"; return 1; }
    sed -i '/^| oom /s/exit 137  /oom, exit 137/; /^| oom /s/oom, exit 137 *|/oom, exit 137            |/' "$TABLE"
}

# signalled ID SIGNAL CODE
signalled() {
    local ref
    ref=$(publish hello)
    start_component -- "$ref" "$1" spin
    run_ctr task kill -s "$2" "$1"
    same "$3" "$(exit_code_of "$1")" "exit code"
    wait_for 5 exit_event_is "$1" "$3" || { echo "no exit event with $3"; return 1; }
    row "$1" "$3" "" "exit $3" >>"$TABLE"
}

# refused ID REF WORDS [FLAG...]: never starts; the reason is in what ctr prints, and nothing stays
refused() {
    local id=$1 ref=$2 words=$3
    shift 3
    fails run_component "$@" -- "$ref" "$id"
    holds "$OUTPUT" "$words"
    [ -z "$(exit_event "$id")" ] || { echo "there is an exit event"; return 1; }
    lacks "$(tasks)" "$id"
    row "$id" "not started" "$(last_line "$words")" "none" >>"$TABLE"
    run_ctr container rm "$id" >/dev/null 2>&1 || :
}

missing_import() { refused missing-import "$(publish missing)" acme:vault/store@1.0.0; }
no_program() { refused nothing-to-run "$(publish core)" _start; }

# publish_bytes NAME: a file that skep itself might refuse to push, as a tar image made by hand
publish_bytes() {
    local ref=$E2E_REGISTRY/$1:1
    image_by_hand "$1" tar "$E2E_DIR/$1.wasm"
    pull "$ref"
    echo "$ref"
}

no_component() {
    echo 'this is a poem, not a program' >"$E2E_DIR/poem.wasm"
    refused not-a-component "$(publish_bytes poem)" "not WebAssembly"
}

corrupt() {
    head -c 30000 "$(guest hello-component)" >"$E2E_DIR/torn.wasm"
    refused corrupt-wasm "$(publish_bytes torn)" damaged
}

no_mount() {
    refused unreadable-mount "$(publish hello)" "$E2E_DIR/is-not-there" \
        --mount "type=bind,src=$E2E_DIR/is-not-there,dst=/data,options=rbind:ro"
}

print_table() {
    row ending 'exit code' words event
    row --- --- --- ---
    cat "$TABLE"
    same 12 "$(wc -l <"$TABLE")" "rows"
}

# What comes back after a refusal is as good as before.
still_works() { ends_with 0 run_component -- "$(publish hello)" after show; }

scenario_begin
TABLE=$E2E_DIR/table EVENTS=$E2E_DIR/events
: >"$TABLE"
run_ctr events >"$EVENTS" 2>/dev/null &
EVENTS_PID=$!
check "ending 1: exit 0" ending exit-0 0 "" exit 0
check "ending 2: exit 7" ending exit-7 7 "" exit 7
check "ending 3: exit 255" ending exit-255 255 "" exit 255
check "ending 4: a trap is 134 and named" ending trap 134 unreachable trap
check "ending 5: a stack overflow is 134 and named" ending stack-overflow 134 stack overflow
check "ending 6: out of memory is 137, its event first" out_of_memory
check "ending 7: SIGTERM is 143" signalled sigterm TERM 143
check "ending 8: SIGKILL is 137" signalled sigkill KILL 137
check "ending 9: a missing import is named before anything starts" missing_import
check "ending 10: a file that is no component is named" no_component
check "ending 11: corrupt Wasm is refused with a reason" corrupt
check "ending 12: a mount that cannot be read is named" no_mount
check "the twelve endings as a table" print_table
check "a core module without a start is refused with a reason" no_program
check "after all refusals a command runs" still_works
kill "$EVENTS_PID" 2>/dev/null || :
wait "$EVENTS_PID" 2>/dev/null || :
scenario_end
