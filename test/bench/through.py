# SPDX-License-Identifier: Apache-2.0
"""Through a real containerd: what a container's beginning costs with Skep, with runc, and with a shim that
does nothing (the floor). Each has its turn in each round, in an order of the round's own, so that what else
the machine does hits all."""
import multiprocessing
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

from real import BUSYBOX, Api, Containerd, guest, threads_of
from results import Part, percentile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from containerd import spec  # noqa: E402

RUNS, ROUNDS, WARM_UP, AT_ONCE, EACH = 5, 30, 5, 4, 25
if os.environ.get("BENCH_SHORT"):
    RUNS, ROUNDS, EACH = 2, 10, 10  # to try the bench itself
FLOOR, SKEP, RUNC = "io.containerd.floor.v2", "io.containerd.skep.v2", "io.containerd.runc.v2"
NATIVE, TAR, ARTIFACT = "docker.io/bench/native:1", "docker.io/bench/tar:1", "docker.io/bench/artifact:1"
DEV = {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}


def peer(name):
    return None if name == "skep" else name


def threads(containerd, name):
    return threads_of(containerd) if name.startswith("skep") else None


def shuffled(what, run, index):
    """In an order of its own for each round: nobody always follows the same."""
    listed = list(what.items())
    random.Random(1000 * run + index).shuffle(listed)
    return listed


class Kind:
    """A runtime with an image: how its containers are made."""

    def __init__(self, containerd, runtime, image, layer, args, netns):
        self.namespace, self.runtime, self.image, self.layer = containerd.namespace, runtime, image, layer
        self.spec = spec(args, namespaces=("pid", "ipc", "uts", "mount", ("network", netns)), mounts=[DEV])
        self.spec["process"]["capabilities"]["permitted"] = self.spec["process"]["capabilities"]["effective"]

    def life(self, api, name):
        """A container's whole life. Return: milliseconds of create + start of its task, of all."""
        mounts = api.prepare(name, self.layer) if self.layer else []
        whole = time.perf_counter()
        self.spec["linux"]["cgroupsPath"] = f"/{self.namespace}/{name}"
        api.container(name, self.runtime, self.image, self.spec, name if mounts else "")
        began = time.perf_counter()
        api.call("tasks.v1.Tasks/Create", id=name, rootfs=mounts)
        api.call("tasks.v1.Tasks/Start", id=name)
        started = time.perf_counter()
        status = api.call("tasks.v1.Tasks/Wait", id=name)["exit_status"]
        api.call("tasks.v1.Tasks/Delete", id=name)
        api.call("containers.v1.Containers/Delete", id=name)
        ended = time.perf_counter()
        if mounts:
            api.call("snapshots.v1.Snapshots/Remove", snapshotter="overlayfs", key=name)
        if status != 0:
            raise RuntimeError(f"{name} of {self.runtime} ended with {status}")
        return (started - began) * 1000, (ended - whole) * 1000


def kinds_of(containerd, netns):
    native = containerd.image(NATIVE, {"bin/true": BUSYBOX.read_bytes()}, ["/bin/true"])
    tar = containerd.image(TAR, {"silent.wasm": guest("silent")}, ["/silent.wasm"])
    containerd.artifact(ARTIFACT, guest("silent"))
    return {"floor": Kind(containerd, FLOOR, ARTIFACT, None, ["/silent.wasm"], netns),
            "skep": Kind(containerd, SKEP, ARTIFACT, None, ["/silent.wasm"], netns),
            "skep, other name": Kind(containerd, SKEP, ARTIFACT, None, ["silent"], netns),
            "skep, tar": Kind(containerd, SKEP, TAR, tar, ["/silent.wasm"], netns),
            "runc": Kind(containerd, RUNC, NATIVE, native, ["/bin/true"], netns)}


def add_times(containerd, part, figure, name, runs):
    """The median of the runs' medians, and the tails of all."""
    every = sum(runs, [])
    part.add(figure, [percentile(run, 0.5) for run in runs], "ms", threads(containerd, name), peer=peer(name),
             rounds=ROUNDS, p95=percentile(every, 0.95), p99=percentile(every, 0.99))
    part.sample(figure, name, every)


