#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Twelve that open all the files they can and hold on to them, beside one that opens its own."""
import os
import pathlib
import sys
import tempfile
import time

from party import Party, must_be_root, row, talk

RAIDERS = 12
FILES = 1024  # what one may have whose spec says nothing


def raider(party, mounts):
    """A task that holds its files; its first words."""
    without_rlimits = {"user": {"uid": 0, "gid": 0}, "args": ["raider", "hold-files"], "cwd": "/"}
    task = party.node.task("raider", mounts=mounts, process=without_rlimits)
    task.run()
    said, end = b"", time.monotonic() + 30
    while b"\n" not in said and time.monotonic() < end:
        try:
            said += os.read(task.readers["stdout"], 4096)
        except BlockingIOError:
            time.sleep(0.01)  # between two looks at the pipe
    return task, said.decode().strip()


def main():
    must_be_root()
    party, tasks = Party(), []
    try:
        with tempfile.TemporaryDirectory(prefix="skep-raid-") as folder:
            (pathlib.Path(folder) / "file").write_text("inside\n")
            mounts = [{"destination": "/data", "type": "bind", "source": folder, "options": ["rbind", "ro"]}]
            held = []
            for _ in range(RAIDERS):
                task, words = raider(party, mounts)
                tasks.append(task)
                held.append(words)
            before = len(os.listdir(f"/proc/{party.worker}/fd"))
            began = time.monotonic()
            neighbour = party.node.task("hello", args=("hello", "cat", "/data/file"), mounts=mounts)
            neighbour.run()
            status, text = neighbour.wait(), neighbour.output()
            neighbour.finish()
            took = time.monotonic() - began
            for task in tasks:
                task.call("Kill", signal=9)
                task.wait()
                task.finish()
            after = len(os.listdir(f"/proc/{party.worker}/fd"))
            answers = b"neighbour" in talk(party.port, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        wrong = None
        if held != [f"{FILES} files"] * RAIDERS:
            wrong = f"each should have {FILES} files"
        elif (status, text) != (0, b"inside\n"):
            wrong = "the neighbour did not read its file"
        elif not party.same() or not answers:
            wrong = "the worker or skepd is not the same process"
        elif before - after < RAIDERS * FILES:
            wrong = "what they had was not given back"
        observed = (f"{held[0]} each; the worker has {before} descriptors, afterwards {after}; the neighbour "
                    f"read its file within {took * 1000:.0f} ms, status {status}")
        broken = row("files-held", f"{RAIDERS} guests that hold all the files they can open",
                     "2 host policy", observed, wrong)
    finally:
        party.close()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
