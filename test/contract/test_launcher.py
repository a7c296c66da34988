# SPDX-License-Identifier: Apache-2.0
"""The command line: start, delete, -info, -v, and how one daemon comes to be."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

from containerd import spec
from protobuf import decode, encode
from ttrpc import Client


def gone(pid, timeout=10):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if not pathlib.Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.01)
    return False


def test_the_binary_has_the_name_that_the_runtime_name_leads_to(fresh):
    assert pathlib.Path(fresh.launcher).name == "containerd-shim-skep-v2"
    head = pathlib.Path(fresh.launcher).read_bytes()
    assert b"ld-linux" not in head[:4096], "the launcher is not static"


def test_start_prints_the_plain_address_and_nothing_on_stderr(fresh):
    done = fresh.task("silent").launch()
    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout.startswith(b"unix:///") and b"\n" not in done.stdout.strip()
    assert b"|" not in done.stdout


def test_the_socket_listens_before_the_address_is_printed(fresh):
    task = fresh.task("silent")
    path = task.launch().stdout.decode().strip()[len("unix://"):]
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)


def test_no_daemon_child_holds_the_output_of_start(fresh):
    task = fresh.task("silent")
    began = time.monotonic()
    # run() reads to the end of both pipes: a child that held them would make it hang
    assert task.launch().returncode == 0
    assert time.monotonic() - began < 20
    for fd in pathlib.Path(f"/proc/{fresh.daemon()}/fd").iterdir():
        if fd.name in ("0", "1", "2"):
            assert os.readlink(fd) == "/dev/null" or "skepd.log" in os.readlink(fd)


def test_the_address_file_is_in_the_bundle(fresh):
    task = fresh.task("silent").start_shim()
    assert (task.bundle / "address").read_text() == task.address


def test_the_daemon_lives_outside_of_every_bundle(fresh):
    fresh.task("silent").start_shim()
    assert os.readlink(f"/proc/{fresh.daemon()}/cwd") == "/"
    assert os.getsid(fresh.daemon()) != os.getsid(0)


def test_stdin_of_every_containerd_is_taken(fresh):
    for stdin in (b"", encode("Any", {"type_url": "runtimeoptions.v1.Options", "value": b"x"}),
                  encode("BootstrapParams", {"instance_id": "c9", "namespace": "default",
                                             "containerd_version": "v2.3.4"}), b"x" * 200000):
        assert fresh.task("silent").launch(stdin=stdin).returncode == 0


def test_unknown_flags_are_ignored(fresh):
    assert fresh.task("silent").launch(words=("-some-future-flag", "value", "-debug")).returncode == 0


def test_many_starts_at_once_make_one_daemon(fresh):
    tasks = [fresh.task("silent") for _ in range(16)]
    answers = [None] * len(tasks)

    def launch(index):
        answers[index] = tasks[index].launch()

    threads = [threading.Thread(target=launch, args=(index,)) for index in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.returncode for answer in answers] == [0] * len(tasks), answers
    assert len({answer.stdout for answer in answers}) == 1
    assert len(fresh.processes("skepd")) == 1


def test_a_stale_socket_is_replaced(fresh):
    first = fresh.task("silent").start_shim()
    pid = fresh.daemon()
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    assert pathlib.Path(first.address[len("unix://"):]).exists(), "nothing is stale"
    second = fresh.task("silent").start_shim()
    second.create()
    second.start()
    assert second.wait() == 0


def test_a_reservation_keeps_an_idle_daemon(fresh):
    fresh.env["SKEP_IDLE_SECONDS"] = "1"
    task = fresh.task("silent")
    address = task.launch().stdout.decode().strip()
    time.sleep(2.5)
    client = Client(address, version=fresh.version)
    client.call("Create", id=task.id, bundle=str(task.bundle), **task.paths)
    client.close()


def test_an_idle_daemon_ends_and_takes_its_workers_along(fresh):
    fresh.env["SKEP_IDLE_SECONDS"] = "1"
    task = fresh.task("silent")
    task.run()
    assert task.wait() == 0
    daemon, workers = fresh.daemon(), fresh.processes("skep-worker")
    assert daemon and workers
    task.finish()
    assert gone(daemon, 20), "an idle daemon stays"
    assert all(gone(pid) for pid in workers)


def test_delete_without_a_daemon_starts_none_and_succeeds(fresh):
    task = fresh.task("silent")
    done = task.launch("delete")
    answer = decode("DeleteResponse", done.stdout)
    assert (done.returncode, done.stderr, answer["exit_status"]) == (0, b"", 137)
    assert abs(answer["exited_at"]["seconds"] - time.time()) < 60
    assert fresh.daemon() == 0


def test_delete_after_a_normal_end_changes_nothing(fresh):
    task = fresh.task("exits")
    task.run()
    assert task.wait() == 42
    other = fresh.task("hello", args=("hello", "sleep", "600"))
    other.run()
    task.call("Delete")
    for _ in range(2):
        assert task.launch("delete").returncode == 0
    assert other.call("State")["status"] == 2


def test_delete_of_a_running_task_ends_it_and_no_other(fresh):
    task = fresh.task("hello", args=("hello", "sleep", "600"))
    other = fresh.task("hello", args=("hello", "sleep", "600"))
    task.run()
    other.run()
    waiting = task.send("Wait")
    done = task.launch("delete")
    assert decode("DeleteResponse", done.stdout)["exit_status"] == 137
    assert waiting.answer()["exit_status"] == 137
    assert other.call("State")["status"] == 2
    assert task.output() is not None


def test_info_and_version_are_as_containerd_reads_them(fresh):
    done = subprocess.run([fresh.launcher, "-info"], input=b"", capture_output=True, check=True)
    info = decode("RuntimeInfo", done.stdout)
    assert info["name"] == "io.containerd.skep.v2" and info["version"]["version"]
    assert info["features"]["type_url"].endswith("/runtime-spec/1/features/Features")
    assert "rro" in json.loads(info["features"]["value"])["mountOptions"]
    done = subprocess.run([fresh.launcher, "-v"], capture_output=True, check=True)
    assert b"containerd-shim-skep-v2" in done.stdout and b"Version" in done.stdout


def test_two_containerds_get_two_daemons(fresh):
    fresh.task("silent").start_shim()
    other = fresh.task("silent")
    done = other.launch(env={"TTRPC_ADDRESS": fresh.ttrpc_address + "2"})
    assert done.returncode == 0
    assert len(fresh.processes("skepd")) == 2


def test_a_daemon_that_was_killed_comes_back_with_the_next_start(fresh):
    victim = fresh.task("hello", args=("hello", "sleep", "600"))
    victim.run()
    workers = fresh.processes("skep-worker")
    os.kill(fresh.daemon(), signal.SIGKILL)
    assert victim.client.closed.wait(10)
    assert all(gone(pid) for pid in workers), "a worker outlives its daemon"
    task = fresh.task("silent")
    task.run()
    assert task.wait() == 0
    assert victim.launch("delete").returncode == 0


def test_a_start_with_an_absurd_id_is_refused_with_a_sentence(fresh):
    fresh.task("silent").start_shim()
    for name in ("../../etc", "a" * 200, "a b", "-x", ""):
        done = fresh.launch("start", name, cwd=fresh.folder)
        assert done.returncode != 0, name
        assert done.stderr.count(b"\n") <= 1 and len(done.stderr) > 10, done.stderr


def test_a_container_without_wasm_is_handed_to_the_runc_shim(fresh):
    marks = fresh.folder / "marks"
    marks.mkdir()
    stand_in = marks / "containerd-shim-runc-v2"
    stand_in.write_text(f"#!/bin/sh\necho \"$@\" >> {marks}/calls\ncat > {marks}/stdin\necho unix:///runc\n")
    stand_in.chmod(0o755)
    task = fresh.task(None, config=spec(["/bin/sh"]))
    fresh.store.image("registry/native:1", "application/vnd.oci.image.config.v1+json",
                      {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}, [])
    fresh.store.containers[("default", task.id)] = "registry/native:1"
    path = {"PATH": f"{marks}:{os.environ['PATH']}"}
    done = task.launch(stdin=b"options", env=path)
    assert (done.returncode, done.stdout.strip()) == (0, b"unix:///runc"), done
    assert (marks / "stdin").read_bytes() == b"options"
    assert not (task.bundle / "address").exists()
    assert task.launch("delete", env=path).returncode == 0
    calls = (marks / "calls").read_text().splitlines()
    assert len(calls) == 2 and calls[0].endswith("start") and calls[1].endswith("delete")
