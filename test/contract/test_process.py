# SPDX-License-Identifier: Apache-2.0
"""The one process that holds all tasks: what it must not catch from the first bundle that started it,
and what must not end it."""
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess

from containerd import TOP, spec
from protobuf import decode, encode
from ttrpc import TASK, frame, read_frame

RUNNING = 2


def proc(pid, name):
    return pathlib.Path(f"/proc/{pid}/{name}").read_text()


def sleeper(node, **options):
    task = node.task("hello", args=("hello", "sleep", "600"), **options)
    task.run()
    return task


def launch_holding(task, fd):
    """`start` with one more descriptor inherited, as containerd might leak one."""
    node = task.node
    return subprocess.run(
        [node.launcher, "-namespace", task.namespace, "-address", node.store.address, "-publish-binary",
         "/usr/bin/containerd", "-id", task.id, "start"], cwd=task.bundle, env=node.env, pass_fds=(fd,),
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)


def capabilities_of(pid, which):
    words = [line for line in proc(pid, "status").splitlines() if line.startswith(f"{which}:")]
    return int(words[0].split()[1], 16)


def test_the_daemon_keeps_only_the_capabilities_of_its_table(node):
    task = sleeper(node)
    pid = node.daemon()
    header = pathlib.Path("/usr/include/linux/capability.h").read_text()
    numbers = dict(re.findall(r"^#define (CAP_\w+)\s+(\d+)$", header, re.M))
    rows = re.findall(r"^RIGHT\((\w+),", (TOP / "runtime/sandbox/rights.def").read_text(), re.M)
    wanted = sum(1 << int(numbers[name]) for name in rows)
    assert 0 < len(rows) < 20
    for which in ("CapPrm", "CapEff", "CapBnd"):
        assert capabilities_of(pid, which) == wanted & capabilities_of(os.getpid(), "CapBnd"), which
    assert capabilities_of(pid, "CapInh") == capabilities_of(pid, "CapAmb") == 0
    assert "NoNewPrivs:\t1" in proc(pid, "status")
    task.call("Kill", signal=9)


def children_of(pid):
    return {proc(child, "comm").strip(): int(child)
            for thread in os.listdir(f"/proc/{pid}/task")
            for child in proc(pid, f"task/{thread}/children").split()}


def test_what_the_daemon_starts_has_no_rights_and_an_empty_root(node):
    task = sleeper(node)
    found = children_of(node.daemon())
    assert {"skep-worker", "skep-images"} <= found.keys()
    for name in ("skep-worker", "skep-images"):
        pid = found[name]
        status = proc(pid, "status")
        for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert capabilities_of(pid, which) == 0, (name, which)
        assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status, name
        assert "Groups:\t \n" in status and "Uid:\t0" not in status, name
        assert os.listdir(f"/proc/{pid}/root/") == [], name
        assert {line.split()[2] for line in proc(pid, "mounts").splitlines()} == {"tmpfs"}, name
        assert all(" ro," in line for line in proc(pid, "mounts").splitlines()), name
        assert os.stat(f"/proc/{pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino, name
        folders = [fd for fd in os.listdir(f"/proc/{pid}/fd")
                   if os.path.isdir(f"/proc/{pid}/fd/{fd}")]
        assert bool(folders) == (name == "skep-images"), name
        assert all(os.path.samefile(f"/proc/{pid}/fd/{fd}", node.store.blobs) for fd in folders)
    task.call("Kill", signal=9)


def test_no_descriptor_of_the_first_start_is_inherited(fresh):
    task = fresh.task("silent")
    os.mkfifo(task.bundle / "log")
    reader = os.open(task.bundle / "log", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(task.bundle / "log", os.O_WRONLY)
    done = launch_holding(task, writer)
    os.close(writer)
    assert done.returncode == 0 and fresh.daemon()
    os.set_blocking(reader, False)
    # No writer is left: the end of the FIFO. A holder would make this raise BlockingIOError.
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_signals_meant_for_a_container_do_not_end_the_daemon(fresh):
    task = sleeper(fresh)
    pid = fresh.daemon()
    for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        os.kill(pid, number)
        assert task.call("State")["status"] == RUNNING, number
    assert fresh.daemon() == pid
    other = fresh.task("exits")
    other.run()
    assert other.wait() == 42
    assert task.call("State")["status"] == RUNNING


def test_a_reader_that_is_gone_does_not_end_the_daemon(fresh):
    task = fresh.task("hello", args=("hello", "sleep", "600"))
    other = sleeper(fresh)
    for fd in task.readers.values():
        os.close(fd)
    task.readers = {}
    task.run()
    task.call("Kill", signal=9)
    assert task.wait() == 137
    assert other.call("State")["status"] == RUNNING


def test_neither_daemon_nor_worker_enters_the_cgroup_of_a_pod(fresh):
    config = {**spec(["hello", "sleep", "600"])}
    config["linux"]["cgroupsPath"] = "/kubepods/pod1/c1"
    task = fresh.task("hello", config=config)
    task.run()
    ours = proc("self", "cgroup")
    for program in ("skepd", "skep-worker", "skep-images"):
        for pid in fresh.processes(program):
            assert proc(pid, "cgroup") == ours, program


def test_the_kernel_takes_the_daemon_before_containerd(fresh):
    sleeper(fresh)
    ours = int(proc("self", "oom_score_adj"))
    assert int(proc(fresh.daemon(), "oom_score_adj")) == min(ours + 1, 1000)


def test_the_daemon_may_open_as_many_files_as_it_can_get(fresh):
    sleeper(fresh)
    [line] = [line for line in proc(fresh.daemon(), "limits").splitlines() if line.startswith("Max open files")]
    soft, hard = (int(word) for word in line.split()[3:5])
    assert soft == hard >= resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def test_pods_and_namespaces_do_not_choose_the_daemon(fresh):
    tasks = [fresh.task("hello", args=("hello", "sleep", "600"), namespace=f"n{pod}", annotations={
        "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": f"pod{pod}",
        "io.containerd.runc.v2.group": f"g{pod}"}) for pod in range(3)]
    for task in tasks:
        task.run()
    assert len({task.address.rpartition("/")[0] for task in tasks}) == 1
    assert len({task.call("Connect")["shim_pid"] for task in tasks}) == 1
    assert len(fresh.processes("skepd")) == 1


def state_without_namespace(task):
    """containerd 1.6 does not say in which namespace a task is."""
    request = encode("Request", {"service": TASK["v2"], "method": "State",
                                 "payload": encode("IdRequest", {"id": task.id})})
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(task.address[len("unix://"):])
        sock.sendall(frame(1, 1, request))
        response = decode("Response", read_frame(sock)[3])
    return response["status"] or decode("StateResponse", response["payload"])


def test_a_call_without_a_namespace_means_that_of_its_socket(fresh):
    one = sleeper(fresh, name="same", namespace="one")
    two = fresh.task("silent", name="same", namespace="two")
    two.start_shim()
    two.create()
    assert state_without_namespace(one)["status"] == RUNNING
    assert state_without_namespace(two)["status"] == 1
    two.call("Delete")
    assert state_without_namespace(two)["code"] == 5
    assert state_without_namespace(one)["bundle"] == str(one.bundle)
