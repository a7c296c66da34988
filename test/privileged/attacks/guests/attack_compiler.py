#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bombs against the compiler, each through `skep run`, with the limits that jobs really have.

Each costs one job: it ends within TIME with a sentence of ours (or compiles, and runs to its end),
no process grows beyond MEMORY, and the next honest component compiles and runs."""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from bombs import BOMBS

TOP = pathlib.Path(__file__).resolve().parents[4]
SKEP = pathlib.Path(os.environ["SKEP_BUILD"]) / "bin/skep"
BOMBS_PROGRAM = pathlib.Path(__file__).with_name("bombs.py")
TIME, MEMORY = 30, 2 << 30
WALL = "2 host policy: limits of a compile job"
# Sentences that mean a defect of ours, however well they end.
DEFECTS = ("crashed", "failed inside", "without saying why", "forbids", "ended with status")


def run(folder, wasm):
    """(seconds, peak bytes, status, stderr) of a run with an empty cache."""
    cache = tempfile.mkdtemp(dir=folder)
    began = time.monotonic()
    with open(folder / "said", "w+b") as said:
        process = subprocess.Popen([str(SKEP), "run", "--cache", cache, str(wasm)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        words = said.read().decode(errors="replace").strip()
    return time.monotonic() - began, used.ru_maxrss << 10, process.returncode, words


def judge(seconds, peak, status, words):
    if seconds > TIME:
        return f"took longer than {TIME} s"
    if peak > MEMORY:
        return f"took more than {MEMORY >> 20} MiB"
    if status < 0:
        return f"skep itself ended by signal {-status}"
    if status != 0 and (not words or any(word in words for word in DEFECTS)):
        return "no sentence of ours"
    return None


def main(wanted):
    broken = 0
    honest = TOP / "test/guests/prebuilt/exits.wasm"
    with tempfile.TemporaryDirectory(prefix="skep-bombs-") as name:
        folder = pathlib.Path(name)
        for bomb, what, _ in BOMBS:
            if wanted and bomb not in wanted:
                continue
            wasm = folder / f"{bomb}.wasm"
            # By another process: what this one once held would count as its children's peak.
            subprocess.run([sys.executable, str(BOMBS_PROGRAM), bomb, str(wasm)], check=True)
            seconds, peak, status, words = run(folder, wasm)
            wasm.unlink()
            wrong = judge(seconds, peak, status, words)
            after = run(folder, honest)[2]
            if after != 42 and not wrong:
                wrong = f"the next component ended with {after}"
            said = " ".join(words.splitlines()[-1:]).replace(f"{folder}/", "").replace("\t", " ")[:200] or "it compiled and ran"
            observed = f"{seconds:.1f} s, {peak >> 20} MiB, status {status}: {said}"
            print("ATTACK", f"compile-{bomb}", f"compiler bomb: {what}", WALL,
                  f"{observed} [{wrong}]" if wrong else observed, "broken" if wrong else "held",
                  sep="\t", flush=True)
            broken += wrong is not None
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
