# SPDX-License-Identifier: Apache-2.0
"""A server's requests and limits, from its annotations and updates to what clients and containerd see."""
import json
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from protobuf import decode

RESOURCES = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"
UNIFIED = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A container of a server in the node's own network, with annotations by name."""

    def __init__(self, node, guest="server", said=None, **options):
        self.port = free_port()
        self.task = node.task(guest, env=(f"PORT={self.port}",),
                              annotations={f"skep.dev/{key}": value for key, value in (said or {}).items()},
                              **options)
        self.task.run()

    def curl(self, path, *words):
        """The answer's status, head and body."""
        done = subprocess.run(["curl", "-s", "-D", "-", "--max-time", "60", *words,
                               f"http://127.0.0.1:{self.port}{path}"],
                              capture_output=True, text=True, timeout=90, check=False)
        heads = re.findall(r"^HTTP/\S+ (\d+)", done.stdout, re.MULTILINE)
        return int(heads[-1]) if heads else 0, done.stdout

    def status(self, path, *words):
        return self.curl(path, *words)[0]

    def update(self, **resources):
        self.task.call("Update", resources={"type_url": RESOURCES, "value": json.dumps(resources).encode()})

    def stop(self):
        self.task.call("Kill", signal=signal.SIGTERM)
        assert self.task.wait() == 143
        written = self.task.output("stdout").decode(), self.task.output("stderr").decode()
        self.task.finish()
        return written


def usage(task):
    """CPU time in ns, memory in bytes and its limit."""
    stats = task.call("Stats")["stats"]
    metrics = decode(stats["type_url"], stats["value"])
    if UNIFIED:
        memory = metrics["memory"]
        return metrics["cpu"]["usage_usec"] * 1000, memory["usage"], memory["usage_limit"]
    memory = metrics["memory"]["usage"]
    return metrics["cpu"]["usage"]["total"], memory["usage"], memory["limit"]


def wait_until(fact, seconds=60):
    end_at = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end_at, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("guest", ["server", "server3"])
def test_one_port_speaks_http_1_and_2_and_passes_trailers(node, guest):
    server = Server(node, guest)
    status, text = server.curl("/", "--http1.1")
    assert (status, text.split()[0]) == (200, "HTTP/1.1")
    status, text = server.curl("/", "--http2-prior-knowledge")
    assert (status, text.split()[0]) == (200, "HTTP/2")
    status, text = server.curl("/trailers", "--http2-prior-knowledge")
    assert status == 200 and "grpc-status: 0" in text
    status, text = server.curl("/echo", "--http2-prior-knowledge", "-d", "x" * 100_000)
    assert status == 200 and "x" * 100_000 in text
    server.stop()


