# SPDX-License-Identifier: Apache-2.0
"""What each wall of a worker costs: a server under load, one request after the other, and sockets, with
all walls and with each left out, in turns. The worker is of a build that can leave one out."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from plot import bars  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["SKEP_BUILD"])
GUESTS = TOP / "test/guests/prebuilt"
# Left out, and what else is missing then.
WALLS = {"none": (), "network": (), "mounts": ("root",), "bounding-set": (), "user": (), "io-uring": (),
         "landlock": (), "root": (), "syscalls": ()}
SECONDS, CONNECTIONS, SOCKETS = 3, 32, 2000


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Build:
    """The programs, the worker started without one wall."""

    def __init__(self, folder, name):
        self.skep = folder / name / "skep"
        self.environment = {**os.environ, "SKEP_CONFIG": str(folder / f"{name}.json")}
        self.cache = folder / "cache"
        self.skep.parent.mkdir()
        for program in ("skep", "skep-compiler"):
            shutil.copy2(BUILD / "bin" / program, self.skep.parent / program)
        shutil.copy2(BUILD / "bin/skep-worker", self.skep.parent / "worker")
        script = self.skep.parent / "skep-worker"
        script.write_text(f"#!/bin/sh\nSKEP_LEAVE_OUT={name} exec {self.skep.parent}/worker \"$@\"\n")
        script.chmod(0o755)
        accepted = [] if name == "none" else [name, *WALLS[name]]
        (folder / f"{name}.json").write_text(json.dumps({"walls": {"accept_missing": accepted}}))

    def serve(self):
        """Requests per second of many connections, and microseconds of one request after the other."""
        port = free_port()
        server = subprocess.Popen([self.skep, "serve", "--cache", self.cache, "--listen", f"127.0.0.1:{port}",
                                   GUESTS / "server.wasm"], env=self.environment,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            load("-t1", f"-c{CONNECTIONS}", "-d1", port=port, patience=60)
            many = load("-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", port=port)
            one = load("-t1", "-c1", f"-d{SECONDS}", port=port)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
        rate = float(re.search(r"Requests/sec: +([0-9.]+)", many).group(1))
        return rate, microseconds(one, "50%"), microseconds(one, "99%")

    def sockets(self):
        done = subprocess.run([self.skep, "run", "--cache", self.cache, "--net", "host", GUESTS / "net.wasm",
                               "sockets", str(SOCKETS)], env=self.environment, capture_output=True, text=True,
                              check=True)
        return [int(word) / 1000 for word in done.stdout.split()]


def load(*words, port, patience=0):
    end = time.monotonic() + patience
    while True:
        done = subprocess.run(["wrk", *words, "--latency", f"http://127.0.0.1:{port}/"], capture_output=True,
                              text=True, check=False)
        if done.returncode == 0 and "Requests/sec" in done.stdout:
            return done.stdout
        if time.monotonic() > end:
            raise RuntimeError(done.stdout + done.stderr)
        time.sleep(0.1)


def microseconds(told, share):
    number, unit = re.search(rf"{share} +([0-9.]+)(us|ms|s)", told).groups()
    return float(number) * {"us": 1, "ms": 1000, "s": 1e6}[unit]


def native_sockets():
    """The same two system calls by a process of the node."""
    times = []
    for _ in range(SOCKETS):
        began = time.perf_counter_ns()
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        times.append((time.perf_counter_ns() - began) / 1000)
        one.close()
    return times


def main():
    rounds, out = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    seen = {name: {"http_rps_32": [], "request_us": [], "request_p99_us": [], "socket": []} for name in WALLS}
    native = []
    with tempfile.TemporaryDirectory(prefix="skep-walls-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        builds = {wall: Build(folder, wall) for wall in WALLS}
        for _ in range(rounds):
            native += native_sockets()
            for wall, build in builds.items():
                rate, middle, tail = build.serve()
                seen[wall]["http_rps_32"].append(rate)
                seen[wall]["request_us"].append(middle)
                seen[wall]["request_p99_us"].append(tail)
                seen[wall]["socket"] += build.sockets()
    table = []
    print(f"{'left out':14} {'req/s, 32':>10} {'of all':>7} {'request us':>11} {'p99':>7} {'socket us':>10} {'p99':>7}")
    base = statistics.median(seen["none"]["http_rps_32"])
    for wall, figures in seen.items():
        row = {"left_out": wall, "rounds": rounds, "socket_us": percentile(figures["socket"], 0.5),
               "socket_p99_us": percentile(figures["socket"], 0.99),
               **{key: statistics.median(figures[key]) for key in ("http_rps_32", "request_us", "request_p99_us")}}
        row["ratio"] = row["http_rps_32"] / base
        table.append(row)
        print(f"{wall:14} {row['http_rps_32']:10.0f} {row['ratio']:7.2f} {row['request_us']:11.0f} "
              f"{row['request_p99_us']:7.0f} {row['socket_us']:10.1f} {row['socket_p99_us']:7.1f}")
    table.append({"left_out": "native process", "socket_us": percentile(native, 0.5),
                  "socket_p99_us": percentile(native, 0.99)})
    print(f"{'native process':14} {'':10} {'':7} {'':11} {'':7} {table[-1]['socket_us']:10.1f} "
          f"{table[-1]['socket_p99_us']:7.1f}")
    (out / "walls.json").write_text(json.dumps(table, indent=1) + "\n")
    (out / "walls.svg").write_text(bars("requests per second, 32 connections, by the wall left out",
                                        {wall: figures["http_rps_32"] for wall, figures in seen.items()}))
    print(f"written: {out}/walls.json, {out}/walls.svg")


main()
