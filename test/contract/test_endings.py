# SPDX-License-Identifier: Apache-2.0
"""The exit truth: twelve endings, each with its code, its sentence and its events."""
import os
import pathlib
import shutil

import pytest
from containerd import digest_of, guest
from ttrpc import Refused

# name, guest, arguments, options, signal, exit code, words in stderr
ENDINGS = [
    ("exit 0", "hello", ("exit", "0"), {}, 0, 0, ""),
    ("exit 7", "hello", ("exit", "7"), {}, 0, 7, ""),
    ("exit 255", "hello", ("exit", "255"), {}, 0, 255, ""),
    ("trap", "hello", ("trap",), {}, 0, 134, "unreachable"),
    ("stack overflow", "hello", ("overflow",), {}, 0, 134, "stack"),
    ("out of memory", "hello", ("eat", "256"), {"resources": {"memory": {"limit": 32 << 20}}}, 0, 137, "memory"),
    ("SIGTERM", "hello", ("sleep", "600"), {}, 15, 143, ""),
    ("SIGKILL", "hello", ("spin",), {}, 9, 137, ""),
]


@pytest.mark.parametrize("name,wasm,args,options,signal,code,words", ENDINGS, ids=[row[0] for row in ENDINGS])
def test_a_running_task_ends_truly(node, name, wasm, args, options, signal, code, words):
    task = node.task(wasm, args=("hello", *args), **options)
    task.run()
    if signal:
        task.call("Kill", signal=signal)
    assert task.wait() == code
    stderr = task.output("stderr").decode()
    assert words in stderr
    if words:
        assert "skep: " in stderr
    task.finish()
    node.events.wait(task.id, "/tasks/delete")
    assert ("/tasks/oom" in node.events.topics(task.id)) == (name == "out of memory")
    assert dict(node.events.of(task.id))["/tasks/exit"]["exit_status"] == code


def refused(task):
    """The sentence of whichever step refuses: start, Create or Start."""
    with pytest.raises((Refused, RuntimeError)) as failure:
        task.start_shim()
        task.create()
        task.start()
    if task.client:
        task.client.close()
    assert task.launch("delete").returncode == 0
    assert "/tasks/start" not in task.node.events.topics(task.id)
    task.forget()
    return str(failure.value)


def test_a_missing_import_is_named_with_its_version(node):
    message = refused(node.task("missing"))
    assert "acme:vault/store" in message and "1.0.0" in message


def test_what_is_no_component_is_said(node):
    assert "not WebAssembly" in refused(node.task(b"#!/bin/sh\necho no\n" * 10))
    assert len(refused(node.task("core"))) > 20


def test_corrupt_wasm_is_said(node):
    whole = guest("hello-component")
    for data in (whole[:len(whole) // 2], whole[:5000] + b"\xff" * 64 + whole[5064:]):
        assert len(refused(node.task(data))) > 10


def test_a_mount_that_cannot_be_read_is_named(node):
    mounts = [{"destination": "/data", "type": "bind", "source": "/nonexistent/here", "options": ["rbind"]}]
    assert "/nonexistent/here" in refused(node.task("silent", mounts=mounts))


def test_a_library_lives_without_running_anything_until_it_is_ended(node):
    task = node.task("adder")
    task.run()
    assert task.call("State")["status"] == 2
    task.call("Kill", signal=15)
    assert task.wait() == 143
    task.finish()


def test_a_wrong_digest_is_refused(node):
    task = node.task("exits")
    blob = node.store.blobs / "blobs/sha256" / digest_of(guest("exits"))[7:]
    keep = blob.read_bytes()
    other = b"\0asm" + os.urandom(64)
    digest = digest_of(other)
    # an image of its own whose layer has other bytes than its name says
    node.store.artifact("registry/forged:1", other)
    (node.store.blobs / "blobs/sha256" / digest[7:]).write_bytes(keep)
    node.store.containers[("default", task.id)] = "registry/forged:1"
    assert digest[7:19] in refused(task)


def test_the_reason_is_in_the_termination_message(node, tmp_path):
    log = tmp_path / "termination-log"
    log.touch()
    task = node.task("trapper", mounts=[{"destination": "/dev/termination-log", "type": "bind",
                                         "source": str(log), "options": ["rbind", "rw"]}])
    task.run()
    assert task.wait() == 134
    assert "unreachable" in log.read_text()
    task.finish()


def test_the_death_of_a_worker_is_told_and_a_fresh_one_comes(fresh):
    task = fresh.task("hello", args=("hello", "sleep", "600"))
    task.run()
    [worker] = fresh.processes("skep-worker")
    os.kill(worker, 9)
    assert task.wait() == 255
    assert "worker" in task.output("stderr").decode()
    again = fresh.task("exits")
    again.run()
    assert again.wait() == 42
    assert fresh.processes("skep-worker") != [worker]


def test_the_death_of_the_image_reader_costs_nothing(fresh):
    first = fresh.task("exits")
    first.run()
    assert first.wait() == 42
    for pid in fresh.processes("skep-images"):
        os.kill(pid, 9)
    second = fresh.task("exits")
    second.run()
    assert second.wait() == 42


def test_a_spoiled_cache_is_not_run(fresh, tmp_path):
    fresh.env["SKEP_CACHE_DIR"] = str(tmp_path / "cache")
    task = fresh.task("exits")
    task.run()
    assert task.wait() == 42
    task.finish()
    os.kill(fresh.daemon(), 9)
    code = list(pathlib.Path(tmp_path / "cache").glob("*.cwasm"))
    assert code
    for path in code:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        spoiled = path.with_suffix(".new")
        spoiled.write_bytes(data)
        shutil.copystat(path, spoiled)
        os.rename(spoiled, path)
    again = fresh.task("exits")
    again.run()
    assert again.wait() == 42