def test_the_access_log_is_json_on_stdout(node):
    server = Server(node, said={"access-log": "stdout"})
    server.curl("/big?bytes=1000", "--http1.1")
    server.curl("/nowhere", "--http2-prior-knowledge", "-d", "x")
    lines = [json.loads(line) for line in server.stop()[0].splitlines()]
    assert [line["skep"] for line in lines] == ["access", "access"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", lines[0]["time"])
    assert lines[0]["peer"].startswith("127.0.0.1:") and lines[0]["ms"] > 0
    told = [tuple(line[key] for key in ("method", "path", "protocol", "status")) for line in lines]
    assert told == [("GET", "/big?bytes=1000", "HTTP/1.1", 200), ("POST", "/nowhere", "HTTP/2.0", 404)]
    assert lines[0]["bytes"] == 1000


def test_without_the_annotation_nothing_is_logged(node):
    server = Server(node)
    assert server.status("/") == 200
    assert server.stop() == ("", "")


def test_at_the_cap_requests_wait_and_more_get_503_with_retry_after(node):
    server = Server(node, said={"requests": "1", "queue": "1", "queue-timeout": "20s"})
    answers = []

    def ask():
        answers.append(server.curl("/sleep?ms=1500"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers) == [200, 200, 503, 503]
    assert all("retry-after: 1" in text for status, text in answers if status == 503)
    assert "too many are in flight" in server.stop()[1]


def test_bodies_and_heads_beyond_the_limit_are_refused(node):
    server = Server(node, said={"max-body": "1Ki", "max-head": "8Ki"})
    large, chunked = ("-d", "x" * 1025), ("-H", "Transfer-Encoding: chunked")
    head = [word for number in range(4) for word in ("-H", f"x{number}: {'y' * 4000}")]
    assert server.status("/echo", "-d", "x" * 1024) == 200
    assert server.status("/echo", *large) == 413
    assert server.status("/echo", *large, *chunked) == 413
    assert server.status("/", *head) == 431
    assert server.status("/", "--http2-prior-knowledge", *head) == 431
    assert server.status("/") == 200
    server.stop()


def test_a_looping_request_gets_504_and_the_neighbour_notices_nothing(node):
    looping, beside = Server(node, said={"request-timeout": "1s"}), Server(node)
    found = []
    asking = threading.Thread(target=lambda: found.append(looping.status("/spin")))
    asking.start()
    wait_until(lambda: usage(looping.task)[0] > 50_000_000)
    assert beside.status("/") == 200
    assert looping.status("/") == 200
    asking.join()
    assert found == [504]
    assert looping.status("/") == 200
    assert "cut off after 1s" in looping.stop()[1]
    assert beside.stop()[1] == ""


def test_a_head_that_drips_is_let_go(node):
    server = Server(node, said={"head-timeout": "300ms", "connections": "1"})
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nX: ")
        slow.settimeout(0.05)

        def is_gone():
            try:
                slow.sendall(b"x")
                return slow.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True
        wait_until(is_gone)
        assert server.status("/") == 200
    server.stop()


def test_a_connection_is_closed_after_its_requests(node):
    server = Server(node, said={"keep-alive-requests": "2"})
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        text = b""
        while more := client.recv(65536):
            text += more
    assert text.count(b"HTTP/1.1 200") == 2 and text.count(b"connection: close") == 1
    server.stop()


def test_sigterm_waits_for_a_slow_client_and_lets_no_one_in(node):
    server = Server(node)
    size = 16 << 20
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(f"GET /big?bytes={size} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        first = client.recv(1000)
        server.task.call("Kill", signal=signal.SIGTERM)

        def is_closed():
            with socket.socket() as late:
                return late.connect_ex(("127.0.0.1", server.port)) != 0
        wait_until(is_closed)
        waiting = server.task.send("Wait")
        time.sleep(0.3)
        assert not waiting.ready()
        length = len(first)
        while more := client.recv(1 << 20):
            length += len(more)
    assert length > size
    assert waiting.answer()["exit_status"] == 143
    assert server.task.output("stderr") == b""
    server.task.finish()


def test_sigkill_ends_the_wait_for_a_slow_client(node):
    server = Server(node)
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /big?bytes=16777216 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(1)
        server.task.call("Kill", signal=signal.SIGTERM)
        server.task.call("Kill", signal=signal.SIGKILL)
        assert server.task.wait() == 137
    server.task.finish()


def test_memory_is_updated_while_it_runs(node):
    server = Server(node, resources={"memory": {"limit": 64 << 20}})
    assert server.status("/eat?mib=32") == 200
    server.update(memory={"limit": 16 << 20})
    assert usage(server.task)[2] == 16 << 20
    status, text = server.curl("/eat?mib=32")
    assert status == 507 and "refused after" in text
    server.update(memory={"limit": 64 << 20})
    assert server.status("/eat?mib=32") == 200
    server.stop()
    assert "/tasks/oom" not in node.events.topics(server.task.id)


def test_a_memory_limit_below_what_is_held_ends_nothing(node):
    task = node.task("hello", args=("hello", "sleep", "600"), resources={"memory": {"limit": 64 << 20}})
    task.run()
    wait_until(lambda: usage(task)[1] > 65536)
    held = usage(task)[1]
    task.call("Update", resources={"type_url": RESOURCES, "value": b'{"memory":{"limit":65536}}'})
    time.sleep(0.3)
    assert task.call("State")["status"] == 2
    assert usage(task)[1:] == (held, 65536) and held > 65536
    task.call("Kill", signal=15)
    assert task.wait() == 143
    task.finish()
    assert "/tasks/oom" not in node.events.topics(task.id)


def test_a_quota_is_updated_while_it_runs(node):
    task = node.task("spinner")
    task.run()
    wait_until(lambda: usage(task)[0] > 100_000_000)
    task.call("Update", resources={"type_url": RESOURCES, "value": b'{"cpu":{"quota":2000,"period":100000}}'})
    time.sleep(0.3)  # what it had left of a period
    before, began = usage(task)[0], time.monotonic()
    time.sleep(2)
    used, elapsed = usage(task)[0] - before, time.monotonic() - began
    assert 0 < used < elapsed * 1e9 * 0.1  # a fiftieth, and room for one slice too many a period
    task.call("Update", resources={"type_url": RESOURCES, "value": b'{"cpu":{"quota":-1}}'})
    before = usage(task)[0]
    wait_until(lambda: usage(task)[0] - before > 1_500_000_000, 30)  # 75 s with the quota
    task.call("Kill", signal=9)
    assert task.wait() == 137
    task.finish()


def test_stats_after_the_exit_are_the_last_ones(node):
    task = node.task("spinner")
    task.run()
    wait_until(lambda: usage(task)[0] > 50_000_000)
    before = usage(task)[0]
    task.call("Kill", signal=9)
    task.wait()
    after = usage(task)
    assert after[0] >= before and after[1] == 0
    assert usage(task) == after
    task.finish()


def test_limits_out_of_bounds_are_refused_by_name(node):
    for key, value, words in (("max-head", "1Ki", "from 8192 to 16777216 bytes"), ("streams", "0", "from 1 to 1000"),
                              ("access-log", "yes", "none or stdout"), ("head-timeout", "3", "ms, s, m or h")):
        task = node.task("server", annotations={f"skep.dev/{key}": value}, env=(f"PORT={free_port()}",))
        task.start_shim()
        with pytest.raises(Exception, match=f"skep.dev/{key} must be .*{words}"):
            task.create()
        task.client.close()
        assert task.launch("delete").returncode == 0
        task.forget()
