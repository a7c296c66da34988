#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Components from six toolchains, each as its makers ship it. Servers are called over loopback.
. "$(dirname "$0")/../lib/scenario.sh"

says() { # GUEST TEXT ARGS...
    local name=$1 text=$2 ref
    shift 2
    ref=$(publish "$name")
    ends_with 0 run_component --env NAME=Bee -- "$ref" "says-$name" "$@"
    holds "$OUTPUT" "$text"
}

code() { # GUEST CODE ARGS...
    local name=$1 wanted=$2 ref
    shift 2
    ref=$(publish "$name")
    ends_with "$wanted" run_component -- "$ref" "code-$name" "$@"
}

codes() { # GUEST CODE...
    local name=$1 wanted
    for wanted in "${@:2}"; do
        code "$name" "$wanted" exit "$wanted" || return
    done
}

# A file of ten megabytes in one slice, and twenty thousand goroutines' stacks.
grows() {
    local ref folder=$E2E_DIR/large
    mkdir -p "$folder"
    head -c 10000000 /dev/urandom >"$folder/file"
    says hello-go 200010000 sum 20000
    ref=$(publish hello-go)
    ctr_run --rm --mount "type=bind,src=$folder,dst=/data,options=rbind:ro" -- "$ref" grows-large \
        cat /data/file </dev/null >"$E2E_DIR/copy"
    cmp "$folder/file" "$E2E_DIR/copy"
}

serves() { # GUEST TEXT
    local ref port
    ref=$(publish "$1")
    port=$(free_port)
    start_component --net-host --env "PORT=$port" --env NAME=Bee -- "$ref" "serves-$1"
    wait_for 60 answers "http://127.0.0.1:$port/"
    same "$2" "$(curl -sf -m 10 "http://127.0.0.1:$port/")" "GET /"
    head -c 200000 "$(guest hello)" >"$E2E_DIR/body"
    curl -sf -m 20 --data-binary "@$E2E_DIR/body" "http://127.0.0.1:$port/echo" | cmp - "$E2E_DIR/body"
    end_task "serves-$1"
}

# check_guest GUEST SENTENCE COMMAND...: checked where this machine can make the guest
check_guest() {
    local lacks
    if lacks=$("$E2E_TOP/test/guests/build" --lacks "$1"); then
        skip "$2" "this machine lacks $lacks"
    else
        check "${@:2}"
    fi
}

scenario_begin
check "C: a core module of clang and wasi-libc runs" says hello "Hello from C" show
check "C: its exit code is kept, the highest too" codes hello 7 126 255
check "C: memory taken after printing stays whole" says hello whole whole 16
check "C: a component adapted elsewhere runs" says hello-component "Hello from C" show
check "C: a component adapted elsewhere gets its exit code back" code hello-component 7 exit 7
check "C: a component adapted elsewhere gets its memory to itself" says hello-component whole whole 16
check "Rust: a core module of the standard library runs" says plain "Hello from Rust: a b" a b
check "Rust: its exit code is kept" code plain 5 exit 5
check "Rust: a command of WASI 0.3 runs" says command3 "arg 1: x" x
check "Rust: a command of WASI 0.3 ends with its code" code command3 9 exit 9
check "Rust: a server of WASI 0.2 answers" serves server "Hello from Rust, Bee!"
check "Rust: a server of WASI 0.3 answers" serves server3 "Hello from Rust over 0.3, Bee!"
check "JavaScript: a server of WASI 0.3 answers" serves server-js "Hello from JavaScript, Bee!"
check_guest hello-py "Python: a command runs" says hello-py "Hello from Python, Bee: a b" a b
check_guest hello-go "Go: a core module runs" says hello-go "Hello from Go: a b" a b
check_guest hello-go "Go: goroutines run" says hello-go 500500 sum 1000
check_guest hello-go "Go: a heap that grows stays whole" grows
check_guest hello-go "Go: a panic ends it with 2" code hello-go 2 panic
check_guest hello-go "Go: its exit code is kept" code hello-go 3 exit 3
check "WAT: a component of 358 bytes ends with 42" code exits 42
check "WAT: a component without imports ends with 0" code silent 0
check "WAT: a command that returns an error ends with 1" code fails 1
scenario_end
