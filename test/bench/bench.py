# SPDX-License-Identifier: Apache-2.0
"""Skep beside runc: the whole `ctr run --rm`, and Create + Start as containerd sends them. Rounds of the
two alternate, so that what else the machine does hits both."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from archive import image_archive  # noqa: E402
from containerd import BUILD, Node, daemons, guest, spec  # noqa: E402
from plot import distribution  # noqa: E402

BUSYBOX = "/bin/busybox"


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Containerd:
    """A private containerd: own root, state and sockets, below one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.address = str(folder / "c.sock")
        config = folder / "config.toml"
        config.write_text(f"""version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{self.address}"
[ttrpc]
  address = "{self.address}.ttrpc"
""")
        env = {**os.environ, "PATH": f"{BUILD}/bin:{os.environ['PATH']}", "SKEP_STATE_DIR": str(folder / "s"),
               "SKEP_CACHE_DIR": str(folder / "cache")}
        self.log = open(folder / "containerd.log", "wb")
        self.process = subprocess.Popen(["containerd", "--config", str(config)], env=env,
                                        stdout=self.log, stderr=self.log, start_new_session=True)
        end = time.monotonic() + 30
        while self.ctr("version", check=False).returncode != 0:
            if time.monotonic() > end:
                raise TimeoutError((folder / "containerd.log").read_text()[-2000:])
            time.sleep(0.05)

    def ctr(self, *words, check=True):
        return subprocess.run(["ctr", "-a", self.address, *words], capture_output=True, check=check)

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


def timed(work):
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def whole_commands(folder, rounds):
    """`ctr run --rm` of a program that does nothing."""
    containerd = Containerd(folder)
    try:
        for name, files, args in (("docker.io/bench/native:1", {"bin/true": pathlib.Path(BUSYBOX).read_bytes()}, ["/bin/true"]),
                                  ("docker.io/bench/component:1", {"silent.wasm": guest("silent")}, ["/silent.wasm"])):
            archive = folder / "image.tar"
            image_archive(archive, name, files, args)
            containerd.ctr("image", "import", str(archive))
        runtimes = {"runc": ("io.containerd.runc.v2", "docker.io/bench/native:1"),
                    "skep": ("io.containerd.skep.v2", "docker.io/bench/component:1")}
        result = {name: [] for name in runtimes}
        for index in range(rounds + 3):
            for name, (runtime, image) in runtimes.items():
                took = timed(lambda: containerd.ctr("run", "--rm", "--null-io", "--runtime", runtime,  # noqa: B023
                                                    image, f"{name}{index}"))  # noqa: B023
                if index >= 3:
                    result[name].append(took)
        return result
    finally:
        for pid in daemons(folder / "s"):
            os.kill(pid, signal.SIGTERM)  # nothing lives in it any more
        containerd.close()


def native_spec():
    """What runc needs beyond a component: a /dev to fill, and capabilities that fit together."""
    made = spec(["/bin/true"], namespaces=("pid", "ipc", "uts", "mount", "network"),
                mounts=[{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}])
    made["process"]["capabilities"]["permitted"] = made["process"]["capabilities"]["effective"]
    made["linux"]["cgroupsPath"] = "/skep-bench/x"
    made["root"]["readonly"] = True
    return made


def log_reader(task):
    """containerd reads every bundle's log; runc's shim ends without."""
    os.mkfifo(task.bundle / "log")
    return os.open(task.bundle / "log", os.O_RDWR | os.O_NONBLOCK)


def lives(folder, rounds):
    """start, Create, Start, Wait, Delete, Shutdown, delete: each timed."""
    node = Node(folder / "cache")
    runc = subprocess.run(["sh", "-c", "command -v containerd-shim-runc-v2"], capture_output=True, text=True,
                          check=True).stdout.strip()
    rootfs = folder / "rootfs/bin"
    rootfs.mkdir(parents=True)
    (rootfs / "true").write_bytes(pathlib.Path(BUSYBOX).read_bytes())
    (rootfs / "true").chmod(0o755)
    for name in ("proc", "dev", "sys"):
        (folder / "rootfs" / name).mkdir()
    result = {name: {"start": [], "Create + Start": []} for name in ("runc", "skep")}
    skep = node.launcher
    try:
        for index in range(rounds + 3):
            for name in result:
                native = name == "runc"
                node.launcher = runc if native else skep
                task = node.task(None if native else "silent", config=native_spec() if native else None)
                mount = {"type": "bind", "source": str(folder / "rootfs"), "options": ["rbind", "ro"]}
                log = log_reader(task)
                begin = timed(task.start_shim)
                life = timed(lambda: (task.create(rootfs=[mount] if native else []), task.start()))  # noqa: B023
                task.wait()
                task.finish()
                os.close(log)
                if index >= 3:
                    result[name]["start"].append(begin)
                    result[name]["Create + Start"].append(life)
    finally:
        node.launcher = skep
        node.close()
    return result


def main():
    rounds, out = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="skep-bench-") as top:
        (pathlib.Path(top) / "c").mkdir()
        (pathlib.Path(top) / "l").mkdir()
        whole = whole_commands(pathlib.Path(top) / "c", rounds)
        life = lives(pathlib.Path(top) / "l", rounds)
    figures = {"ctr run --rm": whole}
    for name in ("start", "Create + Start"):
        figures[name] = {runtime: life[runtime][name] for runtime in life}
    table = []
    print(f"{'milliseconds, ' + str(rounds) + ' rounds':28} {'':6} {'median':>8} {'p95':>8} {'p99':>8} {'of runc':>8}")
    for figure, by_runtime in figures.items():
        base = percentile(by_runtime["runc"], 0.5)
        for runtime, values in by_runtime.items():
            row = {"figure": figure, "runtime": runtime, "rounds": rounds, "median_ms": percentile(values, 0.5),
                   "p95_ms": percentile(values, 0.95), "p99_ms": percentile(values, 0.99)}
            row["ratio_to_runc"] = row["median_ms"] / base
            table.append(row)
            print(f"{figure:28} {runtime:6} {row['median_ms']:8.2f} {row['p95_ms']:8.2f} {row['p99_ms']:8.2f} "
                  f"{row['ratio_to_runc']:8.2f}")
    (out / "latest.json").write_text(json.dumps(table, indent=1) + "\n")
    (out / "latest.svg").write_text(distribution(figures))
    print(f"written: {out}/latest.json, {out}/latest.svg")


main()
