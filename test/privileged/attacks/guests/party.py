# SPDX-License-Identifier: Apache-2.0
"""A worker with an honest server in it, and strangers let in beside it one after the other."""
import os
import pathlib
import socket
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "support"))

from containerd import Node  # noqa: E402
from ttrpc import Refused  # noqa: E402

PATIENCE = 5  # seconds within which the neighbour has to answer, whatever happens
MEMORY = 1 << 30  # what one stranger may add to the worker for a while


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def talk(port, request, timeout=PATIENCE, most=1 << 20):
    """What comes back on one connection until its end, `most` bytes or the time is over."""
    data, end = b"", time.monotonic() + timeout
    with socket.create_connection(("127.0.0.1", port), timeout) as sock:
        sock.sendall(request)
        while len(data) < most:
            sock.settimeout(max(0.01, end - time.monotonic()))
            try:
                more = sock.recv(65536)
            except (TimeoutError, ConnectionResetError):
                return data
            if not more:
                return data
            data += more
    return data


def get(port, path="/", timeout=PATIENCE, headers=""):
    return talk(port, f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n".encode(), timeout)


class Party:
    def __init__(self):
        self.cache = tempfile.TemporaryDirectory(prefix="skep-attacks-")
        self.node = Node(self.cache.name)
        self.port = free_port()
        self.neighbour = self.node.task("server", name="neighbour", env=[f"PORT={self.port}", "NAME=neighbour"])
        self.neighbour.run()
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                if b"neighbour" in get(self.port):
                    break
            except OSError:
                time.sleep(0.02)  # it does not listen yet
        (self.worker,) = self.node.processes("skep-worker")
        self.daemon = self.node.daemon()

    def close(self):
        self.node.close()
        self.cache.cleanup()

    def resident(self):
        for line in pathlib.Path(f"/proc/{self.worker}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
        return 0

    def look(self, seen):
        """The neighbour answers, at once; the worker is no larger than it may be."""
        began = time.monotonic()
        try:
            fine = b"Hello from Rust, neighbour!" in get(self.port)
        except OSError:
            fine = False
        seen["slowest"] = max(seen["slowest"], time.monotonic() - began)
        seen["deaf"] += not fine
        try:
            seen["most"] = max(seen["most"], self.resident())
        except OSError:
            seen["deaf"] += 1

    def same(self):
        return self.node.processes("skep-worker") == [self.worker] and self.node.daemon() == self.daemon

    def strike(self, guest, args, seconds, during=None, stuck=False, **options):
        """Lets a stranger in; what became of it and of everybody else."""
        seen = {"slowest": 0.0, "deaf": 0, "most": 0, "killed": None}
        before = self.resident()
        task = self.node.task(guest, args=args, **options)
        try:
            task.run()
        except Refused as refused:
            seen.update(status=None, words=refused.message)
        else:
            waiting, end = task.send("Wait"), time.monotonic() + seconds
            words = [during() if during else ""]
            while not waiting.ready() and time.monotonic() < end:
                self.look(seen)
                time.sleep(0.02)  # between two requests of the neighbour's
            if not waiting.ready():
                began = time.monotonic()
                task.call("Kill", signal=9)
                waiting.answer()
                seen["killed"] = time.monotonic() - began
            if not stuck:
                words += [task.output(stream).decode(errors="replace") for stream in ("stdout", "stderr")]
            seen.update(status=waiting.answer()["exit_status"], words="\n".join(words).strip())
            task.finish()
        for _ in range(3):
            self.look(seen)
        seen["more"] = max(0, seen["most"] - before)
        seen["same"] = self.same()
        return seen


def wrong_with(seen):
    """What the others suffered, or nothing."""
    if not seen["same"]:
        return "the worker or skepd is not the same process"
    if seen["deaf"]:
        return f"the neighbour did not answer {seen['deaf']} times"
    if seen["slowest"] > PATIENCE:
        return f"the neighbour took {seen['slowest']:.1f} s"
    if seen["more"] > MEMORY:
        return f"the worker grew by {seen['more'] >> 20} MiB"
    if seen["killed"] is not None and seen["killed"] > PATIENCE:
        return f"the kill took {seen['killed']:.1f} s"
    return None


def row(name, words, wall, observed, wrong):
    observed = " ".join(f"{observed} [{wrong}]".split() if wrong else observed.split())
    print("ATTACK", name, words, wall, observed[:300], "broken" if wrong else "held", sep="\t", flush=True)
    return wrong is not None


def must_be_root():
    if os.geteuid() != 0:
        print("skipped: skepd needs root")
        sys.exit(77)
