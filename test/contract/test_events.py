# SPDX-License-Identifier: Apache-2.0
"""Events: in order, complete, retried."""
import time


def ended(node, **options):
    task = node.task("exits", **options)
    task.run()
    task.wait()
    task.finish()
    node.events.wait(task.id, "/tasks/delete", task.namespace)
    return task


def test_a_life_is_told_in_order(node):
    task = ended(node)
    assert node.events.topics(task.id) == ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"]
    events = dict(node.events.of(task.id))
    pid = events["/tasks/create"]["pid"]
    assert pid > 0 and {events[topic]["pid"] for topic in events} == {pid}
    assert events["/tasks/create"]["bundle"] == str(task.bundle)
    assert events["/tasks/exit"]["id"] == task.id
    assert events["/tasks/exit"]["exit_status"] == 42
    assert events["/tasks/exit"]["exited_at"]["seconds"] > 0


def test_events_carry_the_namespace_of_their_task(node):
    task = ended(node, namespace="elsewhere")
    assert node.events.topics(task.id) == []
    assert len(node.events.topics(task.id, "elsewhere")) == 4


def test_out_of_memory_is_told_before_the_exit(node):
    task = node.task("hello", args=("hello", "eat", "256"), resources={"memory": {"limit": 32 << 20}})
    task.run()
    assert task.wait() == 137
    task.finish()
    node.events.wait(task.id, "/tasks/delete")
    topics = node.events.topics(task.id)
    assert topics.index("/tasks/oom") < topics.index("/tasks/exit")


def test_a_refused_event_is_sent_again_and_order_holds(fresh):
    fresh.events.refuse = 2
    task = ended(fresh)
    assert fresh.events.topics(task.id) == ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"]


def test_a_restart_of_containerd_loses_no_task_and_no_event(fresh):
    task = fresh.task("hello", args=("hello", "sleep", "600"))
    task.run()
    fresh.events.wait(task.id, "/tasks/start")
    fresh.events.close()
    fresh.store.close()
    task.client.close()
    from ttrpc import Client
    time.sleep(0.3)
    task.client = Client(task.address, task.namespace, fresh.version)
    task.call("Kill", signal=9)
    assert task.wait() == 137
    fresh.events.open()
    fresh.store.open()
    assert task.call("Connect")["task_pid"] > 0
    assert task.call("Pids")["processes"]
    fresh.events.wait(task.id, "/tasks/exit")
    after = fresh.task("exits")
    after.run()
    assert after.wait() == 42
