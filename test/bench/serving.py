# SPDX-License-Identifier: Apache-2.0
"""Requests per second against connections: a pod of Skep through containerd with all its walls and meters, the
same component with `wasmtime serve`, a native server in a container of runc, and hyper with nothing at all.
They are loaded in turns, on the cores that the load comes from, too."""
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from real import TOP, Containerd, guest, threads_of
from results import Part

sys.path.insert(0, str(TOP / "test/support"))

from containerd import spec  # noqa: E402

RUNS, SECONDS, CONNECTIONS = 5, 2, (1, 8, 32, 128)
if os.environ.get("BENCH_SHORT"):
    RUNS, SECONDS = 2, 1  # to try the bench itself
SERVER, SERVER3, NATIVE = "docker.io/bench/server:1", "docker.io/bench/server3:1", "docker.io/bench/go:1"
SKEP, RUNC = "io.containerd.skep.v2", "io.containerd.runc.v2"
PEERS = ("wasmtime", "native", "hyper", "runwasi")
REUSED = "skep, 0.3, reused"
RUNWASI = "io.containerd.wasmtime.v1"
DEV = {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def peer(name):
    """The path of what is measured beside Skep, None where it does not build."""
    done = subprocess.run([TOP / "test/bench/peers/make", name], stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip() or None


def wait_for(port):
    end = time.monotonic() + 60
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as one:
                one.sendall(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                if b" 200 " in one.recv(4096):
                    return
        except OSError:
            pass
        if time.monotonic() > end:
            raise TimeoutError(f"nobody answers on port {port}")
        time.sleep(0.02)


def microseconds(told, share):
    number, unit = re.search(rf"{share} +([0-9.]+)(us|ms|s)", told).groups()
    return float(number) * {"us": 1, "ms": 1000, "s": 1e6}[unit]


def load(port, connections, seconds):
    """Return: requests per second, the p99 in microseconds."""
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", f"http://127.0.0.1:{port}/"],
                          capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    return float(re.search(r"Requests/sec: +([0-9.]+)", done.stdout).group(1)), microseconds(done.stdout, "99%")


class Process:
    """A server of the node itself."""

    def __init__(self, port, *words):
        self.port = port
        self.process = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def pid(self):
        return self.process.pid

    def close(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Pod:
    """A server in a container."""

    def __init__(self, containerd, name, runtime, image, layer=None, annotations=None, args=("server",)):
        self.containerd, self.name, self.layer, self.port = containerd, name, layer, free_port()
        made = spec(args, env=[f"PORT={self.port}", "PATH=/bin"], namespaces=("pid", "ipc", "uts", "mount"),
                    mounts=[DEV], annotations=annotations)
        made["process"]["capabilities"]["permitted"] = made["process"]["capabilities"]["effective"]
        made["linux"]["cgroupsPath"] = f"/{containerd.namespace}/{name}"
        containerd.run(name, runtime, image, made, layer)

    def close(self):
        self.containerd.end(self.name, snapshot=self.layer is not None)


def servers(containerd, threads):
    """Who is measured, by name; threads: those of Skep's engine, which others that can be told get too."""
    containerd.artifact(SERVER3, guest("server3"))
    found = {"skep": lambda: Pod(containerd, "skep", SKEP, SERVER),
             "skep, 0.3": lambda: Pod(containerd, "skep3", SKEP, SERVER3),
             REUSED: lambda: Pod(containerd, "reuse", SKEP, SERVER3, annotations={"skep.dev/reuse": "1000000"})}
    programs = {name: peer(name) for name in PEERS}
    if programs["wasmtime"]:
        def wasmtime():
            port = free_port()
            return Process(port, programs["wasmtime"], "serve", "-S", "cli", "--addr", f"127.0.0.1:{port}",
                           TOP / "test/guests/prebuilt/server.wasm")
        found["wasmtime serve"] = wasmtime
    if programs["native"]:
        layer = containerd.image(NATIVE, {"bin/server": pathlib.Path(programs["native"]).read_bytes()}, ["/bin/server"])
        found["runc, Go"] = lambda: Pod(containerd, "native", RUNC, NATIVE, layer, args=("/bin/server",))
    if programs["hyper"]:
        def hyper():
            port = free_port()
            return Process(port, programs["hyper"], port, threads)
        found["hyper"] = hyper
    if programs["runwasi"]:
        layer = containerd.image("docker.io/bench/runwasi:1", {"server.wasm": guest("server")}, ["/server.wasm"])
        found["runwasi"] = lambda: Pod(containerd, "runwasi", RUNWASI, "docker.io/bench/runwasi:1", layer,
                                       args=("/server.wasm",))
    return found


def engine_threads(containerd):
    """How many a worker of this node runs: one is started for it."""
    containerd.artifact(SERVER, guest("server"))
    first = Pod(containerd, "first", SKEP, SERVER)
    try:
        return threads_of(containerd)
    finally:
        first.close()


def measure(found):
    """Return: by name and connections, one (requests per second, p99) a run."""
    seen = {name: {count: [] for count in CONNECTIONS} for name in found}
    for _ in range(RUNS):
        for name, begin in found.items():
            server = begin()
            try:
                wait_for(server.port)
                load(server.port, 32, 1)
                for count in CONNECTIONS:
                    seen[name][count].append(load(server.port, count, SECONDS))
            finally:
                server.close()
    return seen


def main():
    out, version = pathlib.Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "2.1"
    part = Part("http", out)
    with tempfile.TemporaryDirectory(prefix="skep-bench-") as top:
        containerd = Containerd(pathlib.Path(top) / "c", version, pathlib.Path(top).name)
        try:
            threads = engine_threads(containerd)
            seen = measure(servers(containerd, threads))
        finally:
            containerd.close()
    for name, by_count in seen.items():
        ran = threads if name.startswith("skep") or name == "hyper" else os.cpu_count()
        figure, who = ("http_reuse_rps", None) if name == REUSED else ("http_rps", None if name == "skep" else name)
        for count, runs in by_count.items():
            part.add(f"{figure}_{count}", [rate for rate, _ in runs], "1/s", ran, peer=who, rounds=SECONDS,
                     p99_us=statistics.median(tail for _, tail in runs))
    part.write()


if __name__ == "__main__":
    main()
