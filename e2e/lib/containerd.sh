# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A private containerd: its own root, state, sockets and configuration below $E2E_DIR.
#
# Belongs here: configuring, starting, restarting and stopping it, and calling it by ctr.
# Does not belong here: what is asked of it. Sourced after common.sh.

# containerd_config: for the version at hand; E2E_CRI=1 turns that plugin on
containerd_config() {
    local off
    off='"io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
    "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs",
    "io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.internal.v1.tracing"'
    [ -n "${E2E_CRI:-}" ] || off="$off, \"io.containerd.grpc.v1.cri\", \"io.containerd.cri.v1.images\",
    \"io.containerd.cri.v1.runtime\", \"io.containerd.sandbox.controller.v1.podsandbox\",
    \"io.containerd.podsandbox.controller.v1.podsandbox\""
    cat <<TOML
version = 2
root = "$E2E_DIR/root"
state = "$E2E_DIR/state"
disabled_plugins = [$off]
[grpc]
  address = "$E2E_DIR/containerd.sock"
[ttrpc]
  address = "$E2E_DIR/containerd.sock.ttrpc"
[debug]
  level = "${E2E_LOG_LEVEL:-info}"
[plugins."io.containerd.internal.v1.opt"]
  path = "$E2E_DIR/opt"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "${E2E_REGISTRY:-none}/busybox:1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$E2E_DIR/cni"
TOML
    [ -z "${E2E_CRI:-}" ] || cri_config
}

# cri_config: our handler (E2E_SANDBOXER: who makes its sandboxes) beside runc's, a pause that nobody runs, and a network of point-to-point links
cri_config() {
    mkdir -p "$E2E_DIR/cni"
    jq -n --arg dir "$E2E_DIR/ipam" '{cniVersion: "0.4.0", name: "e2e", plugins: [{type: "ptp",
        ipam: {type: "host-local", subnet: "10.213.0.0/24", dataDir: $dir}}]}' >"$E2E_DIR/cni/10-e2e.conflist"
    cat <<TOML
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.skep]
  runtime_type = "io.containerd.skep.v2"
  pod_annotations = ["skep.dev/*"]
TOML
    [ -z "${E2E_SANDBOXER:-}" ] || echo "  sandboxer = '$E2E_SANDBOXER'"
}

# containerd_start: returns when it answers
containerd_start() {
    local log=$E2E_DIR/log/containerd.log
    [ -e "$E2E_DIR/config.toml" ] || containerd_config >"$E2E_DIR/config.toml"
    setsid containerd --config "$E2E_DIR/config.toml" >>"$log" 2>&1 </dev/null &
    echo $! >"$E2E_DIR/containerd.pid"
    disown $!
    wait_for 20 run_ctr version && return 0
    tail -20 "$log" >&2
    die "containerd $E2E_VERSION does not answer"
}

# run_ctr ARGS...: ctr in this run's namespace
run_ctr() { ctr -a "$E2E_DIR/containerd.sock" -n "$E2E_NS" "$@"; }

# containerd_kill SIGNAL: that one process; its containers run on
containerd_kill() {
    local pid
    [ -e "$E2E_DIR/containerd.pid" ] || return 0
    pid=$(cat "$E2E_DIR/containerd.pid")
    kill "-$1" "$pid" 2>/dev/null || :
    wait_for 10 gone "$pid" || die "containerd $pid does not stop"
    rm -f "$E2E_DIR/containerd.pid"
}

tasks() { run_ctr task ls -q 2>/dev/null; }
containers() { run_ctr container ls -q 2>/dev/null; }
no_running_task() { [ -z "$(run_ctr task ls 2>/dev/null | awk 'NR > 1 && $3 != "STOPPED"')" ]; }

# remove_containers: ends and removes whatever is there, quietly
remove_containers() {
    local id
    for id in $(tasks); do
        run_ctr task kill -s KILL "$id" >/dev/null 2>&1 || :
    done
    wait_for 10 no_running_task || say "tasks would not end: $(tasks | tr '\n' ' ')"
    for id in $(tasks); do
        run_ctr task rm "$id" >/dev/null 2>&1 || say "task rm $id failed"
    done
    for id in $(containers); do
        run_ctr container rm "$id" >/dev/null 2>&1 || say "container rm $id failed"
    done
}

# containerd_stop: its containers first, in every namespace of this run
containerd_stop() {
    local mine=$E2E_NS name
    [ -e "$E2E_DIR/containerd.pid" ] || return 0
    for name in $(run_ctr namespace ls -q 2>/dev/null); do
        E2E_NS=$name remove_containers
    done
    E2E_NS=$mine
    containerd_kill TERM
    # Folders which containerd and runc make once per namespace and leave to the next run; only empty ones go.
    find /run/containerd/runc -maxdepth 1 -name "$E2E_NS*" -empty -delete 2>/dev/null || :
    find /sys/fs/cgroup -maxdepth 3 -type d -name "$E2E_NS*" -exec rmdir {} + 2>/dev/null || :
    # 2.x leaves these to whoever unmounts at shutdown.
    awk -v dir="$E2E_DIR/" 'index($5, dir) == 1 && $5 ~ /\/tmpmounts\// { print $5 }' /proc/self/mountinfo |
        xargs -r umount || :
}
