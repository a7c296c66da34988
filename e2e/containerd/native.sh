#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Images without Wasm: handed to containerd's own shim for runc, beside components.
. "$(dirname "$0")/../lib/scenario.sh"

BUSYBOX=

native() { run_ctr run --runtime "$RUNTIME" "$@" </dev/null; }

native_runs() {
    # shellcheck disable=SC2016 # for the shell in the container
    ends_with 7 native --rm --env A=b "$BUSYBOX" native sh -c 'echo "hello $A"; exit 7'
    same "hello b" "$OUTPUT" "its output"
}

by_runc() {
    native -d "$BUSYBOX" by-runc sleep 60
    programs containerd-shim-runc-v2 | grep -q . || { echo "no runc shim runs"; return 1; }
    ends_with 0 run_ctr task exec --exec-id e1 by-runc echo inside
    same inside "$OUTPUT" "exec in it"
    end_task by-runc
    wait_for 5 no_runc_shim || { echo "its shim stays"; return 1; }
}

no_runc_shim() { [ -z "$(programs containerd-shim-runc-v2)" ]; }

side_by_side() {
    local ref
    ref=$(publish hello)
    native -d "$BUSYBOX" beside-native sleep 60
    start_component -- "$ref" beside-wasm sleep 60
    same 2 "$(tasks | wc -l)" "tasks"
    end_task beside-native
    task_is beside-wasm RUNNING
    end_task beside-wasm
}

nameless() {
    fails native --rm "$BUSYBOX" nameless /bin/not-there
    holds "$OUTPUT" not-there
    run_ctr container rm nameless 2>/dev/null || :
}

scenario_begin
native_image busybox
BUSYBOX=$E2E_REGISTRY/busybox:1
pull "$BUSYBOX"
check "an ordinary Linux image runs under the same runtime name" native_runs
check "it is runc's shim that holds it, and that ends with it" by_runc
check "a native container and a component run side by side" side_by_side
check "what runc refuses reaches the user" nameless
scenario_end
