# SPDX-License-Identifier: Apache-2.0
"""What a node's people see of its containers: the stats of the task service, skep metrics, ps and top."""
import fcntl
import http.client
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest
from containerd import BUILD, Node
from protobuf import decode

SKEP = BUILD / "bin/skep"
LABELS = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
CRI = "io.kubernetes.cri."
POD = {CRI + "container-type": "container", CRI + "sandbox-id": "s1", CRI + "sandbox-name": "cart-1",
       CRI + "sandbox-namespace": "shop", CRI + "container-name": "web",
       CRI + "image-name": "registry.example/cart:1"}


def skep(node, *words, **options):
    done = subprocess.run([SKEP, *words], env=node.env, capture_output=True, text=True, timeout=60,
                          check=False, **options)
    assert done.stderr == "" or done.returncode != 0, done.stderr
    return done


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def server(node, annotations=None, **options):
    """A server on the node's own network. Return: the task and its port."""
    port = free_port()
    task = node.task("server", env=(f"PORT={port}",), annotations=annotations or {}, **options)
    task.run()
    return task, port


def get(port, path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def end(task):
    task.call("Kill", signal=9)
    task.wait()
    task.finish()


def parse(text):
    """Prometheus text, read strictly. Return: {family: {labels: value}}, with the type of each."""
    families, types, name = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in families, f"{name} comes in two groups"
            families[name] = {}
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == name
            types[name] = line.split(" ")[3]
        else:
            found = re.fullmatch(r'([a-z_]+)(?:\{(.*)\})? ([0-9.]+)', line)
            assert found, line
            sample, labels = found.group(1), dict(LABELS.findall(found.group(2) or ""))
            suffix = sample.removeprefix(name)
            assert sample.startswith(name) and (
                suffix == "" or (types[name] == "histogram" and suffix in ("_bucket", "_sum", "_count"))), line
            key = (suffix, *sorted(labels.items()))
            assert key not in families[name], line
            families[name][key] = float(found.group(3))
    assert types.keys() == families.keys()
    for name, kind in types.items():
        assert (kind == "counter") == name.endswith("_total"), name
    return families


def value(families, name, **labels):
    """The one sample with these labels among others."""
    found = [number for key, number in families[name].items()
             if key[0] == "" and labels.items() <= dict(key[1:]).items()]
    assert len(found) == 1, (name, labels, families[name])
    return found[0]


def scraped(node):
    done = skep(node, "metrics")
    assert done.returncode == 0, done.stderr
    return parse(done.stdout)


def until(check, what):
    end_at = time.monotonic() + 30
    while not check():
        assert time.monotonic() < end_at, what
        time.sleep(0.02)


def test_a_server_in_a_pod_has_metrics_with_the_words_of_kubernetes(fresh):
    task, port = server(fresh, annotations=POD, resources={"memory": {"limit": 64 << 20}})
    assert [get(port) for _ in range(5)] == [200] * 5
    assert get(port, "/trap") == 500
    who = {"id": task.id, "containerd_namespace": "default", "namespace": "shop", "pod": "cart-1",
           "container": "web"}
    families = scraped(fresh)
    assert value(families, "skep_container_requests_total", **who) == 6
    assert value(families, "skep_container_request_errors_total", **who) == 1
    assert value(families, "skep_container_traps_total", **who) == 1
    assert value(families, "skep_container_requests_in_flight", **who) == 0
    assert value(families, "skep_container_cpu_seconds_total", **who) > 0
    assert value(families, "skep_container_memory_limit_bytes", **who) == 64 << 20
    assert value(families, "skep_container_memory_peak_bytes", **who) > 65536
    assert abs(value(families, "skep_container_start_time_seconds", **who) - time.time()) < 60
    assert value(families, "skep_container_info", kind="server", image="registry.example/cart:1", **who) == 1
    assert value(families, "skep_containers") == 1
    # No series for what it does not have.
    assert families["skep_container_cpu_periods_total"] == {}
    end(task)


def test_the_histogram_has_every_request_once(fresh):
    task, port = server(fresh)
    for path, count in (("/", 3), ("/sleep?ms=300", 2)):
        for _ in range(count):
            assert get(port, path) == 200
    samples = scraped(fresh)["skep_container_request_seconds"]
    buckets = {dict(key[1:])["le"]: number for key, number in samples.items() if key[0] == "_bucket"}
    assert [float(bound) for bound in buckets] == sorted(float(bound) for bound in buckets)
    assert list(buckets.values()) == sorted(buckets.values()) and buckets["+Inf"] == 5
    assert buckets["0.262144"] == 3 and buckets["1.048576"] == 5
    (total,) = (number for key, number in samples.items() if key[0] == "_sum")
    (count,) = (number for key, number in samples.items() if key[0] == "_count")
    assert 0.6 < total < 5 and count == 5
    end(task)


def test_numbers_stay_after_the_exit_and_go_with_the_container(fresh):
    task, port = server(fresh)
    keeper = fresh.task("hello", args=("hello", "sleep", "600"))
    keeper.run()
    assert get(port) == 200
    task.call("Kill", signal=9)
    task.wait()
    families = scraped(fresh)
    assert value(families, "skep_container_requests_total", id=task.id) == 1
    assert value(families, "skep_container_running", id=task.id) == 0
    assert value(families, "skep_container_memory_bytes", id=task.id) == 0
    assert value(families, "skep_container_running", id=keeper.id) == 1
    assert families["skep_container_request_seconds"][
        ("_count", ("containerd_namespace", "default"), ("id", task.id))] == 1
    task.finish()
    assert not any(dict(key[1:]).get("id") == task.id
                   for family in scraped(fresh).values() for key in family)
    end(keeper)


def test_a_request_in_flight_is_seen(fresh):
    task, port = server(fresh)
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(b"GET /sleep?ms=600000 HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: value(scraped(fresh), "skep_container_requests_in_flight", id=task.id) == 1,
              "the request is not in flight")
        assert value(scraped(fresh), "skep_container_instances", id=task.id) == 1
    end(task)


def test_a_spinner_with_a_quota_is_throttled_in_every_count(fresh):
    task = fresh.task("spinner", resources={"cpu": {"quota": 5000, "period": 50000}})
    task.run()
    until(lambda: value(scraped(fresh), "skep_container_cpu_throttled_periods_total", id=task.id) >= 5,
          "it is not held back")
    families = scraped(fresh)
    periods = value(families, "skep_container_cpu_periods_total", id=task.id)
    held = value(families, "skep_container_cpu_throttled_periods_total", id=task.id)
    seconds = value(families, "skep_container_cpu_throttled_seconds_total", id=task.id)
    assert 5 <= held <= periods and 0.02 * held < seconds <= 0.0501 * held
    task.call("Kill", signal=9)
    task.wait()
    # Right after the exit, in the words of cgroups.
    stats = task.call("Stats")["stats"]
    metrics = decode(stats["type_url"], stats["value"])
    if stats["type_url"].endswith("v2.Metrics"):
        cpu = metrics["cpu"]
        told = (cpu["nr_periods"], cpu["nr_throttled"], cpu["throttled_usec"] / 1e6, cpu["usage_usec"] / 1e6)
        memory = metrics["memory"]["usage"]
    else:
        cpu = metrics["cpu"]
        told = (cpu["throttling"]["periods"], cpu["throttling"]["throttled_periods"],
                cpu["throttling"]["throttled_time"] / 1e9, cpu["usage"]["total"] / 1e9)
        memory = metrics["memory"]["usage"]["usage"]
    assert told[0] >= periods and told[1] >= held and told[2] >= seconds and told[3] > 0.02
    assert memory == 0 and metrics["pids"]["current"] == 0
    task.finish()


def test_two_daemons_make_one_text_with_a_label_for_each(fresh, cache):
    other = Node(cache)
    try:
        for node in (fresh, other):
            node.env["SKEP_STATE_DIR"] = str(fresh.state)
        tasks = [node.task("hello", args=("hello", "sleep", "600"), name="same") for node in (fresh, other)]
        for task in tasks:
            task.run()
        families = scraped(fresh)
        daemons = {dict(key[1:])["skepd"] for key in families["skep_container_running"]}
        assert len(families["skep_container_running"]) == 2 and len(daemons) == 2
        assert all(value(families, "skep_containers", skepd=name) == 1 for name in daemons)
        rows = json.loads(skep(fresh, "ps", "--json").stdout)
        assert {row["skepd"] for row in rows} == daemons
        for task in tasks:
            end(task)
    finally:
        other.close()


def test_ps_lists_what_there_is(fresh):
    pod, _ = server(fresh, annotations=POD)
    pause = fresh.task(None, name="s1", annotations={**POD, CRI + "container-type": "sandbox"})
    pause.run()
    ended = fresh.task("exits", namespace="other")
    ended.run()
    ended.wait()
    lines = skep(fresh, "ps").stdout.splitlines()
    assert lines[0].split() == ["ID", "NAMESPACE", "POD", "CONTAINER", "KIND", "STATE", "AGE", "MEMORY",
                                "REQUESTS"]
    rows = {line.split()[0]: line.split() for line in lines[1:]}
    assert rows.keys() == {pod.id, ended.id}
    assert rows[pod.id][1:6] == ["default", "shop/cart-1", "web", "server", "running"]
    assert rows[ended.id][1:6] == ["other", "-", "-", "command", "stopped"]
    told = {row["id"]: row for row in json.loads(skep(fresh, "ps", "--all", "--json").stdout)}
    assert told.keys() == {pod.id, ended.id, "s1"}
    assert told["s1"]["kind"] == "pause" and told[pod.id]["counters"]["requests"] == 0
    for task in (pod, pause):
        end(task)
    ended.finish()


def test_the_window_is_for_root_and_reads_only(fresh):
    task = fresh.task("hello", args=("hello", "sleep", "600"))
    task.run()
    path = str(next(fresh.state.glob("*/metrics.sock")))
    assert os.stat(path).st_mode & 0o777 == 0o600
    for line, want in (("GET /metrics HTTP/1.0", "200"), ("POST /metrics HTTP/1.1", "405"),
                       ("GET /secret HTTP/1.1", "404")):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(path)
            one.sendall(f"{line}\r\n\r\n".encode())
            assert one.recv(64).split()[1].decode() == want
    os.chmod(fresh.folder, 0o755)
    done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", SKEP, "ps"],
                          env=fresh.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 126 and "Permission denied" in done.stderr, done
    end(task)


def test_nothing_there_is_an_empty_list(fresh):
    assert skep(fresh, "ps", "--json").stdout == "[]\n"
    assert skep(fresh, "metrics").stdout == ""
    fresh.state.mkdir(exist_ok=True)
    (fresh.state / "0123456789abcdef").mkdir()
    assert len(skep(fresh, "ps").stdout.splitlines()) == 1
    done = skep(fresh, "ps", "--wrong")
    assert done.returncode != 0 and "usage: skep ps" in done.stderr


def test_top_once_is_a_table_of_one_second(fresh):
    idle, port = server(fresh, annotations=POD)
    busy = fresh.task("spinner", resources={"cpu": {"quota": 20000, "period": 100000}})
    busy.run()
    # Requests are sent while top looks.
    with subprocess.Popen([SKEP, "top"], env=fresh.env, stdout=subprocess.PIPE, text=True) as top:
        while top.poll() is None:
            assert get(port) == 200
        lines = top.stdout.read().splitlines()
    assert top.returncode == 0 and lines[0].startswith("2 pods, 2 containers, 1 skepd: CPU ")
    assert lines[1].split() == ["POD", "CPU%", "MEMORY", "REQ/S", "ACTIVE", "P50", "P99", "INSTANCES", "TRAPS",
                                "ERRORS"]
    rows = {line.split()[0]: line.split() for line in lines[2:]}
    spinning, serving = rows[f"default/{busy.id}"], rows["shop/cart-1"]
    assert 5 < float(spinning[1]) < 30 and spinning[4] == "0"
    assert float(serving[4]) > 10 and re.search(r" \d+(\.\d)? (us|ms) +\d+(\.\d)? (us|ms) ", " ".join(serving))
    for task in (idle, busy):
        end(task)


class Terminal:
    """skep top on a terminal of 90 by 12."""

    def __init__(self, node):
        self.seen = b""
        self.end, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 90, 0, 0))
        self.modes = termios.tcgetattr(inner)
        self.inner = inner
        self.top = subprocess.Popen([SKEP, "top"], env=node.env, stdin=inner, stdout=inner,
                                    stderr=subprocess.PIPE, start_new_session=True)

    def read_until(self, words):
        end_at = time.monotonic() + 30
        self.seen = b""
        while words not in self.seen:
            assert time.monotonic() < end_at, (words, self.seen[-2000:])
            if select.select([self.end], [], [], 0.1)[0]:
                self.seen += os.read(self.end, 65536)

    def close(self):
        assert self.top.stderr.read() == b""
        code = self.top.wait(30)
        assert termios.tcgetattr(self.inner) == self.modes
        os.close(self.end)
        os.close(self.inner)
        return code