def create_start(containerd, kinds, part):
    """One after the other, by calls of the API."""
    seen = {name: [] for name in kinds}
    whole = {name: [] for name in kinds}
    calls = []
    for run in range(RUNS):
        for name in kinds:
            seen[name].append([])
            whole[name].append([])
        for index in range(ROUNDS + WARM_UP):
            for name, kind in shuffled(kinds, run, index):
                times = kind.life(containerd.api, f"{re.sub('[^a-z]+', '-', name)}-{run}-{index}")
                if index >= WARM_UP:
                    seen[name][run].append(times[0])
                    whole[name][run].append(times[1])
            began = time.perf_counter()
            containerd.api.call("version.v1.Version/Version")
            calls.append((time.perf_counter() - began) * 1000)
    for name in kinds:
        add_times(containerd, part, "create_start_ms", name, seen[name])
        add_times(containerd, part, "container_life_ms", name, whole[name])
    part.add("client_call_ms", [statistics.median(calls)], "ms", None)


def ctr_run(containerd, part):
    """The whole command, its own process and what it does around the task included."""
    commands = {"floor": (FLOOR, TAR, "/silent.wasm"), "skep": (SKEP, TAR, "/silent.wasm"), "runc": (RUNC, NATIVE, "/bin/true")}
    seen = {name: [] for name in commands}
    for run in range(RUNS):
        for name in commands:
            seen[name].append([])
        for index in range(ROUNDS + WARM_UP):
            for name, (runtime, image, program) in shuffled(commands, run, index):
                words = containerd.command("run", "--rm", "--null-io", "--runtime", runtime, image,
                                           f"r-{name}-{run}-{index}", program)
                began = time.perf_counter()
                subprocess.run(words, env=containerd.env, check=True, capture_output=True)
                if index >= WARM_UP:
                    seen[name][run].append((time.perf_counter() - began) * 1000)
    for name in commands:
        add_times(containerd, part, "ctr_run_ms", name, seen[name])


def many_lives(address, namespace, kind, names, ready, begin):
    api = Api(address, namespace)
    api.call("version.v1.Version/Version")
    ready.release()
    begin.wait()
    for name in names:
        kind.life(api, name)
    api.close()


def starts(containerd, kinds, part):
    """Whole lives, four at a time: four clients, each a process."""
    fork = multiprocessing.get_context("spawn")
    seen = {name: [] for name in kinds}
    for run in range(RUNS):
        for name, kind in kinds.items():
            ready, begin = fork.Semaphore(0), fork.Event()
            clients = [fork.Process(target=many_lives, args=(
                containerd.address, containerd.namespace, kind,
                [f"s-{re.sub('[^a-z]+', '-', name)}-{run}-{client}-{index}" for index in range(EACH)], ready, begin))
                for client in range(AT_ONCE)]
            for client in clients:
                client.start()
            if not all(ready.acquire(timeout=60) for _ in clients):
                raise RuntimeError(f"a client of {name} does not begin")
            began = time.perf_counter()
            begin.set()
            for client in clients:
                client.join()
            if any(client.exitcode for client in clients):
                raise RuntimeError(f"a client of {name} failed")
            seen[name].append(AT_ONCE * EACH / (time.perf_counter() - began))
    for name in kinds:
        part.add("starts_per_s", seen[name], "1/s", threads(containerd, name), peer=peer(name),
                 rounds=AT_ONCE * EACH, at_once=AT_ONCE)


def main():
    out, version = pathlib.Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "2.1"
    part = Part("through", out)
    with tempfile.TemporaryDirectory(prefix="skep-bench-") as top:
        namespace = pathlib.Path(top).name
        subprocess.run(["ip", "netns", "add", namespace], check=True)
        containerd = Containerd(pathlib.Path(top) / "c", version, namespace)
        try:
            kinds = kinds_of(containerd, f"/run/netns/{namespace}")
            create_start(containerd, kinds, part)
            ctr_run(containerd, part)
            starts(containerd, kinds, part)
            part.rows = [{**row, "containerd": containerd.version()} for row in part.rows]
        finally:
            containerd.close()
            subprocess.run(["ip", "netns", "delete", namespace], check=True)
    part.write()


if __name__ == "__main__":
    main()
