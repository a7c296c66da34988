#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A command is pushed, pulled and run: arguments, environment, exit code, and what it does not see.
. "$(dirname "$0")/../lib/scenario.sh"

format_runs() {
    local ref
    ref=$(publish hello "$1")
    ends_with 0 run_component --env A=b -- "$ref" "c-$1" show x 'y z'
    holds "$OUTPUT" "Hello from C"
    holds "$OUTPUT" "arg 1: show"
    holds "$OUTPUT" "arg 3: y z"
    holds "$OUTPUT" "env A=b"
}

codes_are_kept() {
    local ref code
    ref=$(publish hello)
    for code in 0 1 7 255; do
        ends_with "$code" run_component -- "$ref" "code-$code" exit "$code"
    done
}

nothing_ambient() {
    local ref
    ref=$(publish hello)
    E2E_SECRET=leak ends_with 0 run_component -- "$ref" ambient show
    lacks "$OUTPUT" E2E_SECRET
    lacks "$OUTPUT" SKEP_
    ref=$(publish hello tar) # it has a folder of its own
    fails run_component -- "$ref" ambient-file cat /etc/passwd
    fails run_component -- "$ref" ambient-proc ls /proc
    ends_with 0 run_component -- "$ref" ambient-root ls /
    lacks "$OUTPUT" usr
    lacks "$OUTPUT" proc
}

many_words() {
    local ref words
    ref=$(publish hello)
    mapfile -t words < <(seq 1000)
    ends_with 0 run_component -- "$ref" words show "${words[@]}"
    holds "$OUTPUT" "arg 1001: 1000"
}

detached() {
    local ref
    ref=$(publish hello)
    start_component -- "$ref" detached exit 9
    same 9 "$(exit_code_of detached)" "exit code of a detached task"
}

same_id_elsewhere() {
    local ref other="$E2E_NS-2"
    ref=$(publish hello)
    ctr -a "$E2E_DIR/containerd.sock" -n "$other" image pull --plain-http "$ref" >/dev/null
    start_component -- "$ref" twin sleep 60
    ends_with 3 ctr -a "$E2E_DIR/containerd.sock" -n "$other" run --rm --runtime "$RUNTIME" "$ref" twin \
        "$(program "$ref")" exit 3
    task_is twin RUNNING
    end_task twin
}

scenario_begin
check "a component pushed by skep as tar is pulled and run" format_runs tar
case $(usual_format) in
image) check "a component pushed by skep as image is pulled and run" format_runs image ;;
*) skip "a component pushed by skep as image is pulled and run" "containerd 1.6 pulls no image with a Wasm layer (matrix.sh)" ;;
esac
check "exit codes are the guest's own" codes_are_kept
check "a command sees nothing of the node" nothing_ambient
check "a thousand arguments arrive" many_words
check "a detached command keeps its exit code until it is removed" detached
check "two namespaces may use the same id" same_id_elsewhere
scenario_end
