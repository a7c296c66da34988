# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What every e2e script needs: words, waiting, a folder of its own, and the paths of a version.
#
# Belongs here: nothing that knows containerd, a registry or Skep. Sourced, never run.

E2E_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf 'e2e: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# wait_for SECONDS COMMAND...: until the command succeeds; 1 when the time is over first
wait_for() {
    local deadline=$((SECONDS + $1 + 1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        read -rt 0.02 <> <(:) || :
    done
}

# gone PID: it is no longer running (a zombie counts as gone)
gone() {
    local state
    state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 0
    [ -z "$state" ] || [ "${state:0:1}" = Z ]
}

# free_port: a loopback port that nobody listens on
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# e2e_begin VERSION: a folder of its own, the version's programs, names of this run.
# Sets E2E_DIR, E2E_ROOT, E2E_VERSION, E2E_NS; everything of the run carries one of them in its name.
e2e_begin() {
    [ "$(id -u)" = 0 ] || die "needs root"
    E2E_VERSION=$1
    if [ "$1" = machine ]; then
        E2E_ROOT=
        command -v containerd >/dev/null || die "this machine has no containerd"
    else
        E2E_ROOT=$("$E2E_TOP/e2e/roots/make" "$1")
    fi
    E2E_DIR=$(mktemp -d /tmp/skep-e2e-XXXXXX)
    E2E_NS=e2e-${E2E_DIR##*-}
    export E2E_DIR E2E_ROOT E2E_NS E2E_VERSION
    # Where programs of this run keep what is theirs; inherited by containerd, shims and skepd.
    export SKEP_STATE_DIR=$E2E_DIR/skep SKEP_CACHE_DIR=$E2E_DIR/compiled
    mkdir -p "$SKEP_STATE_DIR" "$SKEP_CACHE_DIR" "$E2E_DIR/log"
    PATH=${SKEP_BIN:+$SKEP_BIN:}${E2E_ROOT:+$E2E_ROOT/usr/bin:$E2E_ROOT/usr/sbin:}$PATH
    export PATH
    leftovers_before
}

# e2e_end: stops what runs, says what is left, removes the folder. Returns 1 if anything was left.
e2e_end() {
    local result=0
    containerd_stop || result=1
    registry_stop || result=1
    skep_stop || result=1
    nothing_left || result=1
    if [ -n "${E2E_KEEP:-}" ]; then
        say "kept: $E2E_DIR"
    else
        rm -rf "$E2E_DIR"
    fi
    return "$result"
}
