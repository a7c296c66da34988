# SPDX-License-Identifier: Apache-2.0
"""Warm starts: a store, its instance and its first call, as every command and every request makes them, behind
a worker's walls and beside 10,000 commands that sleep. test/bench/warm.c times them inside of the engine."""
import json
import pathlib
import subprocess
import sys

from real import BUILD
from results import Part

RUNS, LIVE, ROUNDS = 5, 10000, 2000
# guest -> how its row is called; both are the same source of 1.4 MiB with a constructor.
GUESTS = {"starter-component": None, "starter": "core module"}


def main():
    part = Part("warm", pathlib.Path(sys.argv[1]))
    folder = BUILD / "test/bench"
    for guest, name in GUESTS.items():
        runs = []
        for _ in range(RUNS):
            done = subprocess.run([folder / "bench-warm", folder / f"guests/{guest}.cwasm", folder / "guests/hello.cwasm",
                                   str(LIVE), str(ROUNDS)], stdout=subprocess.PIPE, text=True, check=True)
            runs.append(json.loads(done.stdout))
        about = {"rounds": ROUNDS, "live": LIVE, "missing_walls": runs[0]["missing_walls"]}
        part.add("start_warm_us", [run["start_us"] for run in runs], "µs", runs[0]["threads"], peer=name, **about)
        part.add("start_warm_us", [run["start_us_p99"] for run in runs], "µs", runs[0]["threads"],
                 peer=f"{name} p99" if name else "p99", **about)
        part.add("end_warm_us", [run["end_us"] for run in runs], "µs", runs[0]["threads"], peer=name, **about)
    part.write()


if __name__ == "__main__":
    main()
