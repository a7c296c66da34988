#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The lists of system calls against what was traced (tools/trace-calls): what a program was seen to
make is allowed to it, and what is allowed was seen or stands in kept.txt with a reason."""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
SANDBOX = HERE.parents[2] / "runtime/sandbox"
# In syscalls.c, for every program: with which arguments is said and tested there.
SPECIAL = {"clone", "clone3", "tgkill", "prlimit64", "io_uring_setup", "openat2"}


def allowed():
    """The calls of each program, as traced.txt writes them."""
    rules = re.findall(r"^(?:ALLOW|WITH)\((\w+), (\w+)(?:, (\d), (\w+), (\w+))?\)",
                       (SANDBOX / "syscalls.def").read_text(), re.MULTILINE)
    profiles = re.findall(r"^PROFILE\(\w+, \"(\w+)\",[^)]*?((?:COMMON)[ |A-Z]*),",
                          (SANDBOX / "profiles.def").read_text(), re.MULTILINE)
    result = {}
    for name, groups in profiles:
        groups = {group.strip() for group in groups.split("|")}
        result[f"skep-{name}"] = {
            # A mask that is not the whole of 32 bits is a bound, not a choice.
            f"{call}:{value}" if value and mask == "0xffffffff" else call
            for group, call, _, mask, value in rules if group in groups}
    return result


def main():
    traced = {}
    for line in (HERE / "traced.txt").read_text().splitlines():
        program, call = line.split(" ")
        traced.setdefault(program, set()).add(call)
    kept = dict(re.findall(r"^(\S+)\s+(\S.*)$", (HERE / "kept.txt").read_text(), re.MULTILINE))
    wrong, lists = [], allowed()
    if set(lists) != {"skep-worker", "skep-compiler", "skep-images"} or not set(traced) == set(lists):
        wrong.append(f"programs: {sorted(lists)} and {sorted(traced)}")
    for program, calls in lists.items():
        seen = traced.get(program, set())
        wrong += [f"{program} makes {call}, which its list refuses"
                  for call in sorted(seen - calls) if call.split(":")[0] not in SPECIAL
                  and f"refused:{call}" not in kept and not (call.split(":")[0] in calls)]
    everything = set().union(*lists.values())
    seen = set().union(*traced.values())
    seen |= {call.split(":")[0] for call in seen}
    wrong += [f"{call} is allowed, and nobody made it: take it out of syscalls.def, or say why in kept.txt"
              for call in sorted(everything - seen) if call not in kept]
    wrong += [f"kept.txt has {call}, which is not on the list or was seen"
              for call in sorted(kept) if not call.startswith("refused:") and call not in everything - seen]
    for line in wrong:
        print(line)
    print(f"{len(everything)} allowed, {len(seen)} seen, {len(kept)} kept: {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
