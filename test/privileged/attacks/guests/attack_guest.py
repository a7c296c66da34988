#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands that mean harm, in the same worker as an honest server: each comes to the end that is
written here, and the server answers all the while, in the same process."""
import pathlib
import re
import sys
import tempfile

from party import Party, must_be_root, row, wrong_with

ENGINE = "1 component model"
POLICY = "2 host policy"
KERNEL = "5 kernel-enforced read-only"
SMALL = {"resources": {"memory": {"limit": 64 << 20}}}
WRITABLE = {"mount": "rw"}
NETWORK = {"namespaces": ("pid", "ipc", "uts", "mount", "network")}
SECONDS = 30


def hoard(name, words):
    """A million of something; the instance ends where it may hold no more."""
    options = WRITABLE if name in ("streams", "listings", "preopens") else NETWORK
    return name, words, POLICY, "raider", name, SECONDS, 134, "limit of [0-9]+ handles", options


# id, in words, wall, guest, verb, seconds until it is killed, status, what must be said, options
ROWS = [
    ("endless-loop", "a loop that never calls the host, killed", POLICY, "spinner", "", 2, 137, "", {}),
    ("endless-calls", "a loop of cheap host calls, killed", POLICY, "raider", "spin-calls", 2, 137, "", {}),
    ("memory-grow", "a table and then a memory that grow until they are refused", POLICY, "raider-tables", "",
     SECONDS, 137, "the memory limit of 67108864 bytes", SMALL),
    ("stack-overflow", "recursion without end", ENGINE, "raider", "stack", SECONDS, 134, "call stack exhausted", {}),
    ("drop-trap", "a destructor that traps", ENGINE, "raider-drop", "", SECONDS, 134, "unreachable", {}),
    *(hoard(name, words) for name, words in (
        ("pollables", "1,000,000 pollables"), ("fields", "1,000,000 sets of headers"),
        ("streams", "1,000,000 streams of a file"),
        ("listings", "1,000,000 listings of a folder, kept open"),
        ("preopens", "the granted folders, asked for 1,000,000 times"),
        ("requests", "1,000,000 outgoing requests, made and not sent"),
        ("bodies", "1,000,000 answers with their bodies"), ("lookups", "1,000,000 lookups of names"),
        ("outgoing", "a storm of outgoing requests"), ("poll-long", "a poll of 100,000 pollables"))),
    ("descriptors", "1,000,000 open files", POLICY, "raider", "descriptors", SECONDS, 0,
     "^1024 descriptors.*limit of 1024 files", WRITABLE),
    *((f"{kind}-sockets", f"1,000,000 {kind.upper()} sockets", POLICY, "raider", f"{kind}-sockets", SECONDS, 0,
       "^1024 sockets, 1000 refused: [^\n]*new-socket-limit.*limit of 1024 files and sockets", NETWORK)
      for kind in ("tcp", "udp")),
    ("connects", "a storm of 20,000 connections", POLICY, "raider", "connects", 60, 0, "came to its end", NETWORK),
    ("headers-held", "headers of 100 KB for each handle, which no memory of its own pays for", POLICY, "raider",
     "hold-headers", SECONDS, 134, "limit of 512 handles", SMALL),
    ("timers", "500 times 400 timers at the same moment", POLICY, "raider", "timers", SECONDS, 0,
     "ready of 400", {}),
    ("open-close", "the same folder opened 100,000 times", POLICY, "raider", "open-close", SECONDS, 0,
     "came to its end", WRITABLE),
    ("poll-empty", "a poll of nothing", ENGINE, "raider", "poll-empty", SECONDS, 134, "empty poll list", {}),
    ("random-max", "2^64-1 random bytes in one call", POLICY, "raider", "random-max", SECONDS, 134,
     "exceeds limit 1048576", {}),
    ("read-max", "2^64-1 bytes of stdin in one call", POLICY, "raider", "read-max", SECONDS, 0, "Closed", {}),
    ("file-read-max", "2^64-1 bytes of a file of 1 GiB in one call", POLICY, "raider", "file-read-max", SECONDS, 0,
     r"read Ok\(65536\).*stream Ok\(65536\)", WRITABLE),
    ("write-beyond", "4 MiB into a stream that has no room for them", POLICY, "raider", "write-beyond", SECONDS, 134,
     "beyond the permitted size", {}),
    ("write-huge", "64 MiB in one call", POLICY, "raider", "write-huge", SECONDS, 134, "limit of 8388608 bytes", WRITABLE),
    ("zeroes-max", "2^64-1 zeroes in one call", POLICY, "raider", "zeroes-max", SECONDS, 134, "check_write", WRITABLE),
    ("splice-max", "2^64-1 bytes from stream to stream in one call", POLICY, "raider", "splice-max", SECONDS, 0,
     r"Ok\(65536\)", WRITABLE),
    ("path-huge", "a path of 1 MiB", POLICY, "raider", "path-huge", SECONDS, 0, "name-too-long", WRITABLE),
    ("header-huge", "headers of 64 KiB and 4 MiB", POLICY, "raider", "header-huge", SECONDS, 134,
     "limit of 131072 bytes", {}),
    ("headers-many", "headers until they are refused", POLICY, "raider", "headers-many", SECONDS, 134,
     "limit of 131072 bytes", {}),
    ("clock-max", "sleeps that end after the end of time", ENGINE, "raider", "clock-max", SECONDS, 0,
     r"ready \[4\].*early false", {}),
    ("size-max", "a file of 2^64-1 bytes, and a write there", ENGINE, "raider", "size-max", SECONDS, 0,
     "size Err.*write Err.*stream .*Err", WRITABLE),
    ("used-after-drop", "a handle that was given back", ENGINE, "raider", "used-after-drop", SECONDS, 134,
     "unknown handle index", {}),
    ("wrong-type", "a timer used as a stream", ENGINE, "raider", "wrong-type", SECONDS, 134,
     "used with the wrong type", {}),
    ("double-drop", "a handle given back twice", ENGINE, "raider", "double-drop", SECONDS, 134,
     "unknown handle index", {}),
    ("parent-first", "a stream given back before its pollable", ENGINE, "raider", "parent-first", SECONDS, 134,
     "resource has children", {}),
    ("guessed-handle", "numbers that might be another's handles", ENGINE, "raider", "guessed-handle", SECONDS, 134,
     "unknown handle index", {}),
    ("paths", "paths with .., NUL, links and absolute ones", POLICY, "raider", "paths", SECONDS, 0,
     r"^(?!.*(OPENED|SEEN).*).*came to its end", {"mount": "ro"}),
    ("links-out", "links, moves and new names that lead out", POLICY, "raider", "links-out", SECONDS, 0,
     r"^(?!.*(OPENED|(absolute|rename|link|unlink|mkdir) Ok)).*came to its end", WRITABLE),
    ("read-only", "seven ways to change a read-only folder", KERNEL, "raider", "read-only", SECONDS, 0,
     r"^(?!.*( Ok|None)).*came to its end", {"mount": "ro"}),
    ("flood", "stdout without end, and nobody reads it", POLICY, "raider", "flood", 3, 137, "", {"stuck": True}),
    *((f"three-{verb}", f"{words} (WASI 0.3)", POLICY, "raider3", verb, SECONDS, 134, "limit of [0-9]+ handles", NETWORK)
      for verb, words in (
        ("streams", "1,000,000 streams"),
        ("futures", "1,000,000 futures"),
        ("sleeps", "1,000,000 calls that are never waited for"),
        ("inputs", "stdin, asked for 1,000,000 times"),
        ("outputs", "1,000,000 streams into stdout"),
        ("fields", "1,000,000 sets of headers"),
        ("requests", "a storm of outgoing requests"))),
    ("three-random", "2^64-1 random bytes in one call (WASI 0.3)", POLICY, "raider3", "random", SECONDS, 0, "^1048576", {}),
    ("three-pour", "16 MiB into a stream that nobody reads (WASI 0.3)", POLICY, "raider3", "pour", 2, 137, "", {}),
    ("three-flood", "stdout without end, and nobody reads it (WASI 0.3)", POLICY, "raider3", "flood", 3, 137, "",
     {"stuck": True}),
    ("three-clock", "a sleep until the end of time (WASI 0.3)", POLICY, "raider3", "clock", 1, 137, "", {}),
]


def prepare(folder, options):
    """A folder to be granted, a secret beside it, and links that lead there."""
    options = dict(options)
    mount = options.pop("mount", None)
    if mount:
        inside = pathlib.Path(folder) / "inside"
        (inside / "sub").mkdir(parents=True)
        (inside / "file").write_text("inside\n")
        with open(inside / "large", "wb") as large:
            large.truncate(1 << 30)
        (inside / "out").symlink_to("..")
        (inside / "out-absolute").symlink_to("/etc/passwd")
        (pathlib.Path(folder) / "secret").write_text("secret\n")
        options["mounts"] = [{"destination": "/data", "type": "bind", "source": str(inside),
                              "options": ["rbind", mount]}]
    return options


def left_over(folder):
    """What was changed outside of the folder, or in one that was read-only."""
    names = sorted(path.name for path in folder.iterdir())
    if names not in ([], ["inside", "secret"]):
        return f"outside there is now {names}"
    if names and (folder / "secret").read_text() != "secret\n":
        return "the secret was changed"
    return None


def main(wanted):
    must_be_root()
    broken = 0
    party = Party()
    try:
        for name, words, wall, guest, verb, seconds, status, says, options in ROWS:
            if wanted and name not in wanted:
                continue
            with tempfile.TemporaryDirectory(prefix="skep-raid-") as folder:
                seen = party.strike(guest, ("raider", *verb.split()), seconds, **prepare(folder, options))
                spoiled = left_over(pathlib.Path(folder))
            wrong = wrong_with(seen) or spoiled
            if not wrong and seen["status"] != status:
                wrong = f"its status should be {status}"
            if not wrong and not re.search(says, seen["words"], re.S):
                wrong = f"nobody says {says!r}"
            killed = f", killed in {seen['killed'] * 1000:.0f} ms" if seen["killed"] is not None else ""
            observed = (f"status {seen['status']}{killed}; neighbour at most {seen['slowest'] * 1000:.0f} ms, "
                        f"worker +{seen['more'] >> 20} MiB; {seen['words']}")
            broken += row(name, words, wall, observed, wrong)
    finally:
        party.close()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
