# SPDX-License-Identifier: Apache-2.0
"""Whether pods of one worker get what is theirs of the processors: a light server beside a crowd that
spins, quotas, weights. Through skepd and a real worker with all its walls, without containerd.

    fair.py FILE [ROUNDS [FIGURE…]]     figures as JSON into FILE; the table on stdout"""
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from containerd import BUILD, Node  # noqa: E402
from protobuf import decode  # noqa: E402

# A light server is one that wants less than its share: with 101 pods on two processors, 20m.
SPINNERS, RATE, REQUESTS = 100, 25, 750
# Thousandths of a processor: 1650 of 2000, so that two threads can give them all.
QUOTAS, QUOTA_SECONDS = (50, 100, 500, 1000), 20
# A guest has one thread: with fewer pods of each weight, the heaviest could not use its share.
WEIGHTS, PODS_EACH, WEIGHT_SECONDS = (1, 2, 4), 4, 10
WEIGHT_UNIT = 102  # cpu.shares of 100m, as the kubelet sends them
PERIOD_US = 100_000
TICK = os.sysconf("SC_CLK_TCK")


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def shares_of(milli):
    return max(2, milli * 1024 // 1000)


def cpu(milli, limited):
    """linux.resources as the kubelet sends them for a request, and for a limit of the same size."""
    quota = {"quota": milli * PERIOD_US // 1000, "period": PERIOD_US} if limited else {}
    return {"cpu": {"shares": shares_of(milli), **quota}}


def used_ns(task):
    """(a clock, nanoseconds of CPU time that the task has been charged with)."""
    before = time.monotonic_ns()
    stats = task.call("Stats")["stats"]
    at = (before + time.monotonic_ns()) / 2
    told = decode(stats["type_url"], stats["value"])["cpu"]
    return at, told["usage"]["total"] if "usage" in told else told["usage_usec"] * 1000


def process_seconds(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / TICK


class House:
    """A skepd of its own with spinners in one worker."""

    def __init__(self, cache):
        self.node = Node(cache)
        self.tasks = []

    def spin(self, count=1, **options):
        made = []
        for _ in range(count):
            task = self.node.task("spinner", stdio=False, **options)
            self.tasks.append(task)
            task.run()
            made.append(task)
        return made

    def go_ahead(self):
        """Where the kernel shares processors out by session first (autogroup), another session's builds
        have as much as we, at whatever nice. SKEP_BENCH_AHEAD=1 puts ours before them."""
        if os.environ.get("SKEP_BENCH_AHEAD") == "1":
            for pid in (os.getpid(), self.node.daemon(), *self.node.processes("skep-worker")):
                pathlib.Path(f"/proc/{pid}/autogroup").write_text("-20")

    def serve(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        task = self.node.task("server", env=[f"PORT={port}", "NAME=light"], stdio=False)
        self.tasks.append(task)
        task.run()
        return task, port

    def charged(self, tasks, seconds):
        """What part of a processor each task was charged with, and what the process has used by the
        kernel's account, so that the one can be held against the other."""
        worker = self.node.processes("skep-worker")[0]
        began, process = [used_ns(task) for task in tasks], process_seconds(worker)
        time.sleep(seconds)
        ended, process = [used_ns(task) for task in tasks], process_seconds(worker) - process
        return [(b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(began, ended)], process / seconds

    def threads(self):
        log = "".join(path.read_text() for path in self.node.state.glob("*/skepd.log"))
        return int(re.search(r"instances on (\d+) thread", log).group(1))

    def close(self):
        for task in self.tasks:
            task.call("Kill", signal=9)
        for task in self.tasks:
            task.wait()
        self.node.close()


def ask(port, count, how):
    """Milliseconds of each request."""
    done = subprocess.run([BUILD / "bench/skep-bench-light", str(port), str(RATE), str(count), how], capture_output=True,
                          text=True, check=True)
    sys.stderr.write(done.stderr)
    return [int(line) / 1e6 for line in done.stdout.split()]


def neighbour(house):
    """Milliseconds of requests to a light server among the spinners, without quotas."""
    server, port = house.serve()
    house.go_ahead()
    alone = ask(port, REQUESTS // 4, "kept")
    house.spin(SPINNERS)
    time.sleep(1)
    worker = house.node.processes("skep-worker")[0]
    began, process = used_ns(server), process_seconds(worker)
    kept = ask(port, REQUESTS, "kept")
    fresh = ask(port, REQUESTS // 2, "fresh")
    ended, process = used_ns(server), process_seconds(worker) - process
    # A server that wants more than its share of what the worker had must wait: then the machine was not ours.
    seconds = (ended[0] - began[0]) / 1e9
    used, had = (ended[1] - began[1]) / 1e9 / seconds, process / seconds
    print(f"  the server used {used * 1000:.1f}m; its share of the worker's {had * 1000:.0f}m was "
          f"{had * 1000 / (SPINNERS + 1):.1f}m")
    for name, values in (("alone", alone), ("among spinners", kept), ("a connection each", fresh)):
        print(f"  {name:18} p50 {percentile(values, 0.5):7.3f}  p99 {percentile(values, 0.99):7.3f}  "
              f"p99.9 {percentile(values, 0.999):7.3f}  worst {max(values):7.3f} ms")
    return max(percentile(kept, 0.99), percentile(fresh, 0.99))


def errors(name, got, wanted, process):
    worst = max(abs(have / want - 1) * 100 for have, want in zip(got, wanted))
    print(f"  {name}: wanted " + " ".join(f"{want * 1000:.1f}m" for want in wanted)
          + "; charged " + " ".join(f"{have * 1000:.1f}m" for have in got)
          + f"; off by {worst:.2f} %; the process used {process * 1000:.0f}m, its guests "
          f"{sum(got) * 1000:.0f}m")
    return worst


def quota(house):
    """How far pods with quotas are from them, in percent, all spinning together."""
    tasks = [house.spin(resources=cpu(milli, True))[0] for milli in QUOTAS]
    house.go_ahead()
    time.sleep(1)
    got, process = house.charged(tasks, QUOTA_SECONDS)
    return errors("quotas", got, [milli / 1000 for milli in QUOTAS], process)


def weight(house):
    """How far pods with weights are from their shares of all that the pods got together."""
    tasks = [house.spin(resources={"cpu": {"shares": weight * WEIGHT_UNIT}})[0]
             for _ in range(PODS_EACH) for weight in WEIGHTS]
    house.go_ahead()
    time.sleep(1)
    got, process = house.charged(tasks, WEIGHT_SECONDS)
    by_weight = [sum(got[at::len(WEIGHTS)]) for at in range(len(WEIGHTS))]
    all_of_it = sum(by_weight)
    return errors("weights", by_weight, [all_of_it * weight / sum(WEIGHTS) for weight in WEIGHTS], process)


# figure, unit, bar, what to reach for, how
FIGURES = (("neighbour_p99_ms", "ms", 5, 2, neighbour),
           ("quota_error_pct", "%", 5, 2, quota),
           ("weight_error_pct", "%", 10, 5, weight))


def main():
    out, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    wanted = sys.argv[3:] or [figure[0] for figure in FIGURES]
    seen = {name: [] for name in wanted}
    threads = 0
    with tempfile.TemporaryDirectory(prefix="skep-fair-") as cache:
        for _ in range(rounds):
            for name, _, _, _, how in FIGURES:
                if name not in wanted:
                    continue
                house = House(cache)
                try:
                    seen[name].append(how(house))
                    threads = house.threads()
                finally:
                    house.close()
    rows = [{"figure": name, "value": round(statistics.median(seen[name]), 3), "unit": unit, "bar": bar,
             "reach": reach, "threads": threads, "rounds": rounds}
            for name, unit, bar, reach, _ in FIGURES if name in wanted]
    print(f"{'figure':20} {'median':>8} {'worst':>8} {'bar':>6} {'reach':>6}   {threads} engine threads, {rounds} rounds")
    for row in rows:
        print(f"{row['figure']:20} {row['value']:8.3f} {max(seen[row['figure']]):8.3f} {row['bar']:6} {row['reach']:6}")
    out.write_text(json.dumps(rows, indent=1) + "\n")


main()
