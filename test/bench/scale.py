# SPDX-License-Identifier: Apache-2.0
"""Many pods in one worker, without containerd: skep-bench-drive plays it. Start latency, memory, idle CPU, the
cost of stats, and what is left after the end, as figures for the bench.

    scale.py OUT.json [--pods 10000] [--rounds 500] [--fifos]
"""
import argparse
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from containerd import BUILD, Node, spec, guest  # noqa: E402

FIRST_PORT = 10000
TICKS = os.sysconf("SC_CLK_TCK")


class Skep:
    """The processes of one skepd, and what they hold."""

    def __init__(self, daemon):
        self.daemon = daemon

    def pids(self):
        children = pathlib.Path(f"/proc/{self.daemon}/task/{self.daemon}/children")
        found = [self.daemon]
        for thread in pathlib.Path(f"/proc/{self.daemon}/task").iterdir():
            found += [int(pid) for pid in (thread / "children").read_text().split()]
        assert children.exists()
        return sorted(set(found))

    def worker(self):
        for pid in self.pids():
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip().startswith("skep-worker"):
                return pid
        return 0

    @staticmethod
    def cpu_ns(pid):
        """Time on CPUs of all threads, to the nanosecond."""
        total = 0
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                total += int((thread / "schedstat").read_text().split()[0])
            except OSError:
                pass  # it has just ended
        return total

    def all_cpu_ns(self):
        return sum(self.cpu_ns(pid) for pid in self.pids())

    def pss_kib(self):
        return {self.name(pid): self.pss_of(pid) for pid in self.pids()}

    @staticmethod
    def name(pid):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()

    @staticmethod
    def pss_of(pid):
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))

    @staticmethod
    def tables_of(pid):
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"^VmPTE:\s+(\d+)", text, re.M).group(1))

    def tables_kib(self):
        return sum(self.tables_of(pid) for pid in self.pids())

    def held(self):
        """Descriptors, threads and mappings of each program."""
        held = {}
        for pid in self.pids():
            held[self.name(pid)] = {
                "fds": len(os.listdir(f"/proc/{pid}/fd")), "threads": len(os.listdir(f"/proc/{pid}/task")),
                "maps": pathlib.Path(f"/proc/{pid}/maps").read_text().count("\n")}
        return held


def kernel_kib():
    """Slab, stacks and per-CPU memory of the whole machine: what grows while nothing else happens is ours."""
    text = pathlib.Path("/proc/meminfo").read_text()
    return sum(int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1)) for name in ("Slab", "KernelStack", "Percpu"))


def listeners():
    """Listening TCP sockets at ports of ours."""
    count = 0
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            count += words[3] == "0A" and FIRST_PORT <= int(words[1].rsplit(":", 1)[1], 16) < FIRST_PORT + 20002
    return count


def mounts(folder):
    return pathlib.Path("/proc/mounts").read_text().count(folder)


def remains(field):
    """What must be again as it was, once the pods are gone."""
    return {"held": field.skep.held(), "pss_kib": field.skep.pss_kib(), "listeners": listeners(),
            "mounts": mounts(field.folder.name)}


def left(before, after):
    """How many processes, descriptors, listeners and mounts the pods have left behind."""
    count = after["listeners"] - before["listeners"] + after["mounts"] - before["mounts"]
    for name, held in after["held"].items():
        count += max(0, held["fds"] - before["held"].get(name, {"fds": -1})["fds"])
    return count


def settled(read, seconds=3):
    """The smallest of some readings: others come and go."""
    values = []
    for _ in range(seconds * 2):
        values.append(read())
        time.sleep(0.5)
    return min(values)


