# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For scenarios of pods: what a kubelet does, and what it sees. Sourced after scenario.sh.

BUSYBOX= # an image for Linux, once there is a registry

cri() { "$E2E_TOP/e2e/lib/cri" "$@"; }

status_is() { [ "$(cri status "$1")" = "$2" ]; }
# becomes ID STATUS: within $PATIENCE seconds
becomes() { wait_for "${PATIENCE:-10}" status_is "$1" "$2" || { echo "$1 is: $(cri status "$1")"; return 1; }; }
log_of() { cat "$E2E_DIR/log/pods/$1/$2.log"; } # POD CONTAINER

pods_begin() {
    export E2E_CRI=1
    scenario_begin
    export E2E_NS=k8s.io # where CRI looks for images
    native_image busybox
    BUSYBOX=$E2E_REGISTRY/busybox:1
    pull "$BUSYBOX"
}

# Those of checks that failed are there still.
pods_end() {
    local pod
    for pod in "$E2E_DIR"/pods/*; do
        [ ! -e "$pod" ] || cri end "$(basename "$pod")" || :
    done
}
