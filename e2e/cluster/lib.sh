# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Words of the scenarios: objects, and what is waited for. Sourced by run, after settings.sh and e2e/lib.

K() { "$CLUSTER_TOP/e2e/cluster/kubectl" "$@"; }
inside() { "$CLUSTER_TOP/e2e/cluster/inside" "$@"; }
apply() { K apply -f - >/dev/null; }

# publish GUEST...: pushed by skep into the node's registry
publish() {
    local name
    for name in "$@"; do
        inside sh -c "cat >/tmp/$name.wasm" <"$("$CLUSTER_TOP/test/guests/build" "$name")"
        inside skep push --format tar "/tmp/$name.wasm" "$(image "$name")"
    done
}
image() { echo "$CLUSTER_REGISTRY/$1:1"; }

# field KIND/NAME PATH: a jsonpath
field() { K get "$1" -o "jsonpath=$2"; }
has() { [ -n "$(field "$1" "$2")" ]; }
field_is() { [ "$(field "$1" "$2")" = "$3" ]; }
comes() { # KIND/NAME PATH VALUE
    wait_for "${WAIT:-60}" field_is "$@" || { echo "$1 $2 is \"$(field "$1" "$2")\", not \"$3\""; K describe "$1" | tail -15; return 1; }
}
ready() { K wait --for=condition=Ready "pod/$1" --timeout=60s >/dev/null || { K describe "pod/$1" | tail -20; return 1; }; }
ended() { # POD PHASE
    K wait --for="jsonpath={.status.phase}=$2" "pod/$1" --timeout=60s >/dev/null ||
        { K describe "pod/$1" | tail -20; K logs "pod/$1" | tail; return 1; }
}
terminated() { echo "{.status.containerStatuses[0].${2:-state}.terminated.$1}"; }
ip_of() { field "pod/$1" '{.status.podIP}'; }
forget() { K delete --ignore-not-found --wait "$@" --timeout=60s >/dev/null; }
event_has() { K get events --field-selector "involvedObject.name=$1" -o 'jsonpath={.items[*].message}' | grep -qF "$2"; }
log_has() { local pod=$1 words=$2; shift 2; K logs "$pod" "$@" 2>&1 | grep -qF "$words"; }

# pod NAME CLASS [LINE...]: a pod of one container "c"; lines are YAML of the container, "spec: …" of the pod
pod() {
    local name=$1 class=$2 line
    shift 2
    {
        printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: {app: %s}}\nspec:\n' "$name" "$name"
        [ "$class" = - ] || printf '  runtimeClassName: %s\n' "$class"
        printf '  terminationGracePeriodSeconds: 5\n'
        for line in "$@"; do
            [[ $line != spec:* ]] || printf '  %s\n' "${line#spec: }"
        done
        printf '  containers:\n  - name: c\n'
        for line in "$@"; do
            [[ $line == spec:* ]] || printf '    %s\n' "$line"
        done
    } | apply
}

# component NAME GUEST [WORD...]: the arguments follow the component's own path
component() {
    local name=$1 ref
    ref=$(image "$2")
    pod "$name" skep "image: $ref" "command: $(command_of "$2" "${@:3}")" "spec: restartPolicy: Never"
}

# command_of GUEST [WORD...]: as a YAML list
command_of() { jq -nc --arg first "/$1.wasm" '[$first] + $ARGS.positional' --args -- "${@:2}"; }

no_pods() { [ -z "$(K get pods -A -o name)" ]; }

# traces_of_pods: what of pods is on the node, a line each: network namespaces, processes, bundles, sockets, mounts,
# cgroups, and what the compiler has not finished
traces_of_pods() {
    # shellcheck disable=SC2016 # the node's shell
    inside sh -c '
        ls -d /run/netns/* /run/containerd/io.containerd.runtime.v2.task/k8s.io/* /run/skep/pods/* 2>/dev/null
        ps -eo comm=,args= | grep -E "containerd-shim-runc|skep-compiler|skep-anchor" | grep -v grep
        find /run/containerd/s -type s 2>/dev/null
        mawk "\$5 ~ /kubelet.pods|containerd.io|^.run.skep/ { print \"mount\", \$5 }" /proc/self/mountinfo
        find /sys/fs/cgroup -type d -path "*kubepods*" \( -name "pod*" -o -name "cri-*" \)
        find /var/lib/skep/cache -name "*.new"' || :
}
no_traces_of_pods() { [ -z "$(traces_of_pods)" ]; }

# node_is_empty: nothing of a pod once all are deleted, and a cache within its limit
node_is_empty() {
    local bytes
    K delete deploy,job,cronjob,pod,svc --all --wait --timeout=60s >/dev/null
    wait_for 60 no_pods || { K get pods -A; return 1; }
    wait_for 90 inside sh -c '[ -z "$(crictl pods -q)" ]' || { inside crictl pods; return 1; }
    # The kubelet removes cgroups in its own time.
    wait_for 60 no_traces_of_pods || { traces_of_pods; return 1; }
    bytes=$(inside du -sb /var/lib/skep/cache | cut -f1)
    echo "| $((bytes >> 10)) KiB of compiled components, of at most 10 GiB"
    [ "$bytes" -le $((10 << 30)) ]
}
