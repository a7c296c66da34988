# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a run may leave behind, looked for by name: processes, mounts, sockets, network namespaces,
# cgroups, folders of containerd's and runc's outside $E2E_DIR.
#
# Belongs here: looking. Only skep_stop ends anything, and only processes of this run.

# run_pids: processes which carry $E2E_DIR in their command line, environment, folder or open files,
# and their descendants; neither this shell nor its ancestors and children
run_pids() {
    python3 - "$E2E_DIR" "$$" <<'PY'
import os, sys

mark, shell = sys.argv[1].encode(), int(sys.argv[2])
parent, marked = {}, set()


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def link(path):
    try:
        return os.readlink(path).encode()
    except OSError:
        return b""


for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
    stat = read(f"/proc/{pid}/stat")
    if not stat or stat.rpartition(b")")[2].split()[0] == b"Z":
        continue
    parent[pid] = int(stat.rpartition(b")")[2].split()[1])
    where = f"/proc/{pid}"
    if (mark in read(f"{where}/cmdline") or mark in read(f"{where}/environ")
            or mark in link(f"{where}/cwd")
            or any(mark in link(f"{where}/fd/{fd}") for fd in
                   (os.listdir(f"{where}/fd") if os.access(f"{where}/fd", os.R_OK) else []))):
        marked.add(pid)


def line(pid):
    while pid:
        yield pid
        pid = parent.get(pid, 0)


own = set(line(shell))
for pid in sorted(parent):
    if pid in own or shell in line(pid):
        continue
    if any(above in marked and above not in own for above in line(pid)):
        print(pid)
PY
}

describe_pids() {
    local pid
    for pid in "$@"; do
        printf '  process %s: %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c1-160)"
    done
}

# leftovers_now: one line per thing that a run could leave outside its folder, or that is in use inside
leftovers_now() {
    local file
    find /run/netns -mindepth 1 -maxdepth 1 -printf 'netns %p\n' 2>/dev/null || :
    # A shim's socket that is still served belongs to a process, and those are looked for by themselves.
    while read -r file; do
        grep -qF " $file" /proc/net/unix || echo "dead socket $file"
    done < <(find /run/containerd/s -type s 2>/dev/null)
    [ ! -e "/run/containerd/runc/$E2E_NS" ] || echo "folder /run/containerd/runc/$E2E_NS"
    awk -v dir="$E2E_DIR/" '/ - nsfs / || index($5, dir) == 1 { print "mount", $5 }' \
        /proc/self/mountinfo
    awk -v dir="$E2E_DIR/" 'index($8, dir) == 1 { print "socket", $8 }' /proc/net/unix
    find /sys/fs/cgroup -maxdepth 4 -type d -path "*$E2E_NS*" -printf 'cgroup %p\n' 2>/dev/null || :
}

leftovers_before() { leftovers_now | sort >"$E2E_DIR/before"; }

# skep_stop: asks every process of this run that is still there to end, and says which; 1 if one must be killed.
# A daemon that waits for its next container is no leftover; one that does not end on SIGTERM is.
skep_stop() {
    local pids pid result=0
    mapfile -t pids < <(run_pids)
    [ ${#pids[@]} -gt 0 ] || return 0
    for pid in "${pids[@]}"; do
        kill -TERM "$pid" 2>/dev/null || :
    done
    for pid in "${pids[@]}"; do
        if ! wait_for 5 gone "$pid"; then
            say "does not end on SIGTERM:"
            describe_pids "$pid" >&2
            kill -KILL "$pid" 2>/dev/null || :
            wait_for 5 gone "$pid" || :
            result=1
        fi
    done
    return "$result"
}

# nothing_left: names what is there now and was not before; 1 if there is anything
nothing_left() {
    local new pids
    new=$(leftovers_now | sort | comm -13 "$E2E_DIR/before" -)
    mapfile -t pids < <(run_pids)
    [ -n "$new" ] || [ ${#pids[@]} -gt 0 ] || return 0
    say "LEFT BEHIND by $E2E_DIR:"
    [ -z "$new" ] || printf '%s\n' "$new" | sed 's/^/  /' >&2
    describe_pids "${pids[@]}" >&2
    return 1
}