class Drive:
    def __init__(self, node, bundles, fifos):
        control = next(node.state.glob("*/control.sock"))
        words = [str(BUILD / "tests/skep-bench-drive"), str(control), node.ttrpc_address, str(bundles), str(FIRST_PORT)]
        node.events.close()  # the drive answers in its place
        node.events = self
        self.process = subprocess.Popen(words + (["--fifos"] if fifos else []), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.node = node

    def order(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the drive ended at: {text}")
        return {name: float(value) for name, value in (word.split("=") for word in answer.split())}

    def close(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()
            self.process.wait(60)


def bundles_make(folder, count, config, fifos):
    for number in range(count + 1):
        bundle = folder / f"pod{number}"
        (bundle / "rootfs").mkdir(parents=True)
        (bundle / "config.json").write_text(json.dumps(config(number)))
        if fifos:
            for name in ("out", "err"):
                os.mkfifo(bundle / name)


# A name without ".wasm": announcing waits for the image, and Create is timed without the store.
def server_config(number):
    return spec(["server"], env=[f"PORT={FIRST_PORT + number}", f"NAME=pod{number}", "PATH=/usr/bin:/bin"])


def command_config(_number):
    return spec(["hello", "sleep", "1000000"], env=["PATH=/usr/bin:/bin"])


class Field:
    """A node with bundles, a skepd that runs, and a drive."""

    def __init__(self, wasm, config, pods, fifos):
        self.pods = pods
        self.folder = tempfile.TemporaryDirectory(prefix="skep-scale-")
        top = pathlib.Path(self.folder.name)
        self.node = Node(top / "cache")
        self.node.store.artifact("registry/bench:1", guest(wasm))
        for number in range(pods + 1):
            self.node.store.containers[("default", f"pod{number}")] = "registry/bench:1"
        bundles_make(top / "b", pods, config, fifos)
        # The first one starts skepd and its worker, and compiles.
        self.first = self.node.task("silent", name="first")
        self.first.run()
        self.first.wait()
        self.first.finish()
        self.skep = Skep(self.node.daemon())
        self.drive = Drive(self.node, top / "b", fifos)
        self.drive.order("grow 1")
        self.drive.order("shrink 0")

    def close(self):
        self.drive.close()
        self.node.close()
        self.folder.cleanup()


def memory(skep, before_kib):
    pss = skep.pss_kib()
    return {"pss_kib": pss, "tables_kib": skep.tables_kib(), "kernel_kib": kernel_kib() - before_kib}


def per_pod(state, pods):
    return (sum(state["pss_kib"].values()) + state["tables_kib"] + state["kernel_kib"]) / pods


def steps(pods):
    wanted = [10, 100] + list(range(500, pods, 500)) + [pods]
    return sorted({step for step in wanted if step <= pods})


def grow(field, rounds, before_kib):
    """Pods come to life, with a look at each step."""
    series, probes = [], {}
    for step in steps(field.pods):
        answer = field.drive.order(f"grow {step}")
        row = {"pods": step, "create_start_p50_us": answer["create_start_p50_us"],
               "create_start_p99_us": answer["create_start_p99_us"], **memory(field.skep, before_kib)}
        row["kib_per_pod"] = per_pod(row, step)
        if step in (10, 1000, field.pods):
            probes[step] = field.drive.order(f"probe {rounds}")
            row["probe"] = probes[step]
        series.append(row)
    return series, probes


def idle_cpu(skep, seconds=10):
    time.sleep(2)
    began, since = skep.all_cpu_ns(), time.monotonic()
    time.sleep(seconds)
    return (skep.all_cpu_ns() - began) / 1e7 / (time.monotonic() - since)


def stats_cost(field, rounds, order):
    """CPU of skepd for the stats of 10,000 pods, in milliseconds."""
    field.drive.order(f"{order} 1")
    costs = []
    for _ in range(rounds):
        began = Skep.cpu_ns(field.skep.daemon)
        field.drive.order(f"{order} 1")
        costs.append((Skep.cpu_ns(field.skep.daemon) - began) / 1e6 * 10000 / field.pods)
    return sorted(costs)[len(costs) // 2]


def servers(pods, rounds, fifos):
    field = Field("server", server_config, pods, fifos)
    try:
        skep = field.skep
        before = remains(field)
        before_kib = settled(kernel_kib)
        series, probes = grow(field, rounds, before_kib)
        kernel = settled(kernel_kib) - before_kib
        full = {**memory(skep, before_kib), "kernel_kib": kernel, "held": skep.held(), "listeners": listeners()}
        full["idle_cpu_pct"] = idle_cpu(skep)
        full["stats_cpu_ms"] = stats_cost(field, 5, "scrape")
        full["stats_one_by_one_cpu_ms"] = stats_cost(field, 5, "stats")
        full["ask"] = field.drive.order("ask 1")
        full["after_ask"] = memory(skep, before_kib)
        field.drive.order("shrink 10")
        probes["10 again"] = field.drive.order(f"probe {rounds}")
        field.drive.order("shrink 0")
        time.sleep(2)
        after = {**remains(field), "kernel_kib": settled(kernel_kib) - before_kib}
        return {"before": before, "series": series, "probes": probes, "full": full, "after": after,
                "per_pod_kib": per_pod(full, pods)}
    finally:
        field.close()


def commands(pods, fifos):
    field = Field("hello", command_config, pods, fifos)
    try:
        before_kib = settled(kernel_kib)
        answer = field.drive.order(f"grow {pods}")
        full = {**memory(field.skep, before_kib), "kernel_kib": settled(kernel_kib) - before_kib,
                "held": field.skep.held(), "grow": answer}
        full["idle_cpu_pct"] = idle_cpu(field.skep)
        field.drive.order("shrink 0")
        time.sleep(2)
        full["after"] = {"pss_kib": field.skep.pss_kib(), "held": field.skep.held()}
        return {"full": full, "per_pod_kib": per_pod(full, pods)}
    finally:
        field.close()


def figure(name, value, unit, bar, reach, rounds):
    threads = os.cpu_count()
    return {"figure": name, "value": round(value, 3), "unit": unit, "bar": bar, "reach": reach, "threads": threads,
            "rounds": rounds}


def figures(http, command, pods, rounds):
    ends = http["probes"]
    small, large = ends[10], ends[pods]
    # Before and after, because the machine does not stay as it was meanwhile.
    few = (small["create_start_p50_us"] + ends["10 again"]["create_start_p50_us"]) / 2
    answered = http["full"]["ask"]["answered"]
    return [
        figure("skepd_create_start_us.p50", small["create_start_p50_us"], "us", 300, 100, rounds),
        figure("skepd_create_start_us.p99", small["create_start_p99_us"], "us", 1500, None, rounds),
        figure("skepd_create_start_us.p50_beside_all", large["create_start_p50_us"], "us", 300, 100, rounds),
        figure("skepd_create_start_us.p99_beside_all", large["create_start_p99_us"], "us", 1500, None, rounds),
        figure("pods_in_worker", answered, "pods", 10000, 20000, 1),
        figure("pods_in_worker.start_ratio", large["create_start_p50_us"] / few, "x", 1.5, None, rounds),
        figure("pods_in_worker.idle_cpu_pct", http["full"]["idle_cpu_pct"], "% of a core", 1, None, 1),
        figure("pods_in_worker.left", left(http["before"], http["after"]), "things", 0, None, 1),
        figure("pods_in_worker.left_kib", sum(http["after"]["pss_kib"].values()) - sum(http["before"]["pss_kib"].values()),
               "KiB", None, None, 1),
        figure("pod_idle_http_kib", http["per_pod_kib"], "KiB", 64, 32, 1),
        figure("pod_command_kib", command["per_pod_kib"], "KiB", 128, 80, 1),
        figure("stats_cpu_ms", http["full"]["stats_cpu_ms"], "ms", 100, 30, 5),
        figure("stats_cpu_ms.one_by_one", http["full"]["stats_one_by_one_cpu_ms"], "ms", None, None, 5),
    ]


def main():
    words = argparse.ArgumentParser()
    words.add_argument("out")
    words.add_argument("--pods", type=int, default=10000)
    words.add_argument("--rounds", type=int, default=500)
    words.add_argument("--fifos", action="store_true")
    words.add_argument("--only", choices=["servers", "commands"])
    given = words.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    http = command = None
    if given.only != "commands":
        http = servers(given.pods, given.rounds, given.fifos)
    if given.only != "servers":
        command = commands(given.pods, given.fifos)
    listed = figures(http, command, given.pods, given.rounds) if http and command else []
    for row in listed:
        print(f"{row['figure']:40} {row['value']:12} {row['unit']:12} bar {row['bar']} reach {row['reach']}")
    details = {"pods": given.pods, "open_files": hard, "servers": http, "commands": command}
    pathlib.Path(given.out).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(given.out).write_text(json.dumps(listed, indent=1) + "\n")
    pathlib.Path(given.out).with_suffix(".details.json").write_text(json.dumps(details, indent=1) + "\n")


main()
