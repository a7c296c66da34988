# SPDX-License-Identifier: Apache-2.0
"""A task from Create to Delete, as containerd drives it."""
import os
import pathlib
import threading
import time

import pytest
from ttrpc import Client, Refused

CREATED, RUNNING, STOPPED, PAUSED = 1, 2, 3, 4


def refused(code, call, *args, **values):
    with pytest.raises(Refused) as failure:
        call(*args, **values)
    assert failure.value.code == code, failure.value
    return failure.value.message


def sleeper(node, **options):
    task = node.task("hello", args=("hello", "sleep", "600"), **options)
    task.run()
    return task


def end(task):
    task.call("Kill", signal=9)
    task.wait()
    task.finish()


def test_a_command_runs_from_create_to_delete(node):
    task = node.task("exits")
    task.start_shim()
    pid = task.create()["pid"]
    assert pid > 0
    state = task.call("State")
    assert (state["status"], state["pid"]) == (CREATED, pid)
    assert task.start()["pid"] == pid
    assert task.wait() == 42
    state = task.call("State")
    assert (state["status"], state["exit_status"]) == (STOPPED, 42)
    assert state["exited_at"]["seconds"] > 0
    answer = task.finish()
    assert (answer["pid"], answer["exit_status"]) == (pid, 42)


def test_state_echoes_what_containerd_attaches_to_again(node):
    task = node.task("hello", args=("hello", "sleep", "600"))
    fifo = task.bundle / "in"
    os.mkfifo(fifo)
    task.paths["stdin"] = str(fifo)
    task.run()
    state = task.call("State")
    assert {key: state[key] for key in task.paths} == task.paths
    assert (state["id"], state["bundle"], state["terminal"]) == (task.id, str(task.bundle), False)
    end(task)


def test_wait_for_an_exited_task_answers_at_once(node):
    task = node.task("exits")
    task.run()
    first = task.call("Wait")
    assert task.call("Wait") == first
    task.finish()


def test_kill_of_an_exited_task_is_not_found(node):
    task = node.task("exits")
    task.run()
    task.wait()
    assert "process already finished" in refused("NotFound", task.call, "Kill", signal=9, all=True)
    task.finish()


def test_delete_of_a_running_task_is_refused(node):
    task = sleeper(node)
    refused("FailedPrecondition", task.call, "Delete")
    assert task.call("State")["status"] == RUNNING
    end(task)


def test_a_second_delete_is_not_found(node):
    task = node.task("exits")
    task.run()
    task.wait()
    task.call("Delete")
    refused("NotFound", task.call, "Delete")
    refused("NotFound", task.call, "State")


def test_create_of_an_id_that_exists_is_refused(node):
    task = sleeper(node)
    refused("AlreadyExists", task.create)
    end(task)


def test_connect_answers_for_unknown_ids_with_pid_0(node):
    task = sleeper(node)
    answer = task.client.call("Connect", id="nobody")
    assert answer["task_pid"] == 0 and answer["shim_pid"] > 0
    answer = task.call("Connect")
    assert answer["task_pid"] == task.call("State")["pid"]
    end(task)


def test_pids_lists_a_process_for_every_task_until_its_delete(node):
    task = node.task("exits")
    task.start_shim()
    pid = task.create()["pid"]
    for _ in range(2):
        assert [item["pid"] for item in task.call("Pids")["processes"]] == [pid]
        if task.call("State")["status"] == CREATED:
            task.start()
            task.wait()
    task.finish()


def test_no_reported_pid_is_a_process_of_this_machine(node):
    task = sleeper(node)
    pid = task.call("State")["pid"]
    assert pid > 4194304 or pathlib.Path(f"/proc/{pid}/task").exists()
    assert pid != task.call("Connect")["shim_pid"]
    end(task)


