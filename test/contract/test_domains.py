# SPDX-License-Identifier: Apache-2.0
"""Isolation domains by the runtime's name: who shares a worker, and who dies with it."""
import os
import pathlib
import time

import pytest

NAMES = {"namespace": "containerd-shim-skep-v2", "node": "containerd-shim-skep-shared-v2",
         "pod": "containerd-shim-skep-isolated-v2"}


def sleeper(node, mode, namespace):
    link = pathlib.Path(node.folder) / NAMES[mode]
    if not link.exists():
        link.symlink_to(node.launcher)
    before, node.launcher = node.launcher, str(link)
    task = node.task("hello", args=("hello", "sleep", "600"), namespace=namespace)
    try:
        task.run()
    finally:
        node.launcher = before
    return task


def end(task):
    task.call("Kill", signal=9)
    task.wait()
    task.finish()


def domains(node):
    """pid by isolation domain."""
    return {(pathlib.Path("/proc") / str(pid) / "cmdline").read_bytes().split(b"\0")[1].decode(): pid
            for pid in node.processes("skep-worker")}


@pytest.mark.parametrize("mode,workers", [("node", 1), ("namespace", 2), ("pod", 3)])
def test_the_runtime_s_name_says_who_shares_a_worker(fresh, mode, workers):
    tasks = [sleeper(fresh, mode, namespace) for namespace in ("one", "one", "two")]
    assert len(domains(fresh)) == workers, domains(fresh)
    for task in tasks:
        end(task)


@pytest.mark.parametrize("mode", ["namespace", "node", "pod"])
def test_a_worker_s_death_ends_its_own_domain_and_says_why(fresh, mode):
    lost = sleeper(fresh, mode, "one")
    kept = sleeper(fresh, "pod" if mode != "pod" else "namespace", "one")
    name = {"namespace": "namespace/one", "node": "node", "pod": f"pod/one/{lost.id}"}[mode]
    os.kill(domains(fresh)[name], 9)
    assert lost.wait() == 255
    assert b"its worker died of signal 9 (Killed)" in lost.output("stderr")
    assert kept.call("State")["status"] == 2
    began = time.monotonic()
    again = sleeper(fresh, mode, "one")
    print(f"{mode}: a new task runs in a fresh worker after {(time.monotonic() - began) * 1000:.0f} ms")
    assert again.call("State")["status"] == 2
    lost.finish()
    end(again)
    end(kept)
