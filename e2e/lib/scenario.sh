# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A scenario: containerd of $E2E_VERSION, a registry, checks, and nothing left at the end.
#
# A scenario script sources this file, names its checks, and ends by scenario_end. By itself it is run as
#     E2E_VERSION=1.7 e2e/containerd/NAME.sh

set -euo pipefail
E2E_LIB=$(dirname "${BASH_SOURCE[0]}")
for part in common leftovers registry containerd check component; do
    # shellcheck source=/dev/null
    . "$E2E_LIB/$part.sh"
done

SKEP_BIN=${SKEP_BIN:-$E2E_TOP/build/release/bin}
[ -x "$SKEP_BIN/containerd-shim-skep-v2" ] || die "no containerd-shim-skep-v2 in $SKEP_BIN: build first, or set SKEP_BIN"
export SKEP_BIN
# Clients of registries that somebody built there once: wkg (cargo install wkg --root that/tools, eight minutes on two cores).
PATH=$PATH:${SKEP_CACHE:-$HOME/.cache/skep}/tools/bin

# A scenario that dies still stops what it started.
scenario_abort() {
    local status=$?
    trap - EXIT
    [ "$status" = 0 ] && [ -n "${E2E_ENDED:-}" ] && exit 0
    say "the scenario ended before its time ($status)"
    containerd_stop || :
    registry_stop || :
    skep_stop || :
    nothing_left || :
    exit 1
}

# scenario_begin: E2E_CRI=1 for a containerd with its CRI plugin
scenario_begin() {
    trap scenario_abort EXIT
    trap 'exit 130' INT TERM
    e2e_begin "${E2E_VERSION:-machine}"
    registry_start
    containerd_start
}

# scenario_end: the last check, and the closing line
scenario_end() {
    local out=$E2E_DIR/log/end status=0
    e2e_end >"$E2E_DIR.end" 2>&1 || status=$?
    out=$E2E_DIR.end
    if [ "$status" = 0 ]; then
        E2E_PASSED=$((E2E_PASSED + 1))
        echo "ok   nothing is left behind"
    else
        E2E_FAILED=$((E2E_FAILED + 1))
        echo "FAIL nothing is left behind"
        sed 's/^/     /' "$out"
    fi
    rm -f "$out"
    E2E_ENDED=1
    echo "$E2E_PASSED passed, $E2E_FAILED failed, $E2E_SKIPPED skipped"
    [ "$E2E_FAILED" = 0 ] || { trap - EXIT; exit 1; }
}
