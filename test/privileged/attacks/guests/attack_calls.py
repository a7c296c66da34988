#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every function of WASI 0.2, and of 0.3 all that do not wait, called with random arguments of the right types: an instance for each
seed, thousands of calls in each, for SECONDS, in the same worker as an honest server."""
import collections
import ctypes
import itertools
import os
import re
import sys
import tempfile
import threading
import time

from attack_guest import prepare
from party import Party, free_port, get, must_be_root, row, wrong_with

SECONDS = float(os.environ.get("SKEP_FUZZ_SECONDS", "8"))
THREADS = 3
CLONE_NEWNET = 0x40000000


def enter(pid):
    """This thread's sockets are from now on of the task's network."""
    fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)


def storm(port, pid, first):
    """Requests from several threads; how many ended in which way."""
    counts = collections.Counter()
    seeds = itertools.count(first)
    end = time.monotonic() + SECONDS

    def ride():
        if pid:
            enter(pid)
        while time.monotonic() < end:
            try:
                answer = get(port, f"/{next(seeds)}", timeout=20)
                counts[answer[9:12].decode(errors="replace") or "cut"] += 1
            except OSError as error:
                counts[type(error).__name__] += 1

    threads = [threading.Thread(target=ride) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    return threads, counts


def fuzz(party, folder, networked, first):
    options = prepare(folder, {"mount": "rw"})
    port = 8080 if networked else free_port()
    if networked:
        options["namespaces"] = ("pid", "ipc", "uts", "mount", "network")
    task = party.node.task("caller", env=[f"PORT={port}"], **options)
    seen = {"slowest": 0.0, "deaf": 0, "most": 0, "killed": None}
    before = party.resident()
    task.run()
    threads, counts = storm(port, task.call("State")["pid"] if networked else 0, first)
    while any(thread.is_alive() for thread in threads):
        party.look(seen)
        time.sleep(0.02)  # between two requests of the neighbour's
    began = time.monotonic()
    task.call("Kill", signal=9)
    task.wait()
    seen["killed"] = time.monotonic() - began
    said = task.output("stderr").decode(errors="replace")
    task.finish()
    party.look(seen)
    seen.update(more=max(0, seen["most"] - before), same=party.same())
    return seen, counts, said


def main():
    must_be_root()
    broken = 0
    party = Party()
    try:
        for name, networked, first in (("calls", False, 0), ("calls-network", True, 1 << 20)):
            with tempfile.TemporaryDirectory(prefix="skep-raid-") as folder:
                seen, counts, said = fuzz(party, folder, networked, first)
            total = sum(counts.values())
            wrong = wrong_with(seen)
            if not wrong and total < 50:
                wrong = "too few requests came through"
            if not wrong and "panicked" in said:
                wrong = re.search(".*panicked.*", said).group(0)
            observed = (f"{total} instances, {dict(counts)}; neighbour at most {seen['slowest'] * 1000:.0f} ms, "
                        f"worker +{seen['more'] >> 20} MiB")
            words = "every function of WASI 0.2 and 0.3 that does not wait, with random arguments" + (", in a network" if networked else "")
            broken += row(name, words, "1 component model", observed, wrong)
            if os.environ.get("SKEP_FUZZ_VERBOSE"):
                print(said, file=sys.stderr)
    finally:
        party.close()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
