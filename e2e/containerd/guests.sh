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

scenario_begin
check "C: a core module of clang and wasi-libc runs" says hello "Hello from C" show
check "C: its exit code survives the adapter" code hello 7 exit 7
check "C: a component adapted elsewhere runs" says hello-component "Hello from C" show
check "C: a component adapted elsewhere gets its exit code back" code hello-component 7 exit 7
check "Rust: a core module of the standard library runs" says plain "Hello from Rust: a b" a b
check "Rust: its exit code survives the adapter" code plain 5 exit 5
check "Rust: a command of WASI 0.3 runs" says command3 "arg 1: x" x
check "Rust: a command of WASI 0.3 ends with its code" code command3 9 exit 9
check "Rust: a server of WASI 0.2 answers" serves server "Hello from Rust, Bee!"
check "Rust: a server of WASI 0.3 answers" serves server3 "Hello from Rust over 0.3, Bee!"
check "JavaScript: a server of WASI 0.3 answers" serves server-js "Hello from JavaScript, Bee!"
check "Python: a command runs" says hello-py "Hello from Python, Bee: a b" a b
check "Go: a core module runs" says hello-go "Hello from Go: a b" a b
# The stock preview1 adapter grows the module's memory behind the back of Go's allocator, which takes all pages
# above its own for its heap: stock wasmtime fails in the same way. To be mended in runtime/compiler.
skip "Go: goroutines run" "the stock preview1 adapter corrupts Go's heap"
skip "Go: a heap that grows stays whole" "the stock preview1 adapter corrupts Go's heap"
check "Go: its exit code survives the adapter" code hello-go 3 exit 3
check "WAT: a component of 358 bytes ends with 42" code exits 42
check "WAT: a component without imports ends with 0" code silent 0
check "WAT: a command that returns an error ends with 1" code fails 1
scenario_end
