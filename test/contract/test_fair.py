# SPDX-License-Identifier: Apache-2.0
"""Processors: how many a worker takes, and what a pod gets of them while it runs. How well is for the
bench (test/bench/fair.py); here shares differ so much that any machine shows them."""
import json
import os
import re
import time

import pytest

from protobuf import decode
from ttrpc import Refused

RESOURCES = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"
SECONDS = 1.5


def engine_threads(node):
    log = "".join(path.read_text() for path in node.state.glob("*/skepd.log"))
    return int(re.search(r"instances on (\d+) thread", log).group(1))


def settings(node, tmp_path, **values):
    path = tmp_path / "skep.json"
    path.write_text(json.dumps(values))
    node.env["SKEP_CONFIG"] = str(path)


def run_silent(node):
    task = node.task("silent")
    task.run()
    assert task.wait() == 0
    task.finish()


def test_threads_are_as_many_as_skepd_has_processors(fresh):
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mine)})
    try:
        run_silent(fresh)
    finally:
        os.sched_setaffinity(0, mine)
    assert engine_threads(fresh) == 1


def test_threads_and_instances_are_what_the_node_s_settings_say(fresh, tmp_path):
    settings(fresh, tmp_path, engine={"threads": 3, "instances": 50})
    run_silent(fresh)
    assert engine_threads(fresh) == 3
    assert "room for 50 instances" in "".join(path.read_text() for path in fresh.state.glob("*/skepd.log"))


def test_a_number_of_threads_that_cannot_be_is_refused_in_words(fresh, tmp_path):
    settings(fresh, tmp_path, engine={"threads": 1000})
    task = fresh.task("silent")
    with pytest.raises(RuntimeError, match="engine.threads must be from 1 to 256"):
        task.start_shim()


def used_ns(task):
    stats = task.call("Stats")["stats"]
    told = decode(stats["type_url"], stats["value"])["cpu"]
    return told["usage"]["total"] if "usage" in told else told["usage_usec"] * 1000


def uses(tasks):
    """What each is charged with in a while."""
    before = [used_ns(task) for task in tasks]
    time.sleep(SECONDS)
    return [(used_ns(task) - began) / 1e9 for task, began in zip(tasks, before)]


def update(task, **cpu):
    task.call("Update", resources={"type_url": RESOURCES, "value": json.dumps({"cpu": cpu}).encode()})


def spinners(node, count):
    tasks = [node.task("spinner", stdio=False) for _ in range(count)]
    for task in tasks:
        task.run()
    while not all(used_ns(task) for task in tasks):
        time.sleep(0.01)
    return tasks


def end(tasks):
    for task in tasks:
        task.call("Kill", signal=9)
        assert task.wait() == 137
        task.finish()


def test_a_quota_can_be_set_changed_and_taken_away_while_a_guest_spins(node):
    tasks = spinners(node, 1)
    update(tasks[0], quota=5000, period=100000)
    time.sleep(0.3)
    held, = uses(tasks)
    assert 0 < held < 0.25 * SECONDS
    update(tasks[0], quota=1000)
    time.sleep(0.3)
    less, = uses(tasks)
    assert less < held
    update(tasks[0], quota=-1)
    free, = uses(tasks)
    assert free > 3 * held
    with pytest.raises(Refused) as failure:
        update(tasks[0], quota=999)
    assert "linux.resources.cpu.quota must be from 1000" in failure.value.message
    end(tasks)


def test_a_weight_can_be_changed_while_guests_spin(node):
    tasks = spinners(node, 8)
    for task in tasks[:4]:
        update(task, shares=8192)
    for task in tasks[4:]:
        update(task, shares=512)
    time.sleep(0.2)
    used = uses(tasks)
    assert sum(used[:4]) > 4 * sum(used[4:])
    for task in tasks[:4]:
        update(task, shares=512)
    for task in tasks[4:]:
        update(task, shares=8192)
    time.sleep(0.2)
    used = uses(tasks)
    assert sum(used[4:]) > 4 * sum(used[:4])
    end(tasks)