@pytest.mark.parametrize("way", ["q", "SIGTERM", "SIGINT"])
def test_top_gives_the_terminal_back(fresh, way):
    task = fresh.task("hello", args=("hello", "sleep", "600"))
    task.run()
    terminal = Terminal(fresh)
    terminal.read_until(b"\033[?1049h")
    terminal.read_until(f"default/{task.id}".encode())
    assert b"c CPU*" in terminal.seen
    assert termios.tcgetattr(terminal.inner)[3] & (termios.ICANON | termios.ECHO) == 0
    os.write(terminal.end, b"m")
    terminal.read_until(b"m memory*")
    # Every second anew.
    terminal.read_until(b"\033[H")
    if way == "q":
        os.write(terminal.end, b"q")
        terminal.read_until(b"\033[?1049l")
        assert terminal.close() == 0
    else:
        terminal.top.send_signal(getattr(signal, way))
        terminal.read_until(b"\033[?1049l")
        assert terminal.close() == -getattr(signal, way)
    end(task)


def test_top_gives_the_terminal_back_while_it_is_stopped(fresh):
    terminal = Terminal(fresh)
    terminal.read_until(b"POD")
    terminal.top.send_signal(signal.SIGTSTP)
    assert os.WIFSTOPPED(os.waitpid(terminal.top.pid, os.WUNTRACED)[1])
    assert termios.tcgetattr(terminal.inner) == terminal.modes
    terminal.read_until(b"\033[?1049l")
    terminal.top.send_signal(signal.SIGCONT)
    terminal.read_until(b"\033[?1049h")
    terminal.read_until(b"POD")
    assert termios.tcgetattr(terminal.inner)[3] & termios.ICANON == 0
    os.write(terminal.end, b"q")
    terminal.read_until(b"\033[?1049l")
    assert terminal.close() == 0


def test_the_manual_of_metrics_is_the_table():
    top = pathlib.Path(__file__).resolve().parents[2]
    rows = re.findall(r"^COUNTER\([^,]+,\s*\w+,\s*\w+,\s*\w+,\s*(\w+),",
                      (top / "runtime/engine/counters.def").read_text(), re.M)
    manual = (top / "docs/METRICS.md").read_text()
    assert len(rows) > 10 and [name for name in rows if f"`{name}`" not in manual] == []