def test_ids_repeat_across_namespaces(node):
    one = node.task("hello", args=("hello", "sleep", "600"), name="same", namespace="one")
    two = node.task("hello", args=("hello", "exit", "7"), name="same", namespace="two")
    one.run()
    two.run()
    assert two.wait() == 7
    assert one.call("State")["status"] == RUNNING
    two.finish()
    assert one.call("State")["status"] == RUNNING
    end(one)


def test_one_connection_answers_while_waits_are_pending(node):
    task = sleeper(node)
    waits = [task.send("Wait") for _ in range(300)]
    assert task.call("State")["status"] == RUNNING
    assert not any(wait.ready() for wait in waits)
    task.call("Kill", signal=9)
    assert {wait.answer()["exit_status"] for wait in waits} == {137}
    task.finish()


def test_a_broken_connection_ends_nothing(node):
    task = sleeper(node)
    for _ in range(20):
        task.send("Wait")
    task.client.close()
    task.client = Client(task.address, task.namespace, node.version)
    assert task.call("State")["status"] == RUNNING
    end(task)


def test_shutdown_ends_nobody_else(node):
    task = sleeper(node)
    done = node.task("exits")
    done.run()
    done.wait()
    done.call("Delete")
    done.call("Shutdown")
    done.call("Shutdown", now=True)
    done.client.close()
    assert task.call("State")["status"] == RUNNING
    end(task)


def test_a_created_task_can_be_killed_and_deleted(node):
    task = node.task("silent")
    task.start_shim()
    task.create()
    waiting = task.send("Wait")
    task.call("Kill", signal=9)
    assert waiting.answer()["exit_status"] == 137
    task.finish()
    other = node.task("silent")
    other.start_shim()
    other.create()
    assert other.call("Delete")["pid"] > 0
    node.events.wait(other.id, "/tasks/delete")


def test_start_twice_is_refused(node):
    task = sleeper(node)
    refused("FailedPrecondition", task.start)
    end(task)


def test_term_ends_a_command_with_143_and_kill_with_137(node):
    for signal, status in ((15, 143), (9, 137)):
        task = sleeper(node)
        task.call("Kill", signal=signal)
        assert task.wait() == status
        task.finish()


def test_a_spinning_guest_can_be_killed(node):
    task = node.task("spinner")
    task.run()
    task.call("Kill", signal=9)
    assert task.wait() == 137
    task.finish()


def test_signals_that_a_component_cannot_get_are_taken_and_ignored(node):
    task = sleeper(node)
    for signal in (1, 10, 12, 23, 28):
        task.call("Kill", signal=signal)
    assert task.call("State")["status"] == RUNNING
    end(task)


def test_pause_stops_a_guest_and_resume_lets_it_go_on(node):
    task = node.task("hello", args=("hello", "sleep", "1"))
    task.run()
    task.call("Pause")
    assert task.call("State")["status"] == PAUSED
    time.sleep(2)
    assert task.call("State")["status"] == PAUSED
    task.call("Resume")
    assert task.wait() == 0
    task.finish()
    assert [topic for topic in node.events.topics(task.id) if "pause" in topic or "resume" in topic] \
        == ["/tasks/paused", "/tasks/resumed"]


def test_checkpoint_is_unimplemented_but_create_from_one_is_not(node):
    task = sleeper(node)
    refused("Unimplemented", task.call, "Checkpoint", path="/tmp/x")
    end(task)
    task = node.task("silent")
    task.start_shim()
    with pytest.raises(Refused) as failure:
        task.create(checkpoint="/tmp/x")
    assert failure.value.code in ("InvalidArgument", "FailedPrecondition")


def test_unknown_tasks_methods_and_services_are_named(node):
    task = sleeper(node)
    message = refused("NotFound", task.client.call, "State", id="nobody")
    assert "not found" in message
    assert "Fly" in refused("Unimplemented", task.client.send("Fly", payload=b"").answer)
    assert "some.Service" in refused("Unimplemented", task.client.send(
        "State", service="some.Service", payload=b"").answer)
    end(task)


