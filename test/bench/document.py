# SPDX-License-Identifier: Apache-2.0
"""Writes a run's table into docs/PERFORMANCE.md, between its two marks.

    test/bench/document.py [FOLDER]     FOLDER/latest.json (build/bench)"""
import json
import pathlib
import sys

from assemble import table

TOP = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- figures: test/bench/document.py -->", "<!-- end of figures -->"


def markdown(told):
    listed = table({row["figure"]: row for row in told["figures"]})
    about = told["machine"]
    lines = [f"{about['day']}, commit {about['commit']}: {about['cores']} cores ({about['processor']}), "
             f"{about['memory_mib']:,} MiB, Linux {about['kernel']}. Medians of 5 runs, one machine, one run.", "",
             "| " + " | ".join(listed[0]) + " |", "|---" * len(listed[0]) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in listed[1:])])


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "build/bench"
    path = TOP / "docs/PERFORMANCE.md"
    head, rest = path.read_text().split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    path.write_text(f"{head}{BEGIN}\n{markdown(json.loads((folder / 'latest.json').read_text()))}\n{END}{tail}")


main()
