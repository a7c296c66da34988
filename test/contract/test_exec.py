# SPDX-License-Identifier: Apache-2.0
"""Exec: another command in the container's grant."""
import json
import os
import re

import pytest
from test_http import free_port
from ttrpc import Refused


def process(args, env=()):
    return {"type_url": "types.containerd.io/opencontainers/runtime-spec/1/Process",
            "value": json.dumps({"args": list(args), "env": list(env), "cwd": "/"}).encode()}


def host(node):
    task = node.task("hello", args=("hello", "sleep", "600"), env=["A=of the container"])
    task.run()
    return task


def end(task):
    task.call("Kill", signal=9)
    task.wait()
    task.finish()


def test_the_containers_own_component_runs_with_other_arguments(node):
    task = host(node)
    out = task.bundle / "exec-out"
    os.mkfifo(out)
    reader = os.open(out, os.O_RDONLY | os.O_NONBLOCK)
    task.call("Exec", exec_id="e1", stdout=str(out), spec=process(["hello", "show", "x y"], ["B=of the exec"]))
    assert task.call("State", exec_id="e1")["status"] == 1
    assert task.call("Start", exec_id="e1")["pid"] > 0
    assert task.call("Wait", exec_id="e1")["exit_status"] == 0
    state = task.call("State", exec_id="e1")
    assert (state["status"], state["exec_id"], state["stdout"]) == (3, "e1", str(out))
    data = os.read(reader, 65536).decode()
    os.close(reader)
    assert "x y" in data and "B=of the exec" in data
    assert task.call("Delete", exec_id="e1")["exit_status"] == 0
    assert task.call("State")["status"] == 2
    end(task)
    topics = node.events.topics(task.id)
    assert topics.index("/tasks/exec-added") < topics.index("/tasks/exec-started")
    exits = [event["id"] for topic, event in node.events.of(task.id) if topic == "/tasks/exit"]
    assert exits == ["e1", task.id]


def test_an_exec_has_an_exit_code_of_its_own(node):
    task = host(node)
    task.call("Exec", exec_id="e2", spec=process(["hello", "exit", "5"]))
    task.call("Start", exec_id="e2")
    assert task.call("Wait", exec_id="e2")["exit_status"] == 5
    task.call("Delete", exec_id="e2")
    end(task)


def test_an_exec_can_be_killed_alone(node):
    task = host(node)
    task.call("Exec", exec_id="e3", spec=process(["hello", "spin"]))
    task.call("Start", exec_id="e3")
    task.call("Kill", exec_id="e3", signal=9)
    assert task.call("Wait", exec_id="e3")["exit_status"] == 137
    assert task.call("State")["status"] == 2
    task.call("Delete", exec_id="e3")
    end(task)


def call(task, text, name="call"):
    """Exit code and stdout of a call of an export."""
    out = task.bundle / f"out-{name}"
    os.mkfifo(out)
    reader = os.open(out, os.O_RDONLY | os.O_NONBLOCK)
    try:
        task.call("Exec", exec_id=name, stdout=str(out), spec=process(["skep:call", text]))
        try:
            task.call("Start", exec_id=name)
            code = task.call("Wait", exec_id=name)["exit_status"]
            return code, os.read(reader, 65536).decode()
        finally:
            task.call("Delete", exec_id=name)
    finally:
        os.close(reader)
        os.unlink(out)


def test_an_export_can_be_called(node):
    task = node.task("adder")
    task.run()
    assert call(task, "acme:demo/add@1.0.0.add(2, 40)") == (0, "42\n")
    assert call(task, "acme:demo/add.add(4294967295, 2)") == (0, "1\n")
    for text, words in (("acme:demo/add.sub(1, 2)", "there is acme:demo/add@1.0.0.add"),
                        ("acme:demo/add.add(1)", "the arguments of acme:demo/add.add"),
                        ("acme:demo/add.add(1, \"x\")", "the arguments of acme:demo/add.add"),
                        ("acme:demo/add.add", "has the form acme:demo/add.add(1, 2)"),
                        (f"add({'(' * 300}{')' * 300})", "at most 200 brackets")):
        with pytest.raises(Refused, match=re.escape(words)):
            call(task, text)
    end(task)


def test_an_export_of_a_command_or_server_can_be_called(node):
    command = node.task("command3", args=("command3", "sleep", "600000"))
    command.run()
    code, said = call(command, "wasi:cli/run.run()")
    assert code == 0 and said.startswith("Hello from Rust over 0.3\n") and said.endswith("ok\n")
    end(command)
    server = node.task("server", env=[f"PORT={free_port()}"])
    server.run()
    with pytest.raises(Refused, match="the arguments of wasi:http/incoming-handler.handle"):
        call(server, "wasi:http/incoming-handler.handle(1, 2)")
    end(server)
    module = host(node)
    with pytest.raises(Refused, match="core module"):
        call(module, "run()")
    end(module)


def test_execs_that_cannot_be_are_refused_in_words(node):
    task = host(node)
    with pytest.raises(Refused) as failure:
        task.call("Exec", exec_id="e4", spec=process(["/bin/sh"]))
        task.call("Start", exec_id="e4")
    assert "/bin/sh" in failure.value.message
    with pytest.raises(Refused) as failure:
        task.call("State", exec_id="nobody")
    assert failure.value.code == "NotFound"
    with pytest.raises(Refused) as failure:
        task.call("Exec", exec_id="e5", spec={"type_url": "x", "value": b"{"})
    assert failure.value.code == "InvalidArgument"
    end(task)


def test_the_end_of_the_container_ends_its_execs(node):
    task = host(node)
    task.call("Exec", exec_id="e6", spec=process(["hello", "sleep", "600"]))
    task.call("Start", exec_id="e6")
    waiting = task.send("Wait", exec_id="e6")
    task.call("Kill", signal=9, all=True)
    assert waiting.answer()["exit_status"] == 137
    assert task.wait() == 137
    with pytest.raises(Refused) as failure:
        task.call("Exec", exec_id="e7", spec=process(["hello"]))
        task.call("Start", exec_id="e7")
    assert failure.value.code == "FailedPrecondition"
    task.finish()
