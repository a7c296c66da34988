#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What all guests of a worker share, held by twelve of them: descriptors, and threads for calls on files.
Beside them somebody opens a file of its own, and the neighbour answers."""
import os
import pathlib
import re
import sys
import tempfile
import time

from party import PATIENCE, Party, Refused, free_port, get, must_be_root, row, talk

RAIDERS = 12
DESCRIPTORS = 1024  # what one may have whose spec says nothing
POLICY = "2 host policy"
NETWORK = ("pid", "ipc", "uts", "mount", "network")
ALONE = ("pid", "ipc", "uts", "mount")


class Raid:
    """Twelve tasks of a guest that hold something, and what the worker had before."""

    def __init__(self, party, guest, verb, mounts, namespaces):
        self.party, self.tasks, self.words = party, [], []
        self.mounts = mounts
        for _ in range(RAIDERS):
            without_rlimits = {"user": {"uid": 0, "gid": 0}, "args": ["raider", verb], "cwd": "/"}
            task = party.node.task(guest, mounts=mounts, process=without_rlimits, namespaces=namespaces)
            self.tasks.append(task)
            task.run()
            self.words.append(self.first_words(task))

    @staticmethod
    def first_words(task):
        said, end = b"", time.monotonic() + 30
        while b"\n" not in said and time.monotonic() < end:
            try:
                more = os.read(task.readers["stdout"], 4096)
            except BlockingIOError:
                time.sleep(0.01)  # between two looks at the pipe
                continue
            if not more:
                break
            said += more
        return said.decode().strip()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.party.worker}/fd"))

    def neighbour_reads(self):
        """Status and words of one that reads its file, and how long it took."""
        began = time.monotonic()
        task = self.party.node.task("hello", args=("hello", "cat", "/data/file"), mounts=self.mounts)
        task.run()
        status, text = task.wait(), task.output()
        task.finish()
        return status, text, time.monotonic() - began

    def end(self):
        """How long the slowest took to die."""
        slowest = 0.0
        for task in self.tasks:
            began = time.monotonic()
            try:
                task.call("Kill", signal=9)
            except Refused:
                pass  # it ended by itself; its words tell
            task.wait()
            task.finish()
            slowest = max(slowest, time.monotonic() - began)
        self.tasks = []
        return slowest


def judge(raid, words, status, text, took):
    answers = b"neighbour" in talk(raid.party.port, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    if raid.words != [words] * RAIDERS:
        return f"each should say {words!r}, not {raid.words[-1]!r}"
    if (status, text) != (0, b"inside\n"):
        return "the neighbour did not read its file"
    if took > PATIENCE:
        return f"the neighbour took {took:.1f} s"
    if not raid.party.same() or not answers:
        return "the worker or skepd is not the same process"
    return None


def held(party, mounts, verb, what, namespaces):
    """Descriptors, all that twelve can open."""
    raid = Raid(party, "raider", verb, mounts, namespaces)
    before = raid.descriptors()
    status, text, took = raid.neighbour_reads()
    wrong = judge(raid, f"{DESCRIPTORS} {what}", status, text, took)
    raid.end()
    after = raid.descriptors()
    if not wrong and before - after < RAIDERS * DESCRIPTORS:
        wrong = "what they had was not given back"
    observed = (f"{raid.words[0]} each; the worker has {before} descriptors, afterwards {after}; the neighbour "
                f"read its file within {took * 1000:.0f} ms, status {status}")
    return row(f"{what}-held", f"{RAIDERS} guests that hold all the {what} they can open", POLICY, observed, wrong)


def hung(party, mounts, folder):
    """Calls on files that do not answer, a hundred of each: a pipe stands for a dead file system."""
    pipe = pathlib.Path(folder) / "pipe"
    os.mkfifo(pipe)
    raid = Raid(party, "raider3", "hang", mounts, ALONE)
    status, text, took = raid.neighbour_reads()
    wrong = judge(raid, "hangs", status, text, took)
    killed = raid.end()
    if not wrong and killed > PATIENCE:
        wrong = f"one of them took {killed:.1f} s to die"
    again = raid.neighbour_reads()
    if not wrong and again[:2] != (0, b"inside\n"):
        wrong = "after their end the neighbour did not read its file"
    with open(pipe, "r+b", buffering=0):  # whoever still opens it comes through
        pass
    observed = (f"the neighbour read its file within {took * 1000:.0f} ms, status {status}; they died within "
                f"{killed * 1000:.0f} ms each")
    return row("files-hung", f"{RAIDERS} guests with 100 calls each on a file that does not answer", POLICY,
               observed, wrong)


def count(port):
    """How many a request has got."""
    return int(re.search(rb"(\d+) sockets", get(port, "/sockets")).group(1))


def over_all_instances(party):
    """A server's requests together have no more sockets than a command has."""
    port = free_port()
    without_rlimits = {"user": {"uid": 0, "gid": 0}, "args": ["raider"], "cwd": "/", "env": [f"PORT={port}"]}
    task = party.node.task("raider-server", process=without_rlimits)
    task.run()
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            get(port)
            break
        except OSError:
            time.sleep(0.02)  # it does not listen yet
    answers = [count(port) for _ in range(3)]
    time.sleep(2.5)  # as long as they are held, and a little more
    later = count(port)
    task.call("Kill", signal=9)
    task.wait()
    task.finish()
    wrong = None
    if sum(answers) != DESCRIPTORS:
        wrong = f"together they should have {DESCRIPTORS}"
    elif later != DESCRIPTORS:
        wrong = "what they had was not given back"
    observed = f"three requests at once have {answers}, one after them {later}"
    return row("sockets-together", "requests of one server that hold all the sockets they can open", POLICY,
               observed, wrong)


def main():
    must_be_root()
    party, broken = Party(), 0
    try:
        with tempfile.TemporaryDirectory(prefix="skep-raid-") as folder:
            (pathlib.Path(folder) / "file").write_text("inside\n")
            mounts = [{"destination": "/data", "type": "bind", "source": folder, "options": ["rbind", "ro"]}]
            broken += held(party, mounts, "hold-files", "files", ALONE)
            broken += held(party, mounts, "hold-sockets", "sockets", NETWORK)
            broken += over_all_instances(party)
            broken += hung(party, mounts, folder)
    finally:
        party.close()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
