# SPDX-License-Identifier: Apache-2.0
"""What a light server's clients see against the noise beside it: more and more pods of the same worker spin,
without quotas. Only for the plot; fair.py has the figure."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from results import percentile
from serving import free_port, wait_for

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from containerd import BUILD, Node  # noqa: E402

STEPS, RATE, REQUESTS = (0, 5, 10, 20, 50, 100, 200), 100, 1000


def ask(port):
    """Milliseconds of each request, sent at a steady rate over a connection that stays."""
    done = subprocess.run([BUILD / "bench/skep-bench-light", str(port), str(RATE), str(REQUESTS), "kept"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return [int(line) / 1e6 for line in done.stdout.split()]


def measure(node):
    """name -> points."""
    port = free_port()
    node.task("server", env=[f"PORT={port}"], stdio=False).run()
    wait_for(port)
    seen, spinning = {"p50": [], "p99": [], "worst": []}, 0
    for step in STEPS:
        while spinning < step:
            node.task("spinner", stdio=False).run()
            spinning += 1
        time.sleep(1)
        times = ask(port)
        for name, value in (("p50", percentile(times, 0.5)), ("p99", percentile(times, 0.99)), ("worst", max(times))):
            seen[name].append((step, round(value, 3)))
        print(f"  {step:4} spinning: p50 {seen['p50'][-1][1]:8.3f} ms, p99 {seen['p99'][-1][1]:8.3f} ms")
    return seen


def main():
    out = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="skep-noise-") as cache:
        node = Node(cache)
        try:
            seen = measure(node)
        finally:
            node.close()
    (out / "noise.details.json").write_text(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main()