def test_a_terminal_is_refused_in_words(node):
    task = node.task("silent")
    task.start_shim()
    with pytest.raises(Refused) as failure:
        task.create(terminal=True)
    assert failure.value.code != "Unimplemented" and "terminal" in failure.value.message


def test_stats_have_the_exact_type_and_count(node):
    task = node.task("hello", args=("hello", "sleep", "600"),
                     resources={"memory": {"limit": 64 << 20}})
    task.run()
    from protobuf import decode
    unified = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
    kind = f"io.containerd.cgroups.{'v2' if unified else 'v1'}.Metrics"
    end_at = time.monotonic() + 20
    while True:
        stats = task.call("Stats")["stats"]
        assert stats["type_url"] == kind
        metrics = decode(kind, stats["value"])
        if unified:
            usage, limit = metrics["memory"]["usage"], metrics["memory"]["usage_limit"]
            used = metrics["cpu"]["usage_usec"]
        else:
            usage, limit = metrics["memory"]["usage"]["usage"], metrics["memory"]["usage"]["limit"]
            used = metrics["cpu"]["usage"]["total"]
        assert limit == 64 << 20
        if usage > 0 and used > 0:
            break
        assert time.monotonic() < end_at, metrics  # the guest may not have begun yet
    task.call("Kill", signal=9)
    task.wait()
    assert task.call("Stats")["stats"]["type_url"] == kind, "no stats after the exit"
    task.finish()


def test_update_takes_limits(node):
    task = sleeper(node)
    task.call("Update", resources={
        "type_url": "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources",
        "value": b'{"memory":{"limit":33554432},"cpu":{"shares":512,"quota":50000,"period":100000}}'})
    refused("InvalidArgument", task.call, "Update", resources={
        "type_url": "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources", "value": b"{"})
    end(task)


def test_nothing_of_a_task_is_left_after_its_delete(node):
    warm = node.task("silent")
    warm.run()
    warm.wait()
    warm.finish()
    daemon = pathlib.Path(f"/proc/{node.daemon()}/fd")
    workers = node.processes("skep-worker")

    def open_now():
        return (len(list(daemon.iterdir())),
                *(len(list(pathlib.Path(f"/proc/{worker}/fd").iterdir())) for worker in workers))

    before = open_now()
    bundles = []
    for _ in range(10):
        task = node.task("silent")
        bundles.append(str(task.bundle) + "/")
        task.run()
        task.wait()
        task.finish()
    end_at = time.monotonic() + 10
    while time.monotonic() < end_at:
        after = open_now()
        if all(now <= then for now, then in zip(after, before)):
            break
        time.sleep(0.05)
    assert all(now <= then for now, then in zip(after, before)), (before, after)
    held = [os.readlink(fd) for fd in daemon.iterdir()]
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    assert not any(bundle in path for bundle in bundles for path in [*held, mounts])


def test_a_slow_compile_delays_nobody_else(fresh):
    light = fresh.task("hello", args=("hello", "sleep", "600"))
    light.run()
    heavy = fresh.task("server-js")
    heavy.start_shim()
    creating = heavy.send("Create", bundle=str(heavy.bundle), **heavy.paths)
    slowest = 0
    for _ in range(50):
        began = time.monotonic()
        light.call("State")
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 1
    creating.answer(120)


def test_two_hundred_tasks_of_one_component_share_a_worker(fresh):
    tasks = [fresh.task("hello", args=("hello", "sleep", "600")) for _ in range(200)]
    failures = []

    def run(part):
        try:
            for task in part:
                task.run()
        except Exception as failure:  # noqa: BLE001 - told below
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(tasks[index::8],)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    assert len(fresh.processes("skep-worker")) == 1
    assert len({task.call("State")["pid"] for task in tasks}) == len(tasks)
    for task in tasks:
        task.call("Kill", signal=9)
        assert task.wait() == 137
